//! The Kubernetes API `workerpool.dev/v1alpha1`: the `WorkerPool` resource and the bridge to `decide`'s values.
#![expect(
    clippy::doc_markdown,
    reason = "these texts are also what `kubectl explain` shows, where backticks are noise"
)]

mod behavior;
mod convert;
mod crd;
mod duration;
mod key;
mod memory;
mod restore;
mod schedule;
mod source;
mod status;
mod target;
mod thresholds;
mod workerpool;

pub use behavior::{BehaviorSpec, PolicySpec, PolicyType, ScalingRules, SelectPolicy};
pub use convert::{
    InvalidSpec, PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, ScheduledSpec, interval,
    time, timestamp,
};
pub use crd::{crd, crd_yaml, unknown_field};
pub use duration::Duration;
pub use key::Key;
pub use memory::{MemoryStatus, RatesStatus, Recommendation, ScaleEvent, StartupStatus};
pub use schedule::{ScheduleSpec, Schedules};
pub use source::{QueueSpec, RedisSpec, SecretKeyRef, SecretKeySelector};
pub use status::{
    Change, Condition, DecisionStatus, Display, ForecastStatus, MetricStatus, MetricsStatus,
    NextChangeStatus, StepStatus, WorkerPoolStatus,
};
pub use target::TargetSpec;
pub use thresholds::{DrainSpec, OnUnknown, OnUnknownAction, ScaleDownSpec, ScaleUpSpec};
pub use workerpool::{ScaleTargetRef, WorkerPool, WorkerPoolSpec};

/// The API group.
pub const GROUP: &str = "workerpool.dev";
/// The version served and stored.
pub const VERSION: &str = "v1alpha1";
/// The name under which the operator owns fields, by server-side apply.
pub const FIELD_MANAGER: &str = "workerpool-operator";
/// The demo's pool, as people apply it.
pub const DEMO: &str = include_str!("../../../manifests/demo.yaml");
