//! User, password, database and TLS of a pool's Redis, from the spec and what it refers to, at a real Redis.

use crate::endpoint::{Endpoint, LONG, cause, run_command};
use crate::stage::{Stage, pool_with, status, target};
use decide::Metric;
use queues::QueueSystem;
use redis::Commands;
use serde_json::{Value, json};
use std::path::Path;
use testkit::certificates::{Authority, Issued};
use testkit::redis::RedisServer;
use workerpool_operator::fleet::event::{Command, Event};
use workerpool_operator::observe::{Redis, Values};

fn key_of(object: &str, key: &str) -> Value {
    json!({"secretKeyRef": {"name": object, "key": key}})
}

/// What the objects of a test hold, by their names and keys.
pub type Objects<'a> = [(&'a str, &'a str, Vec<u8>)];

pub fn file(path: &Path) -> Vec<u8> {
    std::fs::read(path).expect("a file")
}

/// A fleet with a pool of this `spec.redis`, after what it refers to was read, and its commands.
fn read(spec: &Value, objects: &Objects) -> (Stage, Vec<Command>) {
    let mut stage = Stage::new();
    let mut commands = stage.pool(&pool_with(&json!({"redis": spec})));
    stage.target(Some(target(3)));
    stage.synced();
    let watched: Vec<_> = commands.iter().filter_map(watched).cloned().collect();
    for object in watched {
        let own = objects.iter().filter(|(name, ..)| *name == object.name);
        let values: Values = own
            .map(|(_, key, value)| ((*key).to_owned(), value.clone()))
            .collect();
        commands.extend(stage.send(Event::Object(object, Ok(values))));
    }
    commands.extend(stage.tick_after(3_000));
    (stage, commands)
}

fn watched(command: &Command) -> Option<&workerpool_operator::observe::ObjectRef> {
    match command {
        Command::WatchObject(object) => Some(object),
        _ => None,
    }
}

pub fn redis(spec: &Value, objects: &Objects) -> Redis {
    let (_, commands) = read(spec, objects);
    let observed = commands.into_iter().find_map(|command| match command {
        Command::Observe(redis, ..) => Some(redis),
        _ => None,
    });
    observed.expect("it is observed")
}

/// Why the pool's metrics are unavailable.
pub async fn failure(spec: &Value, objects: &Objects<'_>) -> String {
    let mut endpoint = Endpoint::of(redis(spec, objects));
    endpoint.watch("a", QueueSystem::List, LONG);
    cause(&endpoint.next().await)
}

/// A Redis that asks for a client's certificate.
pub struct Secured {
    pub server: RedisServer,
    port: u16,
    pub authority: Authority,
    pub client: Issued,
}

impl Secured {
    pub fn start() -> Self {
        let authority = Authority::new();
        let client = authority.issue("DNS:client");
        let (server, port) = RedisServer::start_with_tls(&authority, &[]);
        Self {
            server,
            port,
            authority,
            client,
        }
    }

    /// The objects of a pool that may read it.
    pub fn objects(&self) -> Vec<(&'static str, &'static str, Vec<u8>)> {
        let mut objects = tls_objects(&self.authority, &self.client);
        objects.push(("redis", "redis-password", b"secret\n".to_vec()));
        objects
    }

    pub fn spec(&self) -> Value {
        json!({
            "address": format!("redis://127.0.0.1:{}", self.port),
            "username": "workerpool", "passwordFrom": key_of("redis", "redis-password"), "database": 2,
            "tls": tls(),
        })
    }
}

/// `spec.redis.tls` with own certificates, and the objects that hold them.
pub fn tls() -> Value {
    json!({
        "caFrom": {"configMapKeyRef": {"name": "ca", "key": "ca.crt"}},
        "certificateFrom": key_of("client", "tls.crt"), "keyFrom": key_of("client", "tls.key"),
    })
}

pub fn tls_objects(
    authority: &Authority,
    client: &Issued,
) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    vec![
        ("ca", "ca.crt", file(&authority.certificate())),
        ("client", "tls.crt", file(&client.certificate)),
        ("client", "tls.key", file(&client.key)),
    ]
}

pub fn user(server: &RedisServer, password: &str) {
    let rights = format!("reset on ~* &* +@all {password}");
    run_command(server, &format!("ACL SETUSER workerpool {rights}"));
}

