//! What a pool is: the object's identity and its spec. It is replaced as a whole when the object changes.

use super::event::Watched;
use super::source::Source;
use crate::observe::target::TargetKey;
use api::{
    InvalidSpec, PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, ScheduledSpec, WorkerPool,
};
use decide::Millis;
use kube::ResourceExt;

#[derive(Debug)]
pub(super) struct Identity {
    pub uid: String,
    pub generation: Option<i64>,
    /// Seconds since 1970. Of two pools with the same target, the older one scales it.
    pub created: i64,
    pub spec: Result<ScheduledSpec, InvalidSpec>,
    /// The annotations about pin and suspension. They change without a new generation.
    pub annotations: [Option<String>; 4],
    pub api_version: String,
    pub target: TargetKey,
    pub interval: api::Duration,
    /// Whether the spec asks for a shorter one than the administrator allows.
    pub interval_raised: bool,
    pub drain_timeout: Millis,
}

impl Identity {
    pub fn new(object: &WorkerPool, source: &Source) -> Self {
        let target = &object.spec.scale_target_ref;
        Self {
            uid: object.uid().unwrap_or_default(),
            generation: object.metadata.generation,
            created: object.creation_timestamp().map_or(0, |at| at.0.as_second()),
            spec: ScheduledSpec::new(object).and_then(|spec| source.check().map(|()| spec)),
            annotations: [PIN_UNTIL, SUSPEND_UNTIL, SUSPENDED_BY, SUSPEND_REASON]
                .map(|name| object.annotations().get(name).cloned()),
            api_version: target.api_version.clone(),
            target: TargetKey::new(target, &object.namespace().unwrap_or_default()),
            interval: api::Duration(api::interval(&object.spec)),
            interval_raised: false,
            drain_timeout: api::drain_timeout(&object.spec),
        }
    }

    /// Raises the interval to what the administrator allows.
    pub fn raise_interval(&mut self, floor: Millis) {
        self.interval_raised = self.interval.0 < floor;
        self.interval.0 = self.interval.0.max(floor);
    }

    /// The kind of the target, which must be watched.
    pub fn watched(&self) -> Watched {
        Watched::Targets(self.api_version.clone(), self.target.kind.clone())
    }
}
