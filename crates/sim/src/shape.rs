//! Named arrival rates over time, and random arrivals that follow them.

use crate::random::{Random, micros};
use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

/// How many tasks arrive per second over the course of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 4 a second.
    Steady,
    /// 4 ± 3.5 a second, up and down in 20 minutes.
    Sine,
    /// 1 a second, and 31 a second for 30 s every 30 minutes.
    Burst,
    /// 0.5 to 10 a second within 30 minutes, and then again.
    Ramp,
    /// 1 and 7 a second, 5 minutes each.
    Square,
    /// 2 a second, and 20 a second for 10 s every 5 minutes.
    Spikes,
    /// From 10 a second down to 0.5: a third of it after 11 minutes.
    Decay,
    /// 2, 5, 9 and 4 a second, 5 minutes each.
    Stairs,
    /// 3 ± 2.5 a second, up and down in 5 minutes.
    Waves,
    /// 0.5 a second, and 12 a second for 2 minutes every 20 minutes.
    Rush,
}

/// Length of a shape in seconds.
pub const SPAN_SECONDS: f64 = 3600.0;

impl Shape {
    /// All shapes. The first seven were used to tune the rules.
    pub const ALL: [Self; 10] = [
        Self::Steady,
        Self::Sine,
        Self::Burst,
        Self::Ramp,
        Self::Square,
        Self::Spikes,
        Self::Decay,
        Self::Stairs,
        Self::Waves,
        Self::Rush,
    ];
    /// The shapes that were not used until the rules were final.
    pub const HELD_OUT: [Self; 3] = [Self::Stairs, Self::Waves, Self::Rush];

    /// The name of the shape.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Sine => "sine",
            Self::Burst => "burst",
            Self::Ramp => "ramp",
            Self::Square => "square",
            Self::Spikes => "spikes",
            Self::Decay => "decay",
            Self::Stairs => "stairs",
            Self::Waves => "waves",
            Self::Rush => "rush",
        }
    }

    /// Tasks per second at `t` seconds.
    fn rate(self, t: f64) -> f64 {
        let within =
            |period: f64, start: f64, length: f64| (start..start + length).contains(&(t % period));
        let select = |condition: bool, yes: f64, no: f64| if condition { yes } else { no };
        match self {
            Self::Steady => 4.0,
            Self::Sine => 4.0 + 3.5 * (TAU * t / 1200.0).sin(),
            Self::Burst => select(within(1800.0, 900.0, 30.0), 31.0, 1.0),
            Self::Ramp => 0.5 + 9.5 * (t % 1800.0) / 1800.0,
            Self::Square => select(within(600.0, 0.0, 300.0), 1.0, 7.0),
            Self::Spikes => select(within(300.0, 100.0, 10.0), 20.0, 2.0),
            Self::Decay => 0.5 + 9.5 * (-t / 600.0).exp(),
            Self::Stairs if within(1200.0, 0.0, 600.0) => {
                select(within(1200.0, 0.0, 300.0), 2.0, 5.0)
            }
            Self::Stairs => select(within(1200.0, 600.0, 300.0), 9.0, 4.0),
            Self::Waves => 3.0 + 2.5 * (TAU * t / 300.0).sin(),
            Self::Rush => select(within(1200.0, 300.0, 120.0), 12.0, 0.5),
        }
    }

    /// The maximum of the rate.
    const fn max_rate(self) -> f64 {
        match self {
            Self::Steady => 4.0,
            Self::Sine => 7.5,
            Self::Burst => 31.0,
            Self::Ramp | Self::Decay => 10.0,
            Self::Square => 7.0,
            Self::Spikes => 20.0,
            Self::Stairs => 9.0,
            Self::Waves => 5.5,
            Self::Rush => 12.0,
        }
    }

    /// The times at which tasks arrive, in microseconds from 0: a Poisson process, thinned to the shape's rate.
    pub fn arrivals(self, seed: u64) -> Vec<i64> {
        let mut random = Random::new(seed, 1);
        let mut t = 0.0;
        let mut arrivals = Vec::new();
        loop {
            t += random.exponential() / self.max_rate();
            if t >= SPAN_SECONDS {
                return arrivals;
            }
            if random.uniform() * self.max_rate() < self.rate(t) {
                arrivals.push(micros(t));
            }
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|shape| shape.as_str() == name)
            .ok_or_else(|| {
                let all = Self::ALL.map(Self::as_str).join(", ");
                format!("unknown shape {name}: use one of {all}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_documented_number_of_tasks() {
        let expected = [
            (Shape::Steady, 14_400),
            (Shape::Sine, 14_400),
            (Shape::Burst, 3600 + 2 * 30 * 30),
            (Shape::Ramp, 18_900),
            (Shape::Square, 14_400),
            (Shape::Spikes, 7200 + 12 * 180),
            (Shape::Decay, 7486),
            (Shape::Stairs, 18_000),
            (Shape::Waves, 10_800),
            (Shape::Rush, 1620 + 3 * 1440),
        ];
        for (shape, tasks) in expected {
            let found = i32::try_from(shape.arrivals(1).len()).expect("few");
            assert!(
                (found - tasks).abs() < tasks / 20,
                "{shape} has {found}, not about {tasks}"
            );
            assert_eq!(shape.as_str().parse(), Ok(shape));
        }
    }

    #[test]
    fn same_seed_gives_same_arrivals() {
        assert_eq!(Shape::Sine.arrivals(7), Shape::Sine.arrivals(7));
        assert_ne!(Shape::Sine.arrivals(7), Shape::Sine.arrivals(8));
    }
}
