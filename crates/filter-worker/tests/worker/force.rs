//! The proof that no task is lost, at each instant ready, delayed, claimed, done or failed: Rust and Python workers share
//! a queue and are killed and paused at each point of the protocol. As a control, the same faults hit workers that claim
//! with a bare BRPOP; they must lose tasks, or the test could not detect a loss.
//!
//! `FORCE=full` (`make force`) runs the full proof of some minutes; without it a short one.

#![expect(clippy::print_stdout, reason = "it reports its measurements")]

use crate::orphan::Orphan;
use crate::process::{Harness, Language, Process, TIMEOUT, until_true};
use crate::proxy::{Fault, FaultPoint, FaultProxy};
use protocol::{Snapshot, Task};
use redis::Commands;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

struct Size {
    tasks: usize,
    delay_ms: u64,
    kills: usize,
    pauses: usize,
    fault_interval: Duration,
}

static SIZE: LazyLock<Size> = LazyLock::new(|| {
    if std::env::var("FORCE").is_ok_and(|it| it == "full") {
        Size {
            tasks: 5_000,
            delay_ms: 300,
            kills: 60,
            pauses: 20,
            fault_interval: Duration::from_millis(2_500),
        }
    } else {
        Size {
            tasks: 600,
            delay_ms: 200,
            kills: 10,
            pauses: 4,
            fault_interval: Duration::from_millis(1_200),
        }
    }
});
const LANGUAGES: [Language; 6] = [
    Language::Rust,
    Language::Python,
    Language::RustTwice,
    Language::Python,
    Language::RustTwice,
    Language::Python,
];
/// Each of so many tasks fails until its picture is there, and it is there once some are delayed. If that took longer, the
/// failures would leave too few attempts for the faults.
const LATE_TASKS: usize = 15;
const PICTURE: &str = "late";
/// In turn, kills and pauses at each.
const POINTS: [FaultPoint; 5] = [
    FaultPoint::AnyMoment,
    FaultPoint::BeforeClaim,
    FaultPoint::AfterClaim,
    FaultPoint::BeforeAck,
    FaultPoint::AfterAck,
];
/// Longer than the lease of 8 s.
const PAUSE: Duration = Duration::from_secs(10);
/// Faults need this many waiting tasks. The last tasks would be hit again and again until their fifth attempt.
const MIN_READY: u64 = 20;
/// Between two kills of a reaping worker, and between two resets of all scripts and connections.
const LONG_INTERVAL: Duration = Duration::from_secs(9);

/// One of the workers. When it is killed, a successor with the same name starts, as in a Deployment.
struct Replica {
    language: Language,
    proxy: FaultProxy,
    process: Process,
    paused_at: Option<Instant>,
}

/// All workers, and what has been observed of them.
struct ChaosRun {
    harness: Harness,
    replicas: Vec<Replica>,
    pushed: usize,
    faults: BTreeMap<(Fault, FaultPoint, Language), usize>,
    /// The worker ids that have run each task.
    runs: BTreeMap<String, BTreeSet<String>>,
    orphans: BTreeMap<String, Orphan>,
    /// Orphans whose acknowledgement was under way at the kill and still reached Redis.
    acknowledged: usize,
    /// From each kill to the end of the lease, until the task was ready again, and to its next run.
    rescues: Vec<[Duration; 3]>,
}

impl ChaosRun {
    fn new(languages: [Language; 6]) -> Self {
        let harness = Harness::new();
        let replica = |(n, language)| {
            let proxy = FaultProxy::to(harness.address());
            let process = harness.start_behind(&proxy, language, &format!("w{n}"));
            Replica {
                language,
                proxy,
                process,
                paused_at: None,
            }
        };
        let replicas = languages.into_iter().enumerate().map(replica).collect();
        Self {
            harness,
            replicas,
            pushed: 0,
            faults: BTreeMap::new(),
            runs: BTreeMap::new(),
            orphans: BTreeMap::new(),
            acknowledged: 0,
            rescues: Vec::new(),
        }
    }

    fn push(&mut self, count: usize) {
        let (late, others): (Vec<_>, Vec<_>) =
            (self.pushed..self.pushed + count).partition(|n| n % LATE_TASKS == 0);
        let body = json!({"filters": [], "image": {"key": PICTURE}});
        let late = late.iter().map(|n| Task {
            id: n.to_string(),
            ..Task::new(body.clone())
        });
        self.harness.push_tasks(&late.collect::<Vec<_>>());
        let others = others.iter().map(ToString::to_string);
        self.harness.push(others, SIZE.delay_ms);
        self.pushed += count;
    }

