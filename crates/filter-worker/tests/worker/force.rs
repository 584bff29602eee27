//! Proof by force: Rust and Python workers in one queue, killed and paused at each step, and not one task lost;
//! beside them workers that take their tasks by a bare BRPOP and must lose some, so that losses are known to show.
//!
//! `FORCE=full` (`make force`) is the whole proof of some minutes; without it a short one.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

use crate::process::{Kind, PATIENCE, Process, Yard};
use crate::wire::{Blow, Step, Wire};
use protocol::Task;
use redis::Commands;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// How much of it.
struct Size {
    tasks: usize,
    delay_ms: u64,
    kills: usize,
    pauses: usize,
    /// From one blow to the next.
    peace: Duration,
}

static SIZE: LazyLock<Size> = LazyLock::new(|| {
    if std::env::var("FORCE").is_ok_and(|it| it == "full") {
        Size {
            tasks: 5_000,
            delay_ms: 300,
            kills: 60,
            pauses: 20,
            peace: Duration::from_millis(2_500),
        }
    } else {
        Size {
            tasks: 600,
            delay_ms: 200,
            kills: 10,
            pauses: 4,
            peace: Duration::from_millis(1_200),
        }
    }
});
const KINDS: [Kind; 6] = [
    Kind::Rust,
    Kind::Python,
    Kind::Rust,
    Kind::Python,
    Kind::Rust,
    Kind::Python,
];
/// In turn, kills and pauses at each.
const STEPS: [Step; 5] = [
    Step::AnyMoment,
    Step::BeforeClaim,
    Step::AfterClaim,
    Step::BeforeAck,
    Step::AfterAck,
];
/// Well past the lease of 8 s.
const PAUSE: Duration = Duration::from_secs(10);
/// So many tasks must wait while blows fall: the last ones, hunted from worker to worker, would be given up as poison.
const PREY: u64 = 20;
/// From one blow to whoever rescues to the next, from one flush of scripts and cut of connections to the next.
const LONG_PEACE: Duration = Duration::from_secs(9);

/// One worker's place: when it is killed its successor starts there, as a Deployment would do.
struct Place {
    kind: Kind,
    wire: Wire,
    process: Process,
    /// Since when it has been paused.
    paused: Option<Instant>,
}

/// A task whose worker was killed: who that was, when, and since then how long until its lease ended and its task was
/// ready again.
struct Orphan {
    worker: String,
    killed: Instant,
    ended: Option<Duration>,
    ready: Option<Duration>,
}

/// All workers, and what has become of them.
struct Crew {
    yard: Yard,
    places: Vec<Place>,
    blows: BTreeMap<(Blow, Step, Kind), usize>,
    /// Who has run each task.
    runs: BTreeMap<String, BTreeSet<String>>,
    /// Tasks that a killed worker held.
    orphans: BTreeMap<String, Orphan>,
    /// From each kill to the end of the lease, to the rescue and to the next run of what it held.
    rescues: Vec<[Duration; 3]>,
}

impl Crew {
    fn new(kinds: [Kind; 6]) -> Self {
        let yard = Yard::new();
        let place = |(n, kind)| {
            let wire = Wire::to(yard.address());
            let process = yard.worker_on(&wire, kind, &format!("w{n}"));
            Place {
                kind,
                wire,
                process,
                paused: None,
            }
        };
        let places = kinds.into_iter().enumerate().map(place).collect();
        let (blows, runs, orphans) = Default::default();
        Self {
            yard,
            places,
            blows,
            runs,
            orphans,
            rescues: Vec::new(),
        }
    }

    fn count(&self, blow: Blow) -> usize {
        self.blows
            .iter()
            .filter(|((it, ..), _)| *it == blow)
            .map(|(_, n)| n)
            .sum()
    }

    /// The tasks that each worker holds. A list that was reaped meanwhile is a fence, and holds none.
    fn held(&mut self) -> Vec<(String, Vec<String>)> {
        let ids: Vec<String> = self.yard.redis.smembers(self.yard.keys.workers()).unwrap();
        let held = |id: String| {
            let list = self.yard.redis.lrange(self.yard.keys.claimed(&id), 0, -1);
            let tasks: Vec<String> = list.unwrap_or_default();
            (
                id,
                tasks
                    .iter()
                    .map(|it| serde_json::from_str::<Task>(it).unwrap().id)
                    .collect(),
            )
        };
        ids.into_iter().map(held).collect()
    }

