//! The timers of the rules over time: when a cooldown prevented scaling, and when the conditions of scaleDown were met.

use super::timeline::Timeline;
use api::{Change, MemoryStatus, time};
use decide::{Millis, PoolSpec};
use jiff::Timestamp;

/// From the first time to before the second, in milliseconds since 1970.
pub type Window = (i64, i64);

/// The windows in which each timer ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Timers {
    /// The cooldown after a scale-up: no further scale-up.
    pub up: Vec<Window>,
    /// The cooldown after any change: no scale-down.
    pub down: Vec<Window>,
    /// The conditions of scaleDown were met.
    pub idle: Vec<Window>,
}

impl Timers {
    /// The timers up to `now`: from the status of each moment, and before the screen was opened from the changes.
    pub fn new(timeline: &Timeline, spec: &PoolSpec, now: Timestamp) -> Self {
        let now = time(now).0;
        let up_cooldown = longest(spec.rules.iter().map(|rules| rules.up.cooldown));
        let downs = spec.rules.iter().filter_map(|rules| rules.down.as_ref());
        let down_cooldown = longest(downs.map(|down| down.cooldown));
        let later = timeline.moments().skip(1);
        let ends = later.map(|moment| time(moment.at).0).chain([now]);
        let mut timers = Self::default();
        for (moment, end) in timeline.moments().zip(ends) {
            let Some(internal) = moment.status().and_then(|status| status.internal.as_ref()) else {
                continue;
            };
            let MemoryStatus {
                last_up,
                last_change,
                idle_since,
                ..
            } = internal;
            let cooldown =
                |start: &Option<Timestamp>, span| start.map(|at| (time(at).0, time(at).0 + span));
            timers.up.extend(cooldown(last_up, up_cooldown));
            timers.down.extend(cooldown(last_change, down_cooldown));
            let idle = idle_since.map(|since| (time(since).0, end));
            timers.idle.extend(idle);
        }
        for Change { at, from, to, .. } in timeline.changes(timeline.opened_at()) {
            let at = time(*at).0;
            timers.down.push((at, at + down_cooldown));
            if to > from {
                timers.up.push((at, at + up_cooldown));
            }
        }
        for windows in [&mut timers.up, &mut timers.down, &mut timers.idle] {
            merge(windows, now);
        }
        timers
    }
}

fn longest(spans: impl Iterator<Item = Millis>) -> i64 {
    spans.map(|span| span.0).max().unwrap_or(0)
}

/// Sorts the windows, merges those that touch, and cuts them at `now`.
fn merge(windows: &mut Vec<Window>, now: i64) {
    windows.sort_unstable();
    windows.dedup_by(|next, last| {
        let touch = next.0 <= last.1;
        if touch {
            last.1 = last.1.max(next.1);
        }
        touch
    });
    for window in windows.iter_mut() {
        window.1 = window.1.min(now);
    }
    windows.retain(|(start, end)| start < end);
}

#[cfg(test)]
mod tests {
    use super::super::tests::stage::{Stage, at};
    use super::*;
    use crate::text::lang::Lang;

    #[test]
    fn timers_follow_the_rules() {
        let mut stage = Stage::new(Lang::EN, false);
        stage.push(22);
        stage.play(400);
        let opened = stage.app.opened.as_ref().expect("a pool is open");
        let spec = opened.spec.as_ref().expect("its spec is valid").pool();
        let timers = Timers::new(&opened.timeline, spec, at(stage.second));
        let runs_at = |windows: &[Window], at: i64| {
            let mut windows = windows.iter();
            windows.any(|(start, end)| (*start..*end).contains(&at))
        };
        for change in opened.timeline.changes(at(400)) {
            let (at, is_up) = (time(change.at).0, change.to > change.from);
            // Any change starts the cooldown before a scale-down, and a scale-up that before the next one. The pool is
            // scaled down only while it is idle.
            let running = [&timers.down, &timers.up, &timers.idle].map(|it| runs_at(it, at));
            assert_eq!(running, [true, is_up, !is_up], "{change:?}: {timers:?}");
        }
    }

    #[test]
    fn touching_windows_merge_and_end_now() {
        let mut windows = vec![(30, 50), (0, 10), (10, 20), (40, 90), (70, 80), (95, 99)];
        merge(&mut windows, 60);
        assert_eq!(windows, [(0, 20), (30, 60)]);
    }
}
