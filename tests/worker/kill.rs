//! Workers killed at random moments: no task is lost or out of sight, and each runs again soon.

use crate::process::{PATIENCE, Process, Yard};
use redis::Commands;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use workerpool::protocol::Task;

const TASKS: usize = 1_000;
const WORKERS: usize = 5;
const KILLS: usize = 22;

/// What the watcher has seen.
#[derive(Default)]
struct Log {
    /// Who has run each task.
    runs: BTreeMap<String, BTreeSet<String>>,
    /// Tasks that a killed worker held: its id, and when it was killed.
    orphans: BTreeMap<String, (String, Instant)>,
    /// From each kill to the next run of what it held.
    rescues: Vec<Duration>,
}

impl Log {
    /// Sees who holds what.
    fn watch(&mut self, yard: &mut Yard) {
        let ids: Vec<String> = yard.redis.smembers(yard.keys.workers()).unwrap();
        for id in ids {
            for task in held(yard, &id) {
                if self.orphans.get(&task).is_some_and(|(dead, _)| *dead != id) {
                    self.rescues.push(self.orphans.remove(&task).unwrap().1.elapsed());
                }
                self.runs.entry(task).or_default().insert(id.clone());
            }
        }
    }
}

/// The ids of the tasks that a worker holds. A list that was reaped since is a fence, and holds none.
fn held(yard: &mut Yard, worker: &str) -> Vec<String> {
    let elements: Vec<String> = yard.redis.lrange(yard.keys.claimed(worker), 0, -1).unwrap_or_default();
    elements.iter().map(|it| serde_json::from_str::<Task>(it).unwrap().id).collect()
}

/// Kills it, notes what it held, and starts its successor, as a Deployment would.
fn kill(yard: &mut Yard, worker: &mut Process, log: &mut Log) {
    worker.kill();
    let ids: Vec<String> = yard.redis.smembers(yard.keys.workers()).unwrap();
    for id in ids.iter().filter(|it| it.rsplit_once('.').is_some_and(|(name, _)| name == worker.name)) {
        for task in held(yard, id) {
            log.runs.entry(task.clone()).or_default().insert(id.clone());
            log.orphans.entry(task).or_insert((id.clone(), Instant::now()));
        }
    }
    *worker = yard.worker(&worker.name, &[]);
}

#[test]
fn a_thousand_tasks_survive_the_death_of_their_workers() {
    let mut yard = Yard::new();
    let mut log = Log::default();
    yard.push((0..TASKS).map(|n| n.to_string()), 120);
    let mut workers: Vec<_> = (0..WORKERS).map(|n| yard.worker(&format!("w{n}"), &[])).collect();
    let (mut kills, mut looks) = (0, 0);
    let mut next_kill = Instant::now() + Duration::from_secs(1);
    let deadline = Instant::now() + 4 * PATIENCE;
    loop {
        let seen = yard.look(); // checks that nothing is out of sight
        looks += 1;
        log.watch(&mut yard);
        if seen.processed == Some(TASKS as u64) {
            break;
        }
        assert!(Instant::now() < deadline, "{seen:?}");
        if kills < KILLS && Instant::now() >= next_kill {
            let victim = fastrand::usize(..WORKERS);
            kill(&mut yard, &mut workers[victim], &mut log);
            kills += 1;
            next_kill = Instant::now() + Duration::from_millis(fastrand::u64(200..1_800));
        }
        std::thread::sleep(Duration::from_millis(5));
    }

    let seen = yard.look();
    assert_eq!((seen.arrived, seen.failed, seen.ready, seen.claimed), (Some(TASKS as u64), None, 0, 0));
    for n in 0..TASKS {
        assert!(yard.result(&n.to_string()).get("error").is_none(), "task {n}");
    }
    let duplicates: usize = log.runs.values().map(|runs| runs.len() - 1).sum();
    log.rescues.sort();
    let at = |share: usize| log.rescues[(log.rescues.len() * share / 100).min(log.rescues.len() - 1)];
    println!(
        "{TASKS} tasks, {WORKERS} workers, {kills} kills, {looks} looks: 0 lost, {duplicates} started again, \
         kill to next run p50 {:?}, p99 {:?} of {}",
        at(50),
        at(99),
        log.rescues.len()
    );
    assert!(kills >= 20, "{kills} kills were too few to tell");
    assert_eq!(log.orphans.len(), 0, "each orphan has run again");
    assert!(at(99) < PATIENCE, "{:?}", at(99));
}
