//! How often one address may ask: a bucket each, which fills with time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Addresses remembered at most: past that, those that have not asked for long are forgotten.
const MOST: usize = 10_000;

/// A bucket for each address.
pub struct Rates {
    per_second: f64,
    /// Tokens left, and when they were.
    buckets: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl Rates {
    pub fn new(per_second: f64) -> Self {
        Self {
            per_second,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token; where there is none, how long until there is one.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let full = 2.0 * self.per_second;
        let filled = |(left, at): (f64, Instant)| {
            (left + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(full)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MOST {
            buckets.retain(|_, bucket| filled(*bucket) < full);
        }
        let left = buckets.get(&address).map_or(full, |bucket| filled(*bucket));
        if left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - left) / self.per_second));
        }
        buckets.insert(address, (left - 1.0, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_fills_with_time_and_is_nobody_elses() {
        let (rates, start) = (Rates::new(2.0), Instant::now());
        let [one, other] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let taken = (0..10).filter(|_| rates.take(one, start).is_ok()).count();
        assert_eq!(taken, 4, "twice the rate at once");
        let wait = rates.take(one, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(rates.take(other, start).is_ok());
        assert!(rates.take(one, start + wait).is_ok());
        assert!(rates.take(one, start + wait).is_err());
    }

    #[test]
    fn those_who_are_quiet_are_forgotten() {
        let (rates, start) = (Rates::new(1.0), Instant::now());
        for n in 0..20_000_u32 {
            let at = start + Duration::from_millis(n.into());
            assert!(rates.take(IpAddr::from(n.to_be_bytes()), at).is_ok());
        }
        assert!(rates.buckets.lock().unwrap().len() <= MOST);
    }
}
