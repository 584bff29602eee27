//! With the default addresses the operator answers by IPv6 and by IPv4, and by IPv4 where there is no IPv6.

use crate::{OPERATOR, Process, kubeconfig, operator};
use std::io::Read;
use std::process::{Command, Stdio};
use testkit::api_server::ApiServer;
use testkit::local::{http, until};
use testkit::port::free_port;

/// Adds what the chart passes, with free ports, and returns the ports.
fn listen(command: &mut Command) -> [u16; 2] {
    let ports = [free_port(), free_port()];
    command
        .arg(format!("--listen=[::]:{}", ports[0]))
        .arg(format!("--dashboard=[::]:{}", ports[1]));
    ports
}

/// Waits until the health check and the dashboard answer on this host.
fn both_answer(host: &str, [health, dashboard]: [u16; 2]) {
    for (port, path) in [(health, "/healthz"), (dashboard, "/api/pools")] {
        let address = format!("{host}:{port}");
        until(&format!("{address}{path}"), || {
            http(&address, "GET", path, "", "").filter(|(code, _)| *code < 500)
        });
    }
}

#[test]
fn answers_by_ipv6_and_ipv4() {
    let server = ApiServer::start([]);
    let (_folder, mut command) = operator(&server, &[]);
    let ports = listen(&mut command);
    let _operator = Process::start(&mut command);
    both_answer("127.0.0.1", ports);
    both_answer("[::1]", ports);
}

#[cfg(target_os = "linux")]
#[test]
fn answers_by_ipv4_where_there_is_no_ipv6() {
    let server = ApiServer::start([]);
    let (_folder, config) = kubeconfig(&server);
    let mut command = Command::new("python3");
    command
        .arg(testkit::root().join("tests/program/no-ipv6.py"))
        .arg(OPERATOR)
        .env("KUBECONFIG", config);
    let ports = listen(&mut command);
    let _operator = Process::start(&mut command);
    both_answer("127.0.0.1", ports);
}

#[test]
fn a_taken_port_is_an_error_with_its_flag() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let address = format!("[::]:{}", taken.local_addr().unwrap().port());
    let server = ApiServer::start([]);
    let (_folder, mut command) = operator(&server, &[&format!("--listen={address}")]);
    let started = command.stderr(Stdio::piped()).spawn();
    let mut operator = Process(started.unwrap());
    let status = until("the operator to end", || operator.0.try_wait().unwrap());
    let mut error = String::new();
    let mut stderr = operator.0.stderr.take().unwrap();
    stderr.read_to_string(&mut error).unwrap();
    assert!(!status.success());
    let expected = format!("cannot listen on {address}: choose another address with --listen");
    assert!(error.contains(&expected), "{error}");
}
