//! The clocks of the rules over time, a lane each: when a cooldown forbade more or fewer workers, and since when it was calm.

use crate::tui::timeline::Timeline;
use api::{Change, MemoryStatus, time};
use decide::{Millis, PoolSpec};
use jiff::Timestamp;

/// Times from the first to before the second, in milliseconds since 1970.
pub type Window = (i64, i64);

/// What ran when.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// No further scale-up.
    pub up: Vec<Window>,
    /// No scale-down.
    pub down: Vec<Window>,
    /// The conditions of scaleDown held.
    pub idle: Vec<Window>,
}

impl Timers {
    /// What ran up to `now`, as the pool's memory told it; before anybody looked as the changes tell.
    #[must_use]
    pub fn of(past: &Timeline, pool: &PoolSpec, now: Timestamp) -> Self {
        let now = time(now).0;
        let longest =
            |spans: &mut dyn Iterator<Item = Millis>| spans.map(|span| span.0).max().unwrap_or(0);
        let cooldown = longest(&mut pool.rules.iter().map(|rules| rules.up.cooldown));
        let quiet = longest(
            &mut pool
                .rules
                .iter()
                .filter_map(|rules| Some(rules.down.as_ref()?.cooldown)),
        );
        let ends = past
            .moments()
            .skip(1)
            .map(|moment| time(moment.at).0)
            .chain([now]);
        let mut lanes = Self::default();
        for (moment, end) in past.moments().zip(ends) {
            let Some(memory) = moment.status().and_then(|status| status.internal.as_ref()) else {
                continue;
            };
            let MemoryStatus {
                last_up,
                last_change,
                idle_since,
                ..
            } = memory;
            let started =
                |at: &Option<Timestamp>, span| at.map(|at| (time(at).0, time(at).0 + span));
            lanes.up.extend(started(last_up, cooldown));
            lanes.down.extend(started(last_change, quiet));
            lanes
                .idle
                .extend(idle_since.map(|since| (time(since).0, end)));
        }
        for Change { at, from, to, .. } in past.changes(past.opened()) {
            let at = time(*at).0;
            lanes.down.push((at, at + quiet));
            if to > from {
                lanes.up.push((at, at + cooldown));
            }
        }
        for lane in [&mut lanes.up, &mut lanes.down, &mut lanes.idle] {
            join(lane, now);
        }
        lanes
    }
}

/// Windows that touch become one, and none goes beyond `now`.
fn join(lane: &mut Vec<Window>, now: i64) {
    lane.sort_unstable();
    lane.dedup_by(|next, last| {
        let touch = next.0 <= last.1;
        if touch {
            last.1 = last.1.max(next.1);
        }
        touch
    });
    for window in lane.iter_mut() {
        window.1 = window.1.min(now);
    }
    lane.retain(|(start, end)| start < end);
}

#[cfg(test)]
mod tests {
    use super::super::tests::stage::{Stage, at};
    use super::*;
    use crate::text::lang::Lang;

    #[test]
    fn the_clocks_run_as_the_rules_say() {
        let mut stage = Stage::new(Lang::En, false);
        stage.push(22);
        stage.play(400);
        let opened = stage.app.opened.as_ref().expect("it is open");
        let pool = opened.wishes.as_ref().expect("it can work").pool();
        let changes: Vec<_> = opened
            .past
            .changes(at(400))
            .iter()
            .map(|change| (change.to - change.from, change.at))
            .collect();
        let lanes = Timers::of(&opened.past, pool, at(stage.second));
        let begins = |lane: &[Window], at| {
            lane.iter()
                .any(|(start, end)| (*start..*end).contains(&time(at).0))
        };
        for (step, at) in changes {
            assert!(
                begins(&lanes.down, at),
                "any change starts the pause before a scale-down"
            );
            assert_eq!(
                step > 0,
                begins(&lanes.up, at),
                "only a scale-up starts the pause before the next one"
            );
            assert_eq!(
                step < 0,
                begins(&lanes.idle, at),
                "and none goes where it was not calm: {lanes:?}"
            );
        }
    }

    #[test]
    fn windows_that_touch_are_one_and_end_now() {
        let mut lane = vec![(30, 50), (0, 10), (10, 20), (40, 90), (70, 80), (95, 99)];
        join(&mut lane, 60);
        assert_eq!(lane, [(0, 20), (30, 60)]);
    }
}
