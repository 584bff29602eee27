//! One connection to one server: the stream, the limits on it, and the client on top.

use super::limits::{Budget, Limited};
use super::{Dial, ReplyLimits, TIMEOUT};
use crate::observe::{Address, NotConnected};
use decide::Unavailable;
use queues::is_hello_refused;
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, ProtocolVersion, RedisConnectionInfo, RedisError,
};
use std::io;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// The answer to a command; else what is wrong, as `describe` says it of an error.
pub(super) async fn ask<T: FromRedisValue>(
    redis: &mut MultiplexedConnection,
    command: &Cmd,
    describe: impl Fn(&RedisError) -> String,
) -> Result<T, String> {
    match tokio::time::timeout(TIMEOUT, command.query_async(redis)).await {
        Ok(answer) => answer.map_err(|error| describe(&error)),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

/// A connection that has authenticated. Its replies are expected until its budget ends.
pub(super) struct Link {
    pub redis: MultiplexedConnection,
    /// What carries the bytes.
    pub driver: AbortOnDropHandle<()>,
    /// What Redis may send.
    pub budget: Arc<Budget>,
    /// Whether Redis can push messages: not where it refuses `HELLO`.
    pub has_resp3: bool,
}

impl Link {
    /// Connects to the server at `address`.
    pub async fn open(
        dial: &dyn Dial,
        address: &Address,
        limits: &ReplyLimits,
        config: AsyncConnectionConfig,
    ) -> Result<Self, Unavailable> {
        let budget = Arc::<Budget>::default();
        let handshake = |settings: RedisConnectionInfo, config: AsyncConnectionConfig| {
            let budget = Arc::clone(&budget);
            let config = config.set_response_timeout(Some(TIMEOUT * 2));
            async move {
                let stream = dial.dial(address.clone()).await?;
                let stream = Limited::new(stream, budget, limits, address.namespace());
                let connect = MultiplexedConnection::new_with_config(&settings, stream, config);
                let connected = connect.await.map(|(redis, driver)| {
                    let driver = AbortOnDropHandle::new(tokio::spawn(driver));
                    (redis, driver)
                });
                Ok::<_, NotConnected>(connected)
            }
        };
        let connect = async {
            let mut connected = handshake(address.settings().clone(), config).await?;
            let is_refused = connected.as_ref().err().is_some_and(is_hello_refused);
            if is_refused {
                let settings = address.settings().clone();
                let settings = settings.set_protocol(ProtocolVersion::RESP2);
                connected = handshake(settings, AsyncConnectionConfig::new()).await?;
            }
            let refused = |error| NotConnected::Refused(address.no_answer(&error));
            Ok((connected.map_err(refused)?, !is_refused))
        };
        let connected = tokio::time::timeout(TIMEOUT, connect)
            .await
            .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
        let ((redis, driver), has_resp3) = connected.map_err(|error| match error {
            NotConnected::Refused(cause) => cause,
            NotConnected::Failed(error) => address.no_answer(&error.into()),
        })?;
        Ok(Self {
            redis,
            driver,
            budget,
            has_resp3,
        })
    }
}
