//! Password, client's certificate and authority of a Redis are rotated while it is read.

use crate::credentials::{Objects, Secured, file, redis, user};
use crate::endpoint::{Endpoint, SHORT, ask, cause, run_command};
use crate::redis_cluster::{names, ready, watch};
use queues::QueueSystem;
use redis::Commands;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testkit::certificates::Authority;
use testkit::redis::RedisServer;
use testkit::redis_cluster::RedisCluster;
use workerpool_operator::observe::PollResult;
use workerpool_operator::observe::endpoint::Command;

/// How often each is rotated.
const ROUNDS: usize = 10;

/// Ends the load, also where the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does `work` while each of `loads` is repeated on a thread of its own.
pub fn under_load<T>(
    loads: impl IntoIterator<Item = impl FnMut() + Send>,
    work: impl Future<Output = T>,
) -> T {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        for mut load in loads {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    load();
                }
            });
        }
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
    })
}

/// The connections that have one of these words in the list of clients, by their numbers.
pub fn connections(server: &RedisServer, words: &[&str]) -> Vec<u64> {
    let list: String = ask(server, "CLIENT LIST");
    let is_it = |line: &&str| words.iter().any(|word| line.contains(word));
    let number = |line: &str| line.split([' ', '=']).nth(1).and_then(|it| it.parse().ok());
    list.lines().filter(is_it).filter_map(number).collect()
}

/// Those of the operator.
fn own_connections(server: &RedisServer) -> Vec<u64> {
    connections(server, &[" user=workerpool "])
}

fn is_known(result: &PollResult) -> bool {
    result.queues[0].ready.known().is_some()
}

/// Rotates, and returns the longest time between two readings until after the former connection was closed.
async fn rotate(secured: &Secured, endpoint: &mut Endpoint, objects: &Objects<'_>) -> Duration {
    let former = own_connections(&secured.server);
    endpoint.send(Command::Renew(redis(&secured.spec(), objects)));
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    let mut readings_after = 0;
    while readings_after < 3 {
        let result = endpoint.next().await;
        assert!(is_known(&result), "{result:?}");
        longest = longest.max(last.elapsed());
        last = Instant::now();
        let now = own_connections(&secured.server);
        readings_after += usize::from(now.len() == 1 && now != former);
    }
    longest
}

#[tokio::test(flavor = "multi_thread")]
async fn rotations_under_load_leave_no_gap() {
    let mut secured = Secured::start();
    user(&secured.server, ">secret");
    let mut endpoint = Endpoint::of(redis(&secured.spec(), &secured.objects()));
    endpoint.watch("a", QueueSystem::List, SHORT);
    endpoint.until(is_known).await;
    let mut connection = secured.server.connect();
    let select = redis::cmd("SELECT").arg(2).exec(&mut connection);
    select.expect("a database");
    let load = || {
        let _: i64 = connection.lpush("tasks", "x").expect("a push");
        std::thread::sleep(Duration::from_millis(1));
    };
    let rotations = async {
        let mut gaps = [Duration::ZERO; 3];
        for round in 0..ROUNDS {
            let password = format!("secret-{round}");
            user(&secured.server, &format!(">{password}"));
            let objects = with_password(&secured, &password);
            gaps[0] = gaps[0].max(rotate(&secured, &mut endpoint, &objects).await);

            secured.client = secured.authority.issue(&format!("DNS:client-{round}"));
            let objects = with_password(&secured, &password);
            gaps[1] = gaps[1].max(rotate(&secured, &mut endpoint, &objects).await);

            secured.authority = Authority::new();
            secured.client = secured.authority.issue("DNS:client");
            let own = secured.authority.issue("IP:127.0.0.1");
            let settings = format!(
                "tls-ca-cert-file {} tls-cert-file {} tls-key-file {}",
                secured.authority.certificate().display(),
                own.certificate.display(),
                own.key.display()
            );
            run_command(&secured.server, &format!("CONFIG SET {settings}"));
            let objects = with_password(&secured, &password);
            gaps[2] = gaps[2].max(rotate(&secured, &mut endpoint, &objects).await);
        }
        gaps
    };
    let [password, certificate, authority] = under_load([load], rotations);
    eprintln!(
        "longest time between two readings, {ROUNDS} rotations each, interval {SHORT:?}: password \
         {password:?}, client's certificate {certificate:?}, authority {authority:?}"
    );
}

