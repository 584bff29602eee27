//! The fence around the writes of a leader: no write is sent after the term for which the process surely leads. A paused
//! process wakes up with writes that were due long ago, and another one may lead by then.

use super::TimeSource;
use axum::http::Method;
use kube::Client;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// For how long this process leads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    /// The uptime at which it ends, unless the Lease is renewed.
    pub until: Duration,
    /// Whether it has ended for good.
    pub over: bool,
}

/// Lets writes pass while this process leads.
#[derive(Clone)]
pub(super) struct Fence {
    time: Arc<dyn TimeSource>,
    term: watch::Receiver<Term>,
}

/// A write after the end of the term.
#[derive(Debug, thiserror::Error)]
#[error("another operator leads: the write is not sent")]
struct Deposed;

impl Fence {
    pub fn new(time: Arc<dyn TimeSource>, term: watch::Receiver<Term>) -> Self {
        Self { time, term }
    }

    /// Whether a write may be sent now.
    pub fn is_open(&self) -> bool {
        let term = *self.term.borrow();
        !term.over && self.time.uptime() < term.until
    }

    /// Waits until a write may be sent. Returns false if none may any more.
    async fn pass(&self) -> bool {
        let mut term = self.term.clone();
        loop {
            let is_over = term.borrow_and_update().over;
            if is_over || self.is_open() {
                return !is_over;
            }
            if term.changed().await.is_err() {
                return false;
            }
        }
    }

    /// `client`, whose writes wait at this fence. Reads pass.
    pub fn around(&self, client: Client) -> Client {
        let namespace = client.default_namespace().to_owned();
        let fence = self.clone();
        let service = tower::service_fn(move |request: axum::http::Request<kube::client::Body>| {
            let (client, fence) = (client.clone(), fence.clone());
            async move {
                if request.method() != Method::GET && !fence.pass().await {
                    return Err(kube::Error::Service(Box::new(Deposed)));
                }
                client.send(request).await
            }
        });
        Client::new(service, namespace)
    }
}
