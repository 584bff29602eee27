//! Measured times and their percentiles.

use std::time::Duration;

/// All measured times; none is discarded.
#[derive(Clone, Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    fn quantile_millis(&self, quantile: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index"
        )]
        let index = ((sorted.len() as f64 * quantile) as usize).min(sorted.len().saturating_sub(1));
        sorted
            .get(index)
            .map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }

    /// Prints them, and how they are to others.
    pub fn print(&self, title: &str, beside: Option<(&str, &Self)>) {
        let p50 = self.quantile_millis(0.5);
        let p99 = self.quantile_millis(0.99);
        let max = self.quantile_millis(1.0);
        let ratio = beside.map_or(String::new(), |(name, other)| {
            format!(
                "   {:.2} × and {:.2} × {name}",
                p50 / other.quantile_millis(0.5),
                p99 / other.quantile_millis(0.99)
            )
        });
        println!(
            "{title:47} p50 {p50:6.2}   p99 {p99:6.2}   max {max:6.2}   n {}{ratio}",
            self.0.len()
        );
    }
}
