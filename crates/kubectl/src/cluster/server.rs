//! A Redis that the command line names, without a pool.

use crate::text::lang::{Lang, tr};
use anyhow::{Context, anyhow};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ConnectionInfo, IntoConnectionInfo, Value};
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for a connection and for a reply.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach it.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// The address of the Redis: scheme, host, port and database
    #[arg(long, id = "redis", value_name = "URL", required = true)]
    redis: Option<String>,
    /// The user, where the address has none
    #[arg(long, value_name = "U")]
    username: Option<String>,
    /// The environment variable that has the password
    #[arg(long, value_name = "V")]
    password_env: Option<String>,
}

impl Server {
    /// Where it is, and as whom to log in. An error has no part of the address, which may have a password.
    pub fn info(&self, lang: Lang) -> anyhow::Result<ConnectionInfo> {
        let address = self.redis.as_deref().unwrap_or_default();
        let info = address.into_connection_info();
        let info = info.map_err(|error| {
            anyhow!(tr!(
                lang,
                "cli-probe-address",
                error = queues::describe(&error)
            ))
        })?;
        let mut settings = info.redis_settings().clone();
        if let Some(user) = &self.username {
            settings = settings.set_username(user);
        }
        if let Some(name) = &self.password_env {
            let password =
                std::env::var(name).with_context(|| tr!(lang, "cli-probe-password-env", name))?;
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings))
    }

    /// Connects.
    pub async fn connect(&self, lang: Lang) -> anyhow::Result<MultiplexedConnection> {
        let client = redis::Client::open(self.info(lang)?)?;
        let connection = timeout(TIMEOUT, client.get_multiplexed_async_connection()).await;
        let connection = connection.map_err(|_| no_answer(lang))?;
        connection.map_err(|error| anyhow!("Redis: {}", queues::describe(&error)))
    }
}

fn no_answer(lang: Lang) -> anyhow::Error {
    anyhow!(tr!(lang, "cli-no-answer", seconds = TIMEOUT.as_secs())).context("Redis")
}

/// The replies to `commands`; an error of one of them is its reply.
pub async fn replies(
    redis: &mut MultiplexedConnection,
    commands: &[Cmd],
    lang: Lang,
) -> anyhow::Result<Vec<Value>> {
    let mut pipeline = redis::pipe();
    for command in commands {
        pipeline.add_command(command.clone());
    }
    let sent = redis.send_packed_commands(&pipeline, 0, commands.len());
    let sent = timeout(TIMEOUT, sent).await;
    let sent = sent.map_err(|_| no_answer(lang))?;
    sent.map_err(|error| anyhow!("Redis: {}", queues::describe(&error)))
}