    fn count(&self, fault: Fault) -> usize {
        let counts = self.faults.iter().filter(|((it, ..), _)| *it == fault);
        counts.map(|(_, n)| n).sum()
    }

    fn has_enough_faults(&self) -> bool {
        let has_kill_at = |point| {
            self.faults
                .keys()
                .any(|(fault, at, _)| (*fault, *at) == (Fault::Kill, point))
        };
        self.count(Fault::Kill) >= SIZE.kills
            && self.count(Fault::Pause) >= SIZE.pauses
            && POINTS
                .into_iter()
                .chain([FaultPoint::InReap])
                .all(has_kill_at)
    }

    /// The tasks that each registered worker holds. A fence in place of a claimed list holds none.
    fn held(&mut self) -> Vec<(String, Vec<String>)> {
        let harness = &mut self.harness;
        let ids: Vec<String> = harness.redis.smembers(harness.keys.workers()).unwrap();
        let held = |id: String| {
            let elements = harness.redis.lrange(harness.keys.claimed(&id), 0, -1);
            let elements: Vec<String> = elements.unwrap_or_default();
            let task_id = |it: &String| serde_json::from_str::<Task>(it).unwrap().id;
            (id, elements.iter().map(task_id).collect())
        };
        ids.into_iter().map(held).collect()
    }

    /// Records which worker runs which task, and what has become of the orphans.
    fn observe(&mut self, time: i64) {
        let held = self.held();
        let holds = |worker: &str, task: &String| {
            held.iter()
                .any(|(id, tasks)| id == worker && tasks.contains(task))
        };
        let Harness { redis, keys, .. } = &mut self.harness;
        for (task, orphan) in &mut self.orphans {
            let since_kill = orphan.killed_at.elapsed();
            if orphan.lease_end.is_none()
                && redis
                    .hget::<_, _, Option<i64>>(keys.worker(&orphan.worker_id), "lease_ends")
                    .unwrap()
                    .is_none_or(|ends| ends <= time)
            {
                orphan.lease_end = Some(since_kill);
            }
            if !holds(&orphan.worker_id, task) {
                orphan.released.get_or_insert(since_kill);
            }
        }
        for (worker_id, tasks) in held {
            for task in tasks {
                self.on_run(&task, &worker_id);
            }
        }
        self.observe_results();
    }

    /// A worker runs a task, or has run it.
    fn on_run(&mut self, task: &str, worker_id: &str) {
        let orphan = self.orphans.get(task);
        if orphan.is_some_and(|it| it.worker_id != worker_id) {
            let orphan = self.orphans.remove(task).unwrap();
            self.rescues.push(orphan.rescue_times());
        }
        let workers = self.runs.entry(task.to_owned()).or_default();
        workers.insert(worker_id.to_owned());
    }

    /// Settles the orphans that have a result. Redis accepts a result only from the worker that holds the task, and
    /// the result names that worker. If it is the killed worker, its acknowledgement was under way at the kill and
    /// arrived afterwards: the task is done and must not run again. If it is another worker, the task has run again,
    /// too quickly to be seen in that worker's claimed list.
    fn observe_results(&mut self) {
        let released = self.orphans.iter().filter(|(_, it)| it.released.is_some());
        let tasks: Vec<String> = released.map(|(task, _)| task.clone()).collect();
        for task in tasks {
            let Some(result) = self.result(&task) else {
                continue;
            };
            let worker_id = result["worker"].as_str().unwrap();
            if self.orphans[&task].worker_id == worker_id {
                self.orphans.remove(&task);
                self.acknowledged += 1;
            } else {
                self.on_run(&task, worker_id);
            }
        }
    }

    fn result(&mut self, task: &str) -> Option<Value> {
        let harness = &mut self.harness;
        let result: Option<String> = harness.redis.get(harness.keys.result(task)).unwrap();
        result.map(|it| serde_json::from_str(&it).unwrap())
    }

    /// Arms the next fault for a random worker, unless that one is paused or armed already.
    fn arm_fault(&mut self) {
        let n: usize = self.faults.values().sum();
        let replica = &self.replicas[fastrand::usize(..self.replicas.len())];
        if replica.paused_at.is_some() || replica.proxy.is_armed() {
            return;
        }
        let paused = self.replicas.iter().filter(|it| it.paused_at.is_some());
        let fault = if n % 3 == 2 && paused.count() < 2 {
            Fault::Pause
        } else {
            Fault::Kill
        };
        replica.proxy.arm(POINTS[n % POINTS.len()], fault);
    }

