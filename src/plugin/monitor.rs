//! `monitor`: a line per change, until told to end.

use super::cluster::Cluster;
use super::feed::{Feed, News};
use super::line;
use super::output::{Out, Paint};
use super::redis::Link;
use super::replay::Replay;
use super::story::{Line, Story};
use crate::api::{self, Duration};

/// Watches the pool `name` for `duration`, or until interrupted.
pub async fn run(cluster: &Cluster, name: Option<&str>, duration: Option<Duration>) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let link = Link::new(cluster, &pool).await?;
    let feed = Feed::start(cluster, &pool, link);
    follow(&cluster.out, Story::begin(pool)?, feed, duration).await
}

/// Plays a trace, for `duration` of it or to its end.
pub async fn replay(out: &Out, replay: Replay, duration: Option<Duration>) -> anyhow::Result<bool> {
    let story = Story::begin(replay.pool().clone())?;
    follow(out, story, Feed::Replay(Box::new(replay)), duration).await
}

async fn follow(out: &Out, story: Story, mut feed: Feed, duration: Option<Duration>) -> anyhow::Result<bool> {
    let mut story = story.in_language(out.lang);
    let end = duration.map(|duration| api::time(feed.now()) + duration.0);
    while !feed.is_over() && end.is_none_or(|end| api::time(feed.now()) < end) {
        let news = feed.next().await;
        let now = feed.now();
        if let Some(News::Burst(tasks)) = news {
            out.data_at(now, &line::stress(tasks))?;
        }
        if let Some(news) = news {
            story.hear(news, now);
        }
        for line in story.tell(now) {
            print(out, &line, line.aside.as_deref())?;
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
