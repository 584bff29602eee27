//! `demo`: a burst and what becomes of it, told from start to end; ends by itself.

use super::monitor::print;
use super::stress::{Burst, push_burst, queue};
use crate::cluster::Cluster;
use crate::cluster::events::{Events, Update};
use crate::cluster::facts::QueueSummary;
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::fast_mode::FastMode;
use crate::commands::narration::Narration;
use crate::commands::narrator::{Kind, Narrated, Narrator};
use crate::text::class_format;
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::bail;
use api::{Duration, WorkerPool};
use jiff::Timestamp;
use kube::ResourceExt;
use protocol::Keys;

/// What has happened since the push.
#[derive(Default)]
struct Played {
    pushed: Option<Timestamp>,
    /// Tasks that had ended before.
    done_before: u64,
    emptied: Option<Timestamp>,
    changes: Vec<(Narrated, i32, i32)>,
    remarks: Narration,
    lang: Lang,
}

/// What is pushed, and by which way.
struct Pusher {
    link: RedisClient,
    keys: Keys,
    burst: Burst,
}

/// Plays the whole story on the pool `name`; false when it did not come to its end in time.
pub async fn run(
    cluster: &Cluster,
    name: Option<&str>,
    burst: Burst,
    limit: Duration,
    fast: bool,
) -> anyhow::Result<bool> {
    let lang = cluster.out.lang;
    let pool = cluster.pool(name).await?;
    let name = pool.name_any();
    if let Some(pin) = pool.spec.replicas {
        bail!(tr!(
            lang,
            "WorkerPool {name} is pinned to {pin} workers, so nothing would happen; first: kubectl workerpool scale {name} auto",
            "El WorkerPool {name} está fijado en {pin} workers, así que no pasaría nada; primero: kubectl workerpool scale {name} auto"
        ));
    }
    let (hurry, pool, burst) = FastMode::begin(cluster, pool, burst, fast).await?;
    let keys = queue(&pool)?;
    let feed = Events::start(cluster, &pool, RedisClient::new(cluster, &pool).await?);
    let pusher = Pusher {
        link: RedisClient::new(cluster, &pool).await?,
        keys,
        burst,
    };
    let playing = play(&cluster.out, &pool, feed, Some(pusher), limit);
    let played = tokio::select! {
        played = playing => played,
        _ = tokio::signal::ctrl_c(), if hurry.is_some() => Ok(false),
    };
    if let Some(hurry) = hurry {
        hurry.end(cluster).await?;
    }
    played
}

/// Plays a story that was recorded.
pub async fn replay(out: &Out, replay: Replay) -> anyhow::Result<bool> {
    let (lang, pool) = (out.lang, replay.pool().clone());
    let name = pool.name_any();
    out.info(&tr!(
        lang,
        "A recording, decided anew by the rules of {name}: no cluster, no Redis.",
        "Una grabación, decidida de nuevo por las reglas de {name}: sin clúster ni Redis."
    ));
    play(
        out,
        &pool,
        Events::Replay(Box::new(replay)),
        None,
        Duration::seconds(86_400),
    )
    .await
}

