//! The metrics as `kubectl get` shows them in columns: `?` is unavailable, `-` is not supported by the queue system.

use api::Display;
use decide::{Metric, Millis, QueueMetrics};

/// The columns. `now` is the time of the poll in milliseconds since 1970.
pub fn display(target: &str, load: &QueueMetrics, now: i64) -> Display {
    Display {
        target: target.to_owned(),
        queue: show(load.ready, |n| n.to_string()),
        busy: join(load.busy, load.live, |busy, live| format!("{busy}/{live}")),
        util: join(load.utilization().0, load.utilization().1, |used, all| {
            format!("{}%", percent(used, all))
        }),
        wait: show(load.oldest_at, |at| span(now.saturating_sub(at))),
        cpu: join(load.cpu_sum, load.live, |sum, live| {
            format!("{}%", sum / live.max(1))
        }),
        // Without the failed ones, a share of the processed tasks would always be all of them.
        success: join(load.processed, load.failed, |processed, failed| {
            let ended = processed.saturating_add(failed);
            if ended == 0 {
                "-".to_owned()
            } else {
                format!("{}%", percent(processed, ended))
            }
        }),
        eta: load.drain_millis().map_or_else(|| "-".to_owned(), span),
    }
}

/// `part` of `whole` in percent, rounded down; 0 if `whole` is 0.
pub fn percent(part: i64, whole: i64) -> i64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// Whole seconds as in the column AGE of kubectl beside it, `1m15s`.
fn span(millis: i64) -> String {
    Millis(millis.max(0) / 1000 * 1000).to_string()
}

fn show(metric: Metric, format: impl Fn(i64) -> String) -> String {
    match metric {
        Metric::Known(n) => format(n),
        Metric::Estimated(n) => format!("~{}", format(n)),
        Metric::Unavailable => "?".to_owned(),
        Metric::Unsupported => "-".to_owned(),
    }
}

fn join(a: Metric, b: Metric, format: impl Fn(i64, i64) -> String) -> String {
    match (a.known(), b.known()) {
        (Some(a), Some(b)) => format(a, b),
        _ if [a, b].contains(&Metric::Unavailable) => "?".to_owned(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_show_the_state_at_a_glance() {
        let load = QueueMetrics {
            ready: Metric::Known(17),
            live: Metric::Known(5),
            busy: Metric::Known(4),
            cpu_sum: Metric::Known(320),
            oldest_at: Metric::Known(94_000),
            processed: Metric::Known(10),
            failed: Metric::Known(0),
            busy_millis: Metric::Known(100_000),
            ..QueueMetrics::UNSUPPORTED
        };
        let columns = display("Deployment/filter-worker", &load, 100_400);
        assert_eq!(
            (&*columns.queue, &*columns.busy, &*columns.util),
            ("17", "4/5", "80%")
        );
        assert_eq!(
            (
                &*columns.wait,
                &*columns.cpu,
                &*columns.success,
                &*columns.eta
            ),
            ("6s", "64%", "100%", "34s")
        );
    }

    #[test]
    fn success_needs_the_number_of_failures() {
        let load = QueueMetrics {
            processed: Metric::Estimated(10),
            ..QueueMetrics::UNSUPPORTED
        };
        assert_eq!(display("Deployment/x", &load, 0).success, "-");
    }

    #[test]
    fn an_estimate_is_marked() {
        let load = QueueMetrics {
            ready: Metric::Estimated(17),
            ..QueueMetrics::UNSUPPORTED
        };
        assert_eq!(display("Deployment/x", &load, 0).queue, "~17");
    }

    #[test]
    fn extreme_values_are_shown_too() {
        for (value, now) in [(i64::MAX, i64::MIN), (i64::MIN, i64::MAX), (-1, 1)] {
            let known = Metric::Known(value);
            let load = QueueMetrics {
                ready: known,
                live: known,
                busy: known,
                cpu_sum: known,
                oldest_at: known,
                processed: known,
                failed: known,
                busy_millis: known,
                ..QueueMetrics::UNSUPPORTED
            };
            assert_eq!(display("Deployment/x", &load, now).queue, value.to_string());
        }
    }

    #[test]
    fn unavailable_is_a_question_mark_and_never_zero() {
        let columns = display("Deployment/x", &QueueMetrics::UNAVAILABLE, 0);
        assert_eq!(
            (
                &*columns.queue,
                &*columns.busy,
                &*columns.util,
                &*columns.eta
            ),
            ("?", "?", "?", "-")
        );
        assert_eq!(
            display("Deployment/x", &QueueMetrics::UNSUPPORTED, 0).busy,
            "-"
        );
    }
}
