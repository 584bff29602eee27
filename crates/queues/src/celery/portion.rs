//! How many answers of Celery's workers one poll reads. An answer has all tasks that a worker holds, and what a poll may
//! cost has a limit: more answers than that wait for the next poll.

use redis::{Cmd, Value, cmd};

/// How many bytes one poll reads at most, if no answer is larger than those before.
const BYTES: usize = 8 << 20;
/// How large an answer is expected to be at first: one with eight tasks.
const EXPECTED: usize = 4 << 10;
/// The fewest and the most answers that one poll reads.
const FEWEST: usize = 50;
const MOST: usize = 20_000;

/// The number of answers that the next poll reads.
#[derive(Debug)]
pub(super) struct Portion {
    /// The size of the largest answer that is expected, and of the largest in this round.
    expected: usize,
    largest: usize,
    /// Whether the last read has brought nothing yet.
    is_pending: bool,
    /// Whether there may be more than was read last.
    pub has_more: bool,
}

impl Default for Portion {
    fn default() -> Self {
        Self {
            expected: EXPECTED,
            largest: 0,
            is_pending: false,
            has_more: false,
        }
    }
}

impl Portion {
    fn count(&self) -> usize {
        (BYTES / self.expected.max(1)).clamp(FEWEST, MOST)
    }

    /// Takes the oldest answers out of `list`. An element and an expiry remain: a worker may answer at any time, and the
    /// list must not outlive us.
    pub fn read(&mut self, list: &str, expiry: i64) -> [Cmd; 4] {
        if std::mem::replace(&mut self.is_pending, true) {
            // It may have been more than the connection accepts.
            self.expected = self.expected.saturating_mul(4).min(BYTES);
        }
        let count = i64::try_from(self.count()).unwrap_or(i64::MAX);
        let of_list = |command: &str| cmd(command).arg(list).take();
        [
            of_list("LRANGE").arg(-count).arg(-1).take(),
            of_list("LTRIM").arg(0).arg(-count - 1).take(),
            of_list("RPUSH").arg("").take(),
            of_list("EXPIRE").arg(expiry).take(),
        ]
    }

    /// Takes what was read.
    pub fn take(&mut self, answers: &[Value]) {
        self.is_pending = false;
        self.has_more = answers.len() >= self.count();
        let size = |answer: &Value| match answer {
            Value::BulkString(answer) => answer.len(),
            _ => 0,
        };
        let sizes = answers.iter().map(size);
        self.largest = sizes.fold(self.largest, usize::max);
        self.expected = self.expected.max(self.largest);
    }

    /// Ends a round. Some of its answers are longer than others: what is expected shrinks with a whole round only, and with
    /// none of which no answer could be read.
    pub fn end_round(&mut self) {
        if self.largest > 0 {
            self.expected = self.largest.max(self.expected / 2);
        }
        self.largest = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(count: usize, size: usize) -> Vec<Value> {
        vec![Value::BulkString(vec![b'x'; size]); count]
    }

    #[test]
    fn as_many_answers_are_read_as_a_poll_may_cost() {
        let mut portion = Portion::default();
        for (count, size, has_more) in [
            (2_047, 1_000, false),
            (2_048, 1_000, true),
            (2_047, 16 << 10, false),
        ] {
            portion.take(&answers(count, size));
            assert_eq!(portion.has_more, has_more, "{count}");
        }
        assert_eq!(portion.count(), 512, "the largest may follow again");
        portion.take(&answers(512, 100));
        portion.end_round();
        assert_eq!(portion.count(), 512);
        for expected in [1_024, 2_048, 4_096] {
            portion.take(&answers(10, 100));
            portion.end_round();
            assert_eq!(portion.count(), expected);
        }
        for _ in 0..20 {
            portion.take(&answers(1, 1));
            portion.end_round();
        }
        assert_eq!(portion.count(), MOST);
        portion.take(&answers(1, 1 << 20));
        assert_eq!(portion.count(), FEWEST);
    }

    #[test]
    fn a_read_without_a_reply_is_followed_by_a_smaller_one() {
        let mut portion = Portion::default();
        let mut read = || {
            let [read, ..] = portion.read("list", 600);
            String::from_utf8_lossy(&read.get_packed_command()).into_owned()
        };
        for count in ["-2048", "-512", "-128", "-50", "-50"] {
            let command = read();
            assert!(command.contains(&format!("\r\n{count}\r\n")), "{command}");
        }
        portion.take(&[]);
        for _ in 0..20 {
            portion.end_round();
        }
        assert_eq!(portion.count(), FEWEST, "no answer says that more fit");
    }
}
