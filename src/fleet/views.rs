//! What others see of the fleet: gauges for a scrape, views and looks for the dashboard.

use super::Fleet;
use crate::dashboard;
use crate::dashboard::{DashboardStore, Detail, PoolView, Sample, ViewQuery};
use crate::fleet::outcome::with_details;
use crate::fleet::pool_state::{PendingScale, PoolState};
use crate::observe::target::Target;
use crate::report::PoolGauges;
use api::{Key, WorkerPoolStatus};
use decide::{QueueMetrics, ReasonCode, Time};
use std::sync::Arc;
use std::time::Duration;

impl Fleet {
    /// The same, and what it sees goes on `board`.
    #[must_use]
    pub fn with_dashboard(mut self, board: Arc<DashboardStore>) -> Self {
        self.dashboard = board;
        self
    }

    pub(super) fn gauges(&self, now: Time) -> Vec<PoolGauges> {
        let mut all: Vec<PoolGauges> = self
            .pools
            .values()
            .map(|pool| pool.gauges(self.targets.get(&pool.target), now))
            .collect();
        all.sort_by(|a, b| a.pool.cmp(&b.pool));
        all
    }

    /// These pools, or all of them.
    pub(super) fn views(&mut self, wanted: ViewQuery, now: Time) -> Vec<PoolView> {
        match wanted {
            ViewQuery::All => self.pools.values().map(|pool| pool.view(false)).collect(),
            ViewQuery::Summary(keys) => keys
                .iter()
                .filter_map(|key| self.pools.get(key))
                .map(|pool| pool.view(true))
                .collect(),
            ViewQuery::Detail(key) => {
                let Some(pool) = self.pools.get_mut(&key) else {
                    return Vec::new();
                };
                pool.subscribe_workers(now);
                vec![pool.view_detail(self.targets.get(&pool.target), now)]
            }
        }
    }

    /// Puts the newest look of a pool on the board.
    pub(super) fn publish_view(&self, key: &Key, now: Time) {
        if let Some(pool) = self.pools.get(key) {
            self.dashboard
                .record(key, &pool.sample(self.targets.get(&pool.target)), now);
        }
    }
}

/// What others see of a pool.
impl PoolState {
    pub fn gauges(&self, target: Option<&Target>, now: Time) -> PoolGauges {
        let wishes = self.pool_spec();
        let look = self.metrics.as_ref();
        let load = look.map_or(QueueMetrics::UNAVAILABLE, |look| {
            QueueMetrics::sum(&look.queues)
        });
        let since = |at: Time| Duration::from_millis(u64::try_from((now - at).0).unwrap_or(0));
        PoolGauges {
            pool: self.key.clone(),
            total: load,
            age: look.map(|look| since(look.at)),
            oldest_wait: load.oldest_at.known().map(|at| since(Time(at))),
            up: look.is_some_and(|look| look.unavailable_reason.is_none()),
            replicas: [
                ("desired", target.map(|target| target.desired)),
                ("current", target.map(|target| target.replicas)),
                ("min", wishes.map(|pool| pool.min)),
                ("max", wishes.map(|pool| pool.max)),
            ],
        }
    }

    /// Most looks change little of it and nothing of its past: where only the stream asks, that is not copied.
    pub fn view(&self, brief: bool) -> PoolView {
        let newest = self.pending_status.as_ref();
        let newest = newest.map(|it| with_details(self, it.status.clone(), it.evaluated.as_ref()));
        let status = match (brief, newest) {
            (true, newest) => {
                dashboard::summary(newest.as_ref().unwrap_or(&self.status), &self.history)
            }
            (false, newest) => {
                let newest = newest.unwrap_or_else(|| self.status.clone());
                WorkerPoolStatus {
                    history: self.history.clone(),
                    ..newest
                }
            }
        };
        PoolView {
            namespace: self.key.namespace.to_string(),
            name: self.key.name.to_string(),
            bounds: self.pool_spec().map(|pool| (pool.min, pool.max)),
            rules: self.pool_spec().map(Into::into),
            pending: self.pending_scale.as_ref().map(
                |PendingScale {
                     outcome: verdict, ..
                 }| (verdict.to, verdict.message.clone()),
            ),
            status,
            detail: None,
        }
    }

    fn view_detail(&self, target: Option<&Target>, now: Time) -> PoolView {
        let inside = Detail {
            spec: self.spec.clone().ok(),
            observation: target.and_then(|target| self.observation(target, now)),
            memory: self.memory.clone(),
            workers: self.workers(target, now),
        };
        PoolView {
            detail: Some(Box::new(inside)),
            ..self.view(false)
        }
    }

    /// What its status says, or is about to say.
    fn newest(&self) -> &WorkerPoolStatus {
        self.pending_status
            .as_ref()
            .map_or(&self.status, |unwritten| &unwritten.status)
    }

    pub fn sample(&self, target: Option<&Target>) -> Sample {
        let reason = self
            .newest()
            .decision
            .as_ref()
            .map(|decision| decision.reason.as_str());
        Sample {
            load: self
                .metrics
                .as_ref()
                .map_or(QueueMetrics::UNAVAILABLE, |look| {
                    QueueMetrics::sum(&look.queues)
                }),
            replicas: target.map(|target| target.replicas),
            desired: target.map(|target| target.desired),
            idle: self.memory.idle_since.is_some(),
            reason: ReasonCode::ALL
                .iter()
                .copied()
                .find(|known| Some(known.as_str()) == reason),
            patience: self.stale_after(),
        }
    }
}
