//! `status.internal`: what the operator must still know after a restart.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Internal state of the operator: what the next decision needs to know after a restart, so that no cooldown and no idle time is cut short. Not for users; may change at any time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoryStatus {
    /// The desired replicas of the last decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
    /// The UID of the target that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_uid: Option<String>,
    /// When a rule last scaled up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_up: Option<Timestamp>,
    /// When the desired replicas last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Timestamp>,
    /// Since when the conditions of scaleDown have been met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Timestamp>,
    /// Since when metrics have been unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// The recommendations within behavior's stabilization windows that can still have an effect, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 80))]
    pub recommendations: Vec<Recommendation>,
    /// The scale events within the longest period of behavior's policies, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub scale_events: Vec<ScaleEvent>,
    /// The recent maximums of busy workers, which the idle timer of a target needs, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 80))]
    pub busy: Vec<Recommendation>,
    /// The measured rates of each queue, in the order of spec.queues, if a target needs them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub rates: Vec<RatesStatus>,
    /// The measured start time of workers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupStatus>,
}

/// A replica count at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// When it was recommended or measured.
    pub at: Timestamp,
    /// The number of workers.
    pub replicas: i32,
}

/// A change of the replica count at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleEvent {
    /// When the change was made.
    pub at: Timestamp,
    /// Workers added; negative if removed.
    pub change: i32,
}

/// Arrival rate and service time of a queue, and the counters from which they are measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RatesStatus {
    /// When the counters were last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// When the measurement began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The counter of tasks that arrived.
    pub arrived: i64,
    /// The counter of tasks that were completed.
    pub processed: i64,
    /// The counter of milliseconds of work on completed tasks.
    pub millis: i64,
    /// Tasks that arrive per second, as a quantity such as 4 or 333m.
    #[schemars(regex(pattern = r"^[0-9]*(\.[0-9]+)?[mu]?$"), length(max = 24))]
    pub arrivals_per_second: String,
    /// Mean duration of a task in microseconds; 0 while unknown.
    pub service_micros: i64,
    /// The weight of this mean: the number of tasks in it, up to a limit.
    pub samples: i64,
}

/// The measured start time of workers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StartupStatus {
    /// When the scale-up was decided that is being measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The number of live workers that ends the measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// Mean start time in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_millis: Option<i64>,
}
