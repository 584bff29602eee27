//! Each form of a reason and of a step in every language. Other words change this snapshot and the languages' files.

use decide::{
    AddressProblem, Constraint, Millis, Reason, ReasonCode, Rule, Step, TargetChange, Time,
    Trigger, Unavailable, Waiting, Who,
};
use messages::{Catalogue, Encoded, LANGUAGES};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const SINCE: Time = Time(33_360_000);
const UNTIL: Time = Time(33_418_000);

const RULES: [Rule; 6] = [
    Rule::QueueLength,
    Rule::Utilization,
    Rule::Cpu,
    Rule::TasksPerWorker,
    Rule::DrainWithin,
    Rule::MaxWait,
];

fn trigger(rule: Rule, value: i64) -> Trigger {
    Trigger {
        rule,
        value,
        threshold: 8,
        queue: None,
    }
}

fn limited(until: Option<Time>, recommended: i32) -> Vec<Reason> {
    let trigger = until.map(|_| trigger(Rule::QueueLength, 17));
    let cooldown_end = UNTIL;
    vec![
        Reason::IdleWait {
            since: until.map(|_| SINCE),
            until: cooldown_end,
            recommended,
        },
        Reason::NotIdle { recommended },
        Reason::QueueNotEmpty {
            recommended,
            idle_for: Millis::seconds(300),
        },
        Reason::CoolingDown {
            trigger,
            until: cooldown_end,
            recommended,
        },
        Reason::Stabilized { recommended, until },
        Reason::RateLimited { recommended, until },
        Reason::Pinned { until },
        Reason::BusyWorkers {
            busy: recommended + 1,
            recommended,
        },
    ]
}

fn suspended() -> impl Iterator<Item = Reason> {
    let who = |by: Option<&str>, note: Option<&str>| Who {
        by: by.map(Into::into),
        note: note.map(Into::into),
    };
    [
        None,
        Some(who(Some("ana"), None)),
        Some(who(None, Some("exam"))),
        Some(who(Some("ana"), Some("exam"))),
    ]
    .into_iter()
    .flat_map(|who| {
        [None, Some(UNTIL)].map(|until| Reason::Suspended {
            who: who.clone(),
            until,
        })
    })
}

fn unavailable() -> Vec<Unavailable> {
    let text = str::to_owned;
    let (object, namespace) = (text("Secret redis"), text("prod"));
    let error = text("timed out");
    vec![
        Unavailable::NotReadYet,
        Unavailable::Stale { since: SINCE },
        Unavailable::RedisDown {
            address: text("redis://redis:6379"),
            error: error.clone(),
        },
        Unavailable::AddressNotAllowed {
            host: text("redis.other:6379"),
            namespace: namespace.clone(),
        },
        Unavailable::AddressForbidden {
            host: text("169.254.169.254:80"),
        },
        Unavailable::InvalidAddress {
            problem: AddressProblem::Host,
        },
        Unavailable::ReferenceInvalid {
            object: object.clone(),
            key: text("url"),
            problem: AddressProblem::NoScheme,
        },
        Unavailable::ReferenceRefused {
            object: text("ConfigMap ca"),
            key: text("ca.crt"),
            address: text("rediss://redis:6379/0"),
            error: text("invalid peer certificate: UnknownIssuer"),
        },
        Unavailable::QueueUnreadable {
            key: text("jobs"),
            error: text("WRONGTYPE"),
        },
        Unavailable::ReferenceMissing {
            object: object.clone(),
            namespace: namespace.clone(),
        },
        Unavailable::ReferenceKeyMissing {
            object: object.clone(),
            key: text("url"),
        },
        Unavailable::ReferenceForbidden {
            object: object.clone(),
            name: text("redis"),
            namespace,
        },
        Unavailable::ReferenceUnreadable { object, error },
        Unavailable::NotRecorded {
            metrics: text("ready, busy"),
        },
        Unavailable::Unexplained,
    ]
}

fn waiting() -> Vec<Waiting> {
    let tasks = |other: Option<&str>, more| Waiting::Tasks {
        pod: "worker-a".to_owned(),
        other: other.map(str::to_owned),
        more,
    };
    let registrations = |more| Waiting::Registrations {
        pods: "worker-a".into(),
        more,
    };
    let unregistered = |more| Waiting::Unregistered {
        pods: "worker-a, worker-b".to_owned(),
        more,
    };
    vec![
        Waiting::Check,
        Waiting::PodsTerminating,
        Waiting::PodsStarting,
        Waiting::Rollout {
            target: "Deployment/worker".to_owned(),
        },
        tasks(None, None),
        tasks(Some("worker-b"), None),
        tasks(None, Some(2)),
        Waiting::Polling {
            pod: "worker-a".to_owned(),
        },
        unregistered(None),
        unregistered(Some(4)),
        registrations(None),
        registrations(Some(4)),
        Waiting::DrainRefused {
            error: "NOPERM".to_owned(),
        },
        Waiting::PodsHidden {
            target: "Deployment/worker".to_owned(),
            counted: 7,
            found: 3,
        },
        Waiting::PodsUnreadable {
            error: "forbidden".to_owned(),
        },
        Waiting::PodsUnmarkable {
            error: "forbidden".to_owned(),
        },
    ]
}

