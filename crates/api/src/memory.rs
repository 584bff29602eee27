//! `status.memory`: what the operator must still know after a restart.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the next decision must know of the past, so that a restart shortens no cooldown and no idle time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct MemoryStatus {
    /// The number last decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired: Option<i32>,
    /// When a rule last raised the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_up: Option<Timestamp>,
    /// When the number last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<Timestamp>,
    /// Since when the conditions of scaleDown hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Timestamp>,
    /// Since when facts are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// The answers within behavior's stabilization windows, as many as can still matter, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 80))]
    pub recommendations: Vec<Recommendation>,
    /// The changes within the longest period of behavior's policies, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 40))]
    pub scale_events: Vec<ScaleEvent>,
    /// The largest numbers of busy workers of late, which the idle timer of a target keeps, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 80))]
    pub busy: Vec<Recommendation>,
    /// What was measured of each queue, in the order of spec.queues, where a target needs it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub rates: Vec<RatesStatus>,
    /// How long workers take to start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub startup: Option<StartupStatus>,
}

/// A number of workers at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recommendation {
    /// When.
    pub at: Timestamp,
    /// How many.
    pub replicas: i32,
}

/// A change of the number of workers at an instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScaleEvent {
    /// When.
    pub at: Timestamp,
    /// Workers added; below zero, removed.
    pub change: i32,
}

/// Arrival rate and service time of a queue, and the counters that they were measured from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct RatesStatus {
    /// When the counters were last read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Since when they are watched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Tasks ever arrived.
    pub arrived: i64,
    /// Tasks ever completed.
    pub processed: i64,
    /// Milliseconds spent on them.
    pub millis: i64,
    /// Arrivals in a million seconds at the present rate.
    pub arrivals_per_million_seconds: i64,
    /// Mean time of a task, in microseconds; 0 while unknown.
    pub service_micros: i64,
    /// Tasks that this mean was made of, as far as that matters.
    pub samples: i64,
}

/// How long workers take to start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StartupStatus {
    /// When the rise was decided that is awaited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// How many live workers end it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i32>,
    /// The mean so far, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_millis: Option<i64>,
}
