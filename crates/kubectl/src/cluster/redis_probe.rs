//! What a Redis reports about itself. Nothing here writes, and a user with few rights gets fewer answers, not an error.

use super::redis::RedisClient;
use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue, RedisError, RedisResult, Value};
use redis_source::HostPort;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The replies of a Redis; `None` where the user may not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Probe {
    /// Its version.
    pub version: Option<String>,
    /// How long one command takes.
    pub latency: Duration,
    /// What it is; `None` where it does not say.
    pub role: Option<Role>,
    /// Whether it accepts `CLIENT TRACKING`, by which it notifies the operator of changed keys.
    pub notifies: bool,
    /// How far its clock is ahead of this machine's, in milliseconds.
    pub clock_offset: Option<i64>,
    /// Its memory limit in bytes; 0 is none.
    pub max_memory: Option<u64>,
    /// What it evicts at that limit, such as `noeviction`.
    pub eviction: Option<String>,
    /// The memory of its machine in bytes.
    pub system_memory: Option<u64>,
}

/// What a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// It accepts writes.
    Primary,
    /// It follows another server, if its name can be shown.
    Replica(Option<HostPort>),
    /// It is no database.
    Sentinel,
}

impl RedisClient {
    /// Asks Redis about itself.
    pub async fn probe(&mut self) -> anyhow::Result<Probe> {
        self.use_resp3();
        let mut connection = self.connect(AsyncConnectionConfig::new()).await?;
        read(&mut connection)
            .await
            .map_err(|error| self.describe_error(&error))
    }
}

async fn read(connection: &mut MultiplexedConnection) -> RedisResult<Probe> {
    let start = Instant::now();
    ask::<()>(connection, &redis::cmd("PING")).await?;
    let latency = start.elapsed();
    let role = role(connection).await?;
    let tracking = command("CLIENT", &["TRACKING", "ON", "OPTIN"]);
    let notifies = ask::<()>(connection, &tracking).await?.is_some();
    let before = Timestamp::now().as_millisecond();
    let time: Option<(i64, i64)> = ask(connection, &redis::cmd("TIME")).await?;
    // Each section alone: older servers know only one at a time.
    let mut info = section(connection, "server").await?;
    info.extend(section(connection, "memory").await?);
    for name in ["maxmemory", "maxmemory-policy"] {
        // Where CONFIG is refused, as by hosted services, INFO has the same values.
        let values: Option<HashMap<String, String>> =
            ask(connection, &command("CONFIG", &["GET", name])).await?;
        let values = values.unwrap_or_default().into_iter();
        info.extend(values.map(|(name, value)| (name.replace('-', "_"), value)));
    }
    let number = |name: &str| info.get(name).and_then(|value| value.parse().ok());
    Ok(Probe {
        latency,
        role,
        notifies,
        clock_offset: time.map(|(seconds, micros)| seconds * 1000 + micros / 1000 - before),
        max_memory: number("maxmemory"),
        system_memory: number("total_system_memory"),
        version: info.get("redis_version").cloned(),
        eviction: info.get("maxmemory_policy").cloned(),
    })
}

/// Its role, by `ROLE`, or where that is refused by `INFO`.
async fn role(connection: &mut MultiplexedConnection) -> RedisResult<Option<Role>> {
    let known = if let Some(values) = ask::<Vec<Value>>(connection, &redis::cmd("ROLE")).await? {
        let mut values = values.into_iter();
        let mut text = || {
            let value = values.next().unwrap_or(Value::Nil);
            redis::from_redis_value::<String>(value).unwrap_or_default()
        };
        [text(), text(), text()]
    } else {
        let mut info = section(connection, "replication").await?;
        ["role", "master_host", "master_port"].map(|name| info.remove(name).unwrap_or_default())
    };
    let [role, host, port] = known;
    Ok(match &*role {
        "master" => Some(Role::Primary),
        "sentinel" => Some(Role::Sentinel),
        "slave" => {
            let port = port.parse().ok();
            Some(Role::Replica(
                port.and_then(|port| HostPort::new(&host, port)),
            ))
        }
        _ => None,
    })
}

/// The fields of a section of INFO; none if it is refused.
async fn section(
    connection: &mut MultiplexedConnection,
    name: &str,
) -> RedisResult<HashMap<String, String>> {
    let text: Option<String> = ask(connection, &command("INFO", &[name])).await?;
    let text = text.unwrap_or_default();
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    Ok(fields
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn command(name: &str, args: &[&str]) -> Cmd {
    let mut command = redis::cmd(name);
    command.arg(args);
    command
}

/// The reply to a command; `None` if the server refuses or does not know it.
async fn ask<T: FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &Cmd,
) -> RedisResult<Option<T>> {
    match command.query_async(connection).await {
        Ok(reply) => Ok(Some(reply)),
        Err(error) if is_refusal(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_refusal(error: &RedisError) -> bool {
    matches!(error.code(), Some("NOPERM" | "ERR"))
}
