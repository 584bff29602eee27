//! What others see of the fleet: gauges for a scrape, views and looks for the dashboard.

use super::Fleet;
use super::pool::PoolState;
use crate::api::Key;
use crate::decide::Time;
use crate::report::PoolGauges;
use crate::web::{Board, PoolView};
use std::sync::Arc;

impl Fleet {
    /// The same, and what it sees goes on `board`.
    #[must_use]
    pub fn shown_on(mut self, board: Arc<Board>) -> Self {
        self.board = board;
        self
    }

    pub(super) fn gauges(&self, now: Time) -> Vec<PoolGauges> {
        let mut all: Vec<PoolGauges> =
            self.pools.values().map(|pool| pool.gauges(self.targets.get(&pool.target), now)).collect();
        all.sort_by(|a, b| a.pool.cmp(&b.pool));
        all
    }

    /// These pools, or all of them.
    pub(super) fn views(&self, keys: Option<Vec<Key>>) -> Vec<PoolView> {
        match keys {
            Some(keys) => keys.iter().filter_map(|key| self.pools.get(key)).map(PoolState::view).collect(),
            None => self.pools.values().map(PoolState::view).collect(),
        }
    }

    /// Puts the newest look of a pool on the board.
    pub(super) fn show(&self, key: &Key, now: Time) {
        if let Some(pool) = self.pools.get(key) {
            self.board.look(key, &pool.sample(self.targets.get(&pool.target)), now);
        }
    }
}
