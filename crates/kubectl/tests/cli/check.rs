//! `check` without a cluster that answers: it reports that, with a fix.

use std::net::TcpListener;
use std::process::Command;

/// The output of `check` on the cluster at `server`.
fn check(server: &str, context: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    let kubeconfig = format!(
        "{{apiVersion: v1, kind: Config, current-context: {context}, clusters: [{{name: c, cluster: {{server: '{server}'}}}}],
          users: [{{name: u, user: {{}}}}], contexts: [{{name: {context}, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(home.path().join("config"), kubeconfig).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    let output = command
        .arg("check")
        .env_clear()
        .env("KUBECONFIG", home.path().join("config"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn silent_cluster_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // accepts connections and does not answer
    let server = format!("http://{}", silent.local_addr().unwrap());
    let output = check(&server, "class");
    let line = format!("✘ cluster          the API server {server} does not answer within 3 s\n");
    assert_eq!(
        output,
        line + "                   → kubectl config get-contexts\n"
    );
}

#[test]
fn checks_docker_and_kind_of_a_kind_cluster() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = check(&format!("http://{closed}"), "kind-kind");
    let components: Vec<&str> = output
        .lines()
        .filter_map(|line| line.strip_prefix("✘ ")?.split(' ').next())
        .filter(|component| *component != "ports") // this machine's may be taken
        .collect();
    assert_eq!(components, ["Docker", "kind", "cluster"], "{output}"); // PATH is empty
    assert!(
        output.contains("kubectl workerpool demo --local")
            && output.contains("connection refused")
            && output.ends_with("→ docker start kind-control-plane\n"),
        "{output}"
    );
}
