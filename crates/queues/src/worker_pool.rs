//! The reference protocol (docs/worker-protocol.md): one script reads everything.

use crate::convert;
use crate::error::{describe_code_in, describe_first_error};
use crate::queue::{Drain, DrainRequest, Parsed, QueueOptions, Reader, Reading, Reads, Rescue};
use crate::system::{Capabilities, ClusterKeys, Support};
use protocol::{Keys, LEASE, REAP, Reaped, ScriptCall, dead, reap, request_drain, snapshot};
use redis::{Cmd, Value};
use std::time::Duration;

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: Support::Exact,
    delayed: Support::Exact,
    in_flight: Support::Exact,
    held: Support::Exact,
    paused: Support::Exact,
    workers: Support::Exact,
    cpu: Support::Exact,
    oldest: Support::Exact,
    counters: Support::Exact,
    drain: Support::Exact,
    idle: Support::Unsupported("its workers are drained"),
    sigterm: Support::Exact,
    handler: None,
    grace: Duration::ZERO,
    registration: LEASE,
    cluster: ClusterKeys::OneSlot,
    options: &[],
};

#[derive(Debug)]
pub(crate) struct WorkerPool {
    keys: Keys,
    reads: Reads,
}

pub(crate) fn open(options: &QueueOptions) -> WorkerPool {
    let keys = Keys::new(&options.name);
    WorkerPool {
        reads: Reads {
            wake_keys: vec![keys.ready()],
            tracked: vec![redis::cmd("LLEN").arg(keys.ready()).take()],
            first: vec![snapshot::command(&keys)],
        },
        keys,
    }
}

impl Reader for WorkerPool {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn script_in_full(&self) -> Option<Cmd> {
        Some(snapshot::command_in_full(&self.keys))
    }

    fn parse(&self, replies: &mut [Value], queue: usize) -> Result<Parsed, String> {
        let reply = replies.first_mut().map(std::mem::take);
        if let Some(error) = describe_first_error(reply.as_slice()) {
            return Err(error);
        }
        // A script of ours made the sentence, and a foreign server may have: of what it says, only a code is kept.
        let snapshot = snapshot::parse(reply.unwrap_or_default()).map_err(|error| {
            describe_code_in(&error)
                .unwrap_or_else(|| "it answers the read with another form".to_owned())
        })?;
        let workers = snapshot.workers.iter();
        Ok(Parsed::Done(Reading {
            workers: workers
                .map(|worker| convert::worker(worker, snapshot.time, queue))
                .collect(),
            time: Some(snapshot.time),
            odd_time: convert::has_odd_time(&snapshot),
            dead: snapshot.dead > 0 || snapshot.unwatched,
            ..Reading::of(convert::queue_metrics(&snapshot))
        }))
    }

    fn drain(&self) -> Option<&dyn Drain> {
        Some(self)
    }

    fn rescue(&self) -> Option<&dyn Rescue> {
        Some(self)
    }
}

impl Drain for WorkerPool {
    fn request(&self, id: &str, drain: bool, _: &[&str]) -> DrainRequest {
        DrainRequest::Script(request_drain(&self.keys, id, drain))
    }
}

impl Rescue for WorkerPool {
    fn find_dead(&self) -> ScriptCall<Vec<String>> {
        dead(&self.keys, REAP)
    }

    fn reap(&self, id: &str) -> ScriptCall<Reaped> {
        reap(&self.keys, id)
    }
}
