//! `failed`: lists the failed tasks of a pool, returns them to the queue, or deletes them.

use crate::args::Failed;
use crate::cluster::Cluster;
use crate::cluster::redis::RedisClient;
use crate::text::lang::{Lang, tr};
use crate::text::output::{Out, width};
use anyhow::bail;
use decide::foreign;
use jiff::Timestamp;
use kube::ResourceExt;
use protocol::{
    FAILED_BATCH, FailedList, FailedTask, Keys, clear_failed, list_failed, retry_failed,
};
use queues::QueueSystem;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal};

/// Width of an error in the table, and the most characters of it in JSON: it is foreign text.
const ERROR_WIDTH: usize = 100;
const MAX_ERROR: usize = 1_000;
/// The most characters of an id or the name of a worker.
const MAX_NAME: usize = 64;

/// A queue, and what is on its failed list.
struct FailedQueue {
    name: String,
    keys: Keys,
    list: FailedList,
}

/// Lists, retries or clears.
pub async fn run(cluster: &Cluster, args: &Failed) -> anyhow::Result<bool> {
    let pool = cluster.pool(args.pool.get()).await?;
    let redis = RedisClient::new(cluster, &pool).await?;
    let queues = pool.spec.queues.iter();
    let queues = queues.filter(|queue| queue.system == QueueSystem::WorkerPool);
    let queues: Vec<&str> = queues.map(|queue| queue.name.as_str()).collect();
    let name = pool.name_any();
    if queues.is_empty() {
        bail!(tr!(cluster.out.lang, "cli-failed-no-queue", name));
    }
    handle(&cluster.out, redis, &name, &name, &queues, args).await
}

/// The same for a queue of a Redis that the command line names.
pub async fn run_elsewhere(args: &Failed, out: &Out) -> anyhow::Result<bool> {
    let keys = Keys::new(&args.queue);
    let redis = args.elsewhere.client(out, &keys.ready())?;
    let (queue, again) = (&args.queue, format!("--redis … --queue {}", args.queue));
    handle(out, redis, queue, &again, &[queue], args).await
}

/// Lists, retries or clears in `queues`. `name` is that of the pool or of the queue, and `again` what names it on the command
/// line.
async fn handle(
    out: &Out,
    mut redis: RedisClient,
    name: &str,
    again: &str,
    queues: &[&str],
    args: &Failed,
) -> anyhow::Result<bool> {
    let mut failed = Vec::new();
    for queue in queues {
        let keys = Keys::new(queue);
        redis.turn_to(&keys.ready());
        let list = redis.call(&list_failed(&keys, args.limit)).await?;
        failed.push(FailedQueue {
            name: (*queue).to_owned(),
            keys,
            list,
        });
    }
    if !args.list && (args.retry || args.clear) {
        return write(out, &mut redis, name, &failed, args).await;
    }
    if args.output.is_json() {
        out.json(&json_list(&failed))?;
    } else {
        print_list(out, name, again, &failed)?;
    }
    Ok(true)
}

/// Retries or clears after a confirmation; false if there was none, or a task was not found.
async fn write(
    out: &Out,
    redis: &mut RedisClient,
    name: &str,
    queues: &[FailedQueue],
    args: &Failed,
) -> anyhow::Result<bool> {
    let lang = out.lang;
    let all: u64 = queues.iter().map(|queue| queue.list.total).sum();
    let wanted = match args.id.len() {
        0 => all,
        n => u64::try_from(n).unwrap_or(all),
    };
    if all > 0 && !args.yes && !confirm(out, &question(lang, name, wanted, args.clear))? {
        out.info(&tr!(lang, "cli-failed-unchanged"));
        return Ok(false);
    }
    let mut done = 0;
    for queue in queues {
        redis.turn_to(&queue.keys.ready());
        // A task that fails meanwhile is not one of those that were counted.
        let mut left = usize::try_from(queue.list.total).unwrap_or(usize::MAX);
        while left > 0 {
            let limit = left.min(FAILED_BATCH);
            let call = if args.clear {
                clear_failed(&queue.keys, &args.id, limit)
            } else {
                retry_failed(&queue.keys, &args.id, limit)
            };
            let taken = redis.call(&call).await?;
            done += u64::try_from(taken).unwrap_or(0);
            // Fewer: the rest holds no task, or is gone. By id, one run finds all.
            left = if taken < limit || !args.id.is_empty() {
                0
            } else {
                left - taken
            };
        }
    }
    out.data(&if args.clear {
        tr!(lang, "cli-failed-deleted", name, done)
    } else {
        tr!(lang, "cli-failed-returned", name, done)
    })?;
    if done < wanted {
        let missing = wanted - done;
        out.info(&tr!(lang, "cli-failed-missing", missing));
    }
    Ok(done >= wanted)
}

