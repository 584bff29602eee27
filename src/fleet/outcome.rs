//! The outcome of a decision: a scale to write, a status to write, an event to publish.

use super::evaluation::{Evaluated, contained};
use super::event::{Command, Scale};
use super::intent::{PendingScale, Retry};
use super::namespaces::Namespaces;
use super::pool_state::PoolState;
use super::publication::PendingStatus;
use super::scale_down;
use super::status_budget::StatusBudget;
use super::write_rate::WriteRate;
use crate::act;
use crate::observe::target::Target;
use crate::report::{
    EventNote, Metrics, Outcome, add_details, append_history, build_status, is_visibly_equal,
};
use api::WorkerPoolStatus;
use decide::{Decision, Millis, Reason, ReasonCode, Time, Waiting, forecast};

/// The longest pause after a failed write during which the victims stay drained.
const MAX_DRAIN_PAUSE: Millis = Millis::seconds(5);
/// The shortest pause before a status that could not be written is tried again.
const STATUS_RETRY: Millis = Millis(100);

/// One pool, and what it takes to carry out a decision on it.
pub(super) struct Reconciliation<'a> {
    pub pool: &'a mut PoolState,
    pub target: Option<&'a Target>,
    pub now: Time,
    pub commands: &'a mut Vec<Command>,
    pub metrics: &'a Metrics,
    pub namespaces: &'a Namespaces,
    pub statuses: &'a mut StatusBudget,
    pub scales: &'a mut WriteRate,
}

