//! The same numbers as HPA v2, case by case: the formulas of its controller, transcribed, against `decide`.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "transcribed from Go"
)]

use super::cells::{NOW, observe, tasks_per_worker};
use decide::{
    Behavior, Memory, Metric, Millis, Policy, PolicyKind, PoolSpec, QueueMetrics, Scaling, Select,
    Time, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// One call of HPA's controller: `reconcileAutoscaler` without its windows.
struct Hpa<'a> {
    current: i32,
    min: i32,
    max: i32,
    behavior: &'a Behavior,
    /// Changes with their sign, and how many milliseconds ago.
    events: &'a [(i64, i32)],
}

impl Hpa<'_> {
    /// `GetExternalPerPodMetricReplicas`: quantities in thousandths.
    fn replicas_of_metric(&self, usage: i64, target_per_pod: i64) -> i32 {
        let (usage, target) = (usage as f64 * 1000.0, target_per_pod as f64 * 1000.0);
        let ratio = usage / (target * f64::from(self.current));
        let down = self.behavior.down.tolerance as f64 / 1e6;
        let up = self.behavior.up.tolerance as f64 / 1e6;
        if (1.0 - down) <= ratio && ratio <= (1.0 + up) {
            self.current
        } else {
            (usage / target).ceil() as i32
        }
    }

    /// `getReplicasChangePerPeriod` of the events of one direction.
    fn change_per_period(&self, period: Millis, sign: i32) -> i32 {
        let recent = |(ago, change): &&(i64, i32)| *ago < period.0 && change.signum() == sign;
        let events = self.events.iter().filter(recent);
        events.map(|(_, change)| change.abs()).sum()
    }

    fn period_start(&self, period: Millis) -> i32 {
        self.current - self.change_per_period(period, 1) + self.change_per_period(period, -1)
    }

    /// `calculateScaleUpLimitWithScalingRules`
    fn scale_up_limit(&self) -> i32 {
        let rules = &self.behavior.up;
        let (mut result, select): (i32, fn(i32, i32) -> i32) = match rules.select {
            Select::Disabled => return self.current,
            Select::Min => (i32::MAX, i32::min),
            Select::Max => (i32::MIN, i32::max),
        };
        for policy in &rules.policies {
            let start = self.period_start(policy.period);
            let proposed = match policy.kind {
                PolicyKind::Pods => start + policy.value,
                PolicyKind::Percent => {
                    (f64::from(start) * (1.0 + f64::from(policy.value) / 100.0)).ceil() as i32
                }
            };
            result = select(result, proposed);
        }
        result
    }

    /// `calculateScaleDownLimitWithBehaviors`
    fn scale_down_limit(&self) -> i32 {
        let rules = &self.behavior.down;
        let (mut result, select): (i32, fn(i32, i32) -> i32) = match rules.select {
            Select::Disabled => return self.current,
            Select::Min => (i32::MIN, i32::max),
            Select::Max => (i32::MAX, i32::min),
        };
        for policy in &rules.policies {
            let start = self.period_start(policy.period);
            let proposed = match policy.kind {
                PolicyKind::Pods => start - policy.value,
                PolicyKind::Percent => {
                    (f64::from(start) * (1.0 - f64::from(policy.value) / 100.0)) as i32
                }
            };
            result = select(result, proposed);
        }
        result
    }

    /// `convertDesiredReplicasWithBehaviorRate`
    fn desired(&self, desired: i32) -> i32 {
        let current = self.current;
        if desired > current {
            let limit = self.scale_up_limit().max(current);
            return desired.min(self.max.min(limit));
        }
        if desired < current {
            let limit = self.scale_down_limit().min(current);
            return desired.max(self.min.max(limit));
        }
        desired.clamp(self.min, self.max)
    }
}

fn scaling() -> impl Strategy<Value = Scaling> {
    let policy = (any::<bool>(), 1..200i32, 1..120i64).prop_map(|(pods, value, period)| Policy {
        kind: if pods {
            PolicyKind::Pods
        } else {
            PolicyKind::Percent
        },
        value,
        period: Millis::seconds(period),
    });
    let tolerance = prop_oneof![Just(100_000), Just(0), 0..300_000i64];
    (0..8u8, vec(policy, 1..4), tolerance).prop_map(|(select, policies, tolerance)| Scaling {
        window: Millis(0),
        select: match select {
            0 => Select::Disabled,
            1..=3 => Select::Min,
            _ => Select::Max,
        },
        policies,
        tolerance,
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40_000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_count_is_the_one_of_hpa(
        current in 1..400i32, share in 0..2500i64, target in 1..40i64, up in scaling(), down in scaling(),
        events in vec((0..120_000i64, -20..20i32), 0..6),
    ) {
        // Around the present replicas, and far from them.
        let tasks = target * i64::from(current) * share / 1000;
        let behavior = Behavior { up, down };
        let (min, max) = (1, 1000);
        let hpa = Hpa { current, min, max, behavior: &behavior, events: &events };
        let expected = hpa.desired(hpa.replicas_of_metric(tasks, target));

        let spec = PoolSpec { min, max, behavior: Some(behavior.clone()), ..tasks_per_worker(target) };
        let queue = QueueMetrics { ready: Metric::Known(tasks), busy: Metric::Known(0), live: Metric::Known(0), ..QueueMetrics::UNSUPPORTED };
        let scale_events = events.iter().map(|(ago, change)| (Time(NOW.0 - ago), *change)).collect();
        let memory = Memory { scale_events, ..Memory::default() };
        let decision = decide(&spec, &observe(current, queue), &memory, NOW);
        prop_assert_eq!(decision.replicas, expected, "{:?}", decision);
    }
}
