//! Random numbers from a seed: the same seed gives the same simulation on every machine and in every version.

/// A small random number generator (`SplitMix64`): fast, and its whole state is one number.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Stream number `stream` of `seed`. Quantities that must not depend on each other, such as arrival and service times,
    /// use different streams.
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

    /// Uniform between 0 and 1, both excluded.
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    pub fn uniform(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// Exponential with mean 1: the time between two arrivals that are independent of each other.
    pub fn exponential(&mut self) -> f64 {
        -self.uniform().ln()
    }

    /// Normal with mean 0 and standard deviation 1 (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.exponential()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Distribution of the service time: lognormal, or constant if `cv` is 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Mean in seconds.
    pub mean: f64,
    /// Coefficient of variation: the standard deviation divided by the mean.
    pub cv: f64,
}

impl Service {
    /// The service time of one task, in microseconds.
    pub fn sample(self, random: &mut Random) -> i64 {
        let variance = (1.0 + self.cv * self.cv).ln();
        let factor = (variance.sqrt() * random.normal() - variance / 2.0).exp();
        micros(self.mean * factor).max(1)
    }
}

/// Converts seconds to whole microseconds.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and times are far below 2^63"
)]
pub fn micros(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_times_have_the_given_mean_and_cv() {
        for cv in [0.0, 0.5, 1.0, 2.0] {
            let mut random = Random::new(1, 1);
            let service = Service { mean: 2.0, cv };
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
