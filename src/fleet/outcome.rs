//! The outcome of a decision: a scale to write, a status to write, an event to publish.

use super::event::{Command, Scale};
use super::scale_down;
use crate::fleet::evaluation::{Evaluated, contained};
use crate::fleet::pool_state::{PendingScale, PendingStatus, PoolState};
use crate::observe::target::Target;
use crate::report::{
    EventNote, Metrics, Outcome, add_details, append_history, build_status, is_visibly_equal,
};
use api::WorkerPoolStatus;
use decide::{Decision, Millis, Reason, ReasonCode, Time, Waiting, forecast};

/// The longest pause after a failed write during which the victims stay drained.
const MAX_DRAIN_PAUSE: Millis = Millis::seconds(5);
/// Status writes per second for all pools together. Those of pools that scale are written at once and not counted.
const STATUS_RATE: u32 = 50;
/// The shortest pause before a status that could not be written is tried again.
const STATUS_RETRY: Millis = Millis(100);
/// How often an address is read again from its Secret.
pub(super) const SECRET_PERIOD: Millis = Millis::seconds(10);

/// The status writes of the current second.
#[derive(Debug, Default)]
pub(super) struct Budget {
    second: i64,
    spent: u32,
}

impl Budget {
    fn take(&mut self, now: Time) -> bool {
        if self.second != now.0 / 1000 {
            *self = Self {
                second: now.0 / 1000,
                spent: 0,
            };
        }
        self.spent += 1;
        self.spent <= STATUS_RATE
    }
}

/// Requests the write that the decision needs, or records the decision if it needs none or must wait.
pub(super) fn apply_decision(
    pool: &mut PoolState,
    target: Option<&Target>,
    evaluated: Box<Evaluated>,
    now: Time,
    commands: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let decision = &evaluated.decision;
    pool.requeue_at = decision.requeue_at;
    let mut outcome = pool.outcome(decision, target);
    let found = match decision.reason {
        Reason::TargetChanged { found, .. } => Some(found),
        _ => None,
    };
    let contested = found.and_then(|found| pool.contested(target, found, now));
    let may_write = match contested {
        Some(reason) => {
            wait_for_contest(pool, target, decision, reason, &mut outcome, now, commands);
            false
        }
        None => can_write(pool, target, &evaluated, &mut outcome, now, commands),
    };
    if !may_write {
        if found.is_none()
            && !is_notable(outcome.code())
            && let Some(reason) = pool.still_contested(now)
        {
            outcome.reason = reason;
        }
        let evaluated = Some(&*evaluated);
        return record(pool, target, outcome, evaluated, now, commands, metrics);
    }
    if let Some(found) = found {
        // If another client keeps writing, we set it back once per interval, not as often as it writes.
        if enforcement_due(pool).is_some_and(|due| due > now) {
            return;
        }
        if let Some(reason) = pool.set_back(target, found, now) {
            outcome.reason = reason;
        }
    }
    commands.push(Command::Scale(Scale {
        pool: pool.as_scaled(),
        api_version: pool.api_version.clone(),
        target: pool.target.clone(),
        replicas: decision.replicas,
        notified_at: pool.metrics.as_ref().and_then(|polled| polled.notified_at),
    }));
    pool.pending_scale = Some(PendingScale { evaluated, outcome });
}

/// When a change of another client may be set back again.
fn enforcement_due(pool: &PoolState) -> Option<Time> {
    let contest = pool.contest.as_ref()?;
    Some(contest.last_at + pool.interval.0)
}

/// Leaves the target to the client that does not stop writing, until `reason` says so.
fn wait_for_contest(
    pool: &mut PoolState,
    target: Option<&Target>,
    decision: &Decision,
    reason: Reason,
    outcome: &mut Outcome,
    now: Time,
    commands: &mut Vec<Command>,
) {
    if let Some(target) = target {
        scale_down::revert(pool, target, now, commands);
    }
    if let Reason::TargetContested { until, .. } = &reason {
        let next = pool.requeue_at.map_or(*until, |at| at.min(*until));
        pool.requeue_at = Some(next);
    }
    pool.memory = decision.memory.clone().rolled_back(&pool.memory);
    outcome.reason = reason;
    outcome.to = decision.from;
}

/// Whether the decision needs a write that can be requested now. If not, the memory is updated here, and `outcome` gets
/// the reason.
fn can_write(
    pool: &mut PoolState,
    target: Option<&Target>,
    evaluated: &Evaluated,
    outcome: &mut Outcome,
    now: Time,
    commands: &mut Vec<Command>,
) -> bool {
    let decision = &evaluated.decision;
    if let Some(target) = target {
        if let Some(waiting) = prepare_scale(pool, target, decision, now, commands) {
            outcome.reason = Reason::ScalingDown { waiting };
            pool.memory = decision.memory.clone().rolled_back(&pool.memory);
            return false;
        }
        if decision.replicas < decision.from && pool.is_unguarded(&evaluated.observation) {
            outcome.unguarded = true;
        }
    }
    if decision.replicas == decision.from {
        pool.retry = None;
        pool.memory.clone_from(&decision.memory);
        return false;
    }
    if let Some(retry) = pool.retry.as_ref().filter(|retry| retry.at > now) {
        outcome.reason = Reason::WriteFailed {
            to: outcome.to,
            reason: Box::new(outcome.reason.clone()),
            error: retry.error.clone(),
        };
        outcome.to = decision.from;
        pool.memory = decision.memory.clone().rolled_back(&pool.memory);
        return false;
    }
    true
}

