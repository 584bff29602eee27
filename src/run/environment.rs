//! What the operator has from outside: the API server, the network, the time. The simulation puts its own there.

use super::clock::{SystemTimeSource, TimeSource};
use crate::observe::endpoint::{Dial, Network};
use crate::observe::{Destinations, Rule};
use axum::http::Request;
use kube::Client;
use kube::client::Body;
use std::sync::Arc;
use std::time::Duration;

/// How long the API server may take to begin its answer. A list has no time limit of its own, and one that is never answered
/// would keep the operator from all it watches.
const ANSWER: Duration = Duration::from_secs(20);

/// A request without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the API server did not answer within {} s", ANSWER.as_secs())]
struct NoAnswer;

/// `client`, each of whose requests fails without an answer in time.
pub(super) fn with_deadline(client: Client) -> Client {
    let namespace = client.default_namespace().to_owned();
    let service = tower::service_fn(move |request: Request<Body>| {
        let client = client.clone();
        async move {
            match tokio::time::timeout(ANSWER, client.send(request)).await {
                Ok(answer) => answer,
                Err(_) => Err(kube::Error::Service(Box::new(NoAnswer))),
            }
        }
    });
    Client::new(service, namespace)
}

/// The world around the operator.
#[derive(Clone)]
pub struct Environment {
    /// The API server.
    pub client: Client,
    /// Opens connections to Redis.
    pub dial: Arc<dyn Dial>,
    /// The time.
    pub time: Arc<dyn TimeSource>,
}

impl Environment {
    /// The real world, with `client` for the API server. In a pod, Redis is connected to as `rules` allow.
    pub fn new(client: Client, rules: Vec<Rule>) -> Self {
        let api_server = std::env::var("KUBERNETES_SERVICE_HOST").ok();
        Self {
            client,
            dial: Arc::new(Network::new(Destinations::new(rules, api_server))),
            time: Arc::new(SystemTimeSource::start()),
        }
    }
}
