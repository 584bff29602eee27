//! The checks of this machine: Docker and kind of a kind cluster, or the programs of a local one.

use super::finding::{Finding, fail, ok};
use super::ports::holder;
use super::setup::{Platform, Setup};
use crate::cluster::{Cluster, no_answer};
use crate::text::lang::{Lang, tr};
use decide::foreign;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// The time limit for a program to print its version.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One finding for each program that this cluster needs.
pub(super) async fn host(cluster: &Cluster, setup: &Setup) -> Vec<Finding> {
    match setup.platform {
        Platform::Local => local(cluster.out.lang).await,
        Platform::Kind(_) => programs(cluster.out.lang, setup).await.into(),
        _ => Vec::new(),
    }
}

/// Docker and kind.
pub(super) async fn programs(lang: Lang, setup: &Setup) -> [Finding; 2] {
    let of_docker = ["version", "--format", "{{.Server.Version}}"];
    let (docker, kind) = tokio::join!(
        output_of(lang, "docker", &of_docker),
        output_of(lang, "kind", &["version"])
    );
    let docker = match docker {
        Ok(version) => ok("Docker", version),
        Err(error) => {
            let text = tr!(lang, "cli-docker-silent", error);
            fail("Docker", text, docker_fix(lang, &error))
        }
    };
    let kind = match kind {
        Ok(version) => ok("kind", version),
        Err(error) => fail("kind", error, setup.install_kind()),
    };
    [docker, kind]
}

/// The command that makes Docker answer.
fn docker_fix(lang: Lang, error: &str) -> String {
    let without = tr!(lang, "cli-docker-without");
    if error.contains("permission denied") {
        tr!(lang, "cli-docker-group-fix", without)
    } else if error.contains("os error 2") {
        tr!(lang, "cli-docker-install-fix", without)
    } else {
        tr!(lang, "cli-docker-start-fix", without)
    }
}

/// The first line that a program prints, or its error.
pub(super) async fn output_of(lang: Lang, program: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    match timeout(TIMEOUT, command.args(args).kill_on_drop(true).output()).await {
        Ok(Ok(output)) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            Ok(text.lines().next().unwrap_or_default().trim().to_owned())
        }
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let mut lines = text.lines().filter(|line| !line.trim().is_empty());
            let error = lines.next().map(|line| foreign(line, 200));
            Err(error.unwrap_or_else(|| output.status.to_string()))
        }
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(_) => Err(no_answer(lang, TIMEOUT)),
    }
}

/// The programs and the dashboard of the local cluster.
pub(super) async fn local(lang: Lang) -> Vec<Finding> {
    let found = |component, paths: anyhow::Result<Vec<PathBuf>>, fix| match paths {
        Ok(paths) => {
            let paths: Vec<_> = paths.iter().map(|it| it.display().to_string()).collect();
            ok(component, paths.join(", "))
        }
        Err(error) => fail(component, format!("{error:#}"), fix),
    };
    let programs = ["workerpool-operator", "workerpool-worker"].map(::local::find_program);
    let programs = programs.into_iter().collect();
    let build = "cargo build --release --locked";
    let mut findings = vec![found("programs", programs, build)];
    let Some(info) = ::local::cluster_info().ok().flatten() else {
        return findings;
    };
    if info.own_redis {
        let redis = ::local::find_redis().map(|path| vec![path]);
        findings.push(found("redis-server", redis, "apt-get install redis-server"));
    }
    findings.push(dashboard(lang, info.dashboard).await);
    findings
}

/// Whether the dashboard of the local cluster accepts connections.
async fn dashboard(lang: Lang, port: u16) -> Finding {
    let connection = TcpStream::connect(("127.0.0.1", port));
    if !matches!(timeout(TIMEOUT, connection).await, Ok(Ok(_))) {
        let text = tr!(lang, "cli-dashboard-silent", port);
        return fail("ports", text, "kubectl workerpool stop --local");
    }
    let note = if port == ::local::DASHBOARD_PORT {
        String::new()
    } else {
        let who = holder(::local::DASHBOARD_PORT).map_or(String::new(), |it| {
            let (name, pid) = (it.name, it.pid);
            tr!(lang, "cli-port-process", name, pid)
        });
        tr!(lang, "cli-dashboard-other-port", who)
    };
    ok("ports", tr!(lang, "cli-dashboard-address", port, note))
}
