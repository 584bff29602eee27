//! `demo`: pushes a burst and prints what happens, from start to end.

use super::monitor::print;
use super::stress::{Burst, push_burst, queue};
use crate::args::Demo;
use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::fast_mode::FastMode;
use crate::commands::narration::Narration;
use crate::commands::narrator::{Line, LineKind, Narrator, Note};
use crate::text::class_format;
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::bail;
use api::{Duration, WorkerPool};
use jiff::Timestamp;
use kube::ResourceExt;
use protocol::Keys;

/// Runs the demo; false if it did not end in time.
pub async fn run(cluster: &Cluster, args: Demo) -> anyhow::Result<bool> {
    let lang = cluster.out.lang;
    let pool = cluster.pool(args.pool.get()).await?;
    let name = pool.name_any();
    if let Some(pin) = pool.spec.replicas {
        bail!(tr!(lang, "cli-demo-pinned", name, pin));
    }
    let (fast_mode, pool, burst) = FastMode::begin(cluster, pool, &args).await?;
    let keys = queue(lang, &pool)?;
    let events = Events::start(cluster, &pool, RedisClient::new(cluster, &pool).await?);
    let pusher = Pusher {
        redis: RedisClient::new(cluster, &pool).await?,
        keys,
        burst,
    };
    let demo = Story::new(&cluster.out, &pool, Some(pusher))?;
    let ended = tokio::select! {
        ended = demo.play(events, args.timeout) => ended,
        _ = tokio::signal::ctrl_c(), if fast_mode.is_some() => Ok(false),
    };
    if let Some(fast_mode) = fast_mode {
        fast_mode.end(cluster).await?;
    }
    ended
}

/// Replays a recorded demo.
pub async fn replay(out: &Out, replay: Replay) -> anyhow::Result<bool> {
    let (lang, pool) = (out.lang, replay.pool().clone());
    let name = pool.name_any();
    out.info(&tr!(lang, "cli-demo-replay", name));
    let events = Events::Replay(Box::new(replay));
    Story::new(out, &pool, None)?
        .play(events, Duration::seconds(86_400))
        .await
}

/// The tasks to push, and the queue.
struct Pusher {
    redis: RedisClient,
    keys: Keys,
    burst: Burst,
}

struct Story<'a> {
    out: &'a Out,
    name: String,
    narrator: Narrator,
    /// `None` in a replay, whose trace contains the burst.
    pusher: Option<Pusher>,
    tasks: u32,
    progress: Progress,
    /// The condition that was last printed before the burst.
    waiting_for: String,
}

impl<'a> Story<'a> {
    fn new(out: &'a Out, pool: &WorkerPool, pusher: Option<Pusher>) -> anyhow::Result<Self> {
        Ok(Self {
            out,
            name: pool.name_any(),
            narrator: Narrator::begin(pool.clone(), out)?,
            tasks: pusher.as_ref().map_or(0, |pusher| pusher.burst.tasks),
            pusher,
            progress: Progress {
                lang: out.lang,
                ..Progress::default()
            },
            waiting_for: String::new(),
        })
    }

    /// Prints until the demo has ended; false if the pool was not at rest within `limit`, the story did not end within
    /// `limit` from the burst, or the trace ends before.
    async fn play(mut self, mut events: Events, limit: Duration) -> anyhow::Result<bool> {
        let mut end = api::time(events.now()) + limit.0;
        loop {
            let update = events.next().await;
            let now = events.now();
            let mut burst = match update {
                Some(Update::Burst(tasks)) if self.progress.pushed.is_none() => Some(tasks),
                _ => None,
            };
            if let Some(update) = update {
                self.narrator.apply(update, now);
            }
            self.print_lines(now)?;
            if self.progress.pushed.is_none() {
                burst = self.push_when_at_rest().await?.or(burst);
            } else if self.progress.ended(&self.narrator, self.tasks) {
                break;
            }
            if let Some(tasks) = burst {
                self.start_burst(tasks, now)?;
                // A pool that had to come to rest first has as much time for the story as any other.
                end = api::time(events.now()) + limit.0;
            }
            if api::time(events.now()) >= end || events.is_over() {
                self.print_timeout(limit);
                self.print_summary()?;
                return Ok(false);
            }
        }
        self.print_summary()?;
        Ok(true)
    }

    fn print_lines(&mut self, now: Timestamp) -> std::io::Result<()> {
        for line in self.narrator.lines(now) {
            let comment = self.progress.observe(&line, &self.narrator, self.tasks);
            let comment = comment.map(Note::Text);
            print(self.out, &line, line.note.as_ref().or(comment.as_ref()))?;
        }
        Ok(())
    }

