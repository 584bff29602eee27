//! The server that Sentinels call the master. They are asked over connections of our own, to allowed destinations only, and
//! so is the server that they name.
//!
//! After a planned failover the former master accepts reads and writes for seconds, and calls itself a master. So what was
//! read counts only if a Sentinel names the same server afterwards.

use super::link::{Link, ask};
use super::{Dial, ReplyLimits};
use crate::observe::{Address, Sentinels};
use decide::Unavailable;
use queues::{Reading, describe};
use redis::AsyncConnectionConfig;

pub(super) struct Master {
    address: Address,
    sentinels: Sentinels,
    /// The Sentinel that answered last, and the connection to it.
    current: usize,
    link: Option<Link>,
}

impl Master {
    /// Asks the Sentinels, one after the other.
    ///
    /// # Errors
    /// Why none names a master.
    pub async fn find(
        dial: &dyn Dial,
        sentinels: &Sentinels,
        limits: &ReplyLimits,
    ) -> Result<Self, Unavailable> {
        let mut master = Self {
            address: sentinels.settings.clone(),
            sentinels: sentinels.clone(),
            current: 0,
            link: None,
        };
        master.address = master.ask(dial, limits).await?;
        Ok(master)
    }

    /// The master's own address.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether a Sentinel still names this server.
    ///
    /// # Errors
    /// That it names another one, or that none answers.
    pub async fn confirm(
        &mut self,
        dial: &dyn Dial,
        limits: &ReplyLimits,
    ) -> Result<(), Unavailable> {
        let named = self.ask(dial, limits).await?;
        if named.server() == self.address.server() {
            return Ok(());
        }
        let error = format!("the master is now {}", named.host_and_port());
        Err(self.address.down(error))
    }

    /// The server that the first Sentinel names which answers.
    async fn ask(&mut self, dial: &dyn Dial, limits: &ReplyLimits) -> Result<Address, Unavailable> {
        let count = self.sentinels.addresses.len();
        let mut cause = None;
        for _ in 0..count {
            match self.ask_current(dial, limits).await {
                Ok(address) => return Ok(address),
                // The first one that was not reached may be known to be away.
                Err(error) => cause = Some(error),
            }
            self.link = None;
            self.current = (self.current + 1) % count;
        }
        Err(cause.unwrap_or(Unavailable::NotReadYet))
    }

    async fn ask_current(
        &mut self,
        dial: &dyn Dial,
        limits: &ReplyLimits,
    ) -> Result<Address, Unavailable> {
        let Some(address) = self.sentinels.addresses.get(self.current) else {
            return Err(Unavailable::NotReadYet);
        };
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::open(dial, address, limits, AsyncConnectionConfig::new()).await?,
        };
        link.budget.begin(0);
        let mut command = redis::cmd("SENTINEL");
        let command = command
            .arg("GET-MASTER-ADDR-BY-NAME")
            .arg(&self.sentinels.master);
        let answer = ask::<Option<(String, u16)>>(&mut link.redis, command, describe).await;
        link.budget.end(0);
        let (host, port) = answer
            .map_err(|error| address.down(error))?
            .ok_or_else(|| {
                let name = &self.sentinels.master;
                address.down(format!("this Sentinel knows no master {name}"))
            })?;
        let named = self.sentinels.settings.at(&host, port);
        let named = named.map_err(|_| address.down("it names no valid host".to_owned()))?;
        self.link = Some(link);
        Ok(named)
    }
}

/// Whether an error says that the server is no master: another one is, or will be.
pub(super) fn is_of_replica(error: &str) -> bool {
    error.starts_with("READONLY") || error.starts_with("MASTERDOWN")
}

/// Such an error among the readings of queues.
pub(super) fn of_replica(reading: &Result<Reading, Unavailable>) -> Option<String> {
    match reading {
        Err(Unavailable::QueueUnreadable { error, .. }) if is_of_replica(error) => {
            Some(error.clone())
        }
        _ => None,
    }
}
