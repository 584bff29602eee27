//! `demo`: a burst and what becomes of it, told from start to end; ends by itself.

use super::cluster::Cluster;
use super::facts::Facts;
use super::feed::Feed;
use super::line;
use super::monitor::print;
use super::redis::Link;
use super::story::{Kind, Line, Story};
use super::stress::{Burst, push_burst, queue};
use crate::api::Duration;
use anyhow::bail;
use jiff::Timestamp;
use kube::ResourceExt;
use tokio::time::Instant;

/// What has happened since the push.
#[derive(Default)]
struct Played {
    pushed: Option<Timestamp>,
    /// Tasks that had ended before.
    done_before: u64,
    emptied: Option<Timestamp>,
    changes: Vec<(Line, i32, i32)>,
    remarks: Remarks,
}

/// Plays the whole story on the pool `name`; false when it did not come to its end in time.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    burst: Burst,
    limit: Duration,
) -> anyhow::Result<bool> {
    let out = &cluster.out;
    let pool = cluster.pool(name).await?;
    let name = pool.name_any();
    if let Some(pin) = pool.spec.replicas {
        bail!(
            "WorkerPool {name} is pinned to {pin} workers, so nothing would happen; first: kubectl workerpool scale {name} auto"
        );
    }
    let keys = queue(&pool)?;
    let mut story = Story::begin(pool.clone())?;
    let mut feed = Feed::start(cluster, &pool, Link::new(cluster, &pool).await?);
    let mut pusher = Link::new(cluster, &pool).await?;
    let end = Instant::now() + limit.to_std();
    let mut played = Played::default();
    let mut awaited = String::new();
    loop {
        let news = feed.next().await;
        let now = Timestamp::now();
        if let Some(news) = news {
            story.hear(news, now);
        }
        for line in story.tell(now) {
            let remark = played.hear(&line, &story, burst.tasks);
            print(out, &line, line.aside.as_deref().or(remark.as_deref()))?;
        }
        match played.pushed {
            None if story.is_told() && story.at_rest() => {
                played.done_before = story.facts().map_or(0, Facts::ended);
                push_burst(&mut pusher, &keys, burst).await?;
                let now = Timestamp::now();
                out.data_at(now, &line::stress(burst.tasks))?;
                played.pushed = Some(now);
                story.burst();
            }
            None if story.is_told() => {
                let missing = missing(&story);
                if missing != awaited {
                    let said =
                        story.sentence().map_or(String::new(), |said| format!(" The operator: {said}."));
                    let said = out.sentence(&said, now);
                    out.talk(&format!("Before it begins: waiting until {missing}.{said}"));
                    awaited = missing;
                }
            }
            Some(_) if played.ended(&story, burst.tasks) => break,
            None | Some(_) => {}
        }
        if Instant::now() >= end {
            out.talk(&format!(
                "The demo did not end within {limit}: still waiting until {}.",
                missing(&story)
            ));
            played.summary(cluster, &name, &story, burst.tasks)?;
            return Ok(false);
        }
    }
    played.summary(cluster, &name, &story, burst.tasks)?;
    Ok(true)
}

/// What must still happen before the pool is at rest.
fn missing(story: &Story) -> String {
    let rest = story.rest();
    let Some(facts) = story.facts() else {
        return story.blind().map_or_else(|| "Redis answers".into(), |why| format!("Redis answers: {why}"));
    };
    match (facts.ready, facts.in_flight.unwrap_or(0), story.replicas()) {
        (0, 0, Some(now)) if now == rest => {
            format!("the registry has just these {rest} workers (now {})", line::number(facts.live))
        }
        (0, 0, Some(now)) => format!("{now} workers are {rest} again"),
        (_, _, None) => "the target of the WorkerPool exists".into(),
        (ready, running, _) => format!("the queue is empty ({ready} wait, {running} run)"),
    }
}

impl Played {
    /// Remembers what belongs to the story and says what it means.
    fn hear(&mut self, line: &Line, story: &Story, tasks: u32) -> Option<String> {
        if let (Kind::Scaled { from, to }, Some(_)) = (line.kind, self.pushed) {
            self.changes.push((line.clone(), from, to));
        }
        let facts = story.facts().filter(|_| line.kind == Kind::Queue)?;
        if self.pushed.is_none() {
            self.remarks.most_live = facts.live.unwrap_or(0);
            return story.at_rest().then(|| format!("{} workers wait for work.", line::number(facts.live)));
        }
        if facts.is_empty() {
            self.emptied.get_or_insert(line.at);
        }
        let done = facts.ended().saturating_sub(self.done_before);
        self.remarks.next(story, tasks, done)
    }

    /// Whether the tasks are done, the workers are as few as at the start, and all of it has been told.
    fn ended(&self, story: &Story, tasks: u32) -> bool {
        let all_done =
            || story.facts().is_some_and(|facts| facts.ended() >= self.done_before + u64::from(tasks));
        story.at_rest() && story.is_told() && (story.has_moved() || all_done())
    }

