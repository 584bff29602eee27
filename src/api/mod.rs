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
mod source;
mod status;
mod workerpool;

pub use behavior::{OnUnknown, OnUnknownAction, ScaleDownSpec, ScaleUpSpec};
pub use convert::{Refusal, interval, pool, time, timestamp};
pub use crd::{crd, crd_yaml};
pub use duration::Duration;
pub use key::Key;
pub use source::{QueueSpec, QueueSystem, RedisSpec, SecretKeyRef, SecretKeySelector};
pub use status::{
    Change, Condition, DecisionStatus, Display, MemoryStatus, MetricStatus, MetricsStatus, WorkerPoolStatus,
};
pub use workerpool::{ScaleTargetRef, WorkerPool, WorkerPoolSpec};

/// The API group.
pub const GROUP: &str = "workerpool.dev";
/// The version served and stored.
pub const VERSION: &str = "v1alpha1";
/// The name under which the operator owns fields, by server-side apply.
pub const FIELD_MANAGER: &str = "workerpool-operator";
