//! `monitor`: a line per change, until told to end.

use super::cluster::Cluster;
use super::facts::Facts;
use super::feed::{Feed, News};
use super::line;
use super::output::{Out, Paint};
use super::redis::Link;
use super::replay::Replay;
use super::story::{Kind, Line, Story};
use crate::api::{self, Duration};
use serde_json::{Value, json};

/// Watches the pool `name` for `duration`, or until interrupted.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let (pool, out) = (cluster.pool(name).await?, &cluster.out);
    let link = Link::new(cluster, &pool).await?;
    let feed = Feed::start(cluster, &pool, link);
    follow(out, Story::begin(pool)?, feed, duration, json).await
}

/// Plays a trace, for `duration` of it or to its end.
pub async fn replay(
    out: &Out,
    replay: Replay,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let story = Story::begin(replay.pool().clone())?;
    follow(out, story, Feed::Replay(Box::new(replay)), duration, json).await
}

async fn follow(
    out: &Out,
    story: Story,
    mut feed: Feed,
    duration: Option<Duration>,
    json: bool,
) -> anyhow::Result<bool> {
    let mut story = story.in_language(out.lang);
    let end = duration.map(|duration| api::time(feed.now()) + duration.0);
    while !feed.is_over() && end.is_none_or(|end| api::time(feed.now()) < end) {
        let news = feed.next().await;
        let now = feed.now();
        if let Some(News::Burst(tasks)) = news {
            let text = line::stress(tasks);
            if json {
                out.data(
                    &json!({"kind": "stress", "at": now, "text": text, "tasks": tasks}).to_string(),
                )?;
            } else {
                out.data_at(now, &text)?;
            }
        }
        if let Some(news) = news {
            story.hear(news, now);
        }
        for line in story.tell(now) {
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
pub fn print(out: &Out, line: &Line, aside: Option<&str>) -> std::io::Result<()> {
    out.data_at(line.at, &line.text)?;
    match aside.map(|aside| out.sentence(aside, line.at)) {
        Some(aside) => out.data(&out.paint(Paint::Dim, &format!("           {aside}"))),
        None => Ok(()),
    }
}

/// All that a line says, for programs; `null` is unknown, and what the operator says comes as it says it.
fn object(line: &Line, story: &Story) -> Value {
    let Line {
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
                "utilizationPercent": facts.and_then(Facts::utilization),
                "currentWorkers": story.replicas(),
                "unknown": story.blind(),
            })
        }
        Kind::Scaled { from, to } => json!({"kind": "scaled", "from": from, "to": to}),
        Kind::Trouble => json!({"kind": "trouble"}),
    };
    (object["at"], object["text"], object["sentence"]) = (json!(at), json!(text), json!(aside));
    object
}

#[cfg(test)]
mod tests {
    use super::super::feed::News;
    use super::super::story::tests::{at, pool};
    use super::*;

    #[test]
    fn a_line_is_an_object_with_all_that_it_says() {
        let mut story = Story::begin(pool()).expect("a pool that works");
        let mut objects = Vec::new();
        for (second, news) in [
            (0, News::Replicas(3)),
            (0, News::Facts(Facts::told(25, 3, 3))),
            (3, News::Replicas(5)),
            (9, News::Blind("Redis r: connection refused".into())),
            (9, News::Trouble("the Deployment does not exist".into())),
        ] {
            story.hear(news, at(second));
            objects.extend(
                story
                    .tell(at(second))
                    .iter()
                    .map(|line| object(line, &story)),
            );
        }
        insta::assert_json_snapshot!(objects);
    }
}
