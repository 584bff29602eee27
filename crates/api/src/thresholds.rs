//! When to add workers, when to remove them, and what to do when metrics are unavailable.

use super::{Duration, rules};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to add workers: if any threshold is exceeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::SCALE_UP_NOT_EMPTY)]
pub struct ScaleUpSpec {
    /// Scale up above this many ready tasks. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub queue_length: Option<i32>,
    /// Scale up when more than this percentage of the live workers is busy. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub utilization_percent: Option<i32>,
    /// Scale up above this mean CPU utilization of the live workers, in percent of their CPU limits. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub cpu_percent: Option<i32>,
    /// How many workers to add at once. Default: 2.
    #[serde(default = "step")]
    #[schemars(range(min = 1, max = 100_000))]
    pub step: i32,
    /// Minimum time between two scale-ups, such as 60s. Default: 60s.
    #[serde(default = "scale_up_cooldown")]
    pub cooldown: Duration,
}

/// When the first worker starts. After it, scaleUp, target and behavior decide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleFromZeroSpec {
    /// Start the first worker above this many tasks that are ready, due or in flight, like KEDA's activation value. A worker that runs finishes fewer tasks too. Default: 0.
    #[serde(default)]
    #[schemars(range(min = 0))]
    pub queue_length: i32,
}

/// When to remove workers: if all conditions are met for idleFor without interruption. Beside a target, idleFor alone is how long the queue must have been empty before the target removes workers; with behavior, only the last worker waits for that. A target without scaleDown waits for 5m where the queue system does not tell who is busy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::IDLE_FOR_ALONE)]
pub struct ScaleDownSpec {
    /// Scale down below this many ready tasks. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub queue_length: Option<i32>,
    /// Scale down when less than this percentage of the live workers is busy. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub utilization_percent: Option<i32>,
    /// How long all conditions must be met, at every poll, such as 5m. Default: 5m.
    #[serde(default = "idle_for")]
    pub idle_for: Duration,
    /// How many workers to remove at once. Default: 2.
    #[serde(default = "step")]
    #[schemars(range(min = 1, max = 100_000))]
    pub step: i32,
    /// Minimum time since the last change in either direction, such as 180s. Default: 180s.
    #[serde(default = "scale_down_cooldown")]
    pub cooldown: Duration,
}

/// What to do when metrics are unavailable. The operator never scales down without metrics.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::FALLBACK_NEEDS_REPLICAS)]
pub struct OnUnknown {
    /// How long metrics may be unavailable before the action applies and the idle time starts again from zero. Default: 30s.
    #[serde(default = "unknown_after")]
    pub after: Duration,
    /// Hold keeps the current replica count; Fallback scales up to replicas if there are fewer, and never scales down. Default: Hold.
    #[serde(default)]
    pub action: OnUnknownAction,
    /// The minimum number of workers for Fallback.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: Option<i32>,
}

/// What to do when metrics have been unavailable for a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnUnknownAction {
    /// Keep the current replica count.
    #[default]
    Hold,
    /// Run at least `replicas` workers.
    Fallback,
}

/// How workers are removed. The operator asks the selected workers to stop claiming tasks and removes them when they are idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainSpec {
    /// How long a scale-down waits for a busy worker, such as 30s, at least 3s. After that the worker claims tasks again and another worker is selected. No running task is ever interrupted. Default: 30s.
    #[serde(default = "drain_timeout")]
    #[x_kube(validation = rules::DRAIN_TIMEOUT_MINIMUM)]
    pub timeout: Duration,
}

impl ScaleUpSpec {
    /// The thresholds when the block is absent.
    pub fn defaults() -> Self {
        Self {
            queue_length: Some(8),
            utilization_percent: Some(80),
            cpu_percent: Some(75),
            step: step(),
            cooldown: scale_up_cooldown(),
        }
    }
}

/// The block that sets these thresholds.
impl From<&decide::ScaleUp> for ScaleUpSpec {
    fn from(up: &decide::ScaleUp) -> Self {
        Self {
            queue_length: up.queue_length.map(saturate),
            utilization_percent: up.utilization.map(saturate),
            cpu_percent: up.cpu.map(saturate),
            step: up.step,
            cooldown: Duration(up.cooldown),
        }
    }
}

/// The block that sets these conditions.
impl From<&decide::ScaleDown> for ScaleDownSpec {
    fn from(down: &decide::ScaleDown) -> Self {
        Self {
            queue_length: down.queue_length.map(saturate),
            utilization_percent: down.utilization.map(saturate),
            idle_for: Duration(down.idle_for),
            step: down.step,
            cooldown: Duration(down.cooldown),
        }
    }
}

/// The fields of the API are smaller than those of `decide`, where a rule may follow from a calculation.
fn saturate(n: i64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

impl ScaleDownSpec {
    /// Whether it has a condition, and not only idleFor.
    pub fn has_condition(&self) -> bool {
        self.queue_length.or(self.utilization_percent).is_some()
    }

    /// The conditions when the block is absent.
    pub fn defaults() -> Self {
        Self {
            queue_length: Some(2),
            utilization_percent: Some(30),
            idle_for: idle_for(),
            step: step(),
            cooldown: scale_down_cooldown(),
        }
    }
}

impl Default for OnUnknown {
    fn default() -> Self {
        Self {
            after: unknown_after(),
            action: OnUnknownAction::Hold,
            replicas: None,
        }
    }
}

impl Default for DrainSpec {
    fn default() -> Self {
        Self {
            timeout: drain_timeout(),
        }
    }
}

fn step() -> i32 {
    2
}
fn scale_up_cooldown() -> Duration {
    Duration::seconds(60)
}
fn scale_down_cooldown() -> Duration {
    Duration::seconds(180)
}
fn idle_for() -> Duration {
    Duration::seconds(300)
}
fn unknown_after() -> Duration {
    Duration::seconds(30)
}
fn drain_timeout() -> Duration {
    Duration::seconds(30)
}