/// Prepares or reverts a scale-down, as the decision needs it. Returns what the scale has to wait for, if anything.
fn prepare_scale(
    pool: &mut PoolState,
    target: &Target,
    decision: &Decision,
    now: Time,
    commands: &mut Vec<Command>,
) -> Option<Waiting> {
    if decision.replicas >= decision.from || !pool.can_select_victims() {
        scale_down::revert(pool, target, now, commands);
        return None;
    }
    if let Some(retry) = pool.retry.as_ref().filter(|retry| retry.at > now) {
        if retry.at - now > MAX_DRAIN_PAUSE {
            scale_down::revert(pool, target, now, commands);
        }
        return None;
    }
    scale_down::prepare(pool, target, decision.replicas, now, commands)
}

/// Records an outcome: publishes its event and prepares its status. An outcome that has just been written is added to the
/// history, and its status is urgent.
pub(super) fn record(
    pool: &mut PoolState,
    target: Option<&Target>,
    outcome: Outcome,
    evaluated: Option<&Evaluated>,
    now: Time,
    commands: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let written = outcome.written;
    // A contest would push the pool's own decisions out of the history.
    if written && !is_contest(&outcome) {
        append_history(&mut pool.history, &outcome, now);
    }
    emit_event(pool, &outcome, commands, metrics);
    let status = build_status(
        &pool.status_input(target, outcome),
        &pool.memory,
        latest_status(pool),
        now,
    );
    let pending = pool.pending_status.take();
    let urgent = written || pending.is_some_and(|pending| pending.urgent);
    if urgent || !is_visibly_equal(&pool.status, &status) {
        pool.pending_status = Some(PendingStatus {
            status,
            evaluated: evaluated.map(|evaluated| (Box::new(evaluated.clone()), now)),
            urgent,
        });
    }
}

/// The newest status: the pending one, or the one that the API server has.
pub(super) fn latest_status(pool: &PoolState) -> &WorkerPoolStatus {
    pool.pending_status
        .as_ref()
        .map_or(&pool.status, |pending| &pending.status)
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

/// Publishes one event per change of the replica count, and one when a notable state begins or ends.
fn emit_event(
    pool: &mut PoolState,
    outcome: &Outcome,
    commands: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let reason = outcome.code();
    if reason == ReasonCode::ScalingDown {
        // The preparation of a scale is no event of its own, and it ends no state.
        let is_known = latest_status(pool)
            .decision
            .as_ref()
            .is_some_and(|decision| decision.reason == reason.as_str());
        if !is_known {
            metrics.record_decision(&pool.key, reason);
        }
        return;
    }
    let before = pool.last_event_reason.replace(reason.to_string());
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
        commands.push(Command::EmitEvent(EventNote {
            pool: pool.key.clone(),
            uid: pool.uid.clone(),
            reason: reason.as_str(),
            message: explanation.message,
            params: explanation.params,
            from: outcome.from,
            to: outcome.to,
            warning: is_warning(reason),
        }));
    }
}

/// When the pending status may be written. The first status for a new generation of the spec is written at once: the
/// user waits for it. After a failed write, none is urgent.
pub(super) fn status_due(pool: &PoolState) -> Time {
    if let Some(retry) = &pool.status_retry {
        return retry.at;
    }
    let written = pool.status.observed_generation;
    let is_urgent =
        |pending: &PendingStatus| pending.urgent || pending.status.observed_generation != written;
    match pool.status_written_at {
        Some(at) if !pool.pending_status.as_ref().is_some_and(is_urgent) => at + pool.interval.0,
        _ => Time::default(),
    }
}

/// Writes the pending status if it is due and the budget allows it.
pub(super) fn write_status(
    pool: &mut PoolState,
    budget: &mut Budget,
    now: Time,
    commands: &mut Vec<Command>,
) {
    if pool.status_in_flight || status_due(pool) > now {
        return;
    }
    let due = pool
        .pending_status
        .take_if(|pending| pending.urgent || budget.take(now));
    let Some(pending) = due else { return };
    let status = with_details(pool, pending.status, pending.evaluated.as_ref());
    let with_history = WorkerPoolStatus {
        history: pool.history.clone(),
        ..status.clone()
    };
    pool.status = status;
    pool.status_in_flight = true;
    pool.status_written_at = Some(now);
    commands.push(Command::WriteStatus(
        pool.as_reported(),
        Box::new(with_history),
    ));
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
    let status = pool
        .pending_status
        .as_ref()
        .filter(|_| !pool.status_in_flight)
        .map(|_| status_due(pool).max(now + STATUS_RETRY));
    let secret = pool
        .source
        .secret
        .as_ref()
        .and(pool.source.read_at)
        .map(|read| read + SECRET_PERIOD);
    let retry = pool
        .retry
        .as_ref()
        .map(|retry| retry.at)
        .filter(|at| *at > now);
    let enforcement = enforcement_due(pool).filter(|at| *at > now);
    [pool.requeue_at, status, secret, retry, enforcement]
        .into_iter()
        .flatten()
        .min()
}