fn with_password(secured: &Secured, password: &str) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let mut objects = secured.objects();
    objects.retain(|it| it.0 != "redis");
    objects.push(("redis", "redis-password", password.into()));
    objects
}

/// Each primary gets a new connection with the new password, and no queue is unknown meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_rotated_at_each_primary_of_a_cluster() {
    let cluster = RedisCluster::start();
    let spec = json!({"cluster": {"addresses": cluster.addresses()}, "username": "workerpool",
        "passwordFrom": {"secretKeyRef": {"name": "redis", "key": "redis-password"}}});
    let objects = |password: &str| [("redis", "redis-password", password.into())];
    let all = |password: &str| (0..6).for_each(|index| user(cluster.node(index), password));
    let primaries = || [0, 1, 2].map(|index| own_connections(cluster.node(index)));
    all(">secret");
    let mut endpoint = Endpoint::of(redis(&spec, &objects("secret")));
    watch(&endpoint, QueueSystem::List, &names(&cluster), SHORT);
    endpoint.until(|result| ready(result) == [Some(0); 3]).await;
    let former = primaries();
    all(">other");
    endpoint.send(Command::Renew(redis(&spec, &objects("other"))));
    endpoint
        .until(|result| {
            assert_eq!(ready(result), [Some(0); 3]);
            let now = primaries();
            let renewed = |(now, former): (&Vec<u64>, &Vec<u64>)| {
                !now.is_empty() && now.iter().all(|it| !former.contains(it))
            };
            now.iter().zip(&former).all(renewed)
        })
        .await;
}

#[tokio::test]
async fn wrong_credentials_are_named_and_the_former_connection_stays() {
    let secured = Secured::start();
    user(&secured.server, ">secret");
    let mut endpoint = Endpoint::of(redis(&secured.spec(), &secured.objects()));
    endpoint.watch("a", QueueSystem::List, SHORT);
    endpoint.until(is_known).await;
    let renew = |objects: &Objects| Command::Renew(redis(&secured.spec(), objects));
    let problem = |result: &PollResult| result.renewal.as_ref().map(messages::cause);

    endpoint.send(renew(&with_password(&secured, "wrong")));
    let named = "Secret redis, key redis-password, does not fit Redis";
    let wrong = endpoint
        .until(|result| problem(result).is_some_and(|it| it.starts_with(named)))
        .await;
    assert!(is_known(&wrong));

    let mut other = secured.objects();
    other.retain(|it| it.0 != "ca");
    other.push(("ca", "ca.crt", file(&Authority::new().certificate())));
    endpoint.send(renew(&other));
    let named = "ConfigMap ca, key ca.crt, does not fit Redis";
    let wrong = endpoint
        .until(|result| problem(result).is_some_and(|it| it.starts_with(named)))
        .await;
    assert!(is_known(&wrong));

    // Redis accepts the former ones no longer.
    run_command(&secured.server, "CLIENT KILL USER workerpool");
    let gone = endpoint.until(|result| !is_known(result)).await;
    let gone = match cause(&gone) {
        closed if closed.ends_with("the connection was closed") => cause(
            &endpoint
                .until(|it| !cause(it).ends_with("was closed"))
                .await,
        ),
        cause => cause,
    };
    assert!(gone.starts_with(named), "{gone}");

    endpoint.send(renew(&secured.objects()));
    let right = endpoint.until(is_known).await;
    assert_eq!(problem(&right), None);
}
