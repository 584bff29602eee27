//! The ports of this machine on which a kind cluster serves the dashboard and the front: before it is made they must be
//! free.

use super::finding::{Finding, fail, ok};
use super::host::output_of;
use super::setup::{KIND, Setup};
use crate::text::lang::{Lang, tr};
use decide::foreign;
use futures::future::join_all;
use std::net::{Ipv4Addr, TcpListener};

/// The ports in `kind-config.yaml`.
const PORTS: [u16; 2] = [8000, 8001];
/// The first port to offer instead.
const INSTEAD: u16 = 8010;

/// Who listens on a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: i32,
    pub(super) name: String,
}

/// One finding for each port that is taken, or one for all.
pub(super) async fn ports(lang: Lang, setup: &Setup) -> Vec<Finding> {
    let taken: Vec<u16> = PORTS.into_iter().filter(|port| !is_free(*port)).collect();
    let containers = join_all(taken.iter().map(|port| container(lang, *port))).await;
    let mut findings = Vec::new();
    let mut instead = INSTEAD;
    for (port, container) in taken.into_iter().zip(containers) {
        if container.as_deref() == Some(&format!("{KIND}-control-plane")) {
            continue; // the cluster itself, which only does not answer
        }
        instead = (instead..=INSTEAD + 89)
            .find(|port| is_free(*port))
            .unwrap_or(instead);
        findings.push(describe(lang, setup, port, instead, container));
        instead += 1;
    }
    if findings.is_empty() {
        let free = tr!(lang, "cli-ports-free");
        findings.push(ok("ports", free));
    }
    findings
}

/// The finding on a taken port: who has it, and how to use the port `instead`.
fn describe(
    lang: Lang,
    setup: &Setup,
    port: u16,
    instead: u16,
    container: Option<String>,
) -> Finding {
    let change = setup.change_port(port, instead);
    let (who, fix) = match (container, holder(port)) {
        (Some(name), _) => (
            tr!(lang, "cli-port-container", name),
            tr!(lang, "cli-port-container-fix", change, name),
        ),
        (None, Some(Holder { pid, name })) if name.starts_with("workerpool-oper") => (
            tr!(lang, "cli-port-process", name, pid),
            "kubectl workerpool stop --local".to_owned(),
        ),
        (None, Some(Holder { pid, name })) => (
            tr!(lang, "cli-port-process", name, pid),
            tr!(lang, "cli-port-process-fix", change, pid),
        ),
        (None, None) => (String::new(), change),
    };
    let text = tr!(lang, "cli-port-taken", port, who);
    fail("ports", text, fix)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// The Docker container that publishes the port.
async fn container(lang: Lang, port: u16) -> Option<String> {
    let filter = format!("publish={port}");
    let args = ["ps", "--filter", &filter, "--format", "{{.Names}}"];
    output_of(lang, "docker", &args)
        .await
        .ok()
        .filter(|name| !name.is_empty())
}

/// The process that listens on the port, if /proc shows it to this user.
#[cfg(target_os = "linux")]
pub(super) fn holder(port: u16) -> Option<Holder> {
    use procfs::net::{TcpState, tcp, tcp6};
    use procfs::process::{FDTarget, all_processes};
    let entries = tcp().into_iter().chain(tcp6()).flatten();
    let sockets: Vec<u64> = entries
        .filter(|it| it.state == TcpState::Listen && it.local_address.port() == port)
        .map(|it| it.inode)
        .collect();
    let holds = |process: &procfs::process::Process| {
        let files = process.fd().into_iter().flatten().flatten();
        files
            .filter_map(|file| match file.target {
                FDTarget::Socket(inode) => Some(inode),
                _ => None,
            })
            .any(|inode| sockets.contains(&inode))
    };
    if sockets.is_empty() {
        return None;
    }
    let process = all_processes().ok()?.flatten().find(holds)?;
    Some(Holder {
        pid: process.pid,
        name: foreign(&process.stat().ok()?.comm, 40),
    })
}

/// Only Linux shows it.
#[cfg(not(target_os = "linux"))]
pub(super) fn holder(_port: u16) -> Option<Holder> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn names_who_listens_on_a_port() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let holder = holder(port).expect("this process");
        assert_eq!(u32::try_from(holder.pid), Ok(std::process::id()));
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }
}
