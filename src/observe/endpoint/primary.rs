//! Which server is the master, as Sentinels name it. It is asked for over connections of our own, to allowed destinations
//! only, and so is the server that they name.

use super::link::Link;
use super::{Dial, ReplyMemory, TIMEOUT};
use crate::observe::{Address, Redis, Sentinels, Topology};
use decide::Unavailable;
use queues::describe;
use redis::{AsyncConnectionConfig, RedisResult};

/// The server to connect to.
///
/// # Errors
/// Why no Sentinel names one.
pub(super) async fn find(
    dial: &dyn Dial,
    redis: &Redis,
    memory: &ReplyMemory,
) -> Result<Address, Unavailable> {
    let sentinels = match redis.topology() {
        Topology::Standalone(address) => return Ok(address.clone()),
        Topology::Sentinel(sentinels) => sentinels,
    };
    let mut cause = None;
    for address in &sentinels.addresses {
        match ask(dial, address, sentinels, memory).await {
            Ok(Some(master)) => return Ok(master),
            // One that was reached and knows no master says more than one that was not.
            Ok(None) => {
                cause = Some(Unavailable::RedisDown {
                    address: address.to_string(),
                    error: format!("this Sentinel knows no master {}", sentinels.master),
                });
            }
            Err(error) => {
                cause.get_or_insert(error);
            }
        }
    }
    Err(cause.unwrap_or(Unavailable::NotReadYet))
}

/// The master that one Sentinel names.
async fn ask(
    dial: &dyn Dial,
    address: &Address,
    sentinels: &Sentinels,
    memory: &ReplyMemory,
) -> Result<Option<Address>, Unavailable> {
    let mut link = Link::open(dial, address, memory, AsyncConnectionConfig::new()).await?;
    let mut command = redis::cmd("SENTINEL");
    let command = command
        .arg("GET-MASTER-ADDR-BY-NAME")
        .arg(&sentinels.master);
    let answer = tokio::time::timeout(TIMEOUT, command.query_async(&mut link.redis)).await;
    let failed = |error| Unavailable::RedisDown {
        address: address.to_string(),
        error,
    };
    let answer: RedisResult<Option<(String, u16)>> =
        answer.map_err(|_| failed(format!("no answer within {} s", TIMEOUT.as_secs())))?;
    let answer = answer.map_err(|error| failed(describe(&error)))?;
    Ok(answer.map(|(host, port)| sentinels.settings.at(&host, port)))
}
