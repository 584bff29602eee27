//! The worker's pulse, written to a small file, and the probe that reads it from another process.
//!
//! It says whether this process's own loops turn, not whether Redis answers or how much there is to do: a restart
//! mends neither of those. No clock of the day is asked: that may jump.

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

/// What the loops note as they turn.
#[derive(Default)]
pub struct Liveness {
    attempts: AtomicU64,
    waiting: AtomicBool,
    unwritable: AtomicBool,
    task: Mutex<String>,
}

#[derive(Serialize, Deserialize)]
struct HealthFile {
    /// Seconds since the machine started, which all its processes agree on.
    beat: u64,
}

impl Liveness {
    /// The claim loop is about to try; it counts whether or not Redis answers.
    pub fn mark_attempt(&self) {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        self.waiting.store(false, Ordering::Relaxed);
    }

    /// There is no reason to claim: the slots are taken, or have something to tell, or the worker drains.
    pub fn mark_idle(&self) {
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Work on this task begins.
    pub fn mark_running(&self, task: &str) {
        task.clone_into(&mut self.task.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The task begun last.
    pub fn task(&self) -> String {
        self.task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The heartbeat thread has come round: writes the file.
    pub fn write_heartbeat(&self, file: &Path) {
        let draft = file.with_extension("new");
        let written = serde_json::to_vec(&HealthFile { beat: uptime() })
            .map_err(Into::into)
            .and_then(|text| fs::write(&draft, text))
            .and_then(|()| fs::rename(&draft, file));
        if let Err(error) = written
            && !self.unwritable.swap(true, Ordering::Relaxed)
        {
            warn!(%error, file = %file.display(), "the health file cannot be written: the probe will fail");
        }
    }
}

/// How long the claim loop has had room and has not turned, as far as somebody was awake to see it: a process that
/// was paused is not deaf.
pub struct Silence {
    attempts: u64,
    looked: Instant,
    lasted: Duration,
}

impl Silence {
    pub fn new(now: Instant) -> Self {
        Self {
            attempts: 0,
            looked: now,
            lasted: Duration::ZERO,
        }
    }

    pub fn look(&mut self, pulse: &Liveness, now: Instant) -> Duration {
        let attempts = pulse.attempts.load(Ordering::Relaxed);
        let turns = attempts != self.attempts || pulse.waiting.load(Ordering::Relaxed);
        let passed = now
            .saturating_duration_since(self.looked)
            .min(2 * HEARTBEAT);
        self.lasted = if turns {
            Duration::ZERO
        } else {
            self.lasted + passed
        };
        (self.attempts, self.looked) = (attempts, now);
        self.lasted
    }
}

fn uptime() -> u64 {
    System::uptime().unwrap_or_default()
}

/// Whether the worker that writes `file` is well; if not, why.
pub fn check(file: &Path) -> Result<(), String> {
    let text =
        fs::read(file).map_err(|error| format!("no worker writes {}: {error}", file.display()))?;
    let note = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is unreadable: {error}", file.display()))?;
    judge(&note, uptime())
}

fn judge(note: &HealthFile, now: u64) -> Result<(), String> {
    // A beat from the future was written before the machine started anew.
    match now.checked_sub(note.beat) {
        Some(age) if age <= MAX_HEARTBEAT_AGE => Ok(()),
        Some(age) => Err(format!("the last heartbeat was {age} s ago")),
        None => Err("the last heartbeat was before the machine started".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::STALLED;

    #[test]
    fn a_beating_worker_is_healthy() {
        assert_eq!(judge(&HealthFile { beat: 98 }, 100), Ok(()));
        assert!(
            judge(&HealthFile { beat: 80 }, 100)
                .unwrap_err()
                .contains("20 s")
        );
        assert!(judge(&HealthFile { beat: 101 }, 100).is_err());
    }

    /// Looks every two seconds until `pulse` is deaf, but at most so long.
    fn deaf_after(pulse: &Liveness, turn: impl Fn(&Liveness), most: u64) -> Option<u64> {
        let start = Instant::now();
        let mut silence = Silence::new(start);
        (0..most).step_by(2).find(|second| {
            turn(pulse);
            silence.look(pulse, start + Duration::from_secs(*second)) >= STALLED
        })
    }

    #[test]
    fn a_loop_that_has_room_and_does_not_turn_is_deaf() {
        let pulse = Liveness::default();
        pulse.mark_attempt();
        assert_eq!(deaf_after(&pulse, |_| {}, 60), Some(20));
        assert_eq!(
            deaf_after(&pulse, Liveness::mark_attempt, 1_000),
            None,
            "it turns"
        );
        assert_eq!(
            deaf_after(&pulse, Liveness::mark_idle, 1_000),
            None,
            "it has no room"
        );
    }

    #[test]
    fn a_worker_that_was_paused_is_not_deaf() {
        let (pulse, start) = (Liveness::default(), Instant::now());
        pulse.mark_attempt();
        let mut silence = Silence::new(start);
        silence.look(&pulse, start);
        assert!(silence.look(&pulse, start + Duration::from_hours(1)) < STALLED);
    }

    #[test]
    fn the_file_tells_the_probe() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        assert!(check(&file).unwrap_err().contains("no worker"));
        Liveness::default().write_heartbeat(&file);
        assert_eq!(check(&file), Ok(()));
        fs::write(&file, "{").unwrap();
        assert!(check(&file).unwrap_err().contains("unreadable"));
    }
}
