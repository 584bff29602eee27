//! The front's default address answers by IPv6 and by IPv4, and by IPv4 where there is no IPv6.

use crate::process::{Harness, Process, until, wrapped};
use std::process::Command;
use testkit::local::http;
use testkit::port::free_port;

/// Starts the front on `[::]` with a changed command, and waits until it answers on each of these hosts.
fn answers(hosts: &[&str], change: impl FnOnce(Command) -> Command) {
    let (harness, port) = (Harness::new(), free_port());
    let mut command = harness.command("front");
    command.args(["serve", &format!("--listen=[::]:{port}")]);
    let _front = Process::start(&mut change(command));
    for host in hosts {
        let address = format!("{host}:{port}");
        until(&address, || http(&address, "GET", "/healthz", "", ""));
    }
}

#[test]
fn answers_by_ipv6_and_ipv4() {
    answers(&["127.0.0.1", "[::1]"], |command| command);
}

#[cfg(target_os = "linux")]
#[test]
fn answers_by_ipv4_where_there_is_no_ipv6() {
    answers(&["127.0.0.1"], |command| {
        let mut without = Command::new("python3");
        without.arg(testkit::root().join("tests/program/no-ipv6.py"));
        wrapped(without, &command)
    });
}
