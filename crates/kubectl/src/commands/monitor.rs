//! `monitor`: prints one line per change.

use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::narrator::{Line, LineKind, Narrator, Note};
use crate::text::class_format;
use crate::text::output::{Out, Style};
use api::{Duration, WorkerPool};
use serde_json::{Value, json};

/// Monitors the pool `name` for `duration`, or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let (pool, out) = (cluster.pool(name).await?, &cluster.out);
    let redis = RedisClient::new(cluster, &pool).await?;
    let events = Events::start(cluster, &pool, redis);
    print_lines(out, pool, events, duration, json).await
}

/// Replays a trace, for `duration` of its time or to its end.
pub async fn replay(
    out: &Out,
    replay: Replay,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let pool = replay.pool().clone();
    let events = Events::Replay(Box::new(replay));
    print_lines(out, pool, events, duration, json).await
}

async fn print_lines(
    out: &Out,
    pool: WorkerPool,
    mut events: Events,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut narrator = Narrator::begin(pool, out)?;
    let end = duration.map(|duration| api::time(events.now()) + duration.0);
    while !events.is_over() && end.is_none_or(|end| api::time(events.now()) < end) {
        let update = events.next().await;
        let now = events.now();
        if let Some(Update::Burst(tasks)) = update {
            let text = class_format::stress(tasks);
            if json {
                let line = json!({"kind": "stress", "at": now, "text": text, "tasks": tasks});
                out.data(&line.to_string())?;
            } else {
                out.data_at(now, &text)?;
            }
        }
        if let Some(update) = update {
            narrator.apply(update, now);
        }
        for line in narrator.lines(now) {
            if json {
                out.data(&object(&line, &narrator).to_string())?;
            } else {
                print(out, &line, line.note.as_ref())?;
            }
        }
    }
    Ok(true)
}

/// Prints a line, and a note below it.
pub fn print(out: &Out, line: &Line, note: Option<&Note>) -> std::io::Result<()> {
    out.data_at(line.at, &line.text)?;
    match note.map(|note| note.text(out)) {
        Some(note) => out.data(&out.styled(Style::Dim, &format!("           {note}"))),
        None => Ok(()),
    }
}

/// A line as JSON; `null` is unknown, and messages of the operator are not translated.
fn object(line: &Line, narrator: &Narrator) -> Value {
    let Line {
        at,
        text,
        note,
        kind,
    } = line;
    let mut object = match kind {
        LineKind::Queue => {
            let summary = narrator.summary();
            json!({
                "kind": "queue",
                "queueLength": summary.map(|summary| summary.ready),
                "activeWorkers": summary.and_then(|summary| summary.live),
                "busyWorkers": summary.and_then(|summary| summary.busy),
                "utilizationPercent": summary.and_then(QueueSummary::utilization),
                "currentWorkers": narrator.replicas(),
                "unknown": narrator.unreachable(),
            })
        }
        LineKind::Scaled { from, to } => json!({"kind": "scaled", "from": from, "to": to}),
        LineKind::Warning => json!({"kind": "warning"}),
    };
    object["at"] = json!(at);
    object["text"] = json!(text);
    object["message"] = json!(note.as_ref().map(Note::english));
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::narrator::tests::{at, narrator};
    use crate::text::lang::Lang;

    #[test]
    fn lines_as_json() {
        let mut narrator = narrator(Lang::EN);
        let mut objects = Vec::new();
        for (second, update) in [
            (0, Update::Replicas(3)),
            (0, Update::Metrics(QueueSummary::of_counts(25, 3, 3))),
            (3, Update::Replicas(5)),
            (9, Update::Unreachable("Redis r: connection refused".into())),
            (9, Update::Warning("the Deployment does not exist".into())),
        ] {
            narrator.apply(update, at(second));
            let lines = narrator.lines(at(second));
            objects.extend(lines.iter().map(|line| object(line, &narrator)));
        }
        insta::assert_json_snapshot!(objects);
    }
}