#[tokio::test]
async fn user_password_database_and_own_certificates_are_used() {
    let secured = Secured::start();
    user(&secured.server, ">secret");
    let mut connection = secured.server.connect();
    redis::cmd("SELECT")
        .arg(2)
        .exec(&mut connection)
        .expect("a database");
    let _: i64 = connection.lpush("tasks", "x").expect("a push");
    let mut endpoint = Endpoint::of(redis(&secured.spec(), &secured.objects()));
    endpoint.watch("a", QueueSystem::List, LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(1));
    let _: i64 = connection.lpush("tasks", "x").expect("a push");
    let notified = endpoint.next().await;
    assert_eq!(notified.queues[0].ready, Metric::Known(2));
    assert!(notified.notified_at.is_some());
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_never_shown() {
    let secured = Secured::start();
    user(&secured.server, ">other");
    let with = |name: &str, key: &str, value: Vec<u8>| {
        let mut objects = secured.objects();
        objects.retain(|it| (it.0, it.1) != (name, key));
        objects.push((Box::leak(name.into()), Box::leak(key.into()), value));
        objects
    };
    let address = format!("Redis at rediss://127.0.0.1:{}/2: ", secured.port);
    let wrong = failure(&secured.spec(), &secured.objects()).await;
    let expected = "Secret redis, key redis-password, does not fit ".to_owned() + &address;
    assert_eq!(wrong, expected + "WRONGPASS: wrong user or password");

    let other = Authority::new();
    let objects = with("ca", "ca.crt", file(&other.certificate()));
    let unknown = failure(&secured.spec(), &objects).await;
    let expected = "ConfigMap ca, key ca.crt, does not fit ".to_owned() + &address;
    assert_eq!(
        unknown,
        expected + "TLS: invalid peer certificate: UnknownIssuer"
    );

    let stranger = other.issue("DNS:stranger");
    let mut objects = with("client", "tls.crt", file(&stranger.certificate));
    objects.retain(|it| it.1 != "tls.key");
    objects.push(("client", "tls.key", file(&stranger.key)));
    let refused = failure(&secured.spec(), &objects).await;
    let expected = "Secret client, key tls.crt, does not fit ".to_owned() + &address;
    assert!(
        refused.starts_with(&(expected + "TLS: received fatal alert: ")),
        "{refused}"
    );

    let mut spec = secured.spec();
    spec["tls"]["serverName"] = json!("elsewhere.example.com");
    let name = failure(&spec, &secured.objects()).await;
    assert!(name.contains("certificate not valid for name"), "{name}");
}

/// Without a CA of its own a server must have a certificate of a public one, and tls beside redis:// means TLS.
#[tokio::test]
async fn nothing_is_read_from_a_server_that_is_not_verified() {
    let secured = Secured::start();
    for tls in [json!({}), json!({"serverName": "127.0.0.1"})] {
        let address = format!("redis://127.0.0.1:{}", secured.port);
        let spec = json!({"address": address, "tls": tls});
        let unverified = failure(&spec, &[]).await;
        assert!(unverified.contains("UnknownIssuer"), "{unverified}");
    }
    let plain = failure(&json!({"address": secured.server.url(), "tls": {}}), &[]).await;
    assert!(plain.contains("does not answer"), "{plain}");
}

#[rstest::rstest]
#[case(
    "ca.crt",
    "canary",
    "ConfigMap ca, key ca.crt, holds no valid PEM certificate"
)]
#[case("tls.crt", "", "Secret client, key tls.crt, is empty or no text")]
#[case(
    "tls.crt",
    "canary",
    "Secret client, key tls.crt, holds no valid PEM certificate"
)]
#[case(
    "tls.key",
    "canary",
    "Secret client, key tls.key, holds no valid PEM private key"
)]
#[case(
    "tls.key",
    "OTHER",
    "Secret client, key tls.key, is the private key of another certificate"
)]
#[case(
    "redis-password",
    "can\0ary",
    "Secret redis, key redis-password, has a control character"
)]
fn malformed_material_is_named_and_never_shown(
    #[case] key: &str,
    #[case] value: &str,
    #[case] expected: &str,
) {
    let authority = Authority::new();
    let (client, other) = (authority.issue("DNS:client"), authority.issue("DNS:other"));
    let mut objects = tls_objects(&authority, &client);
    objects.push(("redis", "redis-password", b"secret".to_vec()));
    for (_, at, bytes) in &mut objects {
        if *at == key {
            *bytes = if value == "OTHER" {
                file(&other.key)
            } else {
                value.into()
            };
        }
    }
    let spec = json!({
        "address": "redis://127.0.0.1:1", "passwordFrom": key_of("redis", "redis-password"), "tls": tls(),
    });
    let (_, commands) = read(&spec, &objects);
    let status = status(&commands).expect("a status");
    let message = &status.decision.as_ref().expect("a decision").message;
    assert!(message.contains(expected), "{message}");
    let shown = format!(
        "{} {commands:?}",
        serde_json::to_string(&status).expect("JSON")
    );
    assert!(
        !shown.contains("canary") && !shown.contains("PRIVATE KEY-"),
        "{shown}"
    );
}
