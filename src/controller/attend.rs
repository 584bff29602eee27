//! What becomes of a decision: a scale to write, a status to write, an event to publish.

use super::drain;
use super::event::{Command, Scale};
use super::pool::{Acting, PoolState, Taken, Unwritten};
use crate::api::WorkerPoolStatus;
use crate::decide::{Millis, Reason, Time, Why, outlook};
use crate::observe::target::Target;
use crate::report::{Metrics, Note, Verdict, explain, next_status, remember, same_to_a_person};

/// A pause longer than this after a write that failed is too long for those who were to go to stay away from work.
const PATIENCE: Millis = Millis::seconds(5);
/// Statuses written per second over all pools; pools that scale are written at once and not counted.
const STATUS_RATE: u32 = 50;

/// The soonest a status that could not be written now is tried again.
const SOON: Millis = Millis(100);
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
pub(super) fn decided(
    pool: &mut PoolState,
    target: Option<&Target>,
    taken: Box<Taken>,
    now: Time,
    todo: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let decision = &taken.decision;
    pool.look_at = decision.look_again;
    let mut verdict = pool.verdict(decision, target);
    let waits = pool.failed.as_ref().is_some_and(|(_, _, at)| *at > now);
    if let Some(target) = target {
        if decision.replicas >= decision.from || !pool.can_choose() {
            drain::end(pool, target, now, todo);
        } else if waits {
            if pool
                .failed
                .as_ref()
                .is_some_and(|(_, _, at)| *at - now > PATIENCE)
            {
                drain::end(pool, target, now, todo);
            }
        } else if let Some(awaited) = drain::down(pool, target, decision.replicas, now, todo) {
            pool.memory = decision.memory.clone().unwritten(&pool.memory);
            let sentence = format!(
                "{} → {} workers: {awaited}",
                decision.from, decision.replicas
            );
            let verdict = Verdict {
                reason: Reason::ScalingDown,
                sentence,
                ..verdict
            };
            return report(
                pool,
                Some(target),
                verdict,
                Some(&taken),
                now,
                todo,
                metrics,
            );
        }
        if decision.replicas < decision.from && pool.is_unguarded(&taken.seen) {
            verdict.sentence += "; nothing tells which of its pods are busy: terminationGracePeriodSeconds is all that protects a running task";
        }
    }
    if decision.replicas == decision.from {
        pool.failed = None;
        pool.memory.clone_from(&decision.memory);
        return report(pool, target, verdict, Some(&taken), now, todo, metrics);
    }
    if let Some((_, why, at)) = &pool.failed
        && *at > now
    {
        let sentence = format!("{}; it could not be written: {why}", verdict.sentence);
        pool.memory = decision.memory.clone().unwritten(&pool.memory);
        let verdict = Verdict {
            reason: Reason::WriteFailed,
            sentence,
            to: decision.from,
            ..verdict
        };
        return report(pool, target, verdict, Some(&taken), now, todo, metrics);
    }
    if matches!(decision.why, Why::TargetChanged(_)) {
        // Against a writer that never rests we write once per interval, not as often as it does.
        if pool.asserted.is_some_and(|at| at + pool.interval.0 > now) {
            return;
        }
        pool.asserted = Some(now);
    }
    todo.push(Command::Scale(Scale {
        pool: pool.key.clone(),
        api_version: pool.api_version.clone(),
        target: pool.target.clone(),
        replicas: decision.replicas,
        woken: pool.facts.as_ref().and_then(|look| look.woken),
    }));
    pool.acting = Some(Acting { taken, verdict });
}

/// Reports a verdict. One that has just been written goes into the history, and its status waits for nothing.
pub(super) fn report(
    pool: &mut PoolState,
    target: Option<&Target>,
    verdict: Verdict,
    taken: Option<&Taken>,
    now: Time,
    todo: &mut Vec<Command>,
    metrics: &Metrics,
) {
    let written = verdict.written;
    if written {
        remember(&mut pool.history, &verdict, now);
    }
    note(pool, &verdict, todo, metrics);
    let status = next_status(
        &pool.observed(target, verdict),
        &pool.memory,
        latest(pool),
        now,
    );
    let urgent = written
        || pool
            .unwritten
            .take()
            .is_some_and(|unwritten| unwritten.urgent);
    if urgent || !same_to_a_person(&pool.status, &status) {
        let taken = taken.map(|taken| (Box::new(taken.clone()), now));
        pool.unwritten = Some(Unwritten {
            status,
            taken,
            urgent,
        });
    }
}

