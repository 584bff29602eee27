//! When to add workers, when to remove them, and what to do without facts.

use super::Duration;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When to add workers: any one of the thresholds is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.queueLength) || has(self.utilizationPercent) || has(self.cpuPercent)")
        .message("scaleUp without a threshold would never add a worker: set queueLength, utilizationPercent or cpuPercent (the class uses 8, 80 and 75), or leave scaleUp out to get all three")
)]
pub struct ScaleUpSpec {
    /// More than this many ready tasks. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub queue_length: Option<i32>,
    /// More than this percentage of the live workers busy. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub utilization_percent: Option<i32>,
    /// More than this mean CPU use over the live workers, in percent of each one's limit. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub cpu_percent: Option<i32>,
    /// Workers added at once. Default: 2.
    #[serde(default = "step")]
    #[schemars(range(min = 1, max = 100_000))]
    pub step: i32,
    /// Time since the last scale-up before the next, such as 60s. Default: 60s.
    #[serde(default = "up_cooldown")]
    pub cooldown: Duration,
}

/// When to remove workers: all conditions must hold, without a break, for idleFor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.queueLength) || has(self.utilizationPercent)")
        .message("scaleDown without a condition would remove workers at any time: set queueLength or utilizationPercent (the class uses 2 and 30), or leave scaleDown out to get both")
)]
pub struct ScaleDownSpec {
    /// Fewer than this many ready tasks. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub queue_length: Option<i32>,
    /// Less than this percentage of the live workers busy. Not used when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub utilization_percent: Option<i32>,
    /// How long all conditions must have held at every look, such as 5m. Default: 5m.
    #[serde(default = "idle_for")]
    pub idle_for: Duration,
    /// Workers removed at once. Default: 2.
    #[serde(default = "step")]
    #[schemars(range(min = 1, max = 100_000))]
    pub step: i32,
    /// Time since the last change in either direction, such as 180s. Default: 180s.
    #[serde(default = "down_cooldown")]
    pub cooldown: Duration,
}

/// What to do when facts cannot be read. Nothing is ever lowered without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.action != 'Fallback' || has(self.replicas)")
        .message("onUnknown.action Fallback needs onUnknown.replicas: how many workers at least while nothing can be read")
)]
pub struct OnUnknown {
    /// How long facts may be missing before the action, and before idle time is forgotten. Default: 30s.
    #[serde(default = "unknown_after")]
    pub after: Duration,
    /// Hold stays at the present number; Fallback goes to at least replicas, never fewer than now. Default: Hold.
    #[serde(default)]
    pub action: OnUnknownAction,
    /// For Fallback: at least this many workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub replicas: Option<i32>,
}

/// What to do once facts have been missing for long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnUnknownAction {
    /// Stay.
    #[default]
    Hold,
    /// At least `replicas`.
    Fallback,
}

/// How a scale-down treats the workers that will go: they are told to take no more tasks, and they are removed once they hold none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DrainSpec {
    /// How long a busy worker may keep a scale-down waiting, such as 30s; then it goes on as before and the next-best goes instead. No task is cut short, however long it takes. Default: 30s.
    #[serde(default = "drain_timeout")]
    #[x_kube(validation = Rule::new("!self.matches('^(0+(ms|s|m|h))+$')").message("drain.timeout must not be 0, or no busy worker could ever finish: write such as 30s, about as long as a task takes"))]
    pub timeout: Duration,
}

impl ScaleUpSpec {
    /// The class's thresholds: what an absent block means.
    #[must_use]
    pub fn defaults() -> Self {
        Self {
            queue_length: Some(8),
            utilization_percent: Some(80),
            cpu_percent: Some(75),
            step: step(),
            cooldown: up_cooldown(),
        }
    }
}

impl ScaleDownSpec {
    /// The class's conditions: what an absent block means.
    #[must_use]
    pub fn defaults() -> Self {
        Self {
            queue_length: Some(2),
            utilization_percent: Some(30),
            idle_for: idle_for(),
            step: step(),
            cooldown: down_cooldown(),
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
fn up_cooldown() -> Duration {
    Duration::seconds(60)
}
fn down_cooldown() -> Duration {
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
