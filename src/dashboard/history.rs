//! The last hour of one pool's metrics, in memory. It stores only changes, as variable-length differences: a quiet pool
//! takes about 200 bytes, a pool where everything changes every two seconds about 15 KiB.

use super::Sample;
use decide::{Metric, ReasonCode};
use std::collections::VecDeque;

/// How far back the history goes, in milliseconds.
pub const SPAN: i64 = 3_600_000;
/// Rows that arrive within this many milliseconds after a stored row replace each other; the last one is kept.
const SPACING: i64 = 1_000;
/// Bytes after which a new chunk begins. Old rows are dropped by whole chunks.
const CHUNK: usize = 512;
/// The resolution of stored times, in milliseconds: two seconds fit in one byte.
const RESOLUTION: i64 = 100;

/// A sample as numbers; only this module knows their order.
type Row = [i64; 10];
/// An unavailable metric, or an unknown state.
const UNAVAILABLE: i64 = -2;
/// A metric that the queue system does not report.
const UNSUPPORTED: i64 = -1;

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
    pub fn push(&mut self, now: i64, sample: &Sample, max_age: i64) {
        let row = pack(sample);
        let now = now / RESOLUTION * RESOLUTION;
        if self.last.is_some() && now - self.sampled_at > max_age {
            let gap_start = (self.sampled_at + max_age) / RESOLUTION * RESOLUTION;
            self.store(gap_start, pack(&Sample::UNKNOWN));
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

    /// The newest sample and its time.
    pub fn latest(&self) -> Option<(i64, Sample)> {
        self.newest
            .or(self.last)
            .map(|(_, row)| (self.sampled_at, unpack(row)))
    }

    /// All changes since `from`. The first sample is the one that was valid at `from`, with that time.
    pub fn since(&self, from: i64) -> Vec<(i64, Sample)> {
        let mut samples: Vec<(i64, Sample)> = Vec::new();
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
                samples.clear();
            }
            samples.push((at.max(from), unpack(row)));
        }
        samples
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
                    write(&mut chunk.rest, row[i] - last[i]);
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
                *cell += read(&mut bytes)?;
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

fn pack(sample: &Sample) -> Row {
    // Half of the range, so that differences cannot overflow.
    let metric = |metric| match metric {
        Metric::Known(n) | Metric::Estimated(n) => n.clamp(0, i64::MAX / 2),
        Metric::Unavailable => UNAVAILABLE,
        Metric::Unsupported => UNSUPPORTED,
    };
    let replicas = |replicas: Option<i32>| replicas.map_or(UNAVAILABLE, i64::from);
    [
        metric(sample.ready),
        metric(sample.in_flight),
        metric(sample.live),
        metric(sample.busy),
        metric(sample.cpu),
        metric(sample.wait),
        replicas(sample.replicas),
        replicas(sample.desired),
        i64::from(sample.idle),
        sample.reason.map_or(UNAVAILABLE, |reason| reason as i64),
    ]
}

fn unpack(row: Row) -> Sample {
    let metric = |n| match n {
        UNAVAILABLE => Metric::Unavailable,
        UNSUPPORTED => Metric::Unsupported,
        n => Metric::Known(n),
    };
    let replicas = |n| i32::try_from(n).ok().filter(|n| *n >= 0);
    let [
        ready,
        in_flight,
        live,
        busy,
        cpu,
        wait,
        pods,
        desired,
        idle,
        reason,
    ] = row;
    Sample {
        ready: metric(ready),
        in_flight: metric(in_flight),
        live: metric(live),
        busy: metric(busy),
        cpu: metric(cpu),
        wait: metric(wait),
        replicas: replicas(pods),
        desired: replicas(desired),
        idle: idle == 1,
        reason: usize::try_from(reason)
            .ok()
            .and_then(|index| ReasonCode::ALL.get(index))
            .copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ready: i64) -> Sample {
        Sample {
            ready: Metric::Known(ready),
            in_flight: Metric::Known(3),
            live: Metric::Known(5),
            busy: Metric::Known(3),
            cpu: Metric::Known(64),
            wait: Metric::Unsupported,
            replicas: Some(5),
            desired: Some(5),
            idle: false,
            reason: Some(ReasonCode::ALL[1]),
        }
    }

    #[test]
    fn samples_round_trip_for_all_values() {
        let mut history = History::default();
        let metrics = [
            Metric::Known(0),
            Metric::Known(1),
            Metric::Unavailable,
            Metric::Known(i64::MAX / 2),
            Metric::Known(7),
            Metric::Unsupported,
            Metric::Known(1_000_000),
        ];
        let replicas = [Some(0), None, Some(63), Some(i32::MAX), Some(64)];
        let mut all = Vec::new();
        for i in 0..2_000 {
            let at = 1_700_000_000_000 + i * 2_000;
            let turn = usize::try_from(i).expect("small");
            let metric = |column: usize| metrics[(turn * column + turn / 7) % metrics.len()];
            let sample = Sample {
                ready: metric(1),
                in_flight: metric(2),
                live: metric(3),
                busy: metric(4),
                cpu: metric(5),
                wait: metric(6),
                replicas: replicas[turn % replicas.len()],
                desired: replicas[turn / 3 % replicas.len()],
                idle: turn.is_multiple_of(3),
                reason: ReasonCode::ALL
                    .get(turn % (ReasonCode::ALL.len() + 1))
                    .copied(),
            };
            history.push(at, &sample, 9_000);
            if all.last().is_none_or(|(_, last)| *last != sample) {
                all.push((at, sample));
            }
        }
        assert_eq!(history.since(0), all);
    }

    #[test]
    fn unchanged_rows_take_no_space_but_move_latest() {
        let mut history = History::default();
        (0..1_800).for_each(|i| history.push(i * 2_000, &sample(4), 9_000));
        assert_eq!(history.since(0), [(0, sample(4))]);
        assert_eq!(history.latest(), Some((3_598_000, sample(4))));
        assert!(history.bytes() < 200, "{} bytes", history.bytes());
    }

    #[test]
    fn a_busy_hour_takes_15_kib_and_older_rows_go() {
        let mut history = History::default();
        for i in 0..5_400 {
            let n = i * 7 % 23;
            let reason = usize::try_from(n % 3).expect("small");
            let busy = Sample {
                in_flight: Metric::Known(n % 5),
                busy: Metric::Known(n % 5),
                cpu: Metric::Known(60 + n),
                wait: Metric::Known(n / 2),
                reason: Some(ReasonCode::ALL[reason]),
                ..sample(n)
            };
            history.push(i * 2_000, &busy, 9_000);
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
        (0..300).for_each(|i| history.push(i * 10, &sample(i), 9_000));
        assert_eq!(
            history.latest().map(|(_, sample)| sample.ready),
            Some(Metric::Known(299))
        );
        assert_eq!(
            history
                .since(0)
                .last()
                .map(|(at, sample)| (*at, sample.ready)),
            Some((2_900, Metric::Known(299)))
        );
        assert!(history.since(0).len() <= 7, "{:?}", history.since(0));
    }

    #[test]
    fn gaps_between_samples_are_unknown() {
        let mut history = History::default();
        history.push(0, &sample(4), 9_000);
        history.push(60_000, &sample(4), 9_000);
        assert_eq!(
            history.since(0),
            [
                (0, sample(4)),
                (9_000, Sample::UNKNOWN),
                (60_000, sample(4))
            ]
        );
    }
}
