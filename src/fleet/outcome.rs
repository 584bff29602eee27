//! What becomes of a decision: a scale to write, a status to write, an event to publish.

use super::drain;
use super::event::{Command, Scale};
use crate::fleet::pool_state::{Evaluated, PendingScale, PendingStatus, PoolState};
use crate::observe::target::Target;
use crate::report::{
    EventNote, Metrics, Outcome, add_details, append_history, build_status, is_visibly_equal,
};
use api::WorkerPoolStatus;
use decide::{Millis, Reason, ReasonCode, Time, forecast};

/// A pause longer than this after a write that failed is too long for those who were to go to stay away from work.
const MAX_DRAIN_PAUSE: Millis = Millis::seconds(5);
/// Statuses written per second over all pools; pools that scale are written at once and not counted.
const STATUS_RATE: u32 = 50;

/// The soonest a status that could not be written now is tried again.
const STATUS_RETRY: Millis = Millis(100);
/// How often an address from a Secret is read anew.
pub(super) const SECRET_PERIOD: Millis = Millis::seconds(10);

/// Status writes left in the present second.
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

/// Asks for the write that `decision` needs, or reports it where it needs none.
pub(super) fn apply_decision(
    pool: &mut PoolState,
    target: Option<&Target>,
    taken: Box<Evaluated>,
    now: Time,
    todo: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let decision = &taken.decision;
    pool.requeue_at = decision.requeue_at;
    let mut verdict = pool.outcome(decision, target);
    let waits = pool.retry.as_ref().is_some_and(|(_, _, at)| *at > now);
    if let Some(target) = target {
        if decision.replicas >= decision.from || !pool.can_select_victims() {
            drain::end(pool, target, now, todo);
        } else if waits {
            if pool
                .retry
                .as_ref()
                .is_some_and(|(_, _, at)| *at - now > MAX_DRAIN_PAUSE)
            {
                drain::end(pool, target, now, todo);
            }
        } else if let Some(awaited) = drain::down(pool, target, decision.replicas, now, todo) {
            pool.memory = decision.memory.clone().rolled_back(&pool.memory);
            let sentence = format!(
                "{} → {} workers: {awaited}",
                decision.from, decision.replicas
            );
            let verdict = Outcome {
                reason: ReasonCode::ScalingDown,
                message: sentence,
                ..verdict
            };
            return record(
                pool,
                Some(target),
                verdict,
                Some(&taken),
                now,
                todo,
                metrics,
            );
        }
        if decision.replicas < decision.from && pool.is_unguarded(&taken.observation) {
            verdict.message += "; nothing tells which of its pods are busy: terminationGracePeriodSeconds is all that protects a running task";
        }
    }
    if decision.replicas == decision.from {
        pool.retry = None;
        pool.memory.clone_from(&decision.memory);
        return record(pool, target, verdict, Some(&taken), now, todo, metrics);
    }
    if let Some((_, why, at)) = &pool.retry
        && *at > now
    {
        let sentence = format!("{}; write failed: {why}", verdict.message);
        pool.memory = decision.memory.clone().rolled_back(&pool.memory);
        let verdict = Outcome {
            reason: ReasonCode::WriteFailed,
            message: sentence,
            to: decision.from,
            ..verdict
        };
        return record(pool, target, verdict, Some(&taken), now, todo, metrics);
    }
    if matches!(decision.reason, Reason::TargetChanged(_)) {
        // Against a writer that never rests we write once per interval, not as often as it does.
        if pool
            .last_enforced_at
            .is_some_and(|at| at + pool.interval.0 > now)
        {
            return;
        }
        pool.last_enforced_at = Some(now);
    }
    todo.push(Command::Scale(Scale {
        pool: pool.key.clone(),
        api_version: pool.api_version.clone(),
        target: pool.target.clone(),
        replicas: decision.replicas,
        notified_at: pool.metrics.as_ref().and_then(|look| look.notified_at),
    }));
    pool.pending_scale = Some(PendingScale {
        evaluated: taken,
        outcome: verdict,
    });
}

