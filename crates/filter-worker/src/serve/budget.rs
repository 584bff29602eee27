//! A bound on the memory for the bodies of all requests and responses together.

use super::HttpError;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The unit in which memory is counted, in bytes.
const UNIT: usize = 1 << 10;
/// How long a response waits for memory.
const WAIT: Duration = Duration::from_secs(5);

/// The memory for bodies.
pub struct Budget {
    units: Arc<Semaphore>,
    total: usize,
}

/// Memory that is taken until this is dropped.
#[derive(Debug)]
pub struct Share(OwnedSemaphorePermit);

impl Share {
    /// Adds another share to this one.
    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }
}

impl Budget {
    /// A budget of `total` bytes.
    pub fn new(total: usize) -> Self {
        let units = Arc::new(Semaphore::new(total.div_ceil(UNIT)));
        Self { units, total }
    }

    /// Takes memory for `bytes`, or fails at once with status 503.
    pub fn try_take(&self, bytes: usize) -> Result<Share, HttpError> {
        let units = Arc::clone(&self.units);
        units
            .try_acquire_many_owned(in_units(bytes))
            .map(Share)
            .map_err(|_| self.exhausted())
    }

    /// Takes memory for `bytes`, and waits for it up to [`WAIT`].
    pub async fn take(&self, bytes: usize) -> Result<Share, HttpError> {
        // More than there is can never be had; one such body at a time takes everything.
        let units = in_units(bytes.min(self.total));
        let taking = Arc::clone(&self.units).acquire_many_owned(units);
        match tokio::time::timeout(WAIT, taking).await {
            Ok(Ok(permit)) => Ok(Share(permit)),
            _ => Err(self.exhausted()),
        }
    }

    fn exhausted(&self) -> HttpError {
        let mib = self.total >> 20;
        let message = format!("the front holds {mib} MiB of other requests at the moment");
        HttpError::new(StatusCode::SERVICE_UNAVAILABLE, message)
            .hint("send the same again in a second; with an Idempotency-Key nothing is done twice")
            .retry_after(1)
    }
}

fn in_units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_bounded_and_given_back() {
        let budget = Budget::new(10 << 10);
        let mut share = budget.try_take(4 << 10).unwrap();
        share.merge(budget.try_take(1).unwrap());
        assert!(budget.try_take(6 << 10).is_err());
        let waits = tokio::time::timeout(Duration::from_millis(20), budget.take(6 << 10));
        assert!(waits.await.is_err());
        drop(share);
        let all = budget.take(1 << 30).await.unwrap();
        assert!(budget.try_take(1).is_err());
        drop(all);
        assert!(budget.try_take(10 << 10).is_ok());
    }
}
