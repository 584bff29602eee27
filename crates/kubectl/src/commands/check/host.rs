//! What lies below the cluster: Docker and kind, or the programs of a local one.

use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::text::lang::tr;
use std::time::Duration;
use tokio::process::Command;
use tokio::time::timeout;

/// How long a program of the machine may take to say its version.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A line for each that matters to this cluster.
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
            Err(why) => fail(
                "Docker",
                tr!(lang, "does not answer: {why}", "no contesta: {why}"),
                "sudo systemctl start docker   (macOS, Windows: start Docker Desktop; without it: kubectl workerpool demo --local)",
            ),
        },
        match kind {
            Ok(version) => ok("kind", version),
            Err(why) => fail("kind", why, "go install sigs.k8s.io/kind@latest"),
        },
    ]
}

/// What a program says of itself, or why it does not.
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

/// The programs and the ports of the cluster on this machine.
async fn local(cluster: &Cluster) -> Vec<Finding> {
    use ::local::{DASHBOARD_PORT, cluster_info, find_program, find_redis};
    let lang = cluster.out.lang;
    let place = |path: std::path::PathBuf| path.display().to_string();
    let programs = [
        find_program("workerpool-operator"),
        find_program("workerpool-worker"),
    ]
    .into_iter()
    .collect::<Result<Vec<_>, _>>();
    let mut all = vec![match programs {
        Ok(paths) => ok(
            "programs",
            paths.into_iter().map(place).collect::<Vec<_>>().join(", "),
        ),
        Err(error) => fail(
            "programs",
            format!("{error:#}"),
            "cargo build --release --locked",
        ),
    }];
    let Some(record) = cluster_info().ok().flatten() else {
        return all;
    };
    if record.own_redis {
        all.push(match find_redis() {
            Ok(path) => ok("redis-server", place(path)),
            Err(error) => fail(
                "redis-server",
                format!("{error:#}"),
                "apt-get install redis-server",
            ),
        });
    }
    let port = record.dashboard;
    let answers = timeout(TIMEOUT, tokio::net::TcpStream::connect(("127.0.0.1", port)))
        .await
        .is_ok_and(|it| it.is_ok());
    let taken = if port == DASHBOARD_PORT {
        String::new()
    } else {
        tr!(
            lang,
            ", since 8000 is taken",
            ", porque el 8000 está ocupado"
        )
    };
    all.push(if answers {
        ok(
            "ports",
            tr!(
                lang,
                "dashboard at http://127.0.0.1:{port}{taken}",
                "panel en http://127.0.0.1:{port}{taken}"
            ),
        )
    } else {
        fail(
            "ports",
            tr!(
                lang,
                "no dashboard answers on {port}",
                "ningún panel contesta en el {port}"
            ),
            "kubectl workerpool stop --local",
        )
    });
    all
}