    /// Sees who runs what.
    fn watch(&mut self) {
        let held = self.held();
        let holds = |worker: &str, task: &String| {
            held.iter()
                .any(|(id, tasks)| id == worker && tasks.contains(task))
        };
        for (task, orphan) in &mut self.orphans {
            let since = orphan.killed.elapsed();
            if orphan.ended.is_none()
                && !self
                    .yard
                    .redis
                    .exists::<_, bool>(self.yard.keys.worker(&orphan.worker))
                    .unwrap()
            {
                orphan.ended = Some(since);
            }
            if !holds(&orphan.worker, task) {
                orphan.ready.get_or_insert(since);
            }
        }
        for (id, tasks) in held {
            for task in tasks {
                if self
                    .orphans
                    .get(&task)
                    .is_some_and(|orphan| orphan.worker != id)
                {
                    let Orphan {
                        killed,
                        ended,
                        ready,
                        ..
                    } = self.orphans.remove(&task).unwrap();
                    self.rescues
                        .push([ended, ready, None].map(|phase| phase.unwrap_or(killed.elapsed())));
                }
                self.runs.entry(task).or_default().insert(id.clone());
            }
        }
    }

    /// Sets a trap for one worker at random that is neither paused nor waits for its own.
    fn strike(&mut self) {
        let n: usize = self.blows.values().sum();
        let place = &self.places[fastrand::usize(..self.places.len())];
        if place.paused.is_some() || place.wire.is_armed() {
            return;
        }
        let pausable = self.places.iter().filter(|it| it.paused.is_some()).count() < 2;
        let blow = if n % 3 == 2 && pausable {
            Blow::Pause
        } else {
            Blow::Kill
        };
        place.wire.arm(STEPS[n % STEPS.len()], blow);
    }

    /// Sees which traps have sprung, and puts a successor where a worker was killed.
    fn tend(&mut self) {
        for n in 0..self.places.len() {
            if self.places[n].paused.is_some_and(|it| it.elapsed() > PAUSE) {
                self.places[n].wire.resume();
                self.places[n].paused = None;
            }
            let Some((step, blow)) = self.places[n].wire.sprung() else {
                continue;
            };
            *self
                .blows
                .entry((blow, step, self.places[n].kind))
                .or_default() += 1;
            if step == Step::InReap {
                self.places.iter().for_each(|it| it.wire.disarm());
            }
            if blow == Blow::Pause {
                self.places[n].paused = Some(Instant::now());
                continue;
            }
            let killed = Instant::now();
            self.places[n].process.kill(); // is dead already, and is waited for
            let name = self.places[n].process.name.clone();
            for (id, tasks) in self.held() {
                if id.rsplit_once('.').is_some_and(|(it, _)| it == name) {
                    for task in tasks {
                        self.runs
                            .entry(task.clone())
                            .or_default()
                            .insert(id.clone());
                        let orphan = Orphan {
                            worker: id.clone(),
                            killed,
                            ended: None,
                            ready: None,
                        };
                        self.orphans.entry(task).or_insert(orphan);
                    }
                }
            }
            let place = &mut self.places[n];
            place.process = self.yard.worker_on(&place.wire, place.kind, &name);
        }
    }

    fn print_blows(&self) {
        for ((blow, step, kind), n) in &self.blows {
            println!(
                "  {:7}{:14}{:8}{n:4}",
                format!("{blow:?}"),
                format!("{step:?}"),
                format!("{kind:?}")
            );
        }
    }
}

