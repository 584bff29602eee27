//! TLS to each server of a Redis Cluster, and to Sentinels and the master that they name: own authority, client's certificate,
//! and names.

use crate::credentials::{failure, redis, tls, tls_objects};
use crate::endpoint::{Endpoint, LONG, SHORT, cause};
use crate::redis_cluster::{names, push, ready, watch};
use decide::Metric;
use queues::QueueSystem;
use serde_json::{Value, json};
use std::any::Any;
use testkit::certificates::{Authority, Issued};
use testkit::redis_cluster::RedisCluster;
use testkit::sentinel::{MASTER, Sentinels};

/// Servers that must not end before the test, and `spec.redis`.
type Site = (Box<dyn Any>, Value);

fn cluster(authority: &Authority, own: &Issued) -> Site {
    let cluster = RedisCluster::with_tls(authority, |_| own.clone());
    let spec = spec_of_cluster(&cluster);
    (Box::new(cluster), spec)
}

fn spec_of_cluster(cluster: &RedisCluster) -> Value {
    json!({"cluster": {"addresses": cluster.addresses()}, "tls": tls()})
}

fn sentinel(authority: &Authority, own: &Issued) -> Site {
    let sentinels = Sentinels::with_tls(authority, own, own);
    let spec = spec_of_sentinels(&sentinels);
    (Box::new(sentinels), spec)
}

fn spec_of_sentinels(sentinels: &Sentinels) -> Value {
    json!({"sentinel": {"master": MASTER, "addresses": sentinels.addresses()}, "tls": tls()})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_primary_of_a_cluster_is_read_and_notifies() {
    let authority = Authority::new();
    let own = authority.issue("IP:127.0.0.1");
    let client = authority.issue("DNS:client");
    let cluster = RedisCluster::with_tls(&authority, |_| own.clone());
    let objects = tls_objects(&authority, &client);
    let mut endpoint = Endpoint::of(redis(&spec_of_cluster(&cluster), &objects));
    let names = names(&cluster);
    watch(&endpoint, QueueSystem::List, &names, LONG);
    assert_eq!(ready(&endpoint.next().await), [Some(0); 3]);
    let mut expected = [Some(0); 3];
    for (index, name) in names.iter().enumerate() {
        push(cluster.node(index), name, 1);
        expected[index] = Some(1);
        let notified = endpoint.next().await;
        assert_eq!(ready(&notified), expected);
        assert!(notified.notified_at.is_some());
    }
    // The node that has the slot by then is asked with the same certificates.
    cluster.move_slot(&names[0], 2);
    let expected = push(cluster.node(2), &names[0], 1);
    watch(&endpoint, QueueSystem::List, &names, SHORT);
    endpoint
        .until(|result| ready(result)[0] == Some(expected))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_behind_sentinels_is_read_before_and_after_a_failover() {
    let authority = Authority::new();
    let own = authority.issue("IP:127.0.0.1");
    let client = authority.issue("DNS:client");
    let sentinels = Sentinels::with_tls(&authority, &own, &own);
    let objects = tls_objects(&authority, &client);
    let mut endpoint = Endpoint::of(redis(&spec_of_sentinels(&sentinels), &objects));
    endpoint.watch("a", QueueSystem::List, LONG);
    assert_eq!(endpoint.next().await.queues[0].ready, Metric::Known(0));
    let old = sentinels.master();
    push(sentinels.server(old), "tasks", 1);
    let notified = endpoint.next().await;
    assert_eq!(notified.queues[0].ready, Metric::Known(1));
    assert!(notified.notified_at.is_some());
    sentinels.fail_over();
    sentinels.wait_until_ready();
    assert_ne!(sentinels.master(), old);
    let expected = push(sentinels.server(1 - old), "tasks", 7);
    endpoint.watch("a", QueueSystem::List, SHORT);
    endpoint
        .until(|result| ready(result) == [Some(expected)])
        .await;
}

#[rstest::rstest]
#[case::cluster(cluster)]
#[case::sentinel(sentinel)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_where_a_certificate_does_not_fit(
    #[case] start: fn(&Authority, &Issued) -> Site,
) {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.issue("IP:127.0.0.1");
    let (_servers, spec) = start(&authority, &own);
    let client = authority.issue("DNS:client");

    let trusting_other = tls_objects(&other, &client);
    let unknown = failure(&spec, &trusting_other).await;
    assert!(
        unknown.contains("invalid peer certificate: UnknownIssuer"),
        "{unknown}"
    );

    let as_stranger = tls_objects(&authority, &other.issue("DNS:client"));
    let refused = failure(&spec, &as_stranger).await;
    assert!(
        refused.contains("Secret client, key tls.crt, does not fit"),
        "{refused}"
    );

    let mut named = spec.clone();
    named["tls"]["serverName"] = json!("elsewhere.example.com");
    let wrong = failure(&named, &tls_objects(&authority, &client)).await;
    assert!(wrong.contains("certificate not valid for name"), "{wrong}");
}

/// Its name is verified at each of them, not only at the one that was asked first.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_with_the_certificate_of_another_host_makes_its_own_queue_unknown() {
    let authority = Authority::new();
    let own = authority.issue("IP:127.0.0.1");
    let other = authority.issue("DNS:other");
    let certificate = |index| if index == 1 { &other } else { &own };
    let cluster = RedisCluster::with_tls(&authority, |index| certificate(index).clone());
    let objects = tls_objects(&authority, &authority.issue("DNS:client"));
    let mut endpoint = Endpoint::of(redis(&spec_of_cluster(&cluster), &objects));
    watch(&endpoint, QueueSystem::List, &names(&cluster), SHORT);
    let partly = endpoint.next().await;
    assert_eq!(ready(&partly), [Some(0), None, Some(0)]);
    let cause = cause(&partly);
    assert!(cause.contains("certificate not valid for name"), "{cause}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_master_with_the_certificate_of_another_host_is_not_read() {
    let authority = Authority::new();
    let own = authority.issue("IP:127.0.0.1");
    let other = authority.issue("DNS:other");
    let sentinels = Sentinels::with_tls(&authority, &own, &other);
    let objects = tls_objects(&authority, &authority.issue("DNS:client"));
    let wrong = failure(&spec_of_sentinels(&sentinels), &objects).await;
    assert!(wrong.contains("certificate not valid for name"), "{wrong}");
}
