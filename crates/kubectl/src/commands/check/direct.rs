//! `check --redis`: the chain to a Redis that the command line names, without a pool and without a cluster.

use super::chain;
use super::finding::{Finding, fail, ok};
use super::redis::{self, Found};
use super::redis_pods::MemoryLimit;
use super::{Report, TIMEOUT, clock, within};
use crate::cluster::server::Elsewhere;
use crate::text::lang::tr;
use crate::text::output::Out;
use decide::foreign;
use queues::Queue;
use tokio::time::Instant;

/// Where the options are that a broken link is about.
const HELP: &str = "kubectl workerpool check --help";

/// What is checked.
pub struct Direct<'a> {
    pub server: &'a Elsewhere,
    /// The queue that is read, if one is named.
    pub queue: Option<Queue>,
    pub json: bool,
}

impl Direct<'_> {
    /// Prints the findings; false if one failed.
    pub async fn run(self, out: &Out) -> anyhow::Result<bool> {
        let end = Instant::now() + TIMEOUT;
        let mut report = Report::new(out, self.json);
        let find = self.find(out);
        report.add(within(end, out.lang, "Redis", find).await)?;
        report.end()
    }

    async fn find(&self, out: &Out) -> Vec<Finding> {
        let lang = out.lang;
        let failed = |error: anyhow::Error| {
            let fix = chain::show_certificate(&error);
            let fix = fix.unwrap_or_else(|| HELP.to_owned());
            vec![fail("Redis", format!("{error:#}"), fix)]
        };
        let queues: Vec<Queue> = self.queue.iter().cloned().collect();
        let key = queues.first().and_then(|queue| queue.wake_keys().first());
        let key = key.map_or("", String::as_str);
        let mut client = match self.server.client(out, key) {
            Ok(client) => client,
            Err(error) => return failed(error),
        };
        let probe = match client.probe().await {
            Ok(probe) => probe,
            Err(error) => return failed(error),
        };
        let Found {
            mut findings,
            summary,
            clock,
        } = redis::answering(lang, &mut client, &probe, &queues, None, HELP).await;
        let limit = async { MemoryLimit::default() };
        findings.extend(redis::memory(lang, &client, &probe, limit).await);
        if let Some((summary, queue)) = summary.zip(self.queue.as_ref()) {
            let (ready, name) = (summary.ready, foreign(queue.name(), 100));
            findings.push(ok("queue", tr!(lang, "cli-check-queue", name, ready)));
        }
        findings.extend(clock::compare(lang, clock, None));
        findings
    }
}
