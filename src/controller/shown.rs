//! What others see of the fleet: gauges for a scrape, views and looks for the dashboard.

use super::Fleet;
use super::attend::in_full;
use super::pool::{Acting, PoolState};
use crate::api::{Key, WorkerPoolStatus};
use crate::decide::{Load, Reason, Time};
use crate::observe::target::Target;
use crate::report::PoolGauges;
use crate::web::{self, Board, Inside, PoolView, Sample, Wanted};
use std::sync::Arc;
use std::time::Duration;

impl Fleet {
    /// The same, and what it sees goes on `board`.
    #[must_use]
    pub fn shown_on(mut self, board: Arc<Board>) -> Self {
        self.board = board;
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
    pub(super) fn views(&mut self, wanted: Wanted, now: Time) -> Vec<PoolView> {
        match wanted {
            Wanted::All => self.pools.values().map(|pool| pool.view(false)).collect(),
            Wanted::Brief(keys) => keys
                .iter()
                .filter_map(|key| self.pools.get(key))
                .map(|pool| pool.view(true))
                .collect(),
            Wanted::Inside(key) => {
                let Some(pool) = self.pools.get_mut(&key) else {
                    return Vec::new();
                };
                pool.open(now);
                vec![pool.view_inside(self.targets.get(&pool.target), now)]
            }
        }
    }

    /// Puts the newest look of a pool on the board.
    pub(super) fn show(&self, key: &Key, now: Time) {
        if let Some(pool) = self.pools.get(key) {
            self.board
                .look(key, &pool.sample(self.targets.get(&pool.target)), now);
        }
    }
}

/// What others see of a pool.
impl PoolState {
    pub fn gauges(&self, target: Option<&Target>, now: Time) -> PoolGauges {
        let wishes = self.pool();
        let look = self.facts.as_ref();
        let load = look.map_or(Load::MISSING, |look| Load::sum(&look.queues));
        let since = |at: Time| Duration::from_millis(u64::try_from((now - at).0).unwrap_or(0));
        PoolGauges {
            pool: self.key.clone(),
            load,
            age: look.map(|look| since(look.at)),
            oldest_wait: load.oldest_at.known().map(|at| since(Time(at))),
            up: look.is_some_and(|look| look.missing.is_none()),
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
        let newest = self.unwritten.as_ref();
        let newest = newest.map(|it| in_full(self, it.status.clone(), it.taken.as_ref()));
        let status = match (brief, newest) {
            (true, newest) => web::brief(newest.as_ref().unwrap_or(&self.status), &self.history),
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
            bounds: self.pool().map(|pool| (pool.min, pool.max)),
            rules: self.pool().map(Into::into),
            pending: self
                .acting
                .as_ref()
                .map(|Acting { verdict, .. }| (verdict.to, verdict.sentence.clone())),
            status,
            inside: None,
        }
    }

    fn view_inside(&self, target: Option<&Target>, now: Time) -> PoolView {
        let inside = Inside {
            wishes: self.wishes.clone().ok(),
            seen: target.and_then(|target| self.seen(target, now)),
            memory: self.memory.clone(),
            staff: self.staff(target, now),
        };
        PoolView {
            inside: Some(Box::new(inside)),
            ..self.view(false)
        }
    }

    /// What its status says, or is about to say.
    fn newest(&self) -> &WorkerPoolStatus {
        self.unwritten
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
                .facts
                .as_ref()
                .map_or(Load::MISSING, |look| Load::sum(&look.queues)),
            replicas: target.map(|target| target.replicas),
            desired: target.map(|target| target.desired),
            idle: self.memory.idle_since.is_some(),
            reason: Reason::ALL
                .iter()
                .copied()
                .find(|known| Some(known.as_str()) == reason),
            patience: self.stale_after(),
        }
    }
}
