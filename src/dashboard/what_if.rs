//! What if: the last hour decided again with other rules, by `decide` itself. The metrics stay as they were: the replay
//! does not model how additional workers would have changed the queue.

use crate::dashboard::Sample;
use api::{ScaleDownSpec, ScaleFromZeroSpec, ScaleUpSpec, ScheduledSpec};
use decide::{Memory, Millis, PoolSpec, Rules, ScaleDown, ScaleUp, Target, Time};
use serde::{Deserialize, Serialize, Serializer};
use sim::TraceLine;
use std::collections::BTreeMap;

/// Milliseconds between two decisions, as with the operator's polls.
const INTERVAL: i64 = 2_000;

/// Rules that replace those of the pool; times in seconds. An absent rule stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Query {
    queue_up: Option<i64>,
    queue_down: Option<i64>,
    busy_up: Option<i64>,
    busy_down: Option<i64>,
    cpu_up: Option<i64>,
    up_step: Option<i32>,
    down_step: Option<i32>,
    up_cooldown: Option<i64>,
    down_cooldown: Option<i64>,
    idle_for: Option<i64>,
    from_zero: Option<i64>,
    min: Option<i32>,
    max: Option<i32>,
}

/// The simulated hour beside the actual one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replay {
    /// When the desired replicas would have changed, and to what.
    desired_replicas: Vec<(i64, i32)>,
    simulated: Usage,
    actual: Usage,
    /// The change of the spec that sets these rules.
    yaml: String,
}

/// The workers of one hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    /// Serialized as whole seconds: the sum is rounded once, not each of its terms.
    #[serde(rename = "workerSeconds", serialize_with = "whole_seconds")]
    worker_millis: i64,
    peak: i32,
}

/// Replays `samples` until `now`; `None` if the pool's rules need more data than the samples have.
pub(super) fn replay(
    before: &ScheduledSpec,
    samples: &[(i64, Sample)],
    now: i64,
    overrides: &Query,
) -> Option<Replay> {
    // The samples have the sum of all queues, and no counters from which to derive rates.
    let needs_more = |set: &Rules| {
        set.queue.is_some() || set.target.drain_within.or(set.target.max_wait).is_some()
    };
    if before.pool().rules.iter().any(needs_more) {
        return None;
    }
    let mut spec = before.with(|pool| overrides.apply(pool));
    let yaml = SpecChange::new(before.pool(), spec.pool()).yaml();
    let start = samples.first().and_then(|(_, sample)| sample.desired);
    let workers = start.unwrap_or(spec.pool().min);
    let mut actual = Usage::default();
    for (at, end, sample) in spans(samples, now) {
        actual.add(sample.desired.unwrap_or(0), end - at);
    }
    let mut desired_replicas: Vec<(i64, i32)> = Vec::new();
    let mut simulated = Usage::default();
    let lines = polls(samples, now);
    let mut ends = lines.iter().skip(1).map(|line| line.at.0).chain([now]);
    sim::replay(
        &mut spec,
        (workers, Memory::default()),
        &lines,
        &mut |line, decision| {
            let (at, to) = (line.at.0, decision.replicas);
            simulated.add(to, ends.next().unwrap_or(now) - at);
            if desired_replicas.last().is_none_or(|(_, last)| *last != to) {
                desired_replicas.push((at, to));
            }
        },
    );
    Some(Replay {
        desired_replicas,
        simulated,
        actual,
        yaml,
    })
}

/// Each sample, from when until when it was valid.
fn spans(samples: &[(i64, Sample)], now: i64) -> impl Iterator<Item = (i64, i64, &Sample)> {
    let ends = samples.iter().skip(1).map(|(at, _)| *at).chain([now]);
    samples
        .iter()
        .zip(ends)
        .map(|((at, sample), end)| (*at, end, sample))
}

