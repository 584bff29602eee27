//! The list of clients of a Redis: it is long where there are many, so it is read when a scale-down selects its victims, and
//! at most every 10 s for all pools together.

use super::Endpoint;
use super::connection::Connection;
use super::link::ask;
use crate::observe::{ClientsReading, PollResult};
use decide::Millis;
use queues::{ConnectionList, describe};
use std::time::Duration;
use tokio::time::Instant;

/// For how long one reading is used.
const INTERVAL: Duration = Duration::from_secs(10);

/// The last reading of the list.
#[derive(Debug)]
pub(super) struct LastList {
    at: Instant,
    list: Result<ConnectionList, String>,
}

impl Endpoint {
    /// Adds the list to the results of the pools that wait for it.
    pub(super) async fn add_clients(&mut self, results: &mut [PollResult]) {
        let is_wanted = |result: &PollResult| {
            let polled = self.pools.get(&result.pool);
            polled.is_some_and(|it| it.clients_wanted)
        };
        if !results.iter().any(is_wanted) {
            return;
        }
        let last = self.clients.take();
        let fresh = last.filter(|last| last.at.elapsed() < INTERVAL);
        let last = match fresh {
            Some(last) => last,
            None => LastList {
                at: Instant::now(),
                list: self.list_clients().await,
            },
        };
        for result in results {
            let polled = self.pools.get_mut(&result.pool);
            if polled.is_some_and(|it| std::mem::take(&mut it.clients_wanted)) {
                let age = i64::try_from(last.at.elapsed().as_millis()).unwrap_or(i64::MAX);
                let list = last.list.clone();
                let age = Millis(age);
                result.clients = Some(ClientsReading { age, list });
            }
        }
        self.clients = Some(last);
    }

    async fn list_clients(&mut self) -> Result<ConnectionList, String> {
        let Connection::Up { redis, budget, .. } = &mut self.connection else {
            return Err("it is not connected".to_owned());
        };
        budget.begin(0);
        let reply = ask::<String>(redis, &ConnectionList::command(), describe).await;
        if budget.is_exceeded() {
            return Err("it sends more than is read".to_owned());
        }
        Ok(ConnectionList::parse(&reply?))
    }
}
