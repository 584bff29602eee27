//! A rate limit for each client address, as a token bucket.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From this many addresses on, the limiter forgets those whose bucket is full again.
const MAX_ADDRESSES: usize = 10_000;

/// A token bucket for each address.
pub struct RateLimiter {
    per_second: f64,
    /// The tokens that were left, and the time of that count.
    buckets: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl RateLimiter {
    pub fn new(per_second: f64) -> Self {
        Self {
            per_second,
            buckets: Mutex::default(),
        }
    }

    /// Takes a token. If there is none, returns how long it takes until there is one.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let capacity = 2.0 * self.per_second;
        let tokens_now = |(tokens, at): (f64, Instant)| {
            (tokens + now.saturating_duration_since(at).as_secs_f64() * self.per_second)
                .min(capacity)
        };
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= MAX_ADDRESSES {
            buckets.retain(|_, bucket| tokens_now(*bucket) < capacity);
        }
        let tokens = buckets
            .get(&address)
            .map_or(capacity, |bucket| tokens_now(*bucket));
        if tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second));
        }
        buckets.insert(address, (tokens - 1.0, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_bucket_that_refills() {
        let limiter = RateLimiter::new(2.0);
        let start = Instant::now();
        let [one, other] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
        let accepted = (0..10).filter(|_| limiter.take(one, start).is_ok()).count();
        assert_eq!(accepted, 4, "a burst of twice the rate");
        let wait = limiter.take(one, start).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        assert!(limiter.take(other, start).is_ok());
        assert!(limiter.take(one, start + wait).is_ok());
        assert!(limiter.take(one, start + wait).is_err());
    }

    #[test]
    fn quiet_addresses_are_forgotten() {
        let limiter = RateLimiter::new(1.0);
        let start = Instant::now();
        for n in 0..20_000_u32 {
            let at = start + Duration::from_millis(n.into());
            assert!(limiter.take(IpAddr::from(n.to_be_bytes()), at).is_ok());
        }
        assert!(limiter.buckets.lock().unwrap().len() <= MAX_ADDRESSES);
    }
}
