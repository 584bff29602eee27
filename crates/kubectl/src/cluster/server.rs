//! A Redis that the command line names, without a pool.

use super::redis::{RedisClient, send};
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::{anyhow, bail};
use clap::ArgGroup;
use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, RedisResult, Value};
use redis_source::{RedisOptions, SourceError};
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for a connection and for a reply.
const TIMEOUT: Duration = Duration::from_secs(3);

/// The group of options that name a Redis.
pub const ELSEWHERE: &str = "elsewhere";

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
        in_time(lang, source.client()).await
    }
}

/// A Redis in place of that of a pool: then no cluster is needed.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(group = ArgGroup::new(ELSEWHERE).args(["redis", "sentinel", "cluster"]).multiple(true).conflicts_with("name"))]
pub struct Elsewhere {
    /// The address of a Redis that is used in place of the pool's, and without a cluster
    #[arg(long, id = "redis", value_name = "URL")]
    redis: Option<String>,
    #[command(flatten)]
    options: RedisOptions,
}

impl Elsewhere {
    /// Whether it is given. Options that say only how a server is reached are an error: the pool says that itself.
    pub fn is_given(&self, lang: Lang) -> anyhow::Result<bool> {
        let is_given = self.redis.is_some() || self.options.names_servers();
        if !is_given && self.options != RedisOptions::default() {
            bail!(tr!(lang, "cli-source-which"));
        }
        Ok(is_given)
    }

    /// A client of the server that has `key`.
    pub fn client(&self, out: &Out, key: &str) -> anyhow::Result<RedisClient> {
        let url = self.redis.as_deref().unwrap_or("redis://127.0.0.1");
        let access = self.options.access(url);
        let access = access.map_err(|error| anyhow!(describe_options(out.lang, &error)))?;
        RedisClient::direct(out, access, key.to_owned())
    }
}

/// Connects.
pub async fn connect(client: &Client, lang: Lang) -> anyhow::Result<MultiplexedConnection> {
    in_time(lang, client.get_multiplexed_async_connection()).await
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

/// The replies to `commands`; an error of one of them is its reply.
pub async fn replies(
    redis: &mut MultiplexedConnection,
    commands: &[Cmd],
    lang: Lang,
) -> anyhow::Result<Vec<Value>> {
    in_time(lang, send(redis, commands)).await
}

/// What Redis answers, or the error.
async fn in_time<T>(lang: Lang, answer: impl Future<Output = RedisResult<T>>) -> anyhow::Result<T> {
    let Ok(answer) = timeout(TIMEOUT, answer).await else {
        let silence = tr!(lang, "cli-no-answer", seconds = TIMEOUT.as_secs());
        return Err(anyhow!(silence).context("Redis"));
    };
    answer.map_err(|error| anyhow!("Redis: {}", queues::describe(&error)))
}