#[test]
fn no_task_is_lost_whoever_is_killed_or_paused_wherever() {
    let mut crew = Crew::new(KINDS);
    let started = Instant::now();
    crew.yard
        .push((0..SIZE.tasks).map(|n| n.to_string()), SIZE.delay_ms);
    let (mut pushed, mut looks) = (SIZE.tasks, 0);
    let (mut next_blow, mut next_reap, mut next_cut) = (
        started + SIZE.peace,
        started + LONG_PEACE,
        started + LONG_PEACE,
    );
    let deadline = started
        + Duration::from_millis(SIZE.delay_ms) * u32::try_from(SIZE.tasks).unwrap()
        + 4 * PATIENCE;
    loop {
        let seen = crew.yard.look(); // checks that nothing is out of sight
        looks += 1;
        crew.watch();
        crew.tend();
        let killed = |step| {
            KINDS
                .iter()
                .any(|kind| crew.blows.contains_key(&(Blow::Kill, step, *kind)))
        };
        let enough = crew.count(Blow::Kill) >= SIZE.kills
            && crew.count(Blow::Pause) >= SIZE.pauses
            && STEPS.into_iter().chain([Step::InReap]).all(killed);
        if seen.processed == Some(pushed as u64) {
            if enough {
                break;
            }
            crew.yard
                .push((pushed..pushed + 100).map(|n| n.to_string()), SIZE.delay_ms);
            pushed += 100;
        }
        assert_eq!(
            seen.failed, None,
            "a task was given up: {seen:?}, {:?}",
            crew.blows
        );
        assert!(Instant::now() < deadline, "{seen:?}, {:?}", crew.blows);
        let now = Instant::now();
        if seen.ready < PREY {
            crew.places.iter().for_each(|it| it.wire.disarm());
        } else if now >= next_blow {
            crew.strike();
            next_blow = now + SIZE.peace.mul_f64(0.5 + fastrand::f64());
        }
        if now >= next_reap
            && seen.ready >= PREY
            && crew.places.iter().all(|it| !it.wire.is_armed())
        {
            let running = crew.places.iter().filter(|it| it.paused.is_none());
            running.for_each(|it| it.wire.arm(Step::InReap, Blow::Kill));
            (next_reap, next_blow) = (now + LONG_PEACE, now + 2 * SIZE.peace);
        }
        if now >= next_cut {
            // NOSCRIPT for everybody, and every connection broken, whatever is under way in it.
            redis::cmd("SCRIPT")
                .arg("FLUSH")
                .exec(&mut crew.yard.redis)
                .unwrap();
            let cut = ["KILL", "TYPE", "normal", "SKIPME", "yes"];
            redis::cmd("CLIENT")
                .arg(&cut)
                .exec(&mut crew.yard.redis)
                .unwrap();
            next_cut = now + LONG_PEACE;
        }
        std::thread::sleep(Duration::from_millis(5));
    }

    let seen = crew.yard.look();
    assert_eq!(
        (seen.arrived, seen.failed, seen.ready, seen.claimed),
        (Some(pushed as u64), None, 0, 0)
    );
    for n in 0..pushed {
        let result: Option<String> = crew
            .yard
            .redis
            .get(crew.yard.keys.result(&n.to_string()))
            .unwrap();
        assert!(
            result.is_some_and(|it| !it.contains("error")),
            "task {n} is counted and has no result"
        );
    }
    let again: usize = crew
        .runs
        .values()
        .map(|runs| runs.len().saturating_sub(1))
        .sum();
    let at = |phase: usize, share: usize| {
        let mut all: Vec<_> = crew.rescues.iter().map(|phases| phases[phase]).collect();
        all.sort();
        all[(all.len() * share / 100).min(all.len() - 1)]
    };
    println!(
        "{pushed} tasks, 3 Rust and 3 Python workers, {} kills, {} pauses of {PAUSE:?}, {looks} looks in {:.0?}: \
         0 lost, {again} started again; of {} tasks of the killed, p50, p99 and worst from the kill to",
        crew.count(Blow::Kill),
        crew.count(Blow::Pause),
        started.elapsed(),
        crew.rescues.len()
    );
    for (phase, what) in ["the end of the lease", "ready again", "the next run"]
        .into_iter()
        .enumerate()
    {
        println!(
            "  {what:21}{:6.1?}{:7.1?}{:7.1?}",
            at(phase, 50),
            at(phase, 99),
            at(phase, 100)
        );
    }
    crew.print_blows();
    let left: Vec<&String> = crew.orphans.keys().collect();
    assert!(left.is_empty(), "each orphan has run again: {left:?}");
    assert!(at(2, 100) < PATIENCE, "{:?}", at(2, 100));
}

#[test]
fn the_same_force_makes_bare_workers_lose_tasks() {
    let mut crew = Crew::new([Kind::Bare; 6]);
    crew.yard
        .push((0..SIZE.tasks / 4).map(|n| n.to_string()), SIZE.delay_ms);
    let mut next_blow = Instant::now() + SIZE.peace;
    let deadline = Instant::now() + 8 * PATIENCE;
    while crew
        .yard
        .redis
        .llen::<_, u64>(crew.yard.keys.ready())
        .unwrap()
        > 0
    {
        assert!(Instant::now() < deadline, "the queue is never empty");
        crew.tend();
        if Instant::now() >= next_blow {
            let n = crew.blows.values().sum::<usize>() % 6;
            if !crew.places[n].wire.is_armed() {
                crew.places[n]
                    .wire
                    .arm(STEPS[fastrand::usize(..STEPS.len())], Blow::Kill);
            }
            next_blow = Instant::now() + SIZE.peace / 2;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    crew.places.iter().for_each(|it| it.wire.disarm());
    crate::process::until("all to wait for more", || {
        crew.tend();
        let info: String = redis::cmd("INFO")
            .arg("clients")
            .query(&mut crew.yard.redis)
            .unwrap();
        info.contains("blocked_clients:6\r\n").then_some(())
    });
    let names = (0..SIZE.tasks / 4)
        .map(|n| crew.yard.keys.result(&n.to_string()))
        .collect::<Vec<_>>();
    let results: Vec<Option<String>> = crew.yard.redis.mget(names).unwrap();
    let lost = results.iter().filter(|it| it.is_none()).count();
    let kills = crew.count(Blow::Kill);
    println!(
        "control: {} tasks, 6 bare workers, {kills} kills: {lost} lost",
        SIZE.tasks / 4
    );
    assert!(
        lost > 0,
        "{kills} kills and nothing lost: losses would not be seen"
    );
}