    fn disarm_all(&self) {
        self.replicas.iter().for_each(|it| it.proxy.disarm());
    }

    /// Records the injected faults, resumes paused workers, and starts a successor for each killed worker.
    fn handle_faults(&mut self) {
        for n in 0..self.replicas.len() {
            let replica = &mut self.replicas[n];
            if replica.paused_at.is_some_and(|it| it.elapsed() > PAUSE) {
                replica.proxy.resume();
                replica.paused_at = None;
            }
            let Some((point, fault)) = replica.proxy.take_injected() else {
                continue;
            };
            *self
                .faults
                .entry((fault, point, replica.language))
                .or_default() += 1;
            match fault {
                Fault::Pause => replica.paused_at = Some(Instant::now()),
                Fault::Kill => self.replace_killed(n),
            }
            if point == FaultPoint::InReap {
                self.disarm_all();
            }
        }
    }

    fn replace_killed(&mut self, n: usize) {
        let killed_at = Instant::now();
        self.replicas[n].process.kill(); // it is dead already; this waits for it
        let name = format!("w{n}");
        for (worker_id, tasks) in self.held() {
            if worker_id.rsplit_once('.').is_none_or(|(it, _)| it != name) {
                continue;
            }
            for task in tasks {
                let workers = self.runs.entry(task.clone()).or_default();
                workers.insert(worker_id.clone());
                self.orphans.entry(task).or_insert(Orphan {
                    worker_id: worker_id.clone(),
                    killed_at,
                    lease_end: None,
                    released: None,
                });
            }
        }
        let replica = &mut self.replicas[n];
        replica.process = self
            .harness
            .start_behind(&replica.proxy, replica.language, &name);
    }

    /// Each task is done exactly once, and each orphan has run again or was acknowledged.
    fn assert_nothing_is_lost(&mut self) {
        let snapshot = self.harness.snapshot();
        assert_eq!(
            (
                snapshot.arrived,
                snapshot.failed,
                snapshot.ready,
                snapshot.due,
                snapshot.claimed
            ),
            (Some(self.pushed as u64), None, 0, 0, 0)
        );
        for n in 0..self.pushed {
            let result = self.result(&n.to_string());
            assert!(
                result.is_some_and(|it| it.get("error").is_none()),
                "task {n} counts as done and has no result"
            );
        }
        let unsettled: Vec<&String> = self.orphans.keys().collect();
        assert!(
            unsettled.is_empty(),
            "held by a killed worker, and neither run again nor acknowledged: {unsettled:?}"
        );
    }

    /// The time of one phase of the rescues: at this percentile.
    fn rescue_time(&self, phase: usize, percentile: usize) -> Duration {
        let mut times: Vec<_> = self.rescues.iter().map(|it| it[phase]).collect();
        times.sort();
        times[(times.len() * percentile / 100).min(times.len() - 1)]
    }

    fn print_report(&self, elapsed: Duration, snapshots: usize) {
        let again = self.runs.values().map(|it| it.len().saturating_sub(1));
        println!(
            "{} tasks, 3 Rust and 3 Python workers, {} kills, {} pauses of {PAUSE:?}, {snapshots} snapshots in \
             {elapsed:.0?}: 0 lost, {} started again, {} acknowledged after the kill; for {} rescued tasks, p50, p99 \
             and worst from the kill to",
            self.pushed,
            self.count(Fault::Kill),
            self.count(Fault::Pause),
            again.sum::<usize>(),
            self.acknowledged,
            self.rescues.len()
        );
        let phases = ["the end of the lease", "ready again", "the next run"];
        for (phase, name) in phases.into_iter().enumerate() {
            println!(
                "  {name:21}{:6.1?}{:7.1?}{:7.1?}",
                self.rescue_time(phase, 50),
                self.rescue_time(phase, 99),
                self.rescue_time(phase, 100)
            );
        }
        for ((fault, point, language), n) in &self.faults {
            println!(
                "  {:7}{:14}{:8}{n:4}",
                format!("{fault:?}"),
                format!("{point:?}"),
                format!("{language:?}")
            );
        }
    }
}

/// When the next faults are due.
struct Schedule {
    fault: Instant,
    reap_kill: Instant,
    reset: Instant,
}

impl Schedule {
    fn new(now: Instant) -> Self {
        Self {
            fault: now + SIZE.fault_interval,
            reap_kill: now + LONG_INTERVAL,
            reset: now + LONG_INTERVAL,
        }
    }

