//! One connection to one server: the stream, the limits on it, and the client on top.

use super::limits::{Budget, Limited};
use super::{Dial, ReplyLimits, TIMEOUT};
use crate::observe::{Address, NotConnected};
use decide::Unavailable;
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use std::io;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// A connection that has authenticated. Its replies are expected until its budget ends.
pub(super) struct Link {
    pub redis: MultiplexedConnection,
    /// What carries the bytes.
    pub driver: AbortOnDropHandle<()>,
    /// What Redis may send.
    pub budget: Arc<Budget>,
}

impl Link {
    /// Connects to the server at `address`.
    pub async fn open(
        dial: &dyn Dial,
        address: &Address,
        memory: &ReplyLimits,
        config: AsyncConnectionConfig,
    ) -> Result<Self, Unavailable> {
        let config = config.set_response_timeout(Some(TIMEOUT * 2));
        let budget = Arc::<Budget>::default();
        let connect = async {
            let stream = dial.dial(address.clone()).await?;
            let stream = Limited::new(stream, Arc::clone(&budget), memory, address.namespace());
            let settings = address.settings();
            let (redis, driver) = MultiplexedConnection::new_with_config(settings, stream, config)
                .await
                .map_err(|error| NotConnected::Refused(address.no_answer(&error)))?;
            Ok((redis, AbortOnDropHandle::new(tokio::spawn(driver))))
        };
        let connected = tokio::time::timeout(TIMEOUT, connect)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        let (redis, driver) = connected.map_err(|error| match error {
            NotConnected::Refused(cause) => cause,
            NotConnected::Failed(error) => address.no_answer(&error.into()),
        })?;
        Ok(Self {
            redis,
            driver,
            budget,
        })
    }
}
