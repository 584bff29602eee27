//! Arrivals: the named shapes, and the random arrivals that follow one.

use super::random::{Random, micros};
use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

/// How many tasks arrive a second, as time goes on. Each lasts an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 4 a second.
    Steady,
    /// 4 ± 3.5 a second, up and down in 20 minutes.
    Sine,
    /// 1 a second, and 31 a second for 30 s every 30 minutes.
    Burst,
    /// 0.5 to 10 a second within 30 minutes, and then anew.
    Ramp,
    /// 1 and 7 a second, 5 minutes each.
    Square,
    /// 2 a second, and 20 a second for 10 s every 5 minutes.
    Spikes,
    /// 10 a second and ever fewer: a third after 11 minutes, down to 0.5.
    Decay,
    /// 2, 5, 9 and 4 a second, 5 minutes each.
    Stairs,
    /// 3 ± 2.5 a second, up and down in 5 minutes.
    Waves,
    /// 0.5 a second, and 12 a second for 2 minutes every 20 minutes.
    Rush,
}

/// How long a shape lasts, in seconds.
pub const SPAN: f64 = 3600.0;

impl Shape {
    /// All of them. The first seven were looked at when the rules were tuned.
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
    /// Nobody looked at these before the rules were settled.
    pub const HELD_OUT: [Self; 3] = [Self::Stairs, Self::Waves, Self::Rush];

    /// Its name.
    #[must_use]
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

    /// Tasks a second at `t` seconds.
    fn rate(self, t: f64) -> f64 {
        let within = |every: f64, from: f64, long: f64| (from..from + long).contains(&(t % every));
        let either = |yes: bool, then: f64, otherwise: f64| if yes { then } else { otherwise };
        match self {
            Self::Steady => 4.0,
            Self::Sine => 4.0 + 3.5 * (TAU * t / 1200.0).sin(),
            Self::Burst => either(within(1800.0, 900.0, 30.0), 31.0, 1.0),
            Self::Ramp => 0.5 + 9.5 * (t % 1800.0) / 1800.0,
            Self::Square => either(within(600.0, 0.0, 300.0), 1.0, 7.0),
            Self::Spikes => either(within(300.0, 100.0, 10.0), 20.0, 2.0),
            Self::Decay => 0.5 + 9.5 * (-t / 600.0).exp(),
            Self::Stairs if within(1200.0, 0.0, 600.0) => {
                either(within(1200.0, 0.0, 300.0), 2.0, 5.0)
            }
            Self::Stairs => either(within(1200.0, 600.0, 300.0), 9.0, 4.0),
            Self::Waves => 3.0 + 2.5 * (TAU * t / 300.0).sin(),
            Self::Rush => either(within(1200.0, 300.0, 120.0), 12.0, 0.5),
        }
    }

    /// More than its rate ever is.
    const fn most(self) -> f64 {
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

    /// The instants at which tasks arrive, in microseconds from 0: a Poisson process, thinned to the shape's rate.
    #[must_use]
    pub fn arrivals(self, seed: u64) -> Vec<i64> {
        let (mut random, mut t, mut all) = (Random::new(seed, 1), 0.0, Vec::new());
        loop {
            t += random.gap() / self.most();
            if t >= SPAN {
                return all;
            }
            if random.even() * self.most() < self.rate(t) {
                all.push(micros(t));
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
                format!("there is no shape {name}: write one of {all}")
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_has_the_tasks_that_its_words_say() {
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
    fn the_same_seed_gives_the_same_arrivals() {
        assert_eq!(Shape::Sine.arrivals(7), Shape::Sine.arrivals(7));
        assert_ne!(Shape::Sine.arrivals(7), Shape::Sine.arrivals(8));
    }
}
