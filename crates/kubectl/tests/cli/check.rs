//! `check` without a cluster that answers: it reports that, with a fix.

use crate::check_cluster::run;
use std::net::TcpListener;
use testkit::api_server::kubeconfig;
use testkit::port::free_port;

#[test]
fn silent_cluster_times_out() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap(); // accepts connections and does not answer
    let server = format!("http://{}", silent.local_addr().unwrap());
    let output = run(&kubeconfig(&server, "class"), &[], &[]);
    let line =
        format!("exit 1\n✘ cluster          the API server {server} does not answer within 3 s\n");
    assert_eq!(
        output,
        line + "                   → kubectl config get-contexts\n"
    );
}

#[test]
fn checks_docker_and_kind_of_a_kind_cluster() {
    let closed = format!("http://127.0.0.1:{}", free_port());
    let output = run(&kubeconfig(&closed, "kind-kind"), &[], &[]);
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
