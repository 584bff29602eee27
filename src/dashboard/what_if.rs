//! What if: the last hour's facts decided on again under other rules, by `decide` itself. The facts stay as they were: the
//! queue does not answer to workers that were not there.

use crate::dashboard::history::{Row, UNKNOWN, UNSUPPORTED};
use api::ScheduledSpec;
use decide::{
    Memory, Metric, Millis, Observation, PoolSpec, QueueMetrics, Rules, ScaleDown, ScaleUp, Time,
    decide,
};
use serde::{Deserialize, Serialize, Serializer};

/// Looks are this far apart, as those of the operator.
const INTERVAL: i64 = 2_000;

/// Other rules; times in seconds. What is absent stays as it is.
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
    min: Option<i32>,
    max: Option<i32>,
}

/// What would have been, beside what was.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replay {
    /// When the wanted number would have changed, and to what.
    wanted: Vec<(i64, i32)>,
    would: Sum,
    was: Sum,
    /// What to write into the pool.
    yaml: String,
}

/// What an hour of workers came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Sum {
    /// Told in whole seconds: rounded once, not at each look.
    #[serde(rename = "workerSeconds", serialize_with = "whole_seconds")]
    worker_millis: i64,
    most: i32,
}

/// Replays `trace` until `now`; `None` where the pool's rules need more than the trace has.
pub(super) fn replay(
    before: &ScheduledSpec,
    trace: &[(i64, Row)],
    now: i64,
    wish: &Query,
) -> Option<Replay> {
    // The trace has the sum of the queues, and no counters from which rates could be learned.
    let beyond = |set: &Rules| {
        set.queue.is_some() || set.target.drain_within.or(set.target.max_wait).is_some()
    };
    if before.pool().rules.iter().any(beyond) {
        return None;
    }
    let mut wishes = before.with(|pool| wish.apply(pool));
    let (mut memory, mut wanted, mut would) = (Memory::default(), Vec::new(), Sum::default());
    let mut was = Sum::default();
    let mut current: Option<i32> = None;
    let ends = trace.iter().skip(1).map(|(at, _)| *at).chain([now]);
    for ((start, row), end) in trace.iter().zip(ends) {
        was.add(row[7], end - start);
        let mut at = *start;
        while at < end {
            let from = current.unwrap_or(if row[7] >= 0 {
                row[7]
            } else {
                wishes.pool().min
            });
            let seen = Observation {
                replicas: from,
                queues: vec![load(row, at)],
                unavailable_reason: None,
            };
            let decision = decide(wishes.at(Time(at)), &seen, &memory, Time(at));
            if current != Some(decision.replicas) {
                wanted.push((at, decision.replicas));
            }
            let next = (at + INTERVAL).min(end);
            would.add(decision.replicas, next - at);
            (current, memory, at) = (Some(decision.replicas), decision.memory, next);
        }
    }
    Some(Replay {
        wanted,
        would,
        was,
        yaml: yaml(before.pool(), wishes.pool()),
    })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn whole_seconds<S: Serializer>(millis: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_i64(millis / 1000)
}

impl Sum {
    fn add(&mut self, workers: i32, millis: i64) {
        if workers < 0 {
            return;
        }
        self.worker_millis += i64::from(workers) * millis;
        self.most = self.most.max(workers);
    }
}

impl Query {
    /// Rules out of any range that admission allows are drawn into it.
    fn apply(&self, pool: &mut PoolSpec) {
        (pool.pin, pool.suspend, pool.dry_run) = (None, None, false);
        if let Some(max) = self.max {
            pool.max = max.clamp(1, 100_000);
        }
        pool.min = self.min.unwrap_or(pool.min).clamp(0, pool.max);
        let Some(set) = pool.rules.first_mut() else {
            return;
        };
        let seconds = |span: i64| Millis::seconds(span.clamp(0, 86_400));
        let put = |field: &mut Option<i64>, wish: Option<i64>, most: i64| {
            if let Some(limit) = wish {
                *field = Some(limit.clamp(0, most));
            }
        };
        let ScaleUp {
            queue_length,
            utilization,
            cpu,
            step,
            cooldown,
        } = &mut set.up;
        put(queue_length, self.queue_up, i64::from(i32::MAX));
        put(utilization, self.busy_up, 100);
        put(cpu, self.cpu_up, 100_000);
        *step = self.up_step.unwrap_or(*step).clamp(1, 100_000);
        *cooldown = self.up_cooldown.map_or(*cooldown, seconds);
        let Some(ScaleDown {
            queue_length,
            utilization,
            step,
            cooldown,
            idle_for,
        }) = &mut set.down
        else {
            return;
        };
        put(queue_length, self.queue_down, i64::from(i32::MAX));
        put(utilization, self.busy_down, 100);
        *step = self.down_step.unwrap_or(*step).clamp(1, 100_000);
        *cooldown = self.down_cooldown.map_or(*cooldown, seconds);
        *idle_for = self.idle_for.map_or(*idle_for, seconds);
    }
}

/// The facts of a row, of one queue that stands for all.
fn load(row: &Row, at: i64) -> QueueMetrics {
    let fact = |cell: i32| match cell {
        UNKNOWN => Metric::Unavailable,
        UNSUPPORTED => Metric::Unsupported,
        n => Metric::Known(n.into()),
    };
    let [ready, in_flight, live, busy, cpu, wait, ..] = row.map(fact);
    let cpu_sum = if live == Metric::Known(0) {
        Metric::Known(0)
    } else {
        cpu.join(live, |cpu, live| cpu * live)
    };
    let oldest_at = match (ready, wait) {
        (Metric::Known(1..), Metric::Known(wait)) => Metric::Known(at - wait * 1000),
        _ => Metric::Unsupported,
    };
    QueueMetrics {
        ready,
        in_flight,
        live,
        busy,
        cpu_sum,
        oldest_at,
        ..QueueMetrics::UNSUPPORTED
    }
}

/// What of the spec would have to be written. A block is written whole: inside one that is there, what is absent is unused.
fn yaml(before: &PoolSpec, after: &PoolSpec) -> String {
    let mut all = vec!["spec:\n".to_owned()];
    let mut line = |field: &str, value: String| all.push(format!("  {field}: {value}\n"));
    if after.min != before.min {
        line("minReplicas", after.min.to_string());
    }
    if after.max != before.max {
        line("maxReplicas", after.max.to_string());
    }
    let [Some(old), Some(new)] = [before, after].map(|pool| pool.rules.first()) else {
        return all.concat();
    };
    let fields = |all: &[(&str, Option<String>)]| {
        let all = all
            .iter()
            .filter_map(|(field, value)| Some(format!("{field}: {}", value.as_ref()?)));
        format!("{{{}}}", all.collect::<Vec<_>>().join(", "))
    };
    let number = |n: Option<i64>| n.map(|n| n.to_string());
    if new.up != old.up {
        let ScaleUp {
            queue_length,
            utilization,
            cpu,
            step,
            cooldown,
        } = &new.up;
        line(
            "scaleUp",
            fields(&[
                ("queueLength", number(*queue_length)),
                ("utilizationPercent", number(*utilization)),
                ("cpuPercent", number(*cpu)),
                ("step", Some(step.to_string())),
                ("cooldown", Some(cooldown.to_string())),
            ]),
        );
    }
    if let Some(ScaleDown {
        queue_length,
        utilization,
        step,
        cooldown,
        idle_for,
    }) = new.down.as_ref().filter(|_| new.down != old.down)
    {
        line(
            "scaleDown",
            fields(&[
                ("queueLength", number(*queue_length)),
                ("utilizationPercent", number(*utilization)),
                ("idleFor", Some(idle_for.to_string())),
                ("step", Some(step.to_string())),
                ("cooldown", Some(cooldown.to_string())),
            ]),
        );
    }
    all.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::WorkerPool;
    use serde_json::json;

    fn wishes(spec: &serde_json::Value) -> ScheduledSpec {
        let mut whole = json!({"scaleTargetRef": {"name": "w"}, "minReplicas": 3, "redis": {"address": "redis://r"}, "queues": [{"name": "tasks"}]});
        for (field, value) in spec.as_object().expect("fields") {
            whole[field] = value.clone();
        }
        let pool: WorkerPool = serde_json::from_value(json!({
            "apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "filters"}, "spec": whole,
        }))
        .expect("a pool");
        ScheduledSpec::new(&pool).expect("it can work")
    }

    fn row(ready: i32, busy: i32, workers: i32) -> Row {
        [ready, busy, workers, busy, 10, 0, workers, workers, 0, 0]
    }

    /// Quiet, a burst of 25 for two minutes, then quiet for an hour.
    fn hour() -> Vec<(i64, Row)> {
        vec![
            (0, row(0, 0, 3)),
            (60_000, row(25, 3, 3)),
            (180_000, row(0, 0, 7)),
        ]
    }

    const END: i64 = 3_600_000;

    fn wanted(wishes: &ScheduledSpec, wish: &Query) -> Vec<(i64, i32)> {
        let replay = replay(wishes, &hour(), END, wish).expect("a replay");
        replay
            .wanted
            .into_iter()
            .map(|(at, to)| (at / 1000, to))
            .collect()
    }

    #[test]
    fn other_thresholds_give_another_hour() {
        let wishes = wishes(&json!({}));
        let as_it_is = wanted(&wishes, &Query::default());
        assert_eq!(as_it_is, [(0, 3), (60, 5), (120, 7), (480, 5), (660, 3)]);
        let tall = Query {
            queue_up: Some(30),
            busy_up: Some(100),
            ..Query::default()
        };
        assert_eq!(wanted(&wishes, &tall), [(0, 3)]);
        let eager = Query {
            up_step: Some(4),
            up_cooldown: Some(0),
            max: Some(8),
            idle_for: Some(60),
            down_cooldown: Some(0),
            ..Query::default()
        };
        assert_eq!(wanted(&wishes, &eager)[..3], [(0, 3), (60, 7), (62, 8)]);
    }

    #[test]
    fn sums_stand_beside_what_was_and_the_yaml_is_whole() {
        let wishes = wishes(&json!({}));
        let wish = Query {
            queue_up: Some(30),
            busy_up: Some(100),
            min: Some(2),
            ..Query::default()
        };
        let Replay {
            would, was, yaml, ..
        } = replay(&wishes, &hour(), END, &wish).expect("a replay");
        assert_eq!(
            was,
            Sum {
                worker_millis: (3 * 180 + 7 * 3420) * 1000,
                most: 7
            }
        );
        assert!(
            would.worker_millis < was.worker_millis && would.most == 3,
            "{would:?}"
        );
        assert_eq!(
            yaml,
            "spec:\n  minReplicas: 2\n  scaleUp: {queueLength: 30, utilizationPercent: 100, cpuPercent: 75, step: 2, cooldown: 60s}\n"
        );
    }

    #[test]
    fn what_was_unknown_stays_unknown_and_lowers_nothing() {
        let wishes =
            wishes(&json!({"scaleDown": {"queueLength": 2, "idleFor": "10s", "cooldown": "0s"}}));
        let trace = [(0, row(0, 0, 5)), (4_000, [UNKNOWN; 10])];
        let replay = replay(&wishes, &trace, END, &Query::default()).expect("a replay");
        assert_eq!(replay.wanted, [(0, 5)]);
    }

    #[test]
    fn rules_that_need_more_than_the_trace_has_are_not_guessed() {
        let drains = wishes(&json!({"target": {"drainWithin": "30s"}}));
        assert!(replay(&drains, &hour(), END, &Query::default()).is_none());
    }
}
