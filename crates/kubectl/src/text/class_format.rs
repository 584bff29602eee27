//! The output lines that the class defines: their words and signs, the same in every language.

use crate::cluster::queue_summary::QueueSummary;
use decide::{Millis, PoolSpec};

/// The queue line: green up to the thresholds of `scaleUp`, yellow above one of them.
pub fn queue(
    summary: &QueueSummary,
    workers: Option<u64>,
    pool: &PoolSpec,
    stable: bool,
) -> String {
    let util = summary.utilization();
    let above = |value: Option<f64>, limit: Option<i64>| {
        value
            .zip(limit)
            .is_some_and(|(value, limit)| value > percent(limit))
    };
    let loaded = pool.rules.iter().any(|rules| {
        let up = &rules.up;
        up.queue_length
            .is_some_and(|limit| i64::try_from(summary.ready).is_ok_and(|ready| ready > limit))
            || above(util, up.utilization)
            || above(summary.cpu, up.cpu)
    });
    let sign = if loaded { "🟡" } else { "🟢" };
    let util = util.map_or("     ?".into(), |util| format!("{util:>5.1}%"));
    let end = if stable { " [STABLE]" } else { "" };
    format!(
        "{sign} Queue:{:<2} | Workers:{} | Util:{util}{end}",
        summary.ready,
        number(workers)
    )
}

/// The queue line while the metrics cannot be read.
pub fn unreachable() -> &'static str {
    "🔴 Queue:?  | Workers:? | Util:     ?"
}

/// The line of a change of the number of workers; `idle` is the idle time, if that was the reason.
pub fn scaling(from: i32, to: i32, idle: Option<Millis>) -> String {
    if to > from {
        return format!("🔺 SCALING UP TO {to} WORKERS");
    }
    let idle = idle.map_or(String::new(), |span| format!(" (idle {})", dense(span)));
    format!("🔻 SCALING DOWN TO {to} WORKERS{idle}")
}

/// The line of a burst of tasks.
pub fn stress(tasks: u32) -> String {
    format!("🔥 STRESS TEST TRIGGERED ({tasks} tasks)")
}

/// A span without spaces, as in the class's line and where a column is narrow: `45s`, `2min`, `1min15s`.
pub fn dense(span: Millis) -> String {
    messages::whole_span(span).replace(' ', "")
}

/// A number, or `?` if it is unknown.
pub fn number(n: Option<u64>) -> String {
    n.map_or("?".into(), |n| n.to_string())
}

#[expect(clippy::cast_precision_loss, reason = "a percentage")]
fn percent(limit: i64) -> f64 {
    limit as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use decide::{Rules, ScaleUp};

    fn class() -> PoolSpec {
        let up = ScaleUp {
            queue_length: Some(8),
            utilization: Some(80),
            cpu: Some(75),
            step: 2,
            cooldown: Millis::seconds(60),
        };
        PoolSpec {
            min: 3,
            rules: vec![Rules {
                up,
                ..Rules::default()
            }],
            ..PoolSpec::default()
        }
    }

    fn summary(ready: u64, busy: u64, live: u64) -> QueueSummary {
        QueueSummary {
            ready,
            busy: Some(busy),
            live: Some(live),
            ..QueueSummary::default()
        }
    }

    #[test]
    fn lines_are_those_of_the_class() {
        let line = |ready, busy, live, stable| {
            queue(&summary(ready, busy, live), Some(live), &class(), stable)
        };
        assert_eq!(
            line(0, 0, 3, false),
            "🟢 Queue:0  | Workers:3 | Util:  0.0%"
        );
        assert_eq!(
            line(25, 3, 3, false),
            "🟡 Queue:25 | Workers:3 | Util:100.0%"
        );
        assert_eq!(
            line(8, 4, 5, false),
            "🟢 Queue:8  | Workers:5 | Util: 80.0%",
            "a value equal to the threshold is not above it"
        );
        assert_eq!(
            line(0, 0, 3, true),
            "🟢 Queue:0  | Workers:3 | Util:  0.0% [STABLE]"
        );
        assert_eq!(unreachable(), "🔴 Queue:?  | Workers:? | Util:     ?");
        assert_eq!(stress(25), "🔥 STRESS TEST TRIGGERED (25 tasks)");
        assert_eq!(scaling(3, 5, None), "🔺 SCALING UP TO 5 WORKERS");
        assert_eq!(
            scaling(7, 5, Some(Millis::seconds(120))),
            "🔻 SCALING DOWN TO 5 WORKERS (idle 2min)"
        );
        assert_eq!(
            scaling(5, 3, Some(Millis(79_900))),
            "🔻 SCALING DOWN TO 3 WORKERS (idle 1min19s)",
            "the operator's message says 79s"
        );
        assert_eq!(scaling(7, 5, None), "🔻 SCALING DOWN TO 5 WORKERS");
    }
}
