//! Any Redis list: `LLEN`.

use crate::queue::{Parsed, QueueOptions, Reader, Reading, Reads, error_text};
use crate::system::{Capabilities, ClusterKeys, Support};
use decide::{Metric, QueueMetrics};
use redis::Value;
use std::time::Duration;

const LENGTH_ONLY: Support = Support::Unsupported("a list has only a length");

pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    ready: Support::Exact,
    due: LENGTH_ONLY,
    delayed: LENGTH_ONLY,
    in_flight: LENGTH_ONLY,
    held: LENGTH_ONLY,
    paused: LENGTH_ONLY,
    workers: LENGTH_ONLY,
    cpu: LENGTH_ONLY,
    oldest: LENGTH_ONLY,
    counters: LENGTH_ONLY,
    drain: LENGTH_ONLY,
    idle: Support::Estimated("where workers wait by BRPOP, BLPOP, BLMOVE or BZPOPMIN"),
    sigterm: Support::Unsupported("its program decides"),
    handler: None,
    grace: Duration::ZERO,
    registration: Duration::ZERO,
    cluster: ClusterKeys::OneSlot,
    options: &[],
};

#[derive(Debug)]
pub(crate) struct List {
    reads: Reads,
}

pub(crate) fn open(options: &QueueOptions) -> List {
    let length = redis::cmd("LLEN").arg(&options.name).take();
    List {
        reads: Reads {
            wake_keys: vec![options.name.clone()],
            // All that there is to read.
            tracked: vec![length.clone()],
            first: vec![length],
        },
    }
}

impl Reader for List {
    fn reads(&self) -> &Reads {
        &self.reads
    }

    fn parse(&self, replies: &mut [Value], _: usize) -> Result<Parsed, String> {
        match &*replies {
            [Value::Int(length)] => Ok(Parsed::Done(Reading::of(QueueMetrics {
                ready: Metric::Known(*length),
                ..QueueMetrics::UNSUPPORTED
            }))),
            replies => Err(error_text(replies, "LLEN did not return a number")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Queue, QueueSystem};

    #[test]
    fn list_reports_only_its_length() {
        let list = Queue::new(QueueSystem::List, &QueueOptions::named("jobs"));
        let Ok(Parsed::Done(Reading {
            metrics, workers, ..
        })) = list.parse(&mut [Value::Int(7)], 0)
        else {
            panic!("a length");
        };
        assert_eq!(workers, []);
        assert_eq!(
            (metrics.ready, metrics.busy),
            (Metric::Known(7), Metric::Unsupported)
        );
        let error = list.parse(&mut [Value::Nil], 0).expect_err("no length");
        assert!(format!("{error:?}").contains("jobs"));
    }
}
