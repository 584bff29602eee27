//! The marks on pods: the pod deletion cost that makes a `ReplicaSet` delete exactly the victims.

use super::{RESEND_AFTER, Request, ScaleDown, ScaleDownContext};
use crate::fleet::event::Command;
use decide::victims::{DELETE_FIRST, Pod, VictimOrder};

impl ScaleDown {
    /// Marks the victims if they are `drained`, and unmarks all other pods. Returns true if the last list shows that.
    pub(super) fn mark_victims(
        &mut self,
        active: &[Pod],
        drained: bool,
        context: &ScaleDownContext<'_>,
    ) -> bool {
        let mut marks = Vec::new();
        let mut is_as_desired = true;
        for pod in active
            .iter()
            .filter(|_| context.order == VictimOrder::Cost && !self.mark_pending)
        {
            let is_marked = pod.cost == DELETE_FIRST;
            let should_mark = self.victims.contains_key(&pod.name) && (drained || is_marked);
            let requested = self
                .mark_requests
                .get(&pod.name)
                .filter(|request| context.now - request.sent_at < RESEND_AFTER)
                .map(|request| request.enable);
            is_as_desired &= should_mark == is_marked;
            if should_mark != requested.unwrap_or(is_marked) {
                marks.push((pod.name.clone(), should_mark));
            }
        }
        if !marks.is_empty() && self.current_failure(context.now).is_none() {
            self.mark_requests.extend(marks.iter().map(|(pod, enable)| {
                let request = Request {
                    enable: *enable,
                    sent_at: context.now,
                };
                (pod.clone(), request)
            }));
            self.mark_pending = true;
            self.marks_sent_at = Some(context.now);
            self.commands
                .push(Command::Mark(context.pool.clone(), marks));
        }
        is_as_desired && !self.mark_pending
    }

    /// Whether `pod` may be marked. No worker is requested to resume before its pod is unmarked: a new process finds
    /// workers that drain at its first poll, but it would not find the marks.
    pub(super) fn may_be_marked(
        &self,
        pod: &str,
        active: &[Pod],
        context: &ScaleDownContext<'_>,
    ) -> bool {
        let requested = self
            .mark_requests
            .get(pod)
            .filter(|_| !self.list_is_current())
            .map(|request| request.enable);
        let is_marked = requested.unwrap_or_else(|| {
            active
                .iter()
                .any(|listed| listed.name == pod && listed.cost == DELETE_FIRST)
        });
        (is_marked || self.mark_pending) && self.current_failure(context.now).is_none()
    }
}
