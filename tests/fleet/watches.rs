//! The watches of targets: each begins with the first pool of its kind and ends with the last, concerns only its own pools,
//! and is of a kind that the administrator allows.

use crate::stage::{Stage, pool, status, target, target_key};
use api::WorkerPool;
use workerpool_operator::fleet::event::{Command, Event, Watched};

/// A pool whose target is of this kind.
fn pool_of(kind: &str, name: &str) -> WorkerPool {
    let mut object = pool(name, 1);
    object.spec.scale_target_ref.kind = kind.into();
    object.spec.scale_target_ref.api_version = "example.com/v1".into();
    object
}

/// The same after its kind was changed.
fn changed_to(kind: &str, name: &str) -> WorkerPool {
    let mut object = pool_of(kind, name);
    object.metadata.generation = Some(2);
    object
}

fn watched(kind: &str) -> Watched {
    Watched::Targets("example.com/v1".into(), kind.into())
}

/// The kinds whose watches begin (+) and end (-).
fn watches(commands: &[Command]) -> Vec<String> {
    let change = |command: &Command| match command {
        Command::WatchTargets(_, kind) => Some(format!("+{kind}")),
        Command::UnwatchTargets(_, kind) => Some(format!("-{kind}")),
        _ => None,
    };
    commands.iter().filter_map(change).collect()
}

/// The message of the status that `commands` write.
fn message(commands: &[Command]) -> String {
    let decision = status(commands).and_then(|status| status.decision.clone());
    decision.expect("a decision").message
}

#[test]
fn an_invented_kind_is_not_watched() {
    let mut stage = Stage::new();
    stage.synced();
    let begun = stage.pool(&pool_of("Invented", "a"));
    assert!(watches(&begun).is_empty());
    let message = message(&begun);
    assert!(message.contains("targetKinds"), "{message}");
    let mut other_version = pool("b", 1);
    other_version.spec.scale_target_ref.api_version = "apps/v7".into();
    assert!(watches(&stage.pool(&other_version)).is_empty());
    assert!(stage.is_ready());
}

#[test]
fn a_target_that_cannot_be_read_is_not_said_to_be_missing() {
    let mut stage = Stage::with(&pool("a", 1), Some(target(3)));
    stage.advance(10_000);
    let unreadable = Event::TargetUnreadable(target_key(), "more than 128 KiB".into());
    let blocked = message(&stage.send(unreadable));
    assert_eq!(
        blocked,
        "Deployment/worker cannot be read: more than 128 KiB"
    );
    stage.advance(10_000);
    let deleted = message(&stage.target(None));
    assert!(deleted.contains("does not exist"), "{deleted}");
}

#[test]
fn a_thousand_kinds_are_gone_with_their_pools() {
    let kinds: Vec<String> = (0..1000).map(|number| format!("Kind{number}")).collect();
    let allowed: Vec<&str> = kinds.iter().map(|kind| &**kind).collect();
    let mut stage = Stage::new().allowing(&allowed);
    stage.pool(&pool("a", 1));
    stage.target(Some(target(3)));
    stage.synced();
    for kind in &allowed {
        assert_eq!(
            watches(&stage.pool(&pool_of(kind, kind))),
            [format!("+{kind}")]
        );
        stage.send(Event::Synced(watched(kind), None));
    }
    for kind in &allowed {
        assert_eq!(watches(&stage.delete_pool(kind)), [format!("-{kind}")]);
    }
    // What an ended watch still sends changes nothing.
    stage.send(Event::Synced(watched("Kind0"), None));
    let begun = stage.pool(&pool_of("Kind0", "again"));
    assert_eq!(watches(&begun), ["+Kind0"]);
    assert!(status(&begun).is_none(), "its list is not complete");
}

#[test]
fn a_watch_is_shared_and_follows_a_changed_kind() {
    let mut stage = Stage::new().allowing(&["Job", "Cron"]);
    assert_eq!(watches(&stage.pool(&pool_of("Job", "a"))), ["+Job"]);
    assert!(watches(&stage.pool(&pool_of("Job", "b"))).is_empty());
    assert_eq!(watches(&stage.pool(&changed_to("Cron", "a"))), ["+Cron"]);
    assert_eq!(watches(&stage.pool(&changed_to("Cron", "b"))), ["-Job"]);
}

#[test]
fn a_failed_watch_reconciles_only_the_pools_of_its_kind() {
    let mut stage = Stage::new().allowing(&["Job", "Cron"]);
    stage.pool(&pool_of("Job", "a"));
    stage.pool(&pool_of("Cron", "b"));
    stage.synced();
    stage.send(Event::Synced(watched("Job"), None));
    // Each later decision about it would be another one.
    stage.advance(60_000);
    let failed = stage.send(Event::WatchFailed(
        watched("Cron"),
        None,
        "not found".into(),
    ));
    let reconciled: Vec<&str> = failed
        .iter()
        .filter_map(|command| match command {
            Command::WriteStatus(pool, _) => Some(&*pool.key.name),
            _ => None,
        })
        .collect();
    assert_eq!(reconciled, ["b"]);
}
