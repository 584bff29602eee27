//! `check` where nothing answers: it says so soon, and what to do.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// What `check` says of the cluster at `server`, and how long it takes to.
fn check(server: &str, context: &str) -> (String, Duration) {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = format!(
        "{{apiVersion: v1, kind: Config, current-context: {context}, clusters: [{{name: c, cluster: {{server: '{server}'}}}}],
          users: [{{name: u, user: {{}}}}], contexts: [{{name: {context}, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(home.path().join("config"), kubeconfig).unwrap();
    let begun = Instant::now();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    let output = command
        .arg("check")
        .env_clear()
        .env("KUBECONFIG", home.path().join("config"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    (String::from_utf8(output.stdout).unwrap(), begun.elapsed())
}

#[test]
fn a_silent_cluster_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // takes connections and says nothing
    let server = format!("http://{}", silent.local_addr().unwrap());
    let (said, took) = check(&server, "class");
    let line = format!("✘ cluster          the API server {server} does not answer within 3 s\n");
    assert_eq!(
        said,
        line + "                   → kubectl config get-contexts\n"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_kind_cluster_is_looked_after_down_to_docker() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (said, took) = check(&format!("http://{closed}"), "kind-kind");
    let links: Vec<&str> = said
        .lines()
        .filter_map(|line| line.strip_prefix("✘ ")?.split(' ').next())
        .collect();
    assert_eq!(links, ["Docker", "kind", "cluster"], "{said}"); // no path, no programs
    assert!(
        said.contains("kubectl workerpool demo --local") && said.contains("connection refused"),
        "{said}"
    );
    assert!(took < Duration::from_secs(5), "{took:?}");
}