/// The reasons of the operator, which `decide` never returns.
fn of_the_operator() -> Vec<Reason> {
    let text = str::to_owned;
    let target = || text("Deployment/worker");
    let missing = |error: Option<&str>| Reason::TargetMissing {
        target: target(),
        namespace: text("prod"),
        error: error.map(text),
    };
    let conflict = |pool: Option<&str>, autoscaler: Option<&str>| Reason::TargetConflict {
        target: target(),
        pool: pool.map(text),
        autoscaler: autoscaler.map(text),
    };
    vec![
        Reason::TargetChanged {
            found: 9,
            change: None,
        },
        Reason::TargetContested {
            writer: text("argocd-controller"),
            target: target(),
            found: 3,
            until: UNTIL,
        },
        missing(None),
        missing(Some("the server could not find the requested resource")),
        conflict(Some("older"), None),
        conflict(None, Some("hpa")),
        Reason::WriteFailed {
            to: 7,
            reason: Box::new(trigger(Rule::QueueLength, 17).scale_up()),
            error: text("conflict"),
        },
        Reason::ScaleThrottled {
            to: 7,
            reason: Box::new(trigger(Rule::QueueLength, 17).scale_up()),
            until: UNTIL,
        },
        Reason::InvalidSpec {
            error: text("minReplicas 5 must lie between 0 and maxReplicas 3"),
        },
        Reason::TargetChanged {
            found: 9,
            change: Some(TargetChange {
                writer: text("helm"),
                target: target(),
                pool: text("pool"),
            }),
        },
    ]
}

fn from_zero() -> impl Iterator<Item = (Reason, i32, i32)> {
    let threshold = 5;
    [1, 2].into_iter().flat_map(move |tasks| {
        [
            (Reason::ScaledFromZero { tasks }, 0, 1),
            (Reason::TooFewToStart { tasks, threshold }, 0, 0),
            (Reason::QueuePaused { tasks }, 2, 2),
        ]
    })
}

/// Each reason with the replicas before and after.
fn reasons() -> Vec<(Reason, i32, i32)> {
    let mut all = vec![
        (Reason::WithinThresholds, 3, 3),
        (Reason::WithinThresholds, 1, 1),
    ];
    for rule in RULES {
        all.extend([0, 1, 17].map(|value| (trigger(rule, value).scale_up(), 5, 7)));
    }
    let of_queue = Trigger {
        queue: Some("emails".into()),
        ..trigger(Rule::QueueLength, 17)
    };
    all.push((of_queue.clone().scale_up(), 5, 7));
    let trigger_of_queue = of_queue.clone();
    all.push((Reason::AtMax { trigger: of_queue }, 5, 5));
    for limit in [1, 5] {
        let trigger = trigger_of_queue.clone();
        all.push((Reason::AtQueueLimit { trigger, limit }, 5, 5));
    }
    all.extend(from_zero());
    let idle = Millis(75_400);
    all.push((Reason::Idle { idle }, 5, 3));
    let trigger = trigger(Rule::TasksPerWorker, 5);
    all.push((Reason::FewerNeeded { trigger }, 5, 3));
    for reason in limited(None, 1).into_iter().chain(limited(Some(UNTIL), 3)) {
        all.push((reason, 5, 5));
    }
    for min in [1, 4] {
        let reason = Reason::Scheduled {
            schedule: "mornings".into(),
            until: UNTIL,
            min,
        };
        all.push((reason, 0, min));
    }
    all.push((Reason::TooFewReplicas { min: 3 }, 1, 3));
    all.push((Reason::TooManyReplicas { max: 5 }, 9, 5));
    all.push((Reason::Fallback { since: SINCE }, 3, 6));
    all.extend(suspended().map(|reason| (reason, 3, 3)));
    for cause in unavailable() {
        all.push((
            Reason::Unknown {
                cause,
                since: SINCE,
            },
            5,
            5,
        ));
    }
    for to in [5, 3] {
        let reason = Box::new(Reason::Idle { idle });
        all.push((Reason::DryRun { to, reason }, 5, 5));
    }
    for waiting in waiting() {
        all.push((Reason::ScalingDown { waiting }, 7, 5));
    }
    all.extend(of_the_operator().into_iter().map(|reason| (reason, 5, 5)));
    all
}

