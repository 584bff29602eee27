//! `monitor`: a line per change, until told to end.

use super::cluster::Cluster;
use super::feed::Feed;
use super::output::{Out, Paint};
use super::redis::Link;
use super::story::{Line, Story};
use crate::api::Duration;
use jiff::Timestamp;
use tokio::time::Instant;

/// Watches the pool `name` for `duration`, or until interrupted.
pub async fn run(cluster: &Cluster, name: Option<&str>, duration: Option<Duration>) -> anyhow::Result<bool> {
    let pool = cluster.pool(name).await?;
    let link = Link::new(cluster, &pool).await?;
    let mut story = Story::begin(pool.clone())?;
    let mut feed = Feed::start(cluster, &pool, link);
    let end = duration.map(|duration| Instant::now() + duration.to_std());
    while end.is_none_or(|end| Instant::now() < end) {
        let news = feed.next().await;
        let now = Timestamp::now();
        if let Some(news) = news {
            story.hear(news, now);
        }
        for line in story.tell(now) {
            print(&cluster.out, &line, line.aside.as_deref())?;
        }
    }
    Ok(true)
}

/// A line, and under it what is said beside it.
pub fn print(out: &Out, line: &Line, aside: Option<&str>) -> std::io::Result<()> {
    out.data_at(line.at, &line.text)?;
    match aside {
        Some(aside) => out.data(&out.paint(Paint::Dim, &format!("           {aside}"))),
        None => Ok(()),
    }
}