impl Reconciliation<'_> {
    /// Requests the write that the decision needs, or records the decision if it needs none or must wait.
    pub fn apply(&mut self, evaluated: Box<Evaluated>) {
        let decision = &evaluated.decision;
        self.pool.requeue_at = decision.requeue_at;
        let mut outcome = self.pool.outcome(decision, self.target);
        let found = match decision.reason {
            Reason::TargetChanged { found, .. } => Some(found),
            _ => None,
        };
        let contested = found.and_then(|found| self.pool.contested(self.target, found, self.now));
        let may_write = match contested {
            Some(reason) => {
                self.wait_for_contest(decision, reason, &mut outcome);
                false
            }
            None => self.can_write(&evaluated, &mut outcome),
        };
        if !may_write {
            if found.is_none()
                && !is_notable(outcome.code())
                && let Some(reason) = self.pool.still_contested(self.now)
            {
                outcome.reason = reason;
            }
            return self.record(outcome, Some(&evaluated));
        }
        if let Some(found) = found {
            // If another client keeps writing, we set it back once per interval, not as often as it writes.
            if enforcement_due(self.pool).is_some_and(|due| due > self.now) {
                return;
            }
            if let Some(reason) = self.pool.set_back(self.target, found, self.now) {
                outcome.reason = reason;
            }
        }
        if let Some(until) = self.turn() {
            outcome.reason = Reason::ScaleThrottled {
                to: outcome.to,
                reason: Box::new(outcome.reason),
                until,
            };
            outcome.to = decision.from;
            self.roll_back(decision);
            return self.record(outcome, Some(&evaluated));
        }
        let pool = &mut *self.pool;
        self.commands.push(Command::Scale(Scale {
            pool: pool.as_scaled(),
            api_version: pool.identity.api_version.clone(),
            target: pool.identity.target.clone(),
            replicas: decision.replicas,
            notified_at: pool
                .observed
                .metrics
                .as_ref()
                .and_then(|polled| polled.notified_at),
        }));
        pool.intent.pending_scale = Some(PendingScale { evaluated, outcome });
    }

    /// Takes a turn of the namespace to change replicas. Returns when it comes, if it has not come yet.
    fn turn(&mut self) -> Option<Time> {
        let pool = &mut *self.pool;
        let turn = pool.intent.turn.take();
        let namespace = &pool.key.namespace;
        let take = || self.scales.take(self.namespaces, namespace, self.now);
        let at = turn.unwrap_or_else(take);
        if at <= self.now {
            return None;
        }
        pool.intent.turn = Some(at);
        pool.requeue_by(at);
        Some(at)
    }

    /// Leaves the target to the client that does not stop writing, until `reason` says so.
    fn wait_for_contest(&mut self, decision: &Decision, reason: Reason, outcome: &mut Outcome) {
        if let Some(target) = self.target {
            scale_down::revert(self.pool, target, self.now, self.commands);
        }
        if let Reason::TargetContested { until, .. } = &reason {
            self.pool.requeue_by(*until);
        }
        self.roll_back(decision);
        outcome.reason = reason;
        outcome.to = decision.from;
    }

    /// Remembers the decision without the change, which was not written.
    fn roll_back(&mut self, decision: &Decision) {
        let memory = &mut self.pool.intent.memory;
        *memory = decision.memory.clone().rolled_back(memory);
    }

    /// Whether the decision needs a write that can be requested now. If not, the memory is updated here, and `outcome`
    /// gets the reason.
    fn can_write(&mut self, evaluated: &Evaluated, outcome: &mut Outcome) -> bool {
        let decision = &evaluated.decision;
        if let Some(target) = self.target {
            if let Some(waiting) = self.prepare_scale(target, decision) {
                outcome.reason = Reason::ScalingDown { waiting };
                self.roll_back(decision);
                return false;
            }
            if decision.replicas < decision.from {
                outcome.unguarded = self.pool.unguarded(&evaluated.observation);
            }
        }
        if decision.replicas == decision.from {
            self.pool.intent.retry = None;
            self.pool.intent.memory.clone_from(&decision.memory);
            return false;
        }
        if let Some(retry) = self.pool.intent.retry_after(self.now) {
            outcome.reason = Reason::WriteFailed {
                to: outcome.to,
                reason: Box::new(outcome.reason.clone()),
                error: retry.error.clone(),
            };
            outcome.to = decision.from;
            self.roll_back(decision);
            return false;
        }
        true
    }

    /// Prepares or reverts a scale-down, as the decision needs it. Returns what the scale has to wait for, if anything.
    fn prepare_scale(&mut self, target: &Target, decision: &Decision) -> Option<Waiting> {
        let Self {
            pool,
            now,
            commands,
            ..
        } = self;
        if decision.replicas >= decision.from || !pool.can_select_victims() && !pool.lists_clients()
        {
            scale_down::revert(pool, target, *now, commands);
            return None;
        }
        if let Some(retry) = pool.intent.retry_after(*now) {
            if retry.at - *now > MAX_DRAIN_PAUSE {
                scale_down::revert(pool, target, *now, commands);
            }
            return None;
        }
        scale_down::prepare(pool, target, decision.replicas, *now, commands)
    }

    /// The scale was written.
    pub fn on_scaled(&mut self, pending: PendingScale, latency: Option<Millis>) {
        let PendingScale { evaluated, outcome } = pending;
        let pool = &mut *self.pool;
        pool.intent.retry = None;
        if let Some(scale_down) = &mut pool.intent.scale_down {
            scale_down.on_scaled(outcome.from, outcome.to);
        }
        let memory = evaluated.decision.memory.clone();
        pool.intent.memory = memory.committed(&pool.intent.memory, self.now);
        tracing::info!(pool = %pool.key, reason = %outcome.code(), from = outcome.from, to = outcome.to, "{}", outcome.explanation().message);
        let outcome = Outcome {
            written: true,
            // Pushed tasks cause no scale-down, so it has no latency.
            latency: latency.filter(|_| outcome.to > outcome.from),
            ..outcome
        };
        self.record(outcome, Some(&evaluated));
        self.write_status();
    }

    /// The scale could not be written.
    pub fn on_scale_failed(&mut self, pending: &PendingScale, error: &act::Error) {
        let retry = Retry::after(self.pool.intent.retry.as_ref(), error, self.now);
        tracing::warn!(pool = %self.pool.key, attempts = retry.attempts, "{error}");
        self.pool.intent.retry = Some(retry);
        self.roll_back(&pending.evaluated.decision);
    }

    /// Records an outcome: publishes its event and prepares its status. An outcome that has just been written is added to
    /// the history, and its status is urgent.
    pub fn record(&mut self, outcome: Outcome, evaluated: Option<&Evaluated>) {
        let written = outcome.written;
        self.emit_event(&outcome);
        let pool = &mut *self.pool;
        // A contest would push the pool's own decisions out of the history.
        if written && !is_contest(&outcome) {
            append_history(&mut pool.publication.history, &outcome, self.now);
        }
        let status = build_status(
            &pool.status_input(self.target, outcome),
            &pool.intent.memory,
            pool.publication.latest(),
            self.now,
        );
        let pending = pool.publication.pending.take();
        let urgent = written || pending.is_some_and(|pending| pending.urgent);
        if urgent || !is_visibly_equal(&pool.publication.status, &status) {
            pool.publication.pending = Some(PendingStatus {
                status,
                evaluated: evaluated.map(|evaluated| (Box::new(evaluated.clone()), self.now)),
                urgent,
            });
        }
    }

    /// Publishes one event per change of the replica count, and one when a notable state begins or ends.
    fn emit_event(&mut self, outcome: &Outcome) {
        let Self { pool, metrics, .. } = self;
        let reason = outcome.code();
        let publication = &mut pool.publication;
        if reason == ReasonCode::ScalingDown {
            // The preparation of a scale is no event of its own, and it ends no state.
            let decision = publication.latest().decision.as_ref();
            if decision.is_none_or(|decision| decision.reason != reason.as_str()) {
                metrics.record_decision(&pool.key, reason);
            }
            return;
        }
        let before = publication.last_event_reason.replace(reason.to_string());
        let has_changed = before.as_deref() != Some(reason.as_str());
        let written = outcome.written && !is_contest(outcome);
        if written || has_changed {
            metrics.record_decision(&pool.key, reason);
        }
        let ended = ReasonCode::ALL
            .iter()
            .any(|old| before.as_deref() == Some(old.as_str()) && is_notable(*old));
        if written || has_changed && (is_notable(reason) || ended) {
            let explanation = outcome.explanation();
            self.commands.push(Command::EmitEvent(EventNote {
                pool: pool.key.clone(),
                uid: pool.identity.uid.clone(),
                reason: reason.as_str(),
                message: explanation.message,
                params: explanation.params,
                from: outcome.from,
                to: outcome.to,
                warning: is_warning(reason),
            }));
        }
    }

    /// Writes the pending status if it is due and the budget of statuses allows it.
    pub fn write_status(&mut self) {
        if !self.is_status_due() {
            return;
        }
        let publication = &mut self.pool.publication;
        let is_urgent = publication.pending.as_ref().is_some_and(|it| it.urgent);
        let (statuses, namespaces) = (&mut *self.statuses, self.namespaces);
        if is_urgent || !publication.waits && statuses.take(namespaces, &self.pool.key, self.now) {
            self.write_pending();
        } else {
            publication.waits = true;
        }
    }

    /// The pool waited for its turn, and it has come.
    pub fn on_status_turn(&mut self) {
        self.pool.publication.waits = false;
        if self.is_status_due() {
            self.write_pending();
        }
    }

    fn is_status_due(&self) -> bool {
        let publication = &self.pool.publication;
        publication.pending.is_some()
            && !publication.in_flight
            && publication.due(self.pool.identity.interval.0) <= self.now
    }

    fn write_pending(&mut self) {
        let (pool, now) = (&mut *self.pool, self.now);
        let Some(pending) = pool.publication.pending.take() else {
            return;
        };
        let status = with_details(pool, pending.status, pending.evaluated.as_ref());
        let publication = &mut pool.publication;
        let with_history = WorkerPoolStatus {
            history: publication.history.clone(),
            ..status.clone()
        };
        publication.status = status;
        publication.in_flight = true;
        publication.written_at = Some(now);
        self.commands.push(Command::WriteStatus(
            pool.as_reported(),
            Box::new(with_history),
        ));
    }
}

