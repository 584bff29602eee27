//! `probe` names the link that is broken between it and a queue, on real servers, and takes the options of the worker.

use crate::chain::{Secured, text};
use std::process::Command;
use testkit::certificates::Authority;
use testkit::port::free_port;
use testkit::redis::RedisServer;
use testkit::wait::until_true;

/// The exit code and all output of `probe` of a list.
fn probe(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"))
        .args(["probe", "--system", "List", "--queue", "tasks"])
        .args(args)
        .env("THE_PASSWORD", "secret")
        .env("LC_ALL", "C")
        .output()
        .unwrap();
    let (out, error) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    format!("exit {} {out}{error}", output.status.code().unwrap())
}

#[test]
fn each_broken_link_is_named() {
    let authority = Authority::new();
    let start = |name| Secured::start(&authority, &authority.issue(name), "optional");
    let (secured, elsewhere) = (start("IP:127.0.0.1"), start("DNS:elsewhere"));
    let (server, url, misnamed) = (&secured.server, secured.url(), elsewhere.url());
    let ca = text(&authority.certificate());
    let other = Authority::new();
    let stranger = text(&other.certificate());
    server.run("ACL SETUSER app on >secret ~* +llen");
    let closed = format!("redis://127.0.0.1:{}", free_port());
    let user = ["--username", "app", "--password-env", "THE_PASSWORD"];
    let wrong = ["--username", "app", "--password-env", "PATH"];
    let unset = ["--username", "app", "--password-env", "NOT_SET_ANYWHERE"];
    let plain = server.url();
    let tls = ["--redis", &url, "--cacert", &ca];
    for (args, expected) in [
        (
            vec!["--redis", "redis://no-such-host.invalid"],
            "its host name is not known",
        ),
        (vec!["--redis", &closed], "connection refused"),
        (
            vec!["--redis", &url, "--tls"],
            "TLS: invalid peer certificate: UnknownIssuer",
        ),
        (
            vec!["--redis", &url, "--cacert", &stranger],
            "UnknownIssuer",
        ),
        (
            vec!["--redis", &misnamed, "--cacert", &ca],
            "certificate not valid for name",
        ),
        (vec!["--redis", &plain, "--tls"], "no answer in time"),
        (
            vec!["--redis", &url, "--cacert", "/no/such/file"],
            "cannot read /no/such/file",
        ),
        ([&tls[..], &wrong].concat(), "WRONGPASS"),
        ([&tls[..], &unset].concat(), "NOT_SET_ANYWHERE is not set"),
        (
            vec!["--sentinel", "nowhere", "--master", "m"],
            "write HOST:PORT",
        ),
    ] {
        let output = probe(&args);
        assert!(
            output.starts_with("exit 1 ") && output.contains(expected),
            "{args:?}: {output}"
        );
    }
    let all = [&tls[..], &user].concat();
    let output = probe(&all);
    assert!(output.starts_with("exit 0 ready           0\n"), "{output}");
    server.run("ACL SETUSER app -llen");
    let output = probe(&all);
    assert!(
        output.contains("NOPERM: the user may not run llen"),
        "{output}"
    );
}

/// Makes `node` a cluster of its own, and waits until it is well.
pub fn serve_all_slots(node: &RedisServer) {
    node.run("CLUSTER ADDSLOTSRANGE 0 16383");
    until_true("a cluster that is well", || {
        node.query::<String>("CLUSTER INFO")
            .contains("cluster_state:ok")
    });
}

#[test]
fn a_queue_in_a_cluster_is_found_by_any_node() {
    let bus = free_port().to_string();
    let node = RedisServer::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus]);
    serve_all_slots(&node);
    let seeds = format!("127.0.0.1:{},127.0.0.1:{}", free_port(), node.port());
    let output = probe(&["--cluster", &seeds]);
    assert!(output.starts_with("exit 0 ready           0\n"), "{output}");
}
