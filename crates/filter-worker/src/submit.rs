//! Pushes tasks and, where asked, waits for their results: the smallest producer, and what `helm test` runs.

use anyhow::{Context, bail};
use protocol::{ImageTask, Keys, Push, Source, Task};
use redis::AsyncCommands;
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often results are asked for.
const PAUSE: Duration = Duration::from_millis(100);

/// What to push.
#[derive(Clone, Debug, clap::Args)]
pub struct Submit {
    /// Wait for the results and print them, one JSON object a line; exit 1 when a task fails
    #[arg(long)]
    wait: bool,
    /// With --wait: how long to wait for all of them, like 90s or 2m; then exit 1
    #[arg(long, default_value = "60s", value_parser = super::cli::duration)]
    timeout: Duration,
    /// Filters to apply, in this order
    #[arg(long, value_delimiter = ',', default_value = "resize,blur")]
    filters: Vec<String>,
    /// Milliseconds that each task waits before its work, like a slow download
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Number of tasks
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    count: u64,
}

/// Pushes, and waits where asked. Fails when Redis does, when a task failed, or when time is up.
pub async fn run(client: &redis::Client, keys: &Keys, submit: Submit) -> anyhow::Result<()> {
    let mut redis = client
        .get_multiplexed_async_connection()
        .await
        .context("cannot reach Redis")?;
    let deadline = Instant::now() + submit.timeout;
    let body = |seed| ImageTask {
        filters: submit.filters.clone(),
        image: Source::Synthetic {
            width: 256,
            height: 256,
            seed,
        },
        delay_ms: submit.delay_ms,
    };
    let tasks: Vec<_> = (1..=submit.count)
        .map(|seed| Task::new(body(seed)))
        .collect();
    for part in tasks.chunks(1_000) {
        let push = protocol::push_if_room(keys, part)?
            .run(&mut redis)
            .await
            .context("cannot push")?;
        if let Push::Refused(why) = push {
            bail!("the queue takes nothing more: {why}");
        }
    }
    let mut missing: Vec<String> = tasks.into_iter().map(|it| it.id).collect();
    let mut out = std::io::stdout();
    if !submit.wait {
        for id in missing {
            writeln!(out, "{id}")?;
        }
        return Ok(());
    }
    let mut failed = 0;
    while !missing.is_empty() {
        let mut still = Vec::new();
        for part in missing.chunks(1_000) {
            let names: Vec<String> = part.iter().map(|id| keys.result(id)).collect();
            let results: Vec<Option<String>> =
                redis.mget(names).await.context("cannot read the results")?;
            for (id, result) in part.iter().zip(results) {
                let Some(result) = result else {
                    still.push(id.clone());
                    continue;
                };
                writeln!(out, "{result}")?;
                let error = serde_json::from_str::<Value>(&result)
                    .is_ok_and(|it| it.get("error").is_some());
                failed += u64::from(error);
            }
        }
        missing = still;
        if Instant::now() > deadline && !missing.is_empty() {
            bail!(
                "{} of {} tasks had no result within {:?}",
                missing.len(),
                submit.count,
                submit.timeout
            );
        }
        sleep(if missing.is_empty() {
            Duration::ZERO
        } else {
            PAUSE
        })
        .await;
    }
    if failed > 0 {
        bail!("{failed} of {} tasks failed", submit.count);
    }
    Ok(())
}