/// What the operator's polls would have found.
fn polls(samples: &[(i64, Sample)], now: i64) -> Vec<TraceLine> {
    let step = usize::try_from(INTERVAL).unwrap_or(1);
    spans(samples, now)
        .flat_map(|(start, end, sample)| {
            (start..end).step_by(step).map(move |at| TraceLine {
                at: Time(at),
                queues: vec![sample.metrics(Time(at))],
                replicas: None,
                unavailable: None,
            })
        })
        .collect()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn whole_seconds<S: Serializer>(millis: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(millis / 1000)
}

impl Usage {
    fn add(&mut self, workers: i32, millis: i64) {
        self.worker_millis += i64::from(workers) * millis;
        self.peak = self.peak.max(workers);
    }
}

impl Query {
    /// Clamps each rule to the range that admission allows.
    fn apply(&self, pool: &mut PoolSpec) {
        pool.pin = None;
        pool.suspend = None;
        pool.dry_run = false;
        if let Some(max) = self.max {
            pool.max = max.clamp(1, 100_000);
        }
        pool.min = self.min.unwrap_or(pool.min).clamp(0, pool.max);
        pool.from_zero = self
            .from_zero
            .map_or(pool.from_zero, |tasks| tasks.clamp(0, i32::MAX.into()));
        let Some(set) = pool.rules.first_mut() else {
            return;
        };
        // Without thresholds there is no scaleUp to change.
        if set.up != ScaleUp::default() {
            self.apply_up(&mut set.up);
        }
        if let Some(down) = &mut set.down {
            self.apply_down(down);
        } else if set.target != Target::default() {
            // Beside a target without conditions it is how long the queue must have been empty.
            set.empty_for = self.idle_for.map(seconds).or(set.empty_for);
        }
    }

    fn apply_up(&self, up: &mut ScaleUp) {
        set_limit(&mut up.queue_length, self.queue_up, i64::from(i32::MAX));
        set_limit(&mut up.utilization, self.busy_up, 100);
        set_limit(&mut up.cpu, self.cpu_up, 100_000);
        up.step = self.up_step.unwrap_or(up.step).clamp(1, 100_000);
        up.cooldown = self.up_cooldown.map_or(up.cooldown, seconds);
    }

    fn apply_down(&self, down: &mut ScaleDown) {
        set_limit(&mut down.queue_length, self.queue_down, i64::from(i32::MAX));
        set_limit(&mut down.utilization, self.busy_down, 100);
        down.step = self.down_step.unwrap_or(down.step).clamp(1, 100_000);
        down.cooldown = self.down_cooldown.map_or(down.cooldown, seconds);
        down.idle_for = self.idle_for.map_or(down.idle_for, seconds);
    }
}

fn set_limit(field: &mut Option<i64>, limit: Option<i64>, highest: i64) {
    if let Some(limit) = limit {
        *field = Some(limit.clamp(0, highest));
    }
}

fn seconds(span: i64) -> Millis {
    Millis::seconds(span.clamp(0, 86_400))
}

/// The fields of a spec that differ. A block is written in full: a field that is absent in a present block is not used,
/// it gets no default.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpecChange {
    #[serde(skip_serializing_if = "Option::is_none")]
    min_replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_replicas: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_from_zero: Option<ScaleFromZeroSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_up: Option<ScaleUpSpec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_down: Option<ScaleDownSpec>,
}

impl SpecChange {
    fn new(before: &PoolSpec, after: &PoolSpec) -> Self {
        let [old, new] = [before, after].map(|pool| pool.rules.first());
        let up = new.map(|rules| &rules.up);
        let down = |rules: Option<&Rules>| rules.and_then(scale_down_spec);
        Self {
            min_replicas: (after.min != before.min).then_some(after.min),
            max_replicas: (after.max != before.max).then_some(after.max),
            scale_from_zero: (after.from_zero != before.from_zero).then(|| ScaleFromZeroSpec {
                queue_length: i32::try_from(after.from_zero).unwrap_or(i32::MAX),
            }),
            scale_up: up
                .filter(|up| old.is_some_and(|old| old.up != **up))
                .map(Into::into),
            scale_down: down(new).filter(|_| down(new) != down(old)),
        }
    }

    fn yaml(&self) -> String {
        // Plain values in a plain struct cannot fail.
        let manifest = BTreeMap::from([("spec", self)]);
        serde_saphyr::to_string(&manifest).unwrap_or_default()
    }
}

