//! What the operator has from outside: the API server, the network, the time. The simulation puts its own there.

use super::clock::{SystemTimeSource, TimeSource};
use crate::observe::endpoint::{Dial, Network};
use kube::Client;
use std::sync::Arc;

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
    /// The real world, with `client` for the API server.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            dial: Arc::new(Network),
            time: Arc::new(SystemTimeSource::start()),
        }
    }
}
