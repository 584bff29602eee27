//! `monitor`: a line per change, until told to end.

use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::facts::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::narrator::{Kind, Narrated, Narrator};
use crate::text::class_format;
use crate::text::output::{Out, Style};
use api::Duration;
use serde_json::{Value, json};

/// Watches the pool `name` for `duration`, or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let (pool, out) = (cluster.pool(name).await?, &cluster.out);
    let link = RedisClient::new(cluster, &pool).await?;
    let feed = Events::start(cluster, &pool, link);
    follow(out, Narrator::begin(pool)?, feed, duration, json).await
}

/// Plays a trace, for `duration` of it or to its end.
pub async fn replay(
    out: &Out,
    replay: Replay,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let story = Narrator::begin(replay.pool().clone())?;
    follow(out, story, Events::Replay(Box::new(replay)), duration, json).await
}

async fn follow(
    out: &Out,
    story: Narrator,
    mut feed: Events,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut story = story.in_language(out.lang);
    let end = duration.map(|duration| api::time(feed.now()) + duration.0);
    while !feed.is_over() && end.is_none_or(|end| api::time(feed.now()) < end) {
        let news = feed.next().await;
        let now = feed.now();
        if let Some(Update::Burst(tasks)) = news {
            let text = class_format::stress(tasks);
            if json {
                out.data(
                    &json!({"kind": "stress", "at": now, "text": text, "tasks": tasks}).to_string(),
                )?;
            } else {
                out.data_at(now, &text)?;
            }
        }
        if let Some(news) = news {
            story.apply(news, now);
        }
        for line in story.lines(now) {
            if json {
                out.data(&object(&line, &story).to_string())?;
            } else {
                print(out, &line, line.aside.as_deref())?;
            }
        }
    }
    Ok(true)
}

/// A line, and under it what is said beside it.
pub fn print(out: &Out, line: &Narrated, aside: Option<&str>) -> std::io::Result<()> {
    out.data_at(line.at, &line.text)?;
    match aside.map(|aside| out.message(aside, line.at)) {
        Some(aside) => out.data(&out.styled(Style::Dim, &format!("           {aside}"))),
        None => Ok(()),
    }
}

/// All that a line says, for programs; `null` is unknown, and what the operator says comes as it says it.
fn object(line: &Narrated, story: &Narrator) -> Value {
    let Narrated {
        at,
        text,
        aside,
        kind,
    } = line;
    let mut object = match kind {
        Kind::Queue => {
            let facts = story.facts();
            json!({
                "kind": "queue",
                "queueLength": facts.map(|facts| facts.ready),
                "activeWorkers": facts.and_then(|facts| facts.live),
                "busyWorkers": facts.and_then(|facts| facts.busy),
                "utilizationPercent": facts.and_then(QueueSummary::utilization),
                "currentWorkers": story.replicas(),
                "unknown": story.blind(),
            })
        }
        Kind::Scaled { from, to } => json!({"kind": "scaled", "from": from, "to": to}),
        Kind::Trouble => json!({"kind": "trouble"}),
    };
    (object["at"], object["text"], object["message"]) = (json!(at), json!(text), json!(aside));
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::events::Update;
    use crate::commands::narrator::tests::{at, pool};

    #[test]
    fn a_line_is_an_object_with_all_that_it_says() {
        let mut story = Narrator::begin(pool()).expect("a pool that works");
        let mut objects = Vec::new();
        for (second, news) in [
            (0, Update::Replicas(3)),
            (0, Update::Facts(QueueSummary::of_counts(25, 3, 3))),
            (3, Update::Replicas(5)),
            (9, Update::Unreachable("Redis r: connection refused".into())),
            (9, Update::Trouble("the Deployment does not exist".into())),
        ] {
            story.apply(news, at(second));
            objects.extend(
                story
                    .lines(at(second))
                    .iter()
                    .map(|line| object(line, &story)),
            );
        }
        insta::assert_json_snapshot!(objects);
    }
}
