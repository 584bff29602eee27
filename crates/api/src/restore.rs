//! Converts `decide`'s `Memory` to `status.internal` and back.

use super::quantity::{format_millionths, parse_millionths};
use super::{
    MemoryStatus, RatesStatus, Recommendation, ScaleEvent, StartupStatus, time, timestamp,
};
use decide::{Memory, Millis, Rates, Startup, Time, Window};

impl From<&MemoryStatus> for Memory {
    fn from(status: &MemoryStatus) -> Self {
        let startup = status.startup.clone().unwrap_or_default();
        Self {
            desired: status.desired,
            last_up: status.last_up.map(time),
            last_change: status.last_change.map(time),
            idle_since: status.idle_since.map(time),
            unknown_since: status.unknown_since.map(time),
            recommendations: window(&status.recommendations),
            scale_events: status
                .scale_events
                .iter()
                .map(|event| (time(event.at), event.change))
                .collect(),
            busy: window(&status.busy),
            rates: status.rates.iter().map(Rates::from).collect(),
            startup: Startup {
                pending: startup.since.map(time).zip(startup.replicas),
                mean: startup.mean_millis.map(Millis),
            },
        }
    }
}

impl From<&Memory> for MemoryStatus {
    fn from(memory: &Memory) -> Self {
        let Startup { pending, mean } = memory.startup;
        let startup = StartupStatus {
            since: pending.map(|(at, _)| timestamp(at)),
            replicas: pending.map(|(_, replicas)| replicas),
            mean_millis: mean.map(|mean| mean.0),
        };
        Self {
            target_uid: None,
            desired: memory.desired,
            last_up: memory.last_up.map(timestamp),
            last_change: memory.last_change.map(timestamp),
            idle_since: memory.idle_since.map(timestamp),
            unknown_since: memory.unknown_since.map(timestamp),
            recommendations: samples(&memory.recommendations),
            scale_events: memory
                .scale_events
                .iter()
                .map(|(at, change)| ScaleEvent {
                    at: timestamp(*at),
                    change: *change,
                })
                .collect(),
            busy: samples(&memory.busy),
            rates: memory.rates.iter().map(RatesStatus::from).collect(),
            startup: (startup != StartupStatus::default()).then_some(startup),
        }
    }
}

fn window(samples: &[Recommendation]) -> Window {
    let mut samples: Vec<(Time, i32)> = samples
        .iter()
        .map(|sample| (time(sample.at), sample.replicas))
        .collect();
    samples.sort_unstable();
    samples.into_iter().collect()
}

fn samples(window: &Window) -> Vec<Recommendation> {
    window
        .samples()
        .into_iter()
        .map(|(at, replicas)| Recommendation {
            at: timestamp(at),
            replicas,
        })
        .collect()
}

impl From<&RatesStatus> for Rates {
    fn from(status: &RatesStatus) -> Self {
        Self {
            at: status.at.map(time),
            since: status.since.map_or(Time(0), time),
            arrived: status.arrived,
            processed: status.processed,
            millis: status.millis,
            arrival: parse_millionths(&status.arrivals_per_second).unwrap_or(0),
            service: status.service_micros,
            samples: status.samples,
        }
    }
}

impl From<&Rates> for RatesStatus {
    fn from(rates: &Rates) -> Self {
        Self {
            at: rates.at.map(timestamp),
            since: rates.at.map(|_| timestamp(rates.since)),
            arrived: rates.arrived,
            processed: rates.processed,
            millis: rates.millis,
            arrivals_per_second: format_millionths(rates.arrival),
            service_micros: rates.service,
            samples: rates.samples,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_survives_a_round_trip_through_the_status() {
        let at = |seconds: i64| Time(1_700_000_000_123 + seconds * 1000);
        let memory = Memory {
            desired: Some(7),
            last_up: Some(at(1)),
            last_change: Some(at(2)),
            idle_since: Some(at(3)),
            unknown_since: Some(at(4)),
            recommendations: [(at(5), 9), (at(6), 4), (at(7), 6)].into_iter().collect(),
            scale_events: vec![(at(8), 3), (at(9), -2)],
            busy: [(at(10), 8), (at(11), 2)].into_iter().collect(),
            rates: vec![Rates {
                at: Some(at(12)),
                since: at(0),
                arrived: 100,
                processed: 90,
                millis: 180_000,
                arrival: 4_333_333,
                service: 2_000_000,
                samples: 19,
            }],
            startup: Startup {
                pending: Some((at(13), 7)),
                mean: Some(Millis(4_321)),
            },
        };
        let text = serde_json::to_string(&MemoryStatus::from(&memory)).expect("it serializes");
        let read: MemoryStatus = serde_json::from_str(&text).expect("it parses");
        assert_eq!(Memory::from(&read), memory);
        let empty = MemoryStatus::from(&Memory::default());
        assert_eq!(serde_json::to_string(&empty).expect("it serializes"), "{}");
        assert_eq!(Memory::from(&empty), Memory::default());
    }
}