    /// Pushes the burst once the pool is at rest; until then prints what it waits for.
    async fn push_when_at_rest(&mut self) -> anyhow::Result<Option<u32>> {
        let Some(Pusher { redis, keys, burst }) = &mut self.pusher else {
            return Ok(None);
        };
        if !self.narrator.is_settled() {
            return Ok(None);
        }
        if self.narrator.is_at_rest() {
            push_burst(redis, keys, burst).await?;
            return Ok(Some(burst.tasks));
        }
        let lang = self.out.lang;
        let condition = pending_condition(&self.narrator, lang);
        if condition != self.waiting_for {
            let decision = self.narrator.decision_status();
            let message = decision.map_or(String::new(), |decision| {
                let message = self.out.message(decision);
                tr!(lang, "cli-demo-operator-says", message)
            });
            self.out
                .info(&tr!(lang, "cli-demo-before-burst", condition, message));
            self.waiting_for = condition;
        }
        Ok(None)
    }

    fn start_burst(&mut self, tasks: u32, now: Timestamp) -> std::io::Result<()> {
        let pushed = self.pusher.as_ref().map_or(now, |_| Timestamp::now());
        self.tasks = tasks;
        self.progress.pushed = Some(pushed);
        self.progress.done_before = self.narrator.summary().map_or(0, QueueSummary::ended);
        self.out.data_at(pushed, &class_format::stress(tasks))?;
        self.narrator.on_burst();
        Ok(())
    }

    fn print_timeout(&self, limit: Duration) {
        let lang = self.out.lang;
        let condition = pending_condition(&self.narrator, lang);
        self.out.info(&match self.pusher {
            Some(_) => tr!(lang, "cli-demo-timeout", limit, condition),
            None => tr!(lang, "cli-demo-trace-ended", condition),
        });
    }

    /// Prints the tasks done and every change since the burst; nothing if there was no burst.
    fn print_summary(&self) -> std::io::Result<()> {
        let (out, lang, tasks) = (self.out, self.out.lang, self.tasks);
        let Progress {
            changes, emptied, ..
        } = &self.progress;
        let Some(pushed) = self.progress.pushed else {
            return Ok(());
        };
        let first = changes.first().map(|(_, from, _)| *from);
        let first = first.unwrap_or(self.narrator.idle_replicas());
        let path = std::iter::once(first).chain(changes.iter().map(|(_, _, to)| *to));
        let path: Vec<String> = path.map(|n| n.to_string()).collect();
        let path = path.join(" → ");
        let done = self.progress.done(&self.narrator).unwrap_or(0);
        let done = done.min(tasks.into());
        let time = emptied.map(|at| millis_since(pushed, at) / 1000);
        let time = time.map_or(String::new(), |time| tr!(lang, "cli-demo-time", time));
        let failed = self.narrator.summary().and_then(|summary| summary.failed);
        let failed = failed.filter(|failed| *failed > 0);
        let failed = failed.map_or(String::new(), |failed| tr!(lang, "cli-demo-failed", failed));
        let name = &self.name;
        out.data("")?;
        out.data(&tr!(
            lang,
            "cli-demo-summary",
            name,
            path,
            done,
            tasks,
            time,
            failed
        ))?;
        for (line, from, to) in changes {
            out.data(&change_row(out, pushed, line, *from, *to))?;
        }
        Ok(())
    }
}

/// One change in the summary: when, the replicas, the time since the push if it scaled up, and why.
fn change_row(out: &Out, pushed: Timestamp, line: &Line, from: i32, to: i32) -> String {
    let lang = out.lang;
    let after = match millis_since(pushed, line.at) {
        _ if to < from => String::new(),
        0 => tr!(lang, "cli-demo-within-second"), // a trace has one line per second
        millis if millis < 1000 => tr!(lang, "cli-demo-millis-after-push", millis),
        millis => {
            let (whole, tenth) = (millis / 1000, millis / 100 % 10);
            tr!(lang, "cli-demo-seconds-after-push", whole, tenth)
        }
    };
    let note = line.note.as_ref();
    let note = note.map_or(String::new(), |note| note.text(out));
    let (clock, change) = (out.clock(line.at), format!("{from} → {to}"));
    format!("  {clock}  {change:7}  {after:22}  {note}")
}

fn millis_since(pushed: Timestamp, at: Timestamp) -> i64 {
    (at.as_millisecond() - pushed.as_millisecond()).max(0)
}

/// The condition that must still be met before the pool is at rest.
fn pending_condition(narrator: &Narrator, lang: Lang) -> String {
    let idle = narrator.idle_replicas();
    let Some(summary) = narrator.summary() else {
        let error = narrator.unreachable();
        let error = error.map_or(String::new(), |error| format!(": {error}"));
        return tr!(lang, "cli-demo-until-redis", error);
    };
    let live = class_format::number(summary.live);
    let running = summary.in_flight.unwrap_or(0);
    match (summary.ready, running, narrator.replicas()) {
        (0, 0, Some(now)) if now == idle => tr!(lang, "cli-demo-until-registered", idle, live),
        (0, 0, Some(now)) => tr!(lang, "cli-demo-until-idle", idle, now),
        (_, _, None) => tr!(lang, "cli-demo-until-target"),
        (ready, running, _) => tr!(lang, "cli-demo-until-empty", ready, running),
    }
}

