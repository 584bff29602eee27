//! `check` by way of Sentinels: real ones, with and without TLS, and behind a port-forward.

use crate::chain::{Secured, check, pool_of, service, text};
use crate::check_cluster::{Cluster, finding};
use crate::commands::POOLS;
use serde_json::json;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use testkit::certificates::{Authority, Issued};
use testkit::port::free_port;
use testkit::process::Process;
use testkit::sentinel::{MASTER, Sentinels};
use testkit::wait::until;

#[test]
fn a_replica_and_a_sentinel_are_no_primary() {
    let sentinels = Sentinels::start();
    let master = sentinels.master();
    let [primary, replica] = [master, 1 - master].map(|it| sentinels.server(it).url());
    let output = check(&["--redis", &replica]);
    let expected = format!("is a replica of {}", primary.replace("redis://", ""));
    assert!(output.contains(&expected), "{output}");
    let addresses = sentinels.addresses();
    let output = check(&["--redis", &format!("redis://{}", addresses[0])]);
    assert!(output.contains("is a Sentinel"), "{output}");
    let closed = format!("127.0.0.1:{}", free_port());
    let output = check(&["--sentinel", &closed, "--master", MASTER]);
    let expected = format!("Sentinel {closed}: connection refused");
    assert!(output.contains(&expected), "{output}");
    let output = check(&["--sentinel", &addresses[0], "--master", "other"]);
    assert!(output.contains("knows no master other"), "{output}");
    let some = format!("{closed},{}", addresses[0]);
    let output = check(&["--sentinel", &some, "--master", MASTER]);
    assert!(output.contains("mymaster (Sentinel), Redis"), "{output}");
}

#[test]
fn the_master_that_sentinel_announces_is_forwarded_to() {
    let sentinels = Sentinels::start();
    let address = &sentinels.addresses()[0];
    let (_, at) = address.rsplit_once(':').unwrap();
    let master = sentinels.server(sentinels.master());
    // As the Sentinels of a chart announce it: by the address of its pod.
    let mut monitor = redis::cmd("SENTINEL");
    let port = master.port().to_string();
    monitor.arg(&["MONITOR", "in-a-pod", "10.1.2.3", &port, "1"]);
    let sentinel = redis::Client::open(format!("redis://{address}")).unwrap();
    monitor
        .exec(&mut sentinel.get_connection().unwrap())
        .unwrap();
    let spec = json!({"sentinel": {"master": "in-a-pod", "addresses": ["redis:6379"]}});
    let cluster = service(Cluster::new(""), at.parse().unwrap());
    let cluster = cluster.with(POOLS, pool_of(spec));
    let output = cluster.check("prod", &["-o", "json"], &[]);
    let found = finding(&output, "Redis");
    assert!(
        found["text"]
            .as_str()
            .unwrap()
            .starts_with("in-a-pod (Sentinel), Redis"),
        "{output}"
    );
    let elsewhere = json!({"sentinel": {"master": "unknown", "addresses": ["redis:6379"]}});
    let output = cluster
        .with(POOLS, pool_of(elsewhere))
        .check("prod", &["-o", "json"], &[]);
    let found = finding(&output, "Redis");
    assert_eq!(
        found["text"],
        "Sentinel redis:6379: this Sentinel knows no master unknown"
    );
}

/// A Sentinel at `port` that speaks TLS alone, and the folder of its configuration.
fn secured_sentinel(
    port: u16,
    authority: &Authority,
    own: &Issued,
    master: &Secured,
) -> (Process, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sentinel.conf");
    let settings = authority.settings(own, port);
    let settings = settings.map(|(name, value)| format!("{name} {value}\n"));
    let config = format!(
        "port 0\n{}bind 127.0.0.1\ntls-auth-clients no\ntls-replication yes\nrequirepass secret\n\
         sentinel monitor {MASTER} 127.0.0.1 {} 1\n",
        settings.concat(),
        master.port
    );
    std::fs::write(&file, config).unwrap();
    let mut command = Command::new("redis-server");
    command.arg(&file).arg("--sentinel").stdout(Stdio::null());
    let sentinel = Process::start(&mut command);
    until("the Sentinel", || {
        TcpStream::connect(("127.0.0.1", port)).ok()
    });
    (sentinel, folder)
}

#[test]
fn sentinels_are_asked_by_tls_with_their_own_password() {
    let (authority, other) = (Authority::new(), Authority::new());
    let own = authority.issue("IP:127.0.0.1");
    let master = Secured::start(&authority, &own, "no");
    let port = free_port();
    let _sentinel = secured_sentinel(port, &authority, &own, &master);
    let at = format!("127.0.0.1:{port}");
    let (ca, stranger) = (text(&authority.certificate()), text(&other.certificate()));
    let named = ["--sentinel", &at, "--master", MASTER];
    let password = ["--sentinel-password-env", "THE_PASSWORD"];
    let broken = [&named[..], &["--cacert", &stranger], &password].concat();
    let expected = format!("Sentinel {at}: TLS: its certificate is from an authority");
    assert!(check(&broken).contains(&expected), "{}", check(&broken));
    let broken = [&named[..], &["--cacert", &ca]].concat();
    let expected = format!("Sentinel {at}: it asks for a password");
    assert!(check(&broken).contains(&expected), "{}", check(&broken));
    let output = check(&[&named[..], &["--cacert", &ca], &password].concat());
    let expected = "exit 0 ok: mymaster (Sentinel), Redis";
    assert!(output.starts_with(expected), "{output}");
}
