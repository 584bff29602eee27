//! A Redis that the command line names, without a pool.

use crate::text::lang::{Lang, tr};
use anyhow::anyhow;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, Value};
use redis_source::{RedisOptions, SourceError};
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for a connection and for a reply.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How to reach it.
#[derive(Clone, Debug, clap::Args)]
pub struct Server {
    /// The address of the Redis: scheme, host, port and database
    #[arg(long, id = "redis", value_name = "URL", required_unless_present_any = ["sentinel", "cluster"])]
    redis: Option<String>,
    #[command(flatten)]
    options: RedisOptions,
}

impl Server {
    /// The server that has `key`, once Sentinels or a cluster have named it. An error has no part of the address, which may
    /// have a password.
    pub async fn client(&self, key: &str, lang: Lang) -> anyhow::Result<Client> {
        let url = self.redis.as_deref().unwrap_or("redis://127.0.0.1");
        let source = self.options.source(url, key);
        let source = source.map_err(|error| anyhow!(describe_options(lang, &error)))?;
        let client = timeout(TIMEOUT, source.client()).await;
        let client = client.map_err(|_| no_answer(lang))?;
        client.map_err(|error| anyhow!("Redis: {}", queues::describe(&error)))
    }
}

/// Connects.
pub async fn connect(client: &Client, lang: Lang) -> anyhow::Result<MultiplexedConnection> {
    let connection = timeout(TIMEOUT, client.get_multiplexed_async_connection()).await;
    let connection = connection.map_err(|_| no_answer(lang))?;
    connection.map_err(|error| anyhow!("Redis: {}", queues::describe(&error)))
}

/// Why the options lead to no Redis.
fn describe_options(lang: Lang, error: &SourceError) -> String {
    match error {
        SourceError::Url => tr!(lang, "cli-source-url"),
        SourceError::Address(address) => tr!(lang, "cli-source-address", address),
        SourceError::Variable(name) => tr!(lang, "cli-source-variable", name),
        SourceError::File(file, error) => {
            let (file, error) = (file.display(), error.to_string());
            tr!(lang, "cli-source-file", file, error)
        }
        SourceError::Certificates(error) => {
            let error = queues::describe(error);
            tr!(lang, "cli-source-certificates", error)
        }
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