/// What has happened since the push.
#[derive(Default)]
struct Progress {
    pushed: Option<Timestamp>,
    /// Tasks that had ended before the push.
    done_before: u64,
    /// When the queue was first empty.
    emptied: Option<Timestamp>,
    /// The changes of the replicas, each with its line.
    changes: Vec<(Line, i32, i32)>,
    narration: Narration,
    lang: Lang,
}

impl Progress {
    /// Records a line, and returns a comment on it.
    fn observe(&mut self, line: &Line, narrator: &Narrator, tasks: u32) -> Option<String> {
        if let (LineKind::Scaled { from, to }, Some(_)) = (line.kind, self.pushed) {
            self.changes.push((line.clone(), from, to));
        }
        let summary = narrator
            .summary()
            .filter(|_| line.kind == LineKind::Queue)?;
        let live = class_format::number(summary.live);
        if self.pushed.is_none() {
            self.narration.begin(summary.live.unwrap_or(0));
            let idle = || tr!(self.lang, "cli-demo-idle", live);
            return narrator.is_at_rest().then(idle);
        }
        if summary.is_empty() {
            self.emptied.get_or_insert(line.at);
        }
        let done = self.done(narrator)?;
        self.narration.next(self.lang, narrator, tasks, done)
    }

    /// Tasks that ended since the push.
    fn done(&self, narrator: &Narrator) -> Option<u64> {
        let summary = narrator.summary()?;
        Some(summary.ended().saturating_sub(self.done_before))
    }

    /// Whether the tasks are done, the pool is at rest again, and all lines are printed.
    fn ended(&self, narrator: &Narrator, tasks: u32) -> bool {
        let done = self.done(narrator);
        let all_done = done.is_some_and(|done| done >= u64::from(tasks));
        narrator.is_at_rest() && narrator.is_settled() && (narrator.was_active() || all_done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::narrator::tests::{at, narrator};

    fn metrics(ready: u64, running: u64, live: u64, done: u64) -> Update {
        Update::Metrics(QueueSummary {
            processed: Some(done),
            failed: Some(0),
            ..QueueSummary::of_counts(ready, running, live)
        })
    }

    /// After each update: has the demo ended?
    fn ends(updates: Vec<Update>) -> Vec<bool> {
        let mut narrator = narrator(Lang::EN);
        narrator.apply(Update::Replicas(3), at(0));
        narrator.apply(metrics(0, 0, 3, 100), at(0));
        narrator.lines(at(1));
        let progress = Progress {
            pushed: Some(at(1)),
            done_before: 100,
            ..Progress::default()
        };
        narrator.on_burst();
        let seconds = (10..).step_by(10);
        updates
            .into_iter()
            .zip(seconds)
            .map(|(update, second)| {
                narrator.apply(update, at(second));
                narrator.lines(at(second + 5)); // a change waits for its history entry
                progress.ended(&narrator, 25)
            })
            .collect()
    }

    #[test]
    fn summary_has_every_change_since_the_push() {
        let mut narrator = narrator(Lang::EN);
        narrator.on_burst();
        let mut progress = Progress {
            pushed: Some(at(1)),
            ..Progress::default()
        };
        let line = Line {
            at: at(1),
            text: String::new(),
            note: None,
            kind: LineKind::Scaled { from: 3, to: 5 },
        };
        let comment = progress.observe(&line, &narrator, 25);
        assert_eq!(comment, None, "a change has its own note");
        // The first change comes before the first poll.
        assert_eq!(progress.changes, [(line, 3, 5)]);
    }

    #[test]
    fn ends_when_tasks_are_done_and_pool_is_at_rest() {
        let updates = vec![
            metrics(22, 3, 3, 100),
            Update::Replicas(5),
            metrics(0, 5, 5, 120),
            metrics(0, 0, 5, 125),
            Update::Replicas(3),
            metrics(0, 0, 3, 125),
        ];
        assert_eq!(ends(updates), [false, false, false, false, false, true]);
        let from_before_the_push = metrics(0, 0, 3, 100);
        assert_eq!(ends(vec![from_before_the_push]), [false]);
        let done_between_two_polls = metrics(0, 0, 3, 125);
        assert_eq!(ends(vec![done_between_two_polls]), [true]);
        let unreachable = Update::Unreachable("gone".into());
        assert_eq!(ends(vec![metrics(3, 3, 3, 100), unreachable]), [false; 2]);
    }
}
