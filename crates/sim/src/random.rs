//! Chance from a seed: the same seed gives the same play on every machine and in every year.

/// A small generator (`SplitMix64`): fast, and its whole state is one number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The stream of `seed`; `stream` tells apart what must not depend on each other, such as arrivals and services.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut random = Self(
            seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ stream.wrapping_mul(0x9e37_79b9_7f4a_7c15),
        );
        random.bits();
        random
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly between 0 and 1, neither of them included.
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    pub fn even(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Exponential with mean 1: the time between two arrivals that know nothing of each other.
    pub fn gap(&mut self) -> f64 {
        -self.even().ln()
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.gap()).sqrt();
        radius * (std::f64::consts::TAU * self.even()).cos()
    }
}

/// How long tasks take: lognormal, or all the same where they do not vary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Mean in seconds.
    pub mean: f64,
    /// Standard deviation as a share of the mean.
    pub cv: f64,
}

impl Service {
    /// One task, in microseconds.
    #[must_use]
    pub fn sample(self, random: &mut Random) -> i64 {
        let variance = (1.0 + self.cv * self.cv).ln();
        let factor = (variance.sqrt() * random.normal() - variance / 2.0).exp();
        micros(self.mean * factor).max(1)
    }
}

/// Seconds as whole microseconds.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast that saturates, of times far below 2^63"
)]
pub fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_have_the_mean_and_the_spread_that_were_asked_for() {
        for cv in [0.0, 0.5, 1.0, 2.0] {
            let (mut random, service) = (Random::new(1, 1), Service { mean: 2.0, cv });
            let n = 400_000;
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let samples: Vec<f64> = (0..n)
                .map(|_| service.sample(&mut random) as f64 / 1e6)
                .collect();
            let mean = samples.iter().sum::<f64>() / f64::from(n);
            let variance = samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            assert!((mean - 2.0).abs() < 0.03, "mean {mean} at cv {cv}");
            assert!(
                (variance.sqrt() / mean - cv).abs() < 0.1 * cv + 1e-6,
                "{} at cv {cv}",
                variance.sqrt() / mean
            );
        }
    }
}
