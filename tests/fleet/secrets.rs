//! What a Secret holds is shown nowhere, whatever it is.

use crate::stage::{Stage, events, pool_with, status, target, watched_object};
use serde_json::json;
use testkit::MALFORMED_SECRETS;
use workerpool_operator::fleet::event::{Command, Event};
use workerpool_operator::observe::Values;

/// A pool whose address is in a Secret, after that was read.
fn read(value: &str) -> (Stage, Vec<Command>) {
    let from = json!({"secretKeyRef": {"name": "redis", "key": "redis-password"}});
    let pool = pool_with(&json!({"redis": {"addressFrom": from}}));
    let mut stage = Stage::new();
    let asked = watched_object(stage.pool(&pool));
    stage.target(Some(target(3)));
    stage.synced();
    let values = Values::from([("redis-password".to_owned(), value.into())]);
    let mut commands = stage.send(Event::Object(asked, Ok(values)));
    commands.extend(stage.tick_after(3_000));
    (stage, commands)
}

#[test]
fn malformed_secrets_are_shown_nowhere() {
    for value in MALFORMED_SECRETS {
        let (mut stage, commands) = read(value);
        let status = status(&commands).expect("a status");
        let json = serde_json::to_string(&status).expect("JSON");
        let shown = format!(
            "{json} {commands:?} {:?} {}",
            events(&commands),
            stage.scrape()
        );
        for part in ["canary", "\u{1b}", "PRIVATE", "pw"] {
            assert!(!shown.contains(part), "{value}: {shown}");
        }
        let message = &status.decision.as_ref().expect("a decision").message;
        assert!(
            message.contains("Secret redis, key redis-password, "),
            "{value}: {message}"
        );
    }
}

#[test]
fn the_cause_is_shown_as_long_as_nothing_can_be_polled() {
    let (mut stage, _) = read(MALFORMED_SECRETS[0]);
    stage.tick_after(60_000);
    let mut commands = stage.target(Some(target(4)));
    commands.extend(stage.tick_after(3_000));
    let status = status(&commands).expect("a status");
    let message = &status.decision.as_ref().expect("a decision").message;
    assert!(
        message.contains("Secret redis, key redis-password, "),
        "{message}"
    );
}

#[test]
fn an_address_is_shown_by_host_port_and_database() {
    let (_, commands) = read("redis://user:canary@127.0.0.1:6379/2");
    let observed = commands.iter().find_map(|command| match command {
        Command::Observe(address, ..) => Some(address.to_string()),
        _ => None,
    });
    assert_eq!(observed.as_deref(), Some("redis://127.0.0.1:6379/2"));
    assert!(!format!("{commands:?}").contains("canary"));
}

#[test]
fn an_invalid_address_in_the_spec_is_an_invalid_spec() {
    let pool = pool_with(&json!({"redis": {"address": "redis://:canary/x@redis"}}));
    let mut stage = Stage::new();
    let mut commands = stage.pool(&pool);
    commands.extend(stage.target(Some(target(3))));
    commands.extend(stage.synced());
    commands.extend(stage.tick_after(3_000));
    let decision = status(&commands).and_then(|status| status.decision.as_ref());
    let decision = decision.expect("a decision");
    assert_eq!(decision.reason, "InvalidSpec");
    assert!(
        decision.message.contains("write %23"),
        "{}",
        decision.message
    );
    assert!(!decision.message.contains("canary"));
}
