//! The event loop: passes events to the fleet and its commands to the executor.

use super::Clock;
use super::executor::Executor;
use super::health::{HealthState, Liveness, MAX_TICK};
use super::inbox::Delivery;
use crate::fleet::Fleet;
use crate::fleet::event::{Event, Watched};
use tokio::sync::mpsc::Receiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Maximum events handled per iteration before the liveness timestamp is updated.
const MAX_BATCH: usize = 256;

pub(super) struct EventLoop {
    pub fleet: Fleet,
    pub executor: Executor,
    pub clock: Clock,
    pub inbox: Receiver<Delivery>,
    pub health: HealthState,
}

impl EventLoop {
    /// Handles events until `stop`.
    pub async fn run(&mut self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            self.update_liveness();
            let max_tick = Instant::now() + MAX_TICK;
            let tick_at = self
                .fleet
                .next_tick()
                .map_or(max_tick, |at| self.clock.instant(at).min(max_tick));
            // In this order, so that a simulation can be repeated.
            let tick = (Event::Tick, None);
            let delivery = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep_until(tick_at) => tick,
                delivery = self.inbox.recv() => delivery.unwrap_or(tick),
            };
            self.handle(delivery);
            for _ in 0..MAX_BATCH {
                let Ok(delivery) = self.inbox.try_recv() else {
                    break;
                };
                self.handle(delivery);
            }
        }
    }

    /// Completes the writes in progress. With `abandon_drains`, draining workers are asked to continue first.
    pub async fn shut_down(mut self, abandon_drains: bool) {
        if abandon_drains {
            for command in self.fleet.stop() {
                self.executor.execute(command);
            }
        }
        // Who waits for room would wait for ever.
        drop(self.inbox);
        self.executor.finish().await;
    }

    fn handle(&mut self, (event, turn): Delivery) {
        if let Some(step) = self.clock.follow() {
            tracing::warn!(
                milliseconds = step.0,
                "the system clock was set: what is remembered moves with it"
            );
            self.apply(Event::ClockStep(step));
        }
        self.apply(event);
        drop(turn);
    }

    fn apply(&mut self, event: Event) {
        for command in self.fleet.on(event, self.clock.now()) {
            self.executor.execute(command);
        }
    }

    fn update_liveness(&self) {
        *self.health.liveness() = Liveness {
            last_tick: Instant::now(),
            pending: self.fleet.pending_watches().iter().map(name).collect(),
            standby: false,
        };
    }
}

/// The resource name of a watch.
fn name(watched: &Watched) -> String {
    match watched {
        Watched::Pools => "workerpools".to_owned(),
        Watched::Autoscalers => "horizontalpodautoscalers".to_owned(),
        Watched::Targets(api_version, kind) => format!("{kind} of {api_version}"),
    }
}
