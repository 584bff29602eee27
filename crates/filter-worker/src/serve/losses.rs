//! The tasks that Redis acknowledged and then lost, as a failover does with what no replica had: found, counted and logged.
//!
//! Each new connection may lead to a server with an earlier state. So the tasks that were acknowledged on the one before
//! are looked up once: the script that pushes a task also remembers it under a key of its own.

use super::Front;
use redis::RedisResult;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::error;

/// How long a task is remembered: longer than a replica is behind, and than a collected result is kept.
const REMEMBERED: Duration = Duration::from_secs(50);
/// The most tasks that are remembered; older ones are forgotten.
const MOST: usize = 50_000;
/// How often the connection is tried.
const PERIOD: Duration = Duration::from_secs(1);
/// Maximum number of tasks in one call to Redis.
const CHUNK: usize = 1_000;

struct Task {
    id: String,
    /// The number of the connection on which Redis was last known to have it.
    connection: u64,
    at: Instant,
}

/// The tasks that Redis acknowledged last, and how many of them it lost.
#[derive(Default)]
pub struct Losses {
    acknowledged: Mutex<VecDeque<Task>>,
    lost: AtomicU64,
}

impl Losses {
    /// The number of tasks that were lost since the front started.
    pub fn count(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Redis has acknowledged these tasks on the connection of this number, or a later one.
    pub fn remember<'a>(&self, ids: impl IntoIterator<Item = &'a str>, connection: u64) {
        let at = Instant::now();
        let mut all = self.acknowledged();
        all.extend(ids.into_iter().map(|id| Task {
            id: id.to_owned(),
            connection,
            at,
        }));
        let excess = all.len().saturating_sub(MOST);
        all.drain(..excess);
    }

    fn acknowledged(&self) -> MutexGuard<'_, VecDeque<Task>> {
        self.acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to so many tasks that were last seen on another connection than `connection`.
    fn elsewhere(&self, connection: u64) -> Vec<String> {
        let all = self.acknowledged();
        let elsewhere = all.iter().filter(|it| it.connection != connection);
        elsewhere.take(CHUNK).map(|it| it.id.clone()).collect()
    }

    /// Of the tasks `ids`, those that `is_there` says are on the server of `connection`; the others are lost.
    fn settle(&self, ids: &[String], is_there: &[bool], connection: u64) {
        let found: HashMap<&String, &bool> = ids.iter().zip(is_there).collect();
        let mut lost = Vec::new();
        self.acknowledged().retain_mut(|task| {
            let is_there = found.get(&task.id).copied();
            match is_there {
                Some(true) => task.connection = connection,
                Some(false) => lost.push(std::mem::take(&mut task.id)),
                None => {}
            }
            is_there != Some(&false)
        });
        if !lost.is_empty() {
            self.lost.fetch_add(lost.len() as u64, Ordering::Relaxed);
            let some = lost[..lost.len().min(10)].join(" ");
            error!(
                count = lost.len(),
                some, "Redis has lost tasks that it had acknowledged, as in a failover"
            );
        }
    }
}

/// Looks for lost tasks, for as long as the front runs.
pub async fn watch(front: &Front) {
    loop {
        tokio::time::sleep(PERIOD).await;
        front.pushes.follow().await;
        let _ = look(front).await; // without Redis, at the next turn
    }
}

async fn look(front: &Front) -> RedisResult<()> {
    if front.losses.acknowledged().is_empty() {
        return Ok(());
    }
    let () = front.pushes.query(redis::pipe().ping().ignore()).await?;
    loop {
        let connection = front.pushes.number();
        let ids = front.losses.elsewhere(connection);
        if ids.is_empty() {
            break;
        }
        let mut keys = redis::pipe();
        for id in &ids {
            // Who collects a result also deletes the first key.
            keys.exists(&[front.keys.pushed(id), front.keys.collected(id)]);
        }
        let is_there: Vec<bool> = front.pushes.query(&keys).await?;
        if front.pushes.number() == connection {
            front.losses.settle(&ids, &is_there, connection);
        }
    }
    let mut all = front.losses.acknowledged();
    all.retain(|it| it.at.elapsed() < REMEMBERED);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_looked_up_once_on_each_connection_and_lost_once() {
        let losses = Losses::default();
        losses.remember(["a", "b"], 1);
        assert!(losses.elsewhere(1).is_empty());
        let ids = losses.elsewhere(2);
        assert_eq!(ids, ["a", "b"]);
        losses.settle(&ids, &[true, false], 2);
        assert_eq!((losses.count(), losses.elsewhere(2).len()), (1, 0));
        assert_eq!(losses.elsewhere(3), ["a"]);
        losses.settle(&ids, &[true, false], 3);
        assert_eq!(losses.count(), 1);
    }

    #[test]
    fn the_oldest_are_forgotten_when_there_are_too_many() {
        let losses = Losses::default();
        let ids: Vec<String> = (0..=MOST).map(|it| it.to_string()).collect();
        losses.remember(ids.iter().map(String::as_str), 1);
        assert_eq!(losses.acknowledged().len(), MOST);
        assert_eq!(losses.elsewhere(2)[0], "1");
    }
}
