//! The last hour of one pool's facts, in memory: only what changed, as differences in as few bytes as they need. A
//! quiet pool costs some 200 bytes, a pool where everything changes every two seconds about 15 KiB.

use std::collections::VecDeque;

/// How far back it goes.
pub const SPAN: i64 = 3_600_000;
/// Looks that follow each other closer than this count as one; the last of them stays.
const SPACING: i64 = 1_000;
/// Bytes after which a new chunk begins: the unit in which old facts are dropped.
const CHUNK: usize = 512;
/// Times are kept in steps of so many milliseconds: two seconds fit in one byte.
const GRAIN: i64 = 100;

/// A fact that could not be read.
pub const UNKNOWN: i32 = -2;
/// A fact that this queue system does not tell.
pub const UNSUPPORTED: i32 = -1;
/// The facts of one look: ready, in flight, live, busy, CPU in percent, seconds that the oldest waits, pods, wanted,
/// idle (0 or 1), and the reason's place in the closed list.
pub type Row = [i32; 10];

/// Changes that follow each other, from a row that stands by itself.
#[derive(Debug)]
struct Chunk {
    start: i64,
    first: Row,
    rest: Vec<u8>,
}

/// Rows by time; each holds until the next.
#[derive(Debug, Default)]
pub struct History {
    chunks: VecDeque<Chunk>,
    /// The newest row that the chunks hold.
    last: Option<(i64, Row)>,
    /// A newer one that may still be replaced.
    newest: Option<(i64, Row)>,
    looked: i64,
}

impl History {
    /// Takes in a look at `now`. Where none came for longer than `patience`, nothing is known of the time between.
    pub fn push(&mut self, now: i64, row: Row, patience: i64) {
        let now = now / GRAIN * GRAIN;
        let silent = self.last.is_some() && now - self.looked > patience;
        if silent {
            self.keep((self.looked + patience) / GRAIN * GRAIN, [UNKNOWN; 10]);
        }
        self.looked = now;
        if self.last.is_some_and(|(at, _)| now - at < SPACING) {
            self.newest = Some((now, row));
        } else {
            self.keep(now, row);
        }
    }

    /// Drops what is older than an hour, and the oldest beyond `limit` bytes.
    pub fn trim(&mut self, now: i64, limit: usize) {
        while self
            .chunks
            .get(1)
            .is_some_and(|next| next.start < now - SPAN || self.bytes() > limit)
        {
            self.chunks.pop_front();
        }
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of::<Chunk>() + chunk.rest.capacity())
            .sum()
    }

    /// The newest look: when it was, and the row.
    pub fn latest(&self) -> Option<(i64, Row)> {
        self.newest.or(self.last).map(|(_, row)| (self.looked, row))
    }

    /// All changes since `from`, the first moved there.
    pub fn since(&self, from: i64) -> Vec<(i64, Row)> {
        let mut rows: Vec<(i64, Row)> = Vec::new();
        let first = self
            .chunks
            .partition_point(|chunk| chunk.start <= from)
            .saturating_sub(1);
        for (at, row) in self
            .chunks
            .iter()
            .skip(first)
            .flat_map(Chunk::rows)
            .chain(self.newest)
        {
            if at <= from {
                rows.clear();
            }
            rows.push((at.max(from), row));
        }
        rows
    }

    fn keep(&mut self, now: i64, row: Row) {
        if let Some((at, newest)) = self.newest.take() {
            self.append(at, newest);
        }
        self.append(now, row);
    }

    fn append(&mut self, now: i64, row: Row) {
        if self.last.is_some_and(|(_, last)| last == row) {
            return;
        }
        match (self.chunks.back_mut(), self.last) {
            (Some(chunk), Some((at, last))) if chunk.rest.len() < CHUNK => {
                write(&mut chunk.rest, (now - at) / GRAIN);
                let mask =
                    (0..row.len()).fold(0, |mask, i| mask | i64::from(row[i] != last[i]) << i);
                write(&mut chunk.rest, mask);
                for i in (0..row.len()).filter(|i| row[*i] != last[*i]) {
                    write(&mut chunk.rest, i64::from(row[i]) - i64::from(last[i]));
                }
            }
            (full, _) => {
                if let Some(chunk) = full {
                    chunk.rest.shrink_to_fit();
                }
                self.chunks.push_back(Chunk {
                    start: now,
                    first: row,
                    rest: Vec::new(),
                });
            }
        }
        self.last = Some((now, row));
    }
}