    fn inject(&mut self, run: &mut ChaosRun, snapshot: &Snapshot) {
        let now = Instant::now();
        let enough_ready = snapshot.ready >= MIN_READY;
        if !enough_ready {
            run.disarm_all();
        } else if now >= self.fault {
            run.arm_fault();
            self.fault = now + SIZE.fault_interval.mul_f64(0.5 + fastrand::f64());
        }
        let none_armed = run.replicas.iter().all(|it| !it.proxy.is_armed());
        if now >= self.reap_kill && enough_ready && none_armed {
            let running = run.replicas.iter().filter(|it| it.paused_at.is_none());
            running.for_each(|it| it.proxy.arm(FaultPoint::InReap, Fault::Kill));
            self.reap_kill = now + LONG_INTERVAL;
            self.fault = now + 2 * SIZE.fault_interval;
        }
        if now >= self.reset {
            // Every worker gets NOSCRIPT and loses its connections, whatever it is doing.
            redis::cmd("SCRIPT")
                .arg("FLUSH")
                .exec(&mut run.harness.redis)
                .unwrap();
            run.harness.close_connections();
            self.reset = now + LONG_INTERVAL;
        }
    }
}

#[test]
fn no_task_is_lost_under_kills_and_pauses() {
    let mut run = ChaosRun::new(LANGUAGES);
    let started = Instant::now();
    run.push(SIZE.tasks);
    let mut schedule = Schedule::new(started);
    let deadline = started
        + Duration::from_millis(SIZE.delay_ms) * u32::try_from(SIZE.tasks).unwrap()
        + 4 * TIMEOUT;
    let (mut snapshots, mut most_delayed, mut picture_stored) = (0, 0, false);
    loop {
        let snapshot = run.harness.snapshot();
        snapshots += 1;
        most_delayed = most_delayed.max(snapshot.due);
        if !picture_stored && most_delayed > 0 {
            run.harness.store_picture(PICTURE);
            picture_stored = true;
        }
        run.observe(snapshot.time);
        run.handle_faults();
        if snapshot.processed == Some(run.pushed as u64) {
            if run.has_enough_faults() {
                break;
            }
            // Enough for a lease to end meanwhile: a worker that reaps is killed only while tasks wait.
            run.push(600);
        }
        let faults = &run.faults;
        assert_eq!(
            snapshot.failed, None,
            "a task was given up: {snapshot:?}, {faults:?}"
        );
        assert!(Instant::now() < deadline, "{snapshot:?}, {faults:?}");
        schedule.inject(&mut run, &snapshot);
        std::thread::sleep(Duration::from_millis(5));
    }
    run.assert_nothing_is_lost();
    assert!(most_delayed > 0, "no task was delayed");
    println!("at most {most_delayed} tasks delayed at once");
    run.print_report(started.elapsed(), snapshots);
    assert!(run.rescue_time(2, 100) < TIMEOUT);
}

#[test]
fn the_same_faults_make_bare_workers_lose_tasks() {
    let mut run = ChaosRun::new([Language::BarePython; 6]);
    run.harness.store_picture(PICTURE);
    run.push(SIZE.tasks / 4);
    let mut next_fault = Instant::now() + SIZE.fault_interval;
    let deadline = Instant::now() + 8 * TIMEOUT;
    let ready = |run: &mut ChaosRun| -> u64 {
        let key = run.harness.keys.ready();
        run.harness.redis.llen(key).unwrap()
    };
    while ready(&mut run) > 0 {
        assert!(Instant::now() < deadline, "the queue never gets empty");
        run.handle_faults();
        if Instant::now() >= next_fault {
            let proxy = &run.replicas[run.count(Fault::Kill) % 6].proxy;
            if !proxy.is_armed() {
                proxy.arm(POINTS[fastrand::usize(..POINTS.len())], Fault::Kill);
            }
            next_fault = Instant::now() + SIZE.fault_interval / 2;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    run.disarm_all();
    until_true("all workers to be idle", || {
        run.handle_faults();
        run.harness.blocked_clients() == 6
    });
    let results = (0..run.pushed).map(|n| run.result(&n.to_string()));
    let results: Vec<Option<Value>> = results.collect();
    let lost = results.iter().filter(|it| it.is_none()).count();
    let kills = run.count(Fault::Kill);
    println!(
        "control: {} tasks, 6 bare workers, {kills} kills: {lost} lost",
        run.pushed
    );
    assert!(
        lost > 0,
        "{kills} kills and no loss: the test could not detect a loss"
    );
}
