//! Requests to workers: to drain, and to resume.

use super::{RESEND_AFTER, Request, ScaleDown, ScaleDownContext, WorkerId};
use crate::fleet::event::Command;
use decide::Millis;
use decide::victims::{DrainState, Pod, Worker};
use protocol::DRAIN;

/// How often a drain request is renewed. A worker resumes automatically after [`DRAIN`].
const RENEW_DRAIN: Millis = Millis(DRAIN.as_secs().cast_signed() * 1_000 / 3);

impl ScaleDown {
    /// Requests the workers of the victims to drain, and all others to resume. Returns true if the last poll shows that
    /// they do.
    pub(super) fn request_drains(
        &mut self,
        active: &[Pod],
        context: &ScaleDownContext<'_>,
    ) -> bool {
        let mut drain = Vec::new();
        let mut resume = Vec::new();
        let mut is_as_desired = true;
        let drains_strangers = self.drains_strangers(active);
        let can_drain = |worker: &&Worker| worker.drain != DrainState::Unsupported;
        for worker in self.workers.iter().filter(can_drain) {
            let id = (worker.queue, worker.id.clone());
            let request = self.drain_requests.get(&id);
            let pod = worker
                .pod
                .as_ref()
                .filter(|pod| active.iter().any(|listed| listed.name == **pod));
            let should_drain = match pod {
                Some(pod) => self.victims.contains_key(pod),
                // Another pool may drain it, too: only what this one requested is reverted.
                None if self.is_stranger(worker, context)
                    && (drains_strangers || request.is_some_and(|it| it.enable)) =>
                {
                    drains_strangers
                }
                None => continue,
            };
            let drains = worker.drain.is_requested();
            let requested = request
                .filter(|request| context.now - request.sent_at < RESEND_AFTER)
                .map(|request| request.enable);
            is_as_desired &= should_drain == drains;
            if should_drain != requested.unwrap_or(drains)
                && (should_drain || pod.is_none_or(|pod| !self.may_be_marked(pod, active, context)))
            {
                let ids = if should_drain {
                    &mut drain
                } else {
                    &mut resume
                };
                ids.push(id);
            } else if should_drain && drains && self.needs_renewal(&id, context) {
                drain.push(id);
            }
        }
        self.send_drains(drain, true, context);
        self.send_drains(resume, false, context);
        is_as_desired
    }

    /// Renews the requests of all workers that drain.
    pub(super) fn renew_drains(&mut self, active: &[Pod], context: &ScaleDownContext<'_>) {
        let ids = self
            .workers
            .iter()
            .filter(|worker| worker.drain.is_requested())
            .filter(|worker| {
                active
                    .iter()
                    .any(|pod| worker.pod.as_ref() == Some(&pod.name))
            })
            .map(|worker| (worker.queue, worker.id.clone()))
            .filter(|id| self.needs_renewal(id, context))
            .collect();
        self.send_drains(ids, true, context);
    }

    fn needs_renewal(&self, worker: &WorkerId, context: &ScaleDownContext<'_>) -> bool {
        self.drain_requests
            .get(worker)
            .is_none_or(|request| context.now - request.sent_at >= RENEW_DRAIN)
    }

    fn send_drains(
        &mut self,
        workers: Vec<WorkerId>,
        enable: bool,
        context: &ScaleDownContext<'_>,
    ) {
        self.drain_requests.extend(workers.iter().map(|id| {
            let sent_at = context.now;
            (id.clone(), Request { enable, sent_at })
        }));
        if let (Some(redis), false) = (context.redis, workers.is_empty()) {
            // A poll follows it.
            self.drained = context.next_number();
            self.asked = Some((self.drained, context.now));
            self.commands.push(Command::Drain(
                redis.clone(),
                context.pool.key.clone(),
                workers,
                enable,
                self.drained,
            ));
        }
    }
}