fn steps() -> Vec<Step> {
    let mut all = vec![
        Step::Queue {
            queue: "emails".into(),
        },
        Step::OutsideChange {
            found: 7,
            desired: 5,
        },
        Step::Paused { tasks: 1 },
        Step::Paused { tasks: 54 },
        Step::Held { tasks: 1 },
        Step::Held { tasks: 7 },
        Step::Fallback { replicas: 6 },
        Step::NotWritten { replicas: 5 },
    ];
    for rule in RULES {
        all.push(Step::MetricUnavailable { rule });
        all.push(Step::MetricUnsupported { rule });
    }
    for recommended in [None, Some(5)] {
        all.push(Step::IdleTimer {
            idle: Millis(180_900),
            needed: Millis(300_000),
            recommended,
        });
    }
    for until in [None, Some(UNTIL)] {
        let replicas = 4;
        all.push(Step::Pinned { replicas, until });
        all.push(constrained(Constraint::Min, until));
    }
    all.extend(comparisons());
    all.extend(CONSTRAINTS.map(|by| constrained(by, None)));
    all
}

const CONSTRAINTS: [Constraint; 12] = [
    Constraint::CooldownUp,
    Constraint::CooldownDown,
    Constraint::WindowUp,
    Constraint::WindowDown,
    Constraint::Policy,
    Constraint::Dampening,
    Constraint::RecentlyBusy,
    Constraint::QueueLimit,
    Constraint::Schedule,
    Constraint::Max,
    Constraint::Busy,
    Constraint::Unknown,
];

fn constrained(by: Constraint, until: Option<Time>) -> Step {
    Step::Constrained {
        by,
        from: 7,
        to: 5,
        until,
    }
}

fn comparisons() -> Vec<Step> {
    let mut all = Vec::new();
    let (value, threshold) = (17, 8);
    for rule in [Rule::QueueLength, Rule::Utilization, Rule::Cpu] {
        for recommended in [None, Some(7)] {
            all.push(Step::Up {
                rule,
                value,
                threshold,
                recommended,
            });
            all.push(Step::Down {
                rule,
                value,
                threshold,
                met: recommended.is_some(),
            });
        }
    }
    for rule in [Rule::TasksPerWorker, Rule::DrainWithin, Rule::MaxWait] {
        all.push(Step::Target {
            rule,
            value: 8_900,
            threshold: 30_000,
            recommended: 4,
        });
    }
    all
}

/// One line for each text: what it is made of, and the text in each language. The dashboard's tests read the same lines.
#[test]
fn every_reason_and_step_in_every_language() {
    let catalogues = || {
        LANGUAGES
            .iter()
            .map(|(code, _)| (*code, Catalogue::new(code, |time| time.to_string())))
    };
    let mut lines = String::new();
    for (reason, from, to) in reasons() {
        let encoded = Encoded::new(&reason);
        let texts: BTreeMap<_, _> = catalogues()
            .map(|(code, catalogue)| (code, catalogue.reason(&encoded, from, to).expect("a text")))
            .collect();
        let line = json!({"reason": encoded, "from": from, "to": to, "texts": texts});
        writeln!(lines, "{line}").expect("a string");
    }
    for step in steps() {
        let encoded = Encoded::new(&step);
        let texts: BTreeMap<_, _> = catalogues()
            .map(|(code, catalogue)| (code, catalogue.step(&encoded).expect("a text")))
            .collect();
        writeln!(lines, "{}", json!({"step": encoded, "texts": texts})).expect("a string");
    }
    insta::assert_snapshot!(lines);
    let used: BTreeSet<ReasonCode> = reasons().iter().map(|(reason, ..)| reason.code()).collect();
    assert_eq!(used, ReasonCode::ALL.iter().copied().collect());
}

#[test]
fn a_busy_worker_that_nobody_protects_is_mentioned() {
    let mut reason = Encoded::new(&Reason::Idle {
        idle: Millis(75_000),
    });
    reason.params.insert("unguarded".to_owned(), true.into());
    let text = messages::in_english(&reason, 5, 3);
    assert!(text.contains("cannot tell which pods are busy"), "{text}");
    for (why, value, expected) in [
        (
            "refused",
            "NOPERM: client|list",
            "without CLIENT LIST (NOPERM: client|list)",
        ),
        ("unmatched", "worker-1", "from the address of worker-1"),
    ] {
        reason.params.remove("unguarded");
        reason.params.insert(why.to_owned(), value.into());
        let text = messages::in_english(&reason, 5, 3);
        assert!(text.contains(expected), "{text}");
        reason.params.remove(why);
    }
}

#[test]
fn the_code_of_a_newer_operator_is_no_text() {
    let reason = Encoded {
        code: "Newer".to_owned(),
        ..Encoded::default()
    };
    assert_eq!(Catalogue::english().reason(&reason, 5, 3), None);
    assert_eq!(messages::in_english(&reason, 5, 3), "Newer");
}

#[test]
fn a_text_without_its_parameters_is_no_text() {
    for code in ["QueueTooLong", "IdleWait", "Unknown"] {
        let reason = Encoded {
            code: code.to_owned(),
            ..Encoded::default()
        };
        assert_eq!(Catalogue::english().reason(&reason, 5, 3), None, "{code}");
    }
}