fn question(lang: Lang, name: &str, tasks: u64, clear: bool) -> String {
    if clear {
        tr!(lang, "cli-failed-ask-delete", tasks, name)
    } else {
        tr!(lang, "cli-failed-ask-return", tasks, name)
    }
}

/// Asks on the terminal; anything but yes is no.
fn confirm(out: &Out, question: &str) -> anyhow::Result<bool> {
    let (lang, stdin) = (out.lang, std::io::stdin());
    if !stdin.is_terminal() {
        bail!(tr!(lang, "cli-failed-no-terminal", question));
    }
    let keys = tr!(lang, "cli-failed-keys");
    out.info(&format!("{question} ({keys})"));
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes", "s", "si", "sí"].contains(&answer.trim().to_lowercase().as_str())
}

fn print_list(out: &Out, name: &str, again: &str, queues: &[FailedQueue]) -> std::io::Result<()> {
    let lang = out.lang;
    let total: u64 = queues.iter().map(|queue| queue.list.total).sum();
    let trimmed: u64 = queues.iter().map(|queue| queue.list.trimmed).sum();
    if total == 0 {
        out.data(&tr!(lang, "cli-failed-none", name))?;
    }
    let mut rows = vec![[
        tr!(lang, "cli-failed-head-at"),
        tr!(lang, "cli-failed-head-attempts"),
        tr!(lang, "cli-failed-head-worker"),
        tr!(lang, "cli-failed-head-task"),
        tr!(lang, "cli-failed-head-error"),
    ]];
    let mut shown = 0;
    for queue in queues {
        shown += queue.list.tasks.len();
        rows.extend(queue.list.tasks.iter().rev().map(|task| row(out, task)));
    }
    if total > 0 {
        let [a, b, c, d] = [0, 1, 2, 3].map(|column| width(rows.iter().map(|row| &row[column])));
        for [at, attempts, worker, id, error] in &rows {
            out.data(&format!(
                "{at:a$}  {attempts:b$}  {worker:c$}  {id:d$}  {error}"
            ))?;
        }
        let shown = u64::try_from(shown).unwrap_or(total);
        if shown < total {
            out.info(&tr!(lang, "cli-failed-shown", shown, total));
        }
        out.info(&tr!(lang, "cli-failed-next", name = again));
    }
    if trimmed > 0 {
        out.info(&tr!(lang, "cli-failed-dropped", trimmed));
    }
    Ok(())
}

fn row(out: &Out, task: &FailedTask) -> [String; 5] {
    let at = task.at.and_then(|at| Timestamp::from_millisecond(at).ok());
    let today = out.local(Timestamp::now()).date();
    let time = at.map_or("?".into(), |at| {
        let at = out.local(at);
        let format = if at.date() == today {
            "%H:%M:%S"
        } else {
            "%Y-%m-%d %H:%M:%S"
        };
        at.strftime(format).to_string()
    });
    let known = |text: String| if text.is_empty() { "?".into() } else { text };
    [
        time,
        task.attempts
            .map_or("?".into(), |attempts| attempts.to_string()),
        known(foreign(&task.worker, MAX_NAME)),
        foreign(&task.id, MAX_NAME),
        foreign(&task.error, ERROR_WIDTH),
    ]
}

fn json_list(queues: &[FailedQueue]) -> Value {
    let tasks: Vec<Value> = queues
        .iter()
        .flat_map(|queue| queue.list.tasks.iter().rev().map(move |task| (queue, task)))
        .map(|(queue, task)| {
            let at = task.at.and_then(|at| Timestamp::from_millisecond(at).ok());
            json!({
                "queue": queue.name, "id": foreign(&task.id, MAX_ERROR), "error": foreign(&task.error, MAX_ERROR),
                "attempts": task.attempts, "at": at, "worker": foreign(&task.worker, MAX_ERROR), "bytes": task.bytes,
            })
        })
        .collect();
    let sum = |number: fn(&FailedList) -> u64| {
        queues.iter().map(|queue| number(&queue.list)).sum::<u64>()
    };
    json!({"total": sum(|list| list.total), "trimmed": sum(|list| list.trimmed), "tasks": tasks})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for (yes, answers) in [
            (true, &["y\n", "Yes", " s ", "Sí\n"][..]),
            (false, &["", "\n", "n", "sure", "all"]),
        ] {
            for answer in answers {
                assert_eq!(is_yes(answer), yes, "{answer:?}");
            }
        }
    }
}
