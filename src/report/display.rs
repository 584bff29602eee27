//! The facts as kubectl's columns show them: unknown is `?`, what a queue system does not tell is `-`.

use api::Display;
use decide::{Metric, Millis, QueueMetrics};

/// The columns. `now` is the time of the look in milliseconds since 1970.
#[must_use]
pub fn display(target: &str, load: &QueueMetrics, now: i64) -> Display {
    Display {
        target: target.to_owned(),
        queue: show(load.ready, |n| n.to_string()),
        busy: join(load.busy, load.live, |busy, live| format!("{busy}/{live}")),
        util: join(load.busy, load.live, |busy, live| {
            format!("{}%", percent(busy, live))
        }),
        wait: show(load.oldest_at, |at| span(now - at)),
        cpu: join(load.cpu_sum, load.live, |sum, live| {
            format!("{}%", sum / live.max(1))
        }),
        success: join(
            load.processed,
            load.failed.join(Metric::Known(0), i64::max),
            |done, failed| {
                if done + failed == 0 {
                    "-".to_owned()
                } else {
                    format!("{}%", percent(done, done + failed))
                }
            },
        ),
        eta: eta(load).map_or_else(|| "-".to_owned(), span),
    }
}

/// Milliseconds until the queue is empty with the workers there are, at the mean time of a task so far.
#[must_use]
pub fn eta(load: &QueueMetrics) -> Option<i64> {
    let (done, spent) = (load.processed.known()?, load.busy_millis.known()?);
    let (ready, live) = (load.ready.known()?, load.live.known()?);
    let mean = spent.checked_div(done)?;
    (ready > 0 && live > 0).then(|| mean.saturating_mul(ready) / live)
}

/// Whole percent, rounded down; of nothing, nothing.
#[must_use]
pub fn percent(part: i64, whole: i64) -> i64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

fn span(millis: i64) -> String {
    Millis(millis.max(0) / 1000 * 1000).to_string()
}

fn show(fact: Metric, how: impl Fn(i64) -> String) -> String {
    match fact {
        Metric::Known(n) => how(n),
        Metric::Unavailable => "?".to_owned(),
        Metric::Unsupported => "-".to_owned(),
    }
}

fn join(a: Metric, b: Metric, how: impl Fn(i64, i64) -> String) -> String {
    match (a, b) {
        (Metric::Known(a), Metric::Known(b)) => how(a, b),
        (Metric::Unavailable, _) | (_, Metric::Unavailable) => "?".to_owned(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_the_state_at_one_glance() {
        let load = QueueMetrics {
            ready: Metric::Known(17),
            live: Metric::Known(5),
            busy: Metric::Known(4),
            cpu_sum: Metric::Known(320),
            oldest_at: Metric::Known(94_000),
            processed: Metric::Known(10),
            busy_millis: Metric::Known(100_000),
            ..QueueMetrics::UNSUPPORTED
        };
        let shown = display("Deployment/filter-worker", &load, 100_400);
        assert_eq!(
            (&*shown.queue, &*shown.busy, &*shown.util),
            ("17", "4/5", "80%")
        );
        assert_eq!(
            (&*shown.wait, &*shown.cpu, &*shown.success, &*shown.eta),
            ("6s", "64%", "100%", "34s")
        );
    }

    #[test]
    fn unknown_is_a_question_mark_and_never_zero() {
        let shown = display("Deployment/x", &QueueMetrics::UNAVAILABLE, 0);
        assert_eq!(
            (&*shown.queue, &*shown.busy, &*shown.util, &*shown.eta),
            ("?", "?", "?", "-")
        );
        assert_eq!(
            display("Deployment/x", &QueueMetrics::UNSUPPORTED, 0).busy,
            "-"
        );
    }
}