    fn summary(&self, cluster: &Cluster, name: &str, story: &Story, tasks: u32) -> std::io::Result<()> {
        let (out, Some(pushed)) = (&cluster.out, self.pushed) else { return Ok(()) };
        let since = |at: Timestamp| (at.as_millisecond() - pushed.as_millisecond()).max(0);
        let first = self.changes.first().map_or(story.rest(), |(_, from, _)| *from);
        let numbers = std::iter::once(first).chain(self.changes.iter().map(|(_, _, to)| *to));
        let path = numbers.map(|n| n.to_string()).collect::<Vec<_>>().join(" → ");
        let done =
            story.facts().map_or(0, |facts| facts.ended().saturating_sub(self.done_before)).min(tasks.into());
        let time = self.emptied.map_or(String::new(), |at| format!(" in {} s", since(at) / 1000));
        let failed = story.facts().and_then(|facts| facts.failed).filter(|failed| *failed > 0);
        let failed =
            failed.map_or(String::new(), |failed| format!(" ({failed} failed in this queue so far)"));
        out.data("")?;
        out.data(&format!("{name}: {path} workers; {done} of {tasks} tasks done{time}{failed}"))?;
        for (line, from, to) in &self.changes {
            let after = match since(line.at) {
                _ if to < from => String::new(),
                millis if millis < 1000 => format!("{millis} ms after the push"),
                millis => format!("{}.{} s after the push", millis / 1000, millis / 100 % 10),
            };
            let why = line.aside.as_deref().unwrap_or_default();
            out.data(&format!(
                "  {}  {:7}  {after:22}  {why}",
                out.clock(line.at),
                format!("{from} → {to}")
            ))?;
        }
        Ok(())
    }
}

/// One short sentence for each turn of the story, each said once.
#[derive(Default)]
struct Remarks {
    most_live: u64,
    joined: bool,
    nothing_waits: bool,
    all_done: bool,
}

impl Remarks {
    fn next(&mut self, story: &Story, tasks: u32, done: u64) -> Option<String> {
        let (facts, pool) = (story.facts()?, story.pool());
        let live = facts.live.unwrap_or(0);
        let before = self.most_live;
        self.most_live = live.max(before);
        if facts.is_empty() && !std::mem::replace(&mut self.all_done, true) {
            if done < u64::from(tasks) {
                return Some(format!(
                    "Nothing is left to do, but only {done} of {tasks} tasks are done: Redis has lost the others."
                ));
            }
            let down = pool.rules.first()?.down.as_ref()?;
            return Some(format!(
                "All {tasks} tasks are done. When it has been quiet for {}, workers leave, {} at a time, {} apart.",
                down.idle_for, down.step, down.cooldown
            ));
        }
        if facts.ready == 0 && !facts.is_empty() && !std::mem::replace(&mut self.nothing_waits, true) {
            return Some(format!("Nothing waits any more, {} still run.", line::number(facts.in_flight)));
        }
        if live > before {
            let up = &pool.rules.first()?.up;
            let (step, cooldown) = (up.step, up.cooldown);
            return Some(if std::mem::replace(&mut self.joined, true) {
                "More hands: the queue gets shorter faster.".into()
            } else {
                format!(
                    "The new ones work already. Why not {} at once? A step is {step}, and {cooldown} must pass before the next.",
                    pool.max
                )
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::feed::News;
    use super::super::story::tests::{at, pool};
    use super::*;

    fn facts(ready: u64, running: u64, live: u64, done: u64) -> News {
        News::Facts(Facts { processed: Some(done), failed: Some(0), ..Facts::told(ready, running, live) })
    }

    /// The story after each piece of news, told in full: has the demo ended?
    fn ends(news: Vec<News>) -> Vec<bool> {
        let mut story = Story::begin(pool()).expect("a pool that works");
        story.hear(News::Replicas(3), at(0));
        story.hear(facts(0, 0, 3, 100), at(0));
        story.tell(at(1));
        let played = Played { pushed: Some(at(1)), done_before: 100, ..Played::default() };
        story.burst();
        let seconds = (10..).step_by(10);
        news.into_iter()
            .zip(seconds)
            .map(|(news, second)| {
                story.hear(news, at(second));
                story.tell(at(second + 5)); // a change waits for its sentence
                played.ended(&story, 25)
            })
            .collect()
    }

    #[test]
    fn every_change_since_the_push_is_in_the_summary() {
        let mut story = Story::begin(pool()).expect("a pool that works");
        story.burst();
        let mut played = Played { pushed: Some(at(1)), ..Played::default() };
        let line =
            Line { at: at(1), text: String::new(), aside: None, kind: Kind::Scaled { from: 3, to: 5 } };
        assert_eq!(played.hear(&line, &story, 25), None, "its own sentence is enough");
        assert_eq!(played.changes, [(line, 3, 5)], "the first one comes before the first look");
    }

    #[test]
    fn it_ends_when_all_is_done_and_the_workers_are_as_few_as_before() {
        let story = vec![
            facts(22, 3, 3, 100),
            News::Replicas(5),
            facts(0, 5, 5, 120),
            facts(0, 0, 5, 125),
            News::Replicas(3),
            facts(0, 0, 3, 125),
        ];
        assert_eq!(ends(story), [false, false, false, false, false, true]);
    }

    #[test]
    fn a_look_from_before_the_push_ends_nothing() {
        assert_eq!(ends(vec![facts(0, 0, 3, 100)]), [false]);
    }

    #[test]
    fn work_that_was_done_between_two_looks_is_done() {
        assert_eq!(ends(vec![facts(0, 0, 3, 125)]), [true]);
    }

    #[test]
    fn it_does_not_end_while_redis_is_away() {
        assert_eq!(ends(vec![facts(3, 3, 3, 100), News::Blind("gone".into())]), [false, false]);
    }
}