async fn play(
    out: &Out,
    pool: &WorkerPool,
    mut feed: Events,
    mut pusher: Option<Pusher>,
    limit: Duration,
) -> anyhow::Result<bool> {
    let (lang, name) = (out.lang, pool.name_any());
    let mut story = Narrator::begin(pool.clone())?.in_language(lang);
    let end = api::time(feed.now()) + limit.0;
    let mut played = Played {
        lang,
        ..Played::default()
    };
    let mut tasks = pusher.as_ref().map_or(0, |pusher| pusher.burst.tasks);
    let mut awaited = String::new();
    loop {
        let news = feed.next().await;
        let now = feed.now();
        let mut came = match news {
            Some(Update::Burst(n)) if played.pushed.is_none() => Some(n),
            _ => None,
        };
        if let Some(news) = news {
            story.apply(news, now);
        }
        for line in story.lines(now) {
            let remark = played.hear(&line, &story, tasks);
            print(out, &line, line.aside.as_deref().or(remark.as_deref()))?;
        }
        match played.pushed {
            None if pusher.is_some() && story.is_settled() && story.at_rest() => {
                if let Some(Pusher { link, keys, burst }) = &mut pusher {
                    push_burst(link, keys, *burst).await?;
                    came = Some(burst.tasks);
                }
            }
            None if pusher.is_some() && story.is_settled() => {
                let missing = missing(&story, lang);
                if missing != awaited {
                    let said = story.message().map(|said| out.message(said, now));
                    let said = said.map_or(String::new(), |said| {
                        tr!(lang, " The operator: {said}.", " El operador: {said}.")
                    });
                    out.info(&tr!(
                        lang,
                        "Before it begins: waiting until {missing}.{said}",
                        "Antes de empezar, se espera a que {missing}.{said}"
                    ));
                    awaited = missing;
                }
            }
            Some(_) if played.ended(&story, tasks) => break,
            None | Some(_) => {}
        }
        if let Some(n) = came {
            let now = if pusher.is_some() {
                Timestamp::now()
            } else {
                now
            };
            played.done_before = story.facts().map_or(0, QueueSummary::ended);
            (tasks, played.pushed) = (n, Some(now));
            out.data_at(now, &class_format::stress(n))?;
            story.burst();
        }
        if api::time(feed.now()) >= end || feed.is_over() {
            let missing = missing(&story, lang);
            out.info(&if pusher.is_some() {
                tr!(
                    lang,
                    "The demo did not end within {limit}: still waiting until {missing}.",
                    "La demo no terminó en {limit}: falta que {missing}."
                )
            } else {
                tr!(
                    lang,
                    "The recording ends before the story does: still waiting until {missing}.",
                    "La grabación acaba antes que la historia: falta que {missing}."
                )
            });
            played.summary(out, &name, &story, tasks)?;
            return Ok(false);
        }
    }
    played.summary(out, &name, &story, tasks)?;
    Ok(true)
}

/// What must still happen before the pool is at rest.
fn missing(story: &Narrator, lang: Lang) -> String {
    let rest = story.rest();
    let Some(facts) = story.facts() else {
        let why = story
            .blind()
            .map_or(String::new(), |why| format!(": {why}"));
        return tr!(lang, "Redis answers{why}", "Redis conteste{why}");
    };
    let live = class_format::number(facts.live);
    match (facts.ready, facts.in_flight.unwrap_or(0), story.replicas()) {
        (0, 0, Some(now)) if now == rest => tr!(
            lang,
            "the registry has just these {rest} workers (now {live})",
            "el registro tenga justo esos {rest} workers (ahora {live})"
        ),
        (0, 0, Some(now)) => {
            tr!(
                lang,
                "{now} workers are {rest} again",
                "{now} workers vuelvan a ser {rest}"
            )
        }
        (_, _, None) => tr!(
            lang,
            "the target of the WorkerPool exists",
            "exista el destino del WorkerPool"
        ),
        (ready, running, _) => tr!(
            lang,
            "the queue is empty ({ready} wait, {running} run)",
            "la cola esté vacía ({ready} esperan, {running} en marcha)"
        ),
    }
}

impl Played {
    /// Remembers what belongs to the story and says what it means.
    fn hear(&mut self, line: &Narrated, story: &Narrator, tasks: u32) -> Option<String> {
        if let (Kind::Scaled { from, to }, Some(_)) = (line.kind, self.pushed) {
            self.changes.push((line.clone(), from, to));
        }
        let facts = story.facts().filter(|_| line.kind == Kind::Queue)?;
        let live = class_format::number(facts.live);
        if self.pushed.is_none() {
            self.remarks.begin(facts.live.unwrap_or(0));
            return story.at_rest().then(|| {
                tr!(
                    self.lang,
                    "{live} workers wait for work. Watch the column Queue.",
                    "{live} workers esperan. Mire la columna Queue."
                )
            });
        }
        if facts.is_empty() {
            self.emptied.get_or_insert(line.at);
        }
        let done = facts.ended().saturating_sub(self.done_before);
        self.remarks.next(self.lang, story, tasks, done)
    }

    /// Whether the tasks are done, the workers are as few as at the start, and all of it has been told.
    fn ended(&self, story: &Narrator, tasks: u32) -> bool {
        let all_done = || {
            story
                .facts()
                .is_some_and(|facts| facts.ended() >= self.done_before + u64::from(tasks))
        };
        story.at_rest() && story.is_settled() && (story.has_moved() || all_done())
    }

