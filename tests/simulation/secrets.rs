//! The password of a Redis is rotated: the whole way from the API server to the connection.

use crate::simulation::Simulation;
use crate::world::World;
use serde_json::json;

/// Base64 of `old`, `new` and `bad`.
const OLD: &str = "b2xk";
const NEW: &str = "bmV3";
const BAD: &str = "YmFk";

fn simulation() -> Simulation {
    let from = json!({"secretKeyRef": {"name": "redis", "key": "redis-password"}});
    let spec = json!({"redis": {"address": "redis://127.0.0.1:6379", "passwordFrom": from}});
    let simulation = Simulation::new(1, &spec, 3);
    simulation.world().passwords = vec!["old".to_owned()];
    simulation.world().set_secret(OLD);
    simulation
}

fn is_read(world: &World) -> bool {
    world.reads.values().flatten().any(|(_, known)| *known)
}

fn condition(world: &World) -> (String, String) {
    let conditions = world.pool["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|it| it["type"] == "CredentialsUsed");
    let text = |name: &str| {
        let text = found.and_then(|it| it[name].as_str());
        text.unwrap_or_default().to_owned()
    };
    (text("status"), text("message"))
}

#[test]
fn a_rotated_password_takes_effect_at_once_and_without_a_gap() {
    let mut simulation = simulation();
    simulation.until(10_000, is_read);
    simulation.run(20_000);
    simulation.world().passwords.push("new".to_owned());
    let rotated_at = simulation.world().workload.now;
    simulation.world().set_secret(NEW);
    simulation.until(5_000, |world| {
        world.logins.iter().any(|(_, it)| it == "new")
    });
    simulation.run(10_000);
    let world = simulation.world();
    let polls: Vec<_> = world.reads.values().flatten().collect();
    assert!(polls.iter().all(|(_, known)| *known));
    let gaps = polls.windows(2).map(|it| it[1].0 - it[0].0);
    let since = world.logins.last().expect("a login").0 - rotated_at;
    let longest = gaps.max().expect("polls");
    assert!(longest <= 2_100, "{longest} ms, with an interval of 2 s");
    assert!(since <= 1_000, "{since} ms");
    assert_eq!(condition(&world).0, "True");
}

#[test]
fn a_wrong_password_is_named_and_the_connection_stays() {
    let mut simulation = simulation();
    simulation.until(10_000, is_read);
    simulation.world().set_secret(BAD);
    let named = "Secret redis, key redis-password, does not fit Redis";
    simulation.until(5_000, |world| condition(world).1.starts_with(named));
    simulation.run(30_000);
    assert_eq!(condition(&simulation.world()).0, "False");
    let is_unread = |world: &World| world.reads.values().flatten().any(|(_, known)| !known);
    assert!(!is_unread(&simulation.world()));
    simulation.world().set_secret(OLD);
    simulation.until(5_000, |world| condition(world).0 == "True");
}

#[test]
fn a_secret_that_comes_later_is_named_until_then() {
    let mut simulation = simulation();
    simulation.world().secret = serde_json::Value::Null;
    let missing = "Secret redis does not exist in default";
    simulation.until(5_000, |world| {
        let decision = &world.pool["status"]["decision"]["message"];
        decision.as_str().is_some_and(|text| text.contains(missing))
    });
    simulation.world().set_secret(OLD);
    simulation.until(5_000, is_read);
}