impl Chunk {
    fn rows(&self) -> impl Iterator<Item = (i64, Row)> {
        let (mut at, mut row, mut bytes) = (self.start, self.first, self.rest.iter());
        let rest = std::iter::from_fn(move || {
            at += read(&mut bytes)? * GRAIN;
            let mask = read(&mut bytes)?;
            for (_, cell) in row
                .iter_mut()
                .enumerate()
                .filter(|(i, _)| mask >> i & 1 == 1)
            {
                *cell = i32::try_from(i64::from(*cell) + read(&mut bytes)?).unwrap_or(UNKNOWN);
            }
            Some((at, row))
        });
        std::iter::once((self.start, self.first)).chain(rest)
    }
}

/// Seven bits a byte, small numbers of either sign first.
fn write(to: &mut Vec<u8>, n: i64) {
    let mut rest = (n << 1 ^ n >> 63).cast_unsigned();
    while rest > 0x7f {
        to.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    to.push(rest.to_le_bytes()[0]);
}

fn read<'a>(from: &mut impl Iterator<Item = &'a u8>) -> Option<i64> {
    let (mut all, mut shift) = (0_u64, 0);
    loop {
        let byte = *from.next()?;
        all |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((all >> 1).cast_signed() ^ -(all & 1).cast_signed());
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ready: i32) -> Row {
        [ready, 3, 5, 3, 64, UNSUPPORTED, 5, 5, 0, 1]
    }

    #[test]
    fn what_goes_in_comes_out_whatever_the_numbers() {
        let mut trace = History::default();
        let numbers = [
            0,
            1,
            UNKNOWN,
            i32::MAX,
            7,
            UNSUPPORTED,
            1_000_000,
            63,
            64,
            65,
        ];
        let mut all = Vec::new();
        for i in 0..2_000 {
            let at = 1_700_000_000_000 + i * 2_000;
            let turn = usize::try_from(i).expect("small");
            let row = std::array::from_fn(|column| {
                numbers[(turn * (column + 1) + turn / 7) % numbers.len()]
            });
            trace.push(at, row, 9_000);
            if all.last().is_none_or(|(_, last)| *last != row) {
                all.push((at, row));
            }
        }
        assert_eq!(trace.since(0), all);
    }

    #[test]
    fn what_does_not_change_costs_nothing_and_still_counts_as_looked_at() {
        let mut trace = History::default();
        (0..1_800).for_each(|i| trace.push(i * 2_000, row(4), 9_000));
        assert_eq!(trace.since(0), [(0, row(4))]);
        assert_eq!(trace.latest(), Some((3_598_000, row(4))));
        assert!(trace.bytes() < 200, "{} bytes", trace.bytes());
    }

    #[test]
    fn a_busy_hour_takes_some_15_kib_and_nothing_older_stays() {
        let mut trace = History::default();
        for i in 0..5_400 {
            let n = i32::try_from(i * 7 % 23).expect("small");
            trace.push(
                i * 2_000,
                [n, n % 5, 5, n % 5, 60 + n, n / 2, 5, 5, 0, n % 3],
                9_000,
            );
            trace.trim(i * 2_000, 1 << 20);
        }
        assert!(trace.bytes() < 20_000, "{} bytes", trace.bytes());
        let first = trace.since(5_400 * 2_000 - SPAN).first().map(|(at, _)| *at);
        assert_eq!(first, Some(5_400 * 2_000 - SPAN));
        trace.trim(5_400 * 2_000, 2_000);
        assert!(
            trace.bytes() < 2_000 + 2 * CHUNK + 100,
            "{} bytes",
            trace.bytes()
        );
        assert!(!trace.since(0).is_empty());
    }

    #[test]
    fn a_storm_of_looks_is_one_a_second_and_its_last_word_counts() {
        let mut trace = History::default();
        (0..300).for_each(|i| trace.push(i * 10, row(i32::try_from(i).expect("small")), 9_000));
        assert_eq!(trace.latest().map(|(_, row)| row[0]), Some(299));
        assert_eq!(
            trace.since(0).last().map(|(at, row)| (*at, row[0])),
            Some((2_900, 299))
        );
        assert!(trace.since(0).len() <= 7, "{:?}", trace.since(0));
    }

    #[test]
    fn the_time_in_which_nobody_looked_is_unknown() {
        let mut trace = History::default();
        trace.push(0, row(4), 9_000);
        trace.push(60_000, row(4), 9_000);
        assert_eq!(
            trace.since(0),
            [(0, row(4)), (9_000, [UNKNOWN; 10]), (60_000, row(4))]
        );
    }
}