/// Reports a verdict. One that has just been written goes into the history, and its status waits for nothing.
pub(super) fn record(
    pool: &mut PoolState,
    target: Option<&Target>,
    verdict: Outcome,
    taken: Option<&Evaluated>,
    now: Time,
    todo: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let written = verdict.written;
    if written {
        append_history(&mut pool.history, &verdict, now);
    }
    emit_event(pool, &verdict, todo, metrics);
    let status = build_status(
        &pool.status_input(target, verdict),
        &pool.memory,
        latest_status(pool),
        now,
    );
    let urgent = written
        || pool
            .pending_status
            .take()
            .is_some_and(|unwritten| unwritten.urgent);
    if urgent || !is_visibly_equal(&pool.status, &status) {
        let taken = taken.map(|taken| (Box::new(taken.clone()), now));
        pool.pending_status = Some(PendingStatus {
            status,
            evaluated: taken,
            urgent,
        });
    }
}

/// The newest status there is: what is on its way to the API server, or what it has.
fn latest_status(pool: &PoolState) -> &WorkerPoolStatus {
    pool.pending_status
        .as_ref()
        .map_or(&pool.status, |unwritten| &unwritten.status)
}

/// Reasons that are states a person should hear of when they begin and when they end, though no number changes.
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

/// One event per change of the number, and one when a state worth telling begins or ends.
fn emit_event(pool: &mut PoolState, verdict: &Outcome, todo: &mut Vec<Command>, metrics: &Metrics) {
    let reason = verdict.reason;
    if reason == ReasonCode::ScalingDown {
        // The way to a number is no event of its own, and ends nothing.
        let told = latest_status(pool)
            .decision
            .as_ref()
            .is_some_and(|decision| decision.reason == reason.as_str());
        if !told {
            metrics.record_decision(&pool.key, reason);
        }
        return;
    }
    let before = pool.last_event_reason.replace(reason.to_string());
    let differs = before.as_deref() != Some(reason.as_str());
    if verdict.written || differs {
        metrics.record_decision(&pool.key, reason);
    }
    let ended = ReasonCode::ALL
        .iter()
        .any(|old| before.as_deref() == Some(old.as_str()) && is_notable(*old));
    if verdict.written || differs && (is_notable(reason) || ended) {
        todo.push(Command::EmitEvent(EventNote {
            pool: pool.key.clone(),
            uid: pool.uid.clone(),
            reason: reason.as_str(),
            message: verdict.message.clone(),
            warning: is_warning(reason),
        }));
    }
}

/// When the status that waits may be written. Whoever has changed the spec waits for its answer.
pub(super) fn status_due(pool: &PoolState) -> Time {
    let asked = pool.status.observed_generation;
    let now = |it: &PendingStatus| it.urgent || it.status.observed_generation != asked;
    match pool.status_written_at {
        Some(at) if !pool.pending_status.as_ref().is_some_and(now) => at + pool.interval.0,
        _ => Time::default(),
    }
}

/// Writes the status that waits, where its time has come and the budget allows.
pub(super) fn write_status(
    pool: &mut PoolState,
    budget: &mut Budget,
    now: Time,
    todo: &mut Vec<Command>,
) {
    if pool.status_in_flight || status_due(pool) > now {
        return;
    }
    let due = pool
        .pending_status
        .take_if(|unwritten| unwritten.urgent || budget.take(now));
    let Some(unwritten) = due else { return };
    let status = with_details(pool, unwritten.status, unwritten.evaluated.as_ref());
    let whole = WorkerPoolStatus {
        history: pool.history.clone(),
        ..status.clone()
    };
    pool.status = status;
    pool.status_in_flight = true;
    pool.status_written_at = Some(now);
    todo.push(Command::WriteStatus(pool.key.clone(), Box::new(whole)));
}

/// The status with the steps of its decision and with what may come next. In a burst most are replaced before anybody
/// reads them, and the outlook asks `decide` many times over.
pub(super) fn with_details(
    pool: &PoolState,
    mut status: WorkerPoolStatus,
    taken: Option<&(Box<Evaluated>, Time)>,
) -> WorkerPoolStatus {
    if let (Some((taken, at)), Some(wishes)) = (taken, pool.pool_spec()) {
        let Evaluated {
            decision,
            observation: seen,
        } = &**taken;
        add_details(
            &mut status,
            &decision.steps,
            forecast(wishes, seen, decision, *at),
        );
    }
    status
}

/// When the fleet must attend to `pool` by itself.
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
        .map(|(_, _, at)| *at)
        .filter(|at| *at > now);
    let assert = pool
        .last_enforced_at
        .map(|at| at + pool.interval.0)
        .filter(|at| *at > now);
    [pool.requeue_at, status, secret, retry, assert]
        .into_iter()
        .flatten()
        .min()
}