/// The newest status there is: what is on its way to the API server, or what it has.
fn latest(pool: &PoolState) -> &WorkerPoolStatus {
    pool.unwritten
        .as_ref()
        .map_or(&pool.status, |unwritten| &unwritten.status)
}

/// Reasons that are states a person should hear of when they begin and when they end, though no number changes.
fn is_news(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Unknown
            | Reason::Fallback
            | Reason::Pinned
            | Reason::Suspended
            | Reason::DryRun
            | Reason::TargetMissing
            | Reason::TargetConflict
            | Reason::WriteFailed
            | Reason::InvalidSpec
    )
}

fn is_warning(reason: Reason) -> bool {
    matches!(reason, Reason::TargetChanged)
        || is_news(reason) && !matches!(reason, Reason::Pinned | Reason::Suspended | Reason::DryRun)
}

/// One event per change of the number, and one when a state worth telling begins or ends.
fn note(pool: &mut PoolState, verdict: &Verdict, todo: &mut Vec<Command>, metrics: &Metrics) {
    let reason = verdict.reason;
    if reason == Reason::ScalingDown {
        // The way to a number is no event of its own, and ends nothing.
        let told = latest(pool)
            .decision
            .as_ref()
            .is_some_and(|decision| decision.reason == reason.as_str());
        if !told {
            metrics.decided(&pool.key, reason);
        }
        return;
    }
    let before = pool.noted.replace(reason.to_string());
    let differs = before.as_deref() != Some(reason.as_str());
    if verdict.written || differs {
        metrics.decided(&pool.key, reason);
    }
    let ended = Reason::ALL
        .iter()
        .any(|old| before.as_deref() == Some(old.as_str()) && is_news(*old));
    if verdict.written || differs && (is_news(reason) || ended) {
        todo.push(Command::Publish(Note {
            pool: pool.key.clone(),
            uid: pool.uid.clone(),
            reason: reason.as_str(),
            sentence: verdict.sentence.clone(),
            warning: is_warning(reason),
        }));
    }
}

/// When the status that waits may be written. Whoever has changed the spec waits for its answer.
pub(super) fn status_due(pool: &PoolState) -> Time {
    let asked = pool.status.observed_generation;
    let now = |it: &Unwritten| it.urgent || it.status.observed_generation != asked;
    match pool.written_at {
        Some(at) if !pool.unwritten.as_ref().is_some_and(now) => at + pool.interval.0,
        _ => Time::default(),
    }
}

/// Writes the status that waits, where its time has come and the budget allows.
pub(super) fn flush(pool: &mut PoolState, budget: &mut Budget, now: Time, todo: &mut Vec<Command>) {
    if pool.writing || status_due(pool) > now {
        return;
    }
    let due = pool
        .unwritten
        .take_if(|unwritten| unwritten.urgent || budget.take(now));
    let Some(unwritten) = due else { return };
    let status = in_full(pool, unwritten.status, unwritten.taken.as_ref());
    let whole = WorkerPoolStatus {
        history: pool.history.clone(),
        ..status.clone()
    };
    pool.status = status;
    pool.writing = true;
    pool.written_at = Some(now);
    todo.push(Command::WriteStatus(pool.key.clone(), Box::new(whole)));
}

/// The status with the steps of its decision and with what may come next. In a burst most are replaced before anybody
/// reads them, and the outlook asks `decide` many times over.
pub(super) fn in_full(
    pool: &PoolState,
    mut status: WorkerPoolStatus,
    taken: Option<&(Box<Taken>, Time)>,
) -> WorkerPoolStatus {
    if let (Some((taken, at)), Some(wishes)) = (taken, pool.pool()) {
        let Taken { decision, seen } = &**taken;
        explain(
            &mut status,
            &decision.trail,
            outlook(wishes, seen, decision, *at),
        );
    }
    status
}

/// When the fleet must attend to `pool` by itself.
pub(super) fn wake_at(pool: &PoolState, now: Time) -> Option<Time> {
    let status = pool
        .unwritten
        .as_ref()
        .filter(|_| !pool.writing)
        .map(|_| status_due(pool).max(now + SOON));
    let secret = pool
        .source
        .secret
        .as_ref()
        .and(pool.source.read_at)
        .map(|read| read + SECRET_PERIOD);
    let retry = pool
        .failed
        .as_ref()
        .map(|(_, _, at)| *at)
        .filter(|at| *at > now);
    let assert = pool
        .asserted
        .map(|at| at + pool.interval.0)
        .filter(|at| *at > now);
    [pool.look_at, status, secret, retry, assert]
        .into_iter()
        .flatten()
        .min()
}
