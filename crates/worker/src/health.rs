//! The worker's liveness, written to a small file, and the probe that reads it from another process.
//!
//! It covers only the loops of this process. It does not depend on Redis or on the load, because a restart fixes
//! neither. It uses no wall clock, because that can jump.

use protocol::HEARTBEAT;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use sysinfo::System;
use tracing::warn;

/// Oldest heartbeat of a healthy worker, in seconds.
const MAX_HEARTBEAT_AGE: u64 = 15;

/// What the loops record as they run.
#[derive(Default)]
pub struct Liveness {
    attempts: AtomicU64,
    idle: AtomicBool,
    write_failed: AtomicBool,
    task: Mutex<String>,
}

#[derive(Serialize, Deserialize)]
struct HealthFile {
    /// Uptime of the host at the last heartbeat, in seconds. All processes of a host agree on it.
    uptime: u64,
}

impl Liveness {
    /// The claim loop is about to try, whether or not Redis replies.
    pub fn mark_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.idle.store(false, Ordering::Relaxed);
    }

    /// The claim loop has no reason to try: all slots are in use, a task waits to be acknowledged, or the worker
    /// drains.
    pub fn mark_idle(&self) {
        self.idle.store(true, Ordering::Relaxed);
    }

    /// Work on this task begins.
    pub fn mark_running(&self, task: &str) {
        task.clone_into(&mut self.task.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The task that started last.
    pub fn task(&self) -> String {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Writes the health file. The heartbeat thread calls this on each turn.
    pub fn write_heartbeat(&self, file: &Path) {
        let draft = file.with_extension("new");
        let written = serde_json::to_vec(&HealthFile { uptime: uptime() })
            .map_err(Into::into)
            .and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, file));
        if let Err(error) = written
            && !self.write_failed.swap(true, Ordering::Relaxed)
        {
            warn!(%error, file = %file.display(), "cannot write the health file: the probe will fail");
        }
    }
}

/// Measures for how long the claim loop has had a free slot and has not tried to claim. Time during which the whole
/// process was paused does not count.
pub struct StallDetector {
    attempts: u64,
    updated_at: Instant,
    stalled_for: Duration,
}

impl StallDetector {
    pub fn new(now: Instant) -> Self {
        Self {
            attempts: 0,
            updated_at: now,
            stalled_for: Duration::ZERO,
        }
    }

    pub fn update(&mut self, liveness: &Liveness, now: Instant) -> Duration {
        let attempts = liveness.attempts.load(Ordering::Relaxed);
        let healthy = attempts != self.attempts || liveness.idle.load(Ordering::Relaxed);
        let elapsed = now
            .saturating_duration_since(self.updated_at)
            .min(2 * HEARTBEAT);
        self.stalled_for = if healthy {
            Duration::ZERO
        } else {
            self.stalled_for + elapsed
        };
        self.attempts = attempts;
        self.updated_at = now;
        self.stalled_for
    }
}

fn uptime() -> u64 {
    System::uptime().unwrap_or_default()
}

/// Checks the health file of a worker on the same host: [`Settings::health_file`](crate::Settings::health_file).
/// Returns a message if the worker is not alive.
pub fn check_health(file: &Path) -> Result<(), String> {
    let text =
        fs::read(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let health = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is not a health file: {error}", file.display()))?;
    check_age(&health, uptime())
}

fn check_age(health: &HealthFile, now: u64) -> Result<(), String> {
    // A heartbeat in the future was written before the host restarted.
    match now.checked_sub(health.uptime) {
        Some(age) if age <= MAX_HEARTBEAT_AGE => Ok(()),
        Some(age) => Err(format!("the last heartbeat was {age} s ago")),
        None => Err("the last heartbeat was before the host restarted".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::STALLED;

    #[test]
    fn a_recent_heartbeat_is_healthy() {
        assert_eq!(check_age(&HealthFile { uptime: 98 }, 100), Ok(()));
        let old = check_age(&HealthFile { uptime: 80 }, 100).unwrap_err();
        assert!(old.contains("20 s"), "{old}");
        assert!(check_age(&HealthFile { uptime: 101 }, 100).is_err());
    }

    /// Updates the detector every two seconds for `max` seconds; returns when it reports a stall.
    fn stalled_after(liveness: &Liveness, turn: impl Fn(&Liveness), max: u64) -> Option<u64> {
        let start = Instant::now();
        let mut stall = StallDetector::new(start);
        (0..max).step_by(2).find(|second| {
            turn(liveness);
            stall.update(liveness, start + Duration::from_secs(*second)) >= STALLED
        })
    }

    #[test]
    fn a_claim_loop_that_stops_with_free_slots_is_stalled() {
        let liveness = Liveness::default();
        liveness.mark_attempt();
        assert_eq!(stalled_after(&liveness, |_| {}, 60), Some(20));
        assert_eq!(
            stalled_after(&liveness, Liveness::mark_attempt, 1_000),
            None,
            "it tries"
        );
        assert_eq!(
            stalled_after(&liveness, Liveness::mark_idle, 1_000),
            None,
            "it has no free slot"
        );
    }

    #[test]
    fn a_paused_process_is_not_stalled() {
        let liveness = Liveness::default();
        let start = Instant::now();
        liveness.mark_attempt();
        let mut stall = StallDetector::new(start);
        stall.update(&liveness, start);
        assert!(stall.update(&liveness, start + Duration::from_hours(1)) < STALLED);
    }

    #[test]
    fn the_probe_reads_the_health_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        assert!(check_health(&file).unwrap_err().contains("cannot read"));
        Liveness::default().write_heartbeat(&file);
        assert_eq!(check_health(&file), Ok(()));
        fs::write(&file, "{").unwrap();
        assert!(
            check_health(&file)
                .unwrap_err()
                .contains("not a health file")
        );
    }
}
