//! The views of the fleet: gauges for a scrape, pools and samples for the dashboard.

use super::Fleet;
use crate::dashboard;
use crate::dashboard::{DashboardStore, Detail, PoolView, Sample, ViewQuery};
use crate::fleet::outcome::with_details;
use crate::fleet::pool_state::PoolState;
use crate::observe::target::Target;
use crate::report::PoolGauges;
use api::{Key, WorkerPoolStatus};
use decide::{ReasonCode, Time};
use std::sync::Arc;
use std::time::Duration;

impl Fleet {
    /// Records each poll and each change in `store`.
    #[must_use]
    pub fn with_dashboard(mut self, store: Arc<DashboardStore>) -> Self {
        self.dashboard = store;
        self
    }

    pub(super) fn gauges(&self) -> Vec<PoolGauges> {
        let mut gauges: Vec<PoolGauges> = self
            .pools
            .values()
            .map(|pool| pool.gauges(self.targets.get(&pool.identity.target), self.now))
            .collect();
        gauges.sort_by(|a, b| a.pool.cmp(&b.pool));
        gauges
    }

    pub(super) fn views(&mut self, query: ViewQuery) -> Vec<PoolView> {
        match query {
            ViewQuery::All => self.pools.values().map(PoolState::view).collect(),
            ViewQuery::Summary(keys) => keys
                .iter()
                .filter_map(|key| self.pools.get(key))
                .map(PoolState::view_summary)
                .collect(),
            ViewQuery::Detail(key) => {
                let Some(pool) = self.pools.get_mut(&key) else {
                    return Vec::new();
                };
                let expires_at = self.now + pool.stale_after();
                pool.observed.subscribe_workers(expires_at);
                vec![pool.view_detail(self.targets.get(&pool.identity.target), self.now)]
            }
        }
    }

    /// Adds a sample of the last poll to the dashboard.
    pub(super) fn publish_view(&self, key: &Key) {
        if let Some(pool) = self.pools.get(key) {
            let sample = pool.sample(self.targets.get(&pool.identity.target), self.now);
            self.dashboard
                .record(key, &sample, pool.stale_after(), self.now);
        }
    }
}

impl PoolState {
    fn gauges(&self, target: Option<&Target>, now: Time) -> PoolGauges {
        let spec = self.pool_spec();
        let metrics = self.observed.metrics.as_ref();
        let total = self.observed.total();
        let since = |at: Time| Duration::from_millis(u64::try_from((now - at).0).unwrap_or(0));
        PoolGauges {
            pool: self.key.clone(),
            total,
            age: metrics.map(|metrics| since(metrics.at)),
            oldest_wait: total.oldest_at.known().map(|at| since(Time(at))),
            up: metrics.is_some_and(|metrics| metrics.unavailable.is_none()),
            replicas: [
                ("desired", target.map(|target| target.desired)),
                ("current", target.map(|target| target.replicas)),
                ("min", spec.map(|spec| spec.min)),
                ("max", spec.map(|spec| spec.max)),
            ],
        }
    }

    fn view(&self) -> PoolView {
        let status = self
            .pending_status_with_details()
            .unwrap_or_else(|| self.publication.status.clone());
        self.view_of(WorkerPoolStatus {
            history: self.publication.history.clone(),
            ..status
        })
    }

    /// The view with only what the stream sends. Most polls change little of a status and nothing of its history, so the
    /// rest is not copied.
    fn view_summary(&self) -> PoolView {
        let pending = self.pending_status_with_details();
        let status = pending.as_ref().unwrap_or(&self.publication.status);
        self.view_of(dashboard::summary(status, &self.publication.history))
    }

    fn pending_status_with_details(&self) -> Option<WorkerPoolStatus> {
        let pending = self.publication.pending.as_ref()?;
        let status = pending.status.clone();
        Some(with_details(self, status, pending.evaluated.as_ref()))
    }

    fn view_of(&self, status: WorkerPoolStatus) -> PoolView {
        let spec = self.pool_spec();
        PoolView {
            namespace: self.key.namespace.to_string(),
            name: self.key.name.to_string(),
            bounds: spec.map(|spec| (spec.min, spec.max)),
            rules: spec.map(Into::into),
            pending: self
                .intent
                .pending_scale
                .as_ref()
                .map(|pending| pending.outcome.explanation()),
            status,
            detail: None,
        }
    }

    fn view_detail(&self, target: Option<&Target>, now: Time) -> PoolView {
        let detail = Detail {
            spec: self.identity.spec.clone().ok(),
            observation: target.and_then(|target| self.observation(target, now)),
            memory: self.intent.memory.clone(),
            workers: self.workers(target, now),
        };
        PoolView {
            detail: Some(Box::new(detail)),
            ..self.view()
        }
    }

    fn sample(&self, target: Option<&Target>, now: Time) -> Sample {
        let reason = self
            .publication
            .latest()
            .decision
            .as_ref()
            .map(|decision| decision.reason.as_str());
        Sample {
            replicas: target.map(|target| target.replicas),
            desired: target.map(|target| target.desired),
            idle: self.intent.memory.idle_since.is_some(),
            reason: ReasonCode::ALL
                .iter()
                .copied()
                .find(|code| Some(code.as_str()) == reason),
            ..Sample::new(&self.observed.total(), now)
        }
    }
}
