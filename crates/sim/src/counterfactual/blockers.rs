//! The steps of a decision that prevent another number of workers.

use api::StepStatus;
use decide::{Decision, PoolSpec, Reason, Step};

/// The constraints that keep the replicas from `wanted`. Where they alone do not, also the results of the rules and the
/// size of a step.
pub fn blockers(pool: &PoolSpec, decision: &Decision, wanted: i32) -> Vec<StepStatus> {
    let up = wanted > decision.replicas;
    let falls_short = |replicas: i32| {
        if up {
            replicas < wanted
        } else {
            replicas > wanted
        }
    };
    let steps = &decision.steps;
    if let Reason::Suspended { .. } = decision.reason {
        return vec![StepStatus::field("suspend", &true)];
    }
    if let Reason::TooFewToStart { .. } = decision.reason {
        return vec![StepStatus::field(
            "scaleFromZero.queueLength",
            &pool.from_zero,
        )];
    }
    let pin = steps
        .iter()
        .find(|step| matches!(step, Step::Pinned { .. }));
    if let Some(pin) = pin {
        return vec![StepStatus::new(pin)];
    }
    let mut blockers = Vec::new();
    let only_constrained = steps
        .iter()
        .any(|step| matches!(step, Step::Constrained { from, .. } if !falls_short(*from)));
    if !only_constrained {
        blockers.extend(rules(steps, up, falls_short));
        blockers.extend(step_size(pool, steps, up, falls_short));
    }
    let constraints = steps.iter().filter(|step| match step {
        Step::Constrained { to, .. } => falls_short(*to),
        Step::NotWritten { .. } | Step::Fallback { .. } => true,
        _ => false,
    });
    blockers.extend(constraints.map(StepStatus::new));
    if wanted > pool.max {
        blockers.push(StepStatus::field("maxReplicas", &pool.max));
    } else if wanted < pool.min {
        blockers.push(StepStatus::field("minReplicas", &pool.min));
    }
    blockers
}

/// The size of a step, when a threshold has asked for one: it moves the replicas by one step and no more.
fn step_size(
    pool: &PoolSpec,
    steps: &[Step],
    up: bool,
    falls_short: impl Fn(i32) -> bool,
) -> Option<StepStatus> {
    let rules = pool.rules.first();
    steps.iter().find_map(|step| match step {
        Step::Up {
            recommended: Some(replicas),
            ..
        } if up && falls_short(*replicas) => {
            rules.map(|rules| StepStatus::field("scaleUp.step", &rules.up.step))
        }
        Step::IdleTimer {
            recommended: Some(replicas),
            ..
        } if !up && falls_short(*replicas) => rules
            .and_then(|rules| rules.down.as_ref())
            .map(|down| StepStatus::field("scaleDown.step", &down.step)),
        _ => None,
    })
}

/// The results of the rules: of those that ask for a change, or where none does, of all.
fn rules(steps: &[Step], up: bool, falls_short: impl Fn(i32) -> bool) -> Vec<StepStatus> {
    let asks_for_more = steps.iter().any(|step| {
        matches!(
            step,
            Step::Up {
                recommended: Some(_),
                ..
            }
        )
    });
    let is_relevant = |step: &&Step| match step {
        Step::Up { recommended, .. } => recommended.is_some() || up && !asks_for_more,
        Step::Down { met, .. } => !up && !met,
        Step::IdleTimer { recommended, .. } => !up && recommended.is_none_or(&falls_short),
        Step::Target { .. } | Step::MetricUnavailable { .. } => true,
        _ => false,
    };
    steps
        .iter()
        .filter(is_relevant)
        .map(StepStatus::new)
        .collect()
}
