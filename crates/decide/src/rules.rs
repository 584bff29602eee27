//! The thresholds of `scaleUp`, of which one is enough, and the conditions of `scaleDown`, which must all be met.

use crate::decision::{Rule, Step};
use crate::observation::{Metric, QueueMetrics};
use crate::reason::Trigger;
use crate::spec::{ScaleDown, ScaleUp};

/// The metric of a rule: a share of the live workers, a mean over them, or a number of tasks.
struct Ratio {
    part: i64,
    whole: i64,
}

impl Ratio {
    /// The value as it is shown, rounded down. Comparisons are exact.
    fn value(&self) -> i64 {
        self.part / self.whole
    }

    fn is_above(&self, limit: i64) -> bool {
        self.part > limit.saturating_mul(self.whole)
    }

    fn is_below(&self, limit: i64) -> bool {
        self.part < limit.saturating_mul(self.whole)
    }
}

/// The metric of a rule, or the step that says why there is nothing to compare.
fn read(rule: Rule, total: &QueueMetrics) -> Result<Ratio, Step> {
    let (used, all) = total.utilization();
    let (part, whole, scale) = match rule {
        Rule::Utilization => (used, all, 100),
        Rule::Cpu => (total.cpu_sum, total.live, 1),
        _ => (total.ready, Metric::Known(1), 1),
    };
    match (part.known(), whole.known()) {
        (Some(part), Some(whole)) => Ok(Ratio {
            part: part.saturating_mul(scale),
            // Without a live worker, none is busy and none uses CPU.
            whole: whole.max(1),
        }),
        _ if [part, whole].contains(&Metric::Unavailable) => Err(Step::MetricUnavailable { rule }),
        _ => Err(Step::MetricUnsupported { rule }),
    }
}

/// The first threshold that is exceeded, with the replicas that it recommends; every comparison becomes a step. Where the
/// total is unavailable, what is known of it, `least`, may exceed a threshold already.
pub(crate) fn scale_up(
    rules: &ScaleUp,
    total: &QueueMetrics,
    least: &QueueMetrics,
    base: i32,
    steps: &mut Vec<Step>,
) -> Option<(i32, Trigger)> {
    let mut first = None;
    let limits = [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
        (Rule::Cpu, rules.cpu),
    ];
    for (rule, limit) in limits {
        let Some(limit) = limit else { continue };
        let metric = read(rule, total).or_else(|unknown| {
            let known = read(rule, least).ok();
            known.filter(|it| it.is_above(limit)).ok_or(unknown)
        });
        match metric {
            Ok(metric) => {
                let value = metric.value();
                let recommended = metric
                    .is_above(limit)
                    .then(|| base.saturating_add(rules.step));
                steps.push(Step::Up {
                    rule,
                    value,
                    threshold: limit,
                    recommended,
                });
                let trigger = Trigger {
                    rule,
                    value,
                    threshold: limit,
                    queue: None,
                };
                first = first.or(recommended.map(|replicas| (replicas, trigger)));
            }
            Err(step) => steps.push(step),
        }
    }
    first
}

/// Whether the conditions of `scaleDown` are met in one observation; ordered from met to unmet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Conditions {
    Met,
    /// No condition is known to be unmet, but not all are known.
    Unknown,
    Unmet,
}

/// Whether the conditions of `scaleDown` are met; every comparison becomes a step.
pub(crate) fn scale_down(
    rules: &ScaleDown,
    total: &QueueMetrics,
    steps: &mut Vec<Step>,
) -> Conditions {
    let mut conditions = Conditions::Met;
    for (rule, limit) in [
        (Rule::QueueLength, rules.queue_length),
        (Rule::Utilization, rules.utilization),
    ] {
        let Some(limit) = limit else { continue };
        let condition = match read(rule, total) {
            Ok(metric) => {
                let met = metric.is_below(limit);
                steps.push(Step::Down {
                    rule,
                    value: metric.value(),
                    threshold: limit,
                    met,
                });
                if met {
                    Conditions::Met
                } else {
                    Conditions::Unmet
                }
            }
            Err(step) => {
                let condition = if matches!(step, Step::MetricUnsupported { .. }) {
                    Conditions::Met
                } else {
                    Conditions::Unknown
                };
                // scaleUp may have recorded the same for the same queues.
                let mut steps_of_rules = steps
                    .iter()
                    .rev()
                    .take_while(|step| !matches!(step, Step::Queue { .. }));
                if !steps_of_rules.any(|recorded| *recorded == step) {
                    steps.push(step);
                }
                condition
            }
        };
        conditions = conditions.max(condition);
    }
    conditions
}
