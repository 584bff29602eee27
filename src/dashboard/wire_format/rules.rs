//! The rules of a pool, as the charts draw them.

use decide::PoolSpec;
use serde::Serialize;

/// The rules of a pool: thresholds for the lines of the charts; cooldowns and idle time, in milliseconds, for the timers.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    queue_up: Option<i64>,
    queue_down: Option<i64>,
    busy_up: Option<i64>,
    busy_down: Option<i64>,
    cpu_up: Option<i64>,
    up_step: i32,
    down_step: Option<i32>,
    up_cooldown: i64,
    down_cooldown: Option<i64>,
    idle_for: Option<i64>,
    from_zero: Option<i64>,
    max_wait: Option<i64>,
}

impl From<&PoolSpec> for Rules {
    fn from(pool: &PoolSpec) -> Self {
        // A queue with its own rules is evaluated separately: the lines are those for the sum of the other queues.
        let shared = pool
            .rules
            .iter()
            .find(|rules| rules.queue.is_none())
            .or_else(|| pool.rules.first());
        let Some(decide::Rules {
            up,
            down,
            target,
            empty_for,
            ..
        }) = shared
        else {
            return Self::default();
        };
        let down = down.as_ref();
        Self {
            queue_up: up.queue_length,
            queue_down: down.and_then(|down| down.queue_length),
            busy_up: up.utilization,
            busy_down: down.and_then(|down| down.utilization),
            cpu_up: up.cpu,
            up_step: up.step,
            down_step: down.map(|down| down.step),
            up_cooldown: up.cooldown.0,
            down_cooldown: down.map(|down| down.cooldown.0),
            idle_for: down
                .map(|down| down.idle_for)
                .or(*empty_for)
                .map(|idle| idle.0),
            from_zero: (pool.min == 0).then_some(pool.from_zero),
            max_wait: target.max_wait.map(|wait| wait.0),
        }
    }
}