    fn summary(&self, out: &Out, name: &str, story: &Narrator, tasks: u32) -> std::io::Result<()> {
        let (lang, Some(pushed)) = (out.lang, self.pushed) else {
            return Ok(());
        };
        let since = |at: Timestamp| (at.as_millisecond() - pushed.as_millisecond()).max(0);
        let first = self
            .changes
            .first()
            .map_or(story.rest(), |(_, from, _)| *from);
        let numbers = std::iter::once(first).chain(self.changes.iter().map(|(_, _, to)| *to));
        let path = numbers
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(" → ");
        let done = story
            .facts()
            .map_or(0, |facts| facts.ended().saturating_sub(self.done_before))
            .min(tasks.into());
        let time = self.emptied.map(|at| since(at) / 1000);
        let time = time.map_or(String::new(), |time| {
            tr!(lang, " in {time} s", " en {time} s")
        });
        let failed = story
            .facts()
            .and_then(|facts| facts.failed)
            .filter(|failed| *failed > 0);
        let failed = failed.map_or(String::new(), |failed| {
            tr!(
                lang,
                " ({failed} failed in this queue so far)",
                " ({failed} fallidas en esta cola hasta ahora)"
            )
        });
        out.data("")?;
        out.data(&tr!(
            lang,
            "{name}: {path} workers; {done} of {tasks} tasks done{time}{failed}",
            "{name}: {path} workers; {done} de {tasks} tareas hechas{time}{failed}"
        ))?;
        for (line, from, to) in &self.changes {
            let after = match since(line.at) {
                _ if to < from => String::new(),
                0 => tr!(lang, "within a second", "en el mismo segundo"), // a trace has a line a second
                millis if millis < 1000 => {
                    tr!(
                        lang,
                        "{millis} ms after the push",
                        "{millis} ms tras el empuje"
                    )
                }
                millis => {
                    let (whole, tenth) = (millis / 1000, millis / 100 % 10);
                    tr!(
                        lang,
                        "{whole}.{tenth} s after the push",
                        "{whole},{tenth} s tras el empuje"
                    )
                }
            };
            let why = line
                .aside
                .as_deref()
                .map_or(String::new(), |why| out.message(why, line.at));
            let change = format!("{from} → {to}");
            out.data(&format!(
                "  {}  {change:7}  {after:22}  {why}",
                out.clock(line.at)
            ))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::narrator::tests::{at, pool};

    fn facts(ready: u64, running: u64, live: u64, done: u64) -> Update {
        Update::Facts(QueueSummary {
            processed: Some(done),
            failed: Some(0),
            ..QueueSummary::of_counts(ready, running, live)
        })
    }

    /// The story after each piece of news, told in full: has the demo ended?
    fn ends(news: Vec<Update>) -> Vec<bool> {
        let mut story = Narrator::begin(pool()).expect("a pool that works");
        story.apply(Update::Replicas(3), at(0));
        story.apply(facts(0, 0, 3, 100), at(0));
        story.lines(at(1));
        let played = Played {
            pushed: Some(at(1)),
            done_before: 100,
            ..Played::default()
        };
        story.burst();
        let seconds = (10..).step_by(10);
        news.into_iter()
            .zip(seconds)
            .map(|(news, second)| {
                story.apply(news, at(second));
                story.lines(at(second + 5)); // a change waits for its sentence
                played.ended(&story, 25)
            })
            .collect()
    }

    #[test]
    fn every_change_since_the_push_is_in_the_summary() {
        let mut story = Narrator::begin(pool()).expect("a pool that works");
        story.burst();
        let mut played = Played {
            pushed: Some(at(1)),
            ..Played::default()
        };
        let line = Narrated {
            at: at(1),
            text: String::new(),
            aside: None,
            kind: Kind::Scaled { from: 3, to: 5 },
        };
        assert_eq!(
            played.hear(&line, &story, 25),
            None,
            "its own sentence is enough"
        );
        assert_eq!(
            played.changes,
            [(line, 3, 5)],
            "the first one comes before the first look"
        );
    }

    #[test]
    fn it_ends_when_all_is_done_and_the_workers_are_as_few_as_before() {
        let story = vec![
            facts(22, 3, 3, 100),
            Update::Replicas(5),
            facts(0, 5, 5, 120),
            facts(0, 0, 5, 125),
            Update::Replicas(3),
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
        assert_eq!(
            ends(vec![
                facts(3, 3, 3, 100),
                Update::Unreachable("gone".into())
            ]),
            [false, false]
        );
    }
}
