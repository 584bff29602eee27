//! The Kubernetes API `workerpool.dev/v1alpha1`: the `WorkerPool` resource, and its conversion to and from `decide`'s
//! types.
#![expect(
    clippy::doc_markdown,
    reason = "`kubectl explain` shows these texts, where backticks would be noise"
)]

mod behavior;
mod convert;
mod crd;
mod duration;
mod key;
mod memory;
mod pod_end;
mod quantity;
mod read;
mod redis;
mod restore;
mod rules;
mod sample;
mod schedule;
mod source;
mod status;
mod target;
mod thresholds;
mod workerpool;

pub use behavior::{BehaviorSpec, PolicySpec, PolicyType, ScalingRules, SelectPolicy};
pub use convert::{
    EVENT_PARAMS, InvalidSpec, PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY,
    ScheduledSpec, drain_timeout, interval, time, timestamp,
};
pub use crd::{crd, crd_yaml, lacking_fields, unknown_field};
pub use duration::{Duration, ParseDurationError};
pub use key::Key;
pub use memory::{MemoryStatus, RatesStatus, Recommendation, ScaleEvent, StartupStatus};
pub use pod_end::{PodEnd, grace_for};
pub use read::{read, unreadable};
pub use redis::{ClusterSpec, KeyRef, KeySelector, RedisSpec, SecretKeyRef, SentinelSpec, TlsSpec};
pub use sample::{Sample, SampleColumns};
pub use schedule::{ScheduleSpec, Schedules};
pub use source::QueueSpec;
pub use status::{
    CauseStatus, Change, Condition, DecisionStatus, Display, Explanation, ForecastStatus,
    MetricStatus, MetricsStatus, NextChangeStatus, StepStatus, TimeMetricStatus, WorkerPoolStatus,
};
pub use target::TargetSpec;
pub use thresholds::{
    DrainSpec, OnUnknown, OnUnknownAction, ScaleDownSpec, ScaleFromZeroSpec, ScaleUpSpec,
};
pub use workerpool::{ScaleTargetRef, WorkerPool, WorkerPoolSpec};

/// The API group of the resource.
pub const GROUP: &str = "workerpool.dev";
/// The API version that is served and stored.
pub const VERSION: &str = "v1alpha1";
/// The operator's field manager for server-side apply.
pub const FIELD_MANAGER: &str = "workerpool-operator";
/// The manifest of the demo's pool.
pub const DEMO: &str = include_str!("../../../manifests/demo.yaml");
