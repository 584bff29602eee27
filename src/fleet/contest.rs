//! A contest for the target: another client writes its replica count again and again, as a controller does that applies
//! what Git has. Setting it back each time would remove and start pods each time, so the pauses between become longer.

use crate::fleet::pool_state::PoolState;
use crate::observe::target::Target;
use decide::{Millis, Reason, Time};

/// So many changes of one client within [`SPAN`] are set back at once.
const PATIENCE: u32 = 3;
const SPAN: Millis = Millis::seconds(600);
/// The pause before the next one is set back. It doubles each time, up to [`SPAN`].
const FIRST_PAUSE: Millis = Millis::seconds(60);

/// The changes of one client that were set back.
#[derive(Clone, Debug)]
pub(super) struct Contest {
    writer: String,
    /// The count that it set last.
    found: i32,
    count: u32,
    /// When the first and the last were set back.
    since: Time,
    pub last_at: Time,
}

impl Contest {
    /// When the next change may be set back; `None` while that is at once.
    fn until(&self) -> Option<Time> {
        let more = self.count.checked_sub(PATIENCE)?;
        let pause = FIRST_PAUSE.0 << more.min(10);
        Some(self.last_at + Millis(pause.min(SPAN.0)))
    }

    /// Whether a change at `now` no longer belongs to it.
    fn has_ended(&self, now: Time) -> bool {
        match self.until() {
            Some(until) => now - until >= SPAN,
            None => now - self.since >= SPAN,
        }
    }

    /// Moves all instants by as much as the clock was set.
    pub fn shift(&mut self, by: Millis) {
        self.since = self.since + by;
        self.last_at = self.last_at + by;
    }
}

impl PoolState {
    /// Why the count `found` is not set back yet, if so: its writer does not stop.
    pub fn contested(&mut self, target: Option<&Target>, found: i32, now: Time) -> Option<Reason> {
        let contest = self.intent.contest.as_mut()?;
        if contest.writer != writer(target) {
            return None;
        }
        contest.found = found;
        self.contest_reason(PATIENCE, now)
    }

    /// Why the target is contested although the last change was set back: its writer may not have stopped.
    pub fn still_contested(&self, now: Time) -> Option<Reason> {
        self.contest_reason(PATIENCE + 1, now)
    }

    /// Notes that the count `found` is set back. Returns the reason if that happens too often.
    pub fn set_back(&mut self, target: Option<&Target>, found: i32, now: Time) -> Option<Reason> {
        let writer = writer(target);
        let before = self.intent.contest.take();
        let going_on = before.filter(|contest| contest.writer == writer && !contest.has_ended(now));
        self.intent.contest = Some(Contest {
            count: going_on.as_ref().map_or(0, |contest| contest.count) + 1,
            since: going_on.map_or(now, |contest| contest.since),
            last_at: now,
            writer,
            found,
        });
        self.still_contested(now)
    }

    /// The reason, if at least `count` changes were set back and the pause after the last is not over.
    fn contest_reason(&self, count: u32, now: Time) -> Option<Reason> {
        let contest = self
            .intent
            .contest
            .as_ref()
            .filter(|it| it.count >= count)?;
        let until = contest.until().filter(|until| now < *until)?;
        Some(Reason::TargetContested {
            writer: contest.writer.clone(),
            target: self.identity.target.display(),
            found: contest.found,
            until,
        })
    }
}

/// The client that wrote the count last.
fn writer(target: Option<&Target>) -> String {
    let writer = target.and_then(|target| target.writer.as_ref());
    writer.map_or_else(|| "?".to_owned(), |writer| writer.name.clone())
}
