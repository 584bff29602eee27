//! Pushes image tasks and optionally waits for their results: a minimal producer, also used by `helm test`.

use anyhow::{Context, bail};
use protocol::{ImageTask, Keys, Push, Source, Task};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use worker::{Connection, RedisSource};

/// Time between two reads of the results.
const POLL: Duration = Duration::from_millis(100);
/// Maximum number of tasks or results in one call to Redis.
const CHUNK: usize = 1_000;

/// Which tasks to push.
#[derive(Clone, Debug, clap::Args)]
pub struct Submit {
    /// Wait for the results and print them, one JSON object a line; exit 1 if a task fails
    #[arg(long)]
    wait: bool,
    /// With --wait: how long to wait for all results, like 90s or 2m; then exit 1
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
    /// Wait until so many replicas have the tasks, so that no failover loses them; exit 1 after a second
    #[arg(long, default_value_t = 0, value_name = "N")]
    wait_replicas: u16,
}

/// Pushes the tasks. Fails when Redis does, when a task fails, or when the results do not arrive in time.
pub async fn run(redis: &RedisSource, keys: &Keys, submit: Submit) -> anyhow::Result<()> {
    let redis = Connection::new(redis.clone());
    let deadline = Instant::now() + submit.timeout;
    let ids = push(&redis, keys, &submit).await?;
    if !submit.wait {
        let mut out = std::io::stdout();
        for id in ids {
            writeln!(out, "{id}")?;
        }
        return Ok(());
    }
    let mut pending = ids;
    let mut failed = 0;
    loop {
        // An error may be a failover: the next call asks where Redis is now.
        let printed = print_results(&redis, keys, &mut pending).await;
        if let Err(error) = &printed
            && Instant::now() > deadline
        {
            bail!("cannot read the results: {error}");
        }
        failed += printed.unwrap_or(0);
        if pending.is_empty() {
            break;
        }
        if Instant::now() > deadline {
            bail!(
                "{} of {} tasks had no result within {:?}",
                pending.len(),
                submit.count,
                submit.timeout
            );
        }
        sleep(POLL).await;
    }
    if failed > 0 {
        bail!("{failed} of {} tasks failed", submit.count);
    }
    Ok(())
}

/// Pushes all tasks and returns their ids.
async fn push(redis: &Connection, keys: &Keys, submit: &Submit) -> anyhow::Result<Vec<String>> {
    let body = |seed| ImageTask {
        filters: submit.filters.clone(),
        image: Source::Synthetic {
            width: 256,
            height: 256,
            seed,
        },
        delay_ms: submit.delay_ms,
        work_ms: 0,
    };
    let tasks: Vec<_> = (1..=submit.count)
        .map(|seed| Task::new(body(seed)))
        .collect();
    for chunk in tasks.chunks(CHUNK) {
        let call = protocol::push_if_room(keys, chunk)?;
        let pushed = redis.call_replicated(&call, submit.wait_replicas).await;
        let (push, replicas) = pushed.context("cannot push the tasks")?;
        if let Push::Refused(reason) = push {
            bail!("the queue is full: {reason}");
        }
        if replicas < submit.wait_replicas {
            let wanted = submit.wait_replicas;
            bail!("only {replicas} of {wanted} replicas have the tasks: a failover can lose them");
        }
    }
    Ok(tasks.into_iter().map(|it| it.id).collect())
}

/// Prints the results that are ready and removes their tasks from `pending`. Returns how many of them failed.
async fn print_results(
    redis: &Connection,
    keys: &Keys,
    pending: &mut Vec<String>,
) -> anyhow::Result<usize> {
    let mut reads = redis::pipe();
    for chunk in pending.chunks(CHUNK) {
        let names: Vec<String> = chunk.iter().map(|id| keys.result(id)).collect();
        reads.mget(names);
    }
    let results: Vec<Vec<Option<String>>> = redis.query(&reads).await?;
    let mut out = std::io::stdout();
    let mut failed = 0;
    let mut still_pending = Vec::new();
    for (id, result) in pending.drain(..).zip(results.into_iter().flatten()) {
        let Some(result) = result else {
            still_pending.push(id);
            continue;
        };
        writeln!(out, "{result}")?;
        let error =
            serde_json::from_str::<Value>(&result).is_ok_and(|it| it.get("error").is_some());
        failed += usize::from(error);
    }
    *pending = still_pending;
    Ok(failed)
}
