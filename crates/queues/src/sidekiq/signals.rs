//! What the processes of Sidekiq were asked: to take no more jobs, and to end. Neither can be undone.

use decide::victims::DrainState;
use std::collections::BTreeMap;

/// How many seconds a process has to take a signal, as Sidekiq's own page has it.
pub(super) const EXPIRY: i64 = 60;

/// What was asked of the processes.
#[derive(Debug, Default)]
pub(super) struct Signals {
    /// The server's time at the last poll, in milliseconds since 1970.
    pub time: i64,
    /// When each was asked to be quiet, until it says that it is, or to end.
    sent: BTreeMap<String, (Signal, i64)>,
    /// The processes that were quiet at the last poll and held no job.
    left: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Signal {
    /// Take no more jobs, for ever.
    Quiet,
    /// End; a quiet process without a job has nothing to finish.
    End,
}

impl Signals {
    /// Begins a poll at `time`.
    pub fn begin(&mut self, time: i64) {
        let is_valid = |at: i64| (0..EXPIRY * 1_000).contains(&time.saturating_sub(at));
        self.sent.retain(|_, (_, at)| is_valid(*at));
        self.time = time;
        self.left.clear();
    }

    /// How far the drain of the process `id` has come. From the signal on it cannot be undone.
    pub fn drain(&mut self, id: &str, quiet: bool, busy: bool) -> DrainState {
        match self.sent(id) {
            _ if quiet && !busy => {
                self.left.push(id.to_owned());
                DrainState::Left
            }
            Some(Signal::Quiet) => DrainState::Leaving,
            _ if quiet => DrainState::Leaving,
            _ => DrainState::None,
        }
    }

    /// The signal by which the process `id` drains or resumes, unless it has it already. A process takes one signal with
    /// each report. One that is quiet resumes by ending: its container starts another.
    pub fn next(&self, id: &str, drain: bool) -> Option<&'static str> {
        match drain {
            true if self.sent.contains_key(id) => None,
            true => Some("TSTP"),
            false if self.sent(id) == Some(Signal::End) => None,
            false => self.left.iter().any(|left| left == id).then_some("TERM"),
        }
    }

    /// Redis has taken that signal.
    pub fn requested(&mut self, id: &str, drain: bool) {
        let signal = if drain { Signal::Quiet } else { Signal::End };
        self.sent.insert(id.to_owned(), (signal, self.time));
    }

    fn sent(&self, id: &str) -> Option<Signal> {
        self.sent.get(id).map(|(signal, _)| *signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a poll at `time` finds, and the signals by which the process then drains or resumes.
    fn poll(
        signals: &mut Signals,
        time: i64,
        quiet: bool,
        busy: bool,
    ) -> (DrainState, [Option<&'static str>; 2]) {
        signals.begin(time);
        let drain = signals.drain("a", quiet, busy);
        (drain, [true, false].map(|drain| signals.next("a", drain)))
    }

    #[test]
    fn a_process_gets_each_signal_once_and_ends_only_without_a_job() {
        let mut signals = Signals::default();
        let first = poll(&mut signals, 1_000, false, true);
        assert_eq!(first, (DrainState::None, [Some("TSTP"), None]));
        signals.requested("a", true);
        // It reports a while later that it is quiet.
        for (time, quiet) in [(2_000, false), (7_000, true)] {
            let busy = poll(&mut signals, time, quiet, true);
            assert_eq!(busy, (DrainState::Leaving, [None, None]), "{time}");
        }
        let idle = poll(&mut signals, 12_000, true, false);
        assert_eq!(idle, (DrainState::Left, [None, Some("TERM")]));
        assert_eq!(signals.next("b", false), None, "another one works");
        signals.requested("a", false);
        assert_eq!(signals.next("a", false), None);
    }

    #[test]
    fn a_signal_that_was_not_taken_in_time_is_sent_again() {
        let mut signals = Signals::default();
        poll(&mut signals, 1_000, false, false);
        signals.requested("a", true);
        assert_eq!(
            poll(&mut signals, 60_999, false, false).0,
            DrainState::Leaving
        );
        let late = poll(&mut signals, 61_000, false, false);
        assert_eq!(late, (DrainState::None, [Some("TSTP"), None]));
    }

    #[test]
    fn another_operator_finds_a_quiet_process() {
        let mut signals = Signals::default();
        let busy = poll(&mut signals, 1_000, true, true);
        assert_eq!(busy.0, DrainState::Leaving);
        let idle = poll(&mut signals, 2_000, true, false);
        assert_eq!((idle.0, idle.1[1]), (DrainState::Left, Some("TERM")));
    }
}