/// When a change of another client may be set back again.
fn enforcement_due(pool: &PoolState) -> Option<Time> {
    let contest = pool.intent.contest.as_ref()?;
    Some(contest.last_at + pool.identity.interval.0)
}

fn is_contest(outcome: &Outcome) -> bool {
    outcome.code() == ReasonCode::TargetContested
}

/// Whether the beginning and the end of this state are worth an event although the replica count does not change.
fn is_notable(reason: ReasonCode) -> bool {
    matches!(
        reason,
        ReasonCode::Unknown
            | ReasonCode::Fallback
            | ReasonCode::Pinned
            | ReasonCode::Suspended
            | ReasonCode::DryRun
            | ReasonCode::TargetMissing
            | ReasonCode::TargetConflict
            | ReasonCode::TargetContested
            | ReasonCode::WriteFailed
            | ReasonCode::InvalidSpec
    )
}

fn is_warning(reason: ReasonCode) -> bool {
    matches!(reason, ReasonCode::TargetChanged)
        || is_notable(reason)
            && !matches!(
                reason,
                ReasonCode::Pinned | ReasonCode::Suspended | ReasonCode::DryRun
            )
}

/// Adds the steps of the decision and its forecast to the status. They are added late, because in a burst most statuses
/// are replaced before they are written, and the forecast calls `decide` many times.
pub(super) fn with_details(
    pool: &PoolState,
    mut status: WorkerPoolStatus,
    evaluated: Option<&(Box<Evaluated>, Time)>,
) -> WorkerPoolStatus {
    if let (Some((evaluated, at)), Some(spec)) = (evaluated, pool.pool_spec()) {
        let Evaluated {
            decision,
            observation,
        } = &**evaluated;
        // Without a forecast the decision is still worth its status.
        let next = contained(|| forecast(spec, observation, decision, *at)).unwrap_or_default();
        add_details(&mut status, &decision.steps, next);
    }
    status
}

/// When the fleet must reconcile `pool` next without an event.
pub(super) fn wake_at(pool: &PoolState, now: Time) -> Option<Time> {
    let publication = &pool.publication;
    let status = publication
        .pending
        .as_ref()
        .filter(|_| !publication.in_flight && !publication.waits)
        .map(|_| {
            publication
                .due(pool.identity.interval.0)
                .max(now + STATUS_RETRY)
        });
    let retry = pool.intent.retry_after(now).map(|retry| retry.at);
    let enforcement = enforcement_due(pool).filter(|at| *at > now);
    [pool.requeue_at, status, retry, enforcement]
        .into_iter()
        .flatten()
        .min()
}
