//! The worker's pulse, written to a small file, and the probe that reads it from another process.
//!
//! It says whether this process's own loops turn, not whether Redis answers or how much there is to do: a restart
//! mends neither of those.

use crate::protocol::now_ms;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use tracing::warn;

/// Oldest heartbeat of a healthy worker, in milliseconds.
const MAX_BEAT_AGE: i64 = 15_000;
/// Oldest attempt to claim of a healthy worker that could claim, in milliseconds: an older one is deaf.
const MAX_ATTEMPT_AGE: i64 = 30_000;

/// What the loops note as they turn.
#[derive(Default)]
pub struct Pulse {
    attempt: AtomicI64,
    waiting: AtomicBool,
    unwritable: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Note {
    beat: i64,
    attempt: i64,
    /// All its slots are taken, or it drains: it has no reason to claim.
    waiting: bool,
}

impl Pulse {
    /// The claim loop is about to try; it counts whether or not Redis answers.
    pub fn attempt(&self) {
        self.attempt.store(now_ms(), Ordering::Relaxed);
        self.waiting.store(false, Ordering::Relaxed);
    }

    /// The claim loop waits for a free slot, or has ended.
    pub fn waits(&self) {
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// The heartbeat thread has come round: writes the file.
    pub fn beat(&self, file: &Path) {
        let note = Note {
            beat: now_ms(),
            attempt: self.attempt.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
        };
        let draft = file.with_extension("new");
        let written = serde_json::to_vec(&note)
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

/// Whether the worker that writes `file` is well; if not, why.
pub fn check(file: &Path) -> Result<(), String> {
    let text = fs::read(file).map_err(|error| format!("no worker writes {}: {error}", file.display()))?;
    let note = serde_json::from_slice(&text)
        .map_err(|error| format!("{} is unreadable: {error}", file.display()))?;
    judge(&note, now_ms())
}

fn judge(note: &Note, now: i64) -> Result<(), String> {
    let (beat, attempt) = (now - note.beat, now - note.attempt);
    if beat > MAX_BEAT_AGE {
        return Err(format!("the last heartbeat was {} s ago", beat / 1_000));
    }
    if !note.waiting && attempt > MAX_ATTEMPT_AGE {
        return Err(format!("it has room, but last tried to claim {} s ago", attempt / 1_000));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turning_loop_is_healthy_whatever_its_load() {
        let note = |beat, attempt, waiting| judge(&Note { beat, attempt, waiting }, 100_000);
        assert_eq!(note(98_000, 99_000, false), Ok(()));
        assert_eq!(note(98_000, 0, true), Ok(()), "busy for long");
        assert!(note(98_000, 60_000, false).unwrap_err().contains("40 s"), "deaf");
        assert!(note(80_000, 99_000, false).unwrap_err().contains("20 s"), "no heartbeat");
    }

    #[test]
    fn the_file_tells_the_probe() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("health.json");
        assert!(check(&file).unwrap_err().contains("no worker"));
        let pulse = Pulse::default();
        pulse.attempt();
        pulse.beat(&file);
        assert_eq!(check(&file), Ok(()));
        fs::write(&file, "{").unwrap();
        assert!(check(&file).unwrap_err().contains("unreadable"));
    }
}
