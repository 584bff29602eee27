//! The last hour of one pool's metrics, in memory. It stores only changes, as variable-length differences: a quiet pool
//! takes about 200 bytes, a pool where everything changes every two seconds about 15 KiB.

use std::collections::VecDeque;

/// How far back the history goes, in milliseconds.
pub const SPAN: i64 = 3_600_000;
/// Rows that arrive within this many milliseconds after a stored row replace each other; the last one is kept.
const SPACING: i64 = 1_000;
/// Bytes after which a new chunk begins. Old rows are dropped by whole chunks.
const CHUNK: usize = 512;
/// The resolution of stored times, in milliseconds: two seconds fit in one byte.
const RESOLUTION: i64 = 100;

/// A value that could not be read.
pub const UNKNOWN: i32 = -2;
/// A value that this queue system does not report.
pub const UNSUPPORTED: i32 = -1;
/// One sample: ready, in flight, live, busy, CPU in percent, wait of the oldest task in seconds, pods, desired replicas,
/// idle (0 or 1), and the index of the reason in `ReasonCode::ALL`.
pub type Row = [i32; 10];

/// Consecutive changes: the first row in full, the rest as differences.
#[derive(Debug)]
struct Chunk {
    start: i64,
    first: Row,
    rest: Vec<u8>,
}

/// Rows by time; each is valid until the next.
#[derive(Debug, Default)]
pub struct History {
    chunks: VecDeque<Chunk>,
    /// The newest row in the chunks.
    last: Option<(i64, Row)>,
    /// A newer row that may still be replaced.
    newest: Option<(i64, Row)>,
    /// When the newest sample was taken, even if it changed nothing.
    sampled_at: i64,
}

impl History {
    /// Adds a sample taken at `now`. A gap longer than `max_age` milliseconds since the last sample is unknown.
    pub fn push(&mut self, now: i64, row: Row, max_age: i64) {
        let now = now / RESOLUTION * RESOLUTION;
        if self.last.is_some() && now - self.sampled_at > max_age {
            let gap_start = (self.sampled_at + max_age) / RESOLUTION * RESOLUTION;
            self.store(gap_start, [UNKNOWN; 10]);
        }
        self.sampled_at = now;
        if self.last.is_some_and(|(at, _)| now - at < SPACING) {
            self.newest = Some((now, row));
        } else {
            self.store(now, row);
        }
    }

    /// Drops rows older than one hour, and the oldest rows while the history takes more than `limit` bytes.
    pub fn trim(&mut self, now: i64, limit: usize) {
        while self
            .chunks
            .get(1)
            .is_some_and(|next| next.start < now - SPAN || self.bytes() > limit)
        {
            self.chunks.pop_front();
        }
    }

    /// Its size in memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.chunks
            .iter()
            .map(|chunk| size_of::<Chunk>() + chunk.rest.capacity())
            .sum()
    }

    /// The newest sample: its time and its row.
    pub fn latest(&self) -> Option<(i64, Row)> {
        self.newest
            .or(self.last)
            .map(|(_, row)| (self.sampled_at, row))
    }

    /// All changes since `from`. The first row is the one that was valid at `from`, with that time.
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

    fn store(&mut self, now: i64, row: Row) {
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
                write(&mut chunk.rest, (now - at) / RESOLUTION);
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
            at += read(&mut bytes)? * RESOLUTION;
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

/// Zigzag encoding, seven bits per byte: small numbers of either sign take one byte.
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
    fn rows_round_trip_for_all_values() {
        let mut history = History::default();
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
            history.push(at, row, 9_000);
            if all.last().is_none_or(|(_, last)| *last != row) {
                all.push((at, row));
            }
        }
        assert_eq!(history.since(0), all);
    }

    #[test]
    fn unchanged_rows_take_no_space_but_move_latest() {
        let mut history = History::default();
        (0..1_800).for_each(|i| history.push(i * 2_000, row(4), 9_000));
        assert_eq!(history.since(0), [(0, row(4))]);
        assert_eq!(history.latest(), Some((3_598_000, row(4))));
        assert!(history.bytes() < 200, "{} bytes", history.bytes());
    }

    #[test]
    fn a_busy_hour_takes_15_kib_and_older_rows_go() {
        let mut history = History::default();
        for i in 0..5_400 {
            let n = i32::try_from(i * 7 % 23).expect("small");
            history.push(
                i * 2_000,
                [n, n % 5, 5, n % 5, 60 + n, n / 2, 5, 5, 0, n % 3],
                9_000,
            );
            history.trim(i * 2_000, 1 << 20);
        }
        assert!(history.bytes() < 20_000, "{} bytes", history.bytes());
        let first = history
            .since(5_400 * 2_000 - SPAN)
            .first()
            .map(|(at, _)| *at);
        assert_eq!(first, Some(5_400 * 2_000 - SPAN));
        history.trim(5_400 * 2_000, 2_000);
        assert!(
            history.bytes() < 2_000 + 2 * CHUNK + 100,
            "{} bytes",
            history.bytes()
        );
        assert!(!history.since(0).is_empty());
    }

    #[test]
    fn a_burst_stores_one_row_per_second_the_last_one() {
        let mut history = History::default();
        (0..300).for_each(|i| history.push(i * 10, row(i32::try_from(i).expect("small")), 9_000));
        assert_eq!(history.latest().map(|(_, row)| row[0]), Some(299));
        assert_eq!(
            history.since(0).last().map(|(at, row)| (*at, row[0])),
            Some((2_900, 299))
        );
        assert!(history.since(0).len() <= 7, "{:?}", history.since(0));
    }

    #[test]
    fn gaps_between_samples_are_unknown() {
        let mut history = History::default();
        history.push(0, row(4), 9_000);
        history.push(60_000, row(4), 9_000);
        assert_eq!(
            history.since(0),
            [(0, row(4)), (9_000, [UNKNOWN; 10]), (60_000, row(4))]
        );
    }
}