/// The block `scaleDown`: its conditions, or how long the queue must have been empty beside a target.
fn scale_down_spec(rules: &Rules) -> Option<ScaleDownSpec> {
    let alone = |idle_for| ScaleDownSpec {
        queue_length: None,
        utilization_percent: None,
        idle_for: api::Duration(idle_for),
        ..ScaleDownSpec::defaults()
    };
    let conditions = rules.down.as_ref().map(Into::into);
    conditions.or(rules.empty_for.map(alone))
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::WorkerPool;
    use decide::Metric;
    use serde_json::json;

    fn scheduled_spec(spec: &serde_json::Value) -> ScheduledSpec {
        let mut full_spec = json!({"scaleTargetRef": {"name": "w"}, "minReplicas": 3, "redis": {"address": "redis://r"}, "queues": [{"name": "tasks"}]});
        for (field, value) in spec.as_object().expect("fields") {
            full_spec[field] = value.clone();
        }
        let pool: WorkerPool = serde_json::from_value(json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "filters"}, "spec": full_spec,
        }))
        .expect("a pool");
        ScheduledSpec::new(&pool).expect("a valid spec")
    }

    fn sample(ready: i64, busy: i64, workers: i32) -> Sample {
        Sample {
            ready: Metric::Known(ready),
            in_flight: Metric::Known(busy),
            live: Metric::Known(workers.into()),
            busy: Metric::Known(busy),
            cpu: Metric::Known(10),
            wait: Metric::Known(0),
            replicas: Some(workers),
            desired: Some(workers),
            ..Sample::UNKNOWN
        }
    }

    /// Quiet, a burst of 25 for two minutes, then quiet for an hour.
    fn hour() -> Vec<(i64, Sample)> {
        vec![
            (0, sample(0, 0, 3)),
            (60_000, sample(25, 3, 3)),
            (180_000, sample(0, 0, 7)),
        ]
    }

    const END: i64 = 3_600_000;

    fn desired(spec: &ScheduledSpec, overrides: &Query) -> Vec<(i64, i32)> {
        let replay = replay(spec, &hour(), END, overrides).expect("a replay");
        replay
            .desired_replicas
            .into_iter()
            .map(|(at, to)| (at / 1000, to))
            .collect()
    }

    #[test]
    fn other_thresholds_change_the_desired_replicas() {
        let spec = scheduled_spec(&json!({}));
        let unchanged = desired(&spec, &Query::default());
        assert_eq!(unchanged, [(0, 3), (60, 5), (120, 7), (480, 5), (660, 3)]);
        let high_thresholds = Query {
            queue_up: Some(30),
            busy_up: Some(100),
            ..Query::default()
        };
        assert_eq!(desired(&spec, &high_thresholds), [(0, 3)]);
        let fast = Query {
            up_step: Some(4),
            up_cooldown: Some(0),
            max: Some(8),
            idle_for: Some(60),
            down_cooldown: Some(0),
            ..Query::default()
        };
        assert_eq!(desired(&spec, &fast)[..3], [(0, 3), (60, 7), (62, 8)]);
    }

    #[test]
    fn usage_is_compared_and_the_yaml_block_is_full() {
        let spec = scheduled_spec(&json!({}));
        let overrides = Query {
            queue_up: Some(30),
            busy_up: Some(100),
            min: Some(2),
            ..Query::default()
        };
        let Replay {
            simulated,
            actual,
            yaml,
            ..
        } = replay(&spec, &hour(), END, &overrides).expect("a replay");
        assert_eq!(
            actual,
            Usage {
                worker_millis: (3 * 180 + 7 * 3420) * 1000,
                peak: 7
            }
        );
        assert!(
            simulated.worker_millis < actual.worker_millis && simulated.peak == 3,
            "{simulated:?}"
        );
        assert_eq!(
            yaml,
            "spec:\n  minReplicas: 2\n  scaleUp:\n    queueLength: 30\n    utilizationPercent: 100\n    cpuPercent: 75\n    step: 2\n    cooldown: 60s\n"
        );
    }

    #[test]
    fn unknown_metrics_never_scale_down() {
        let spec = scheduled_spec(
            &json!({"scaleDown": {"queueLength": 2, "idleFor": "10s", "cooldown": "0s"}}),
        );
        let samples = [(0, sample(0, 0, 5)), (4_000, Sample::UNKNOWN)];
        let replay = replay(&spec, &samples, END, &Query::default()).expect("a replay");
        assert_eq!(replay.desired_replicas, [(0, 5)]);
    }

    #[test]
    fn rules_that_need_more_data_are_not_replayed() {
        let drains = scheduled_spec(&json!({"target": {"drainWithin": "30s"}}));
        assert!(replay(&drains, &hour(), END, &Query::default()).is_none());
    }

    #[test]
    fn a_targets_idle_time_and_the_start_from_zero_change_the_desired_replicas() {
        let spec = scheduled_spec(
            &json!({"minReplicas": 0, "target": {"tasksPerWorker": 5}, "scaleDown": {"idleFor": "60s"}}),
        );
        let hour = [
            (0, sample(0, 0, 0)),
            (60_000, sample(25, 0, 0)),
            (180_000, sample(0, 0, 5)),
        ];
        let ask = |overrides: &Query| replay(&spec, &hour, END, overrides).expect("a replay");
        let unchanged = ask(&Query::default());
        assert_eq!(unchanged.yaml, "spec: {}\n");
        assert_eq!(
            unchanged.desired_replicas,
            [(0, 0), (60_000, 5), (240_000, 0)]
        );
        let later = ask(&Query {
            idle_for: Some(600),
            ..Query::default()
        });
        assert_eq!(later.desired_replicas, [(0, 0), (60_000, 5), (780_000, 0)]);
        assert_eq!(
            later.yaml,
            "spec:\n  scaleDown:\n    idleFor: 10m\n    step: 2\n    cooldown: 3m\n"
        );
        let never = ask(&Query {
            from_zero: Some(25),
            ..Query::default()
        });
        assert_eq!(never.desired_replicas, [(0, 0)]);
        assert_eq!(never.yaml, "spec:\n  scaleFromZero:\n    queueLength: 25\n");
    }
}
