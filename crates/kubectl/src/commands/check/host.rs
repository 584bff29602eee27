//! The checks of this machine: Docker and kind of a kind cluster, or the programs of a local one.

use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::text::lang::{Lang, tr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

/// The time limit for a program to print its version.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One finding for each program that this cluster needs.
pub(super) async fn host(cluster: &Cluster) -> Vec<Finding> {
    if cluster.local {
        return local(cluster).await;
    }
    if !cluster.context.starts_with("kind-") {
        return Vec::new();
    }
    let lang = cluster.out.lang;
    let (docker, kind) = tokio::join!(
        output_of("docker", &["version", "--format", "{{.Server.Version}}"]),
        output_of("kind", &["version"])
    );
    vec![
        match docker {
            Ok(version) => ok("Docker", version),
            Err(error) => fail(
                "Docker",
                tr!(lang, "does not answer: {error}", "no contesta: {error}"),
                "sudo systemctl start docker   (macOS, Windows: start Docker Desktop; without Docker: kubectl workerpool demo --local)",
            ),
        },
        match kind {
            Ok(version) => ok("kind", version),
            Err(error) => fail("kind", error, "go install sigs.k8s.io/kind@latest"),
        },
    ]
}

/// The first line that a program prints, or its error.
async fn output_of(program: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    match timeout(TIMEOUT, command.args(args).kill_on_drop(true).output()).await {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()),
        Ok(Ok(output)) => {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(text
                .lines()
                .find(|line| !line.trim().is_empty())
                .unwrap_or("it failed")
                .trim()
                .to_owned())
        }
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Err(_) => Err(format!("no answer within {} s", TIMEOUT.as_secs())),
    }
}

/// The programs and the dashboard of the local cluster.
async fn local(cluster: &Cluster) -> Vec<Finding> {
    let operator = ::local::find_program("workerpool-operator");
    let worker = ::local::find_program("workerpool-worker");
    let mut findings = vec![match (operator, worker) {
        (Ok(operator), Ok(worker)) => ok(
            "programs",
            format!("{}, {}", operator.display(), worker.display()),
        ),
        (Err(error), _) | (_, Err(error)) => fail(
            "programs",
            format!("{error:#}"),
            "cargo build --release --locked",
        ),
    }];
    let Some(info) = ::local::cluster_info().ok().flatten() else {
        return findings;
    };
    if info.own_redis {
        findings.push(match ::local::find_redis() {
            Ok(path) => ok("redis-server", path.display().to_string()),
            Err(error) => fail(
                "redis-server",
                format!("{error:#}"),
                "apt-get install redis-server",
            ),
        });
    }
    findings.push(dashboard(cluster.out.lang, info.dashboard).await);
    findings
}

/// Whether the dashboard of the local cluster accepts connections.
async fn dashboard(lang: Lang, port: u16) -> Finding {
    let connection = TcpStream::connect(("127.0.0.1", port));
    if !matches!(timeout(TIMEOUT, connection).await, Ok(Ok(_))) {
        return fail(
            "ports",
            tr!(
                lang,
                "no dashboard answers on port {port}",
                "ningún panel contesta en el {port}"
            ),
            "kubectl workerpool stop --local",
        );
    }
    let note = if port == ::local::DASHBOARD_PORT {
        String::new()
    } else {
        tr!(
            lang,
            ", since 8000 is in use",
            ", porque el 8000 está ocupado"
        )
    };
    ok(
        "ports",
        tr!(
            lang,
            "dashboard at http://127.0.0.1:{port}{note}",
            "panel en http://127.0.0.1:{port}{note}"
        ),
    )
}
