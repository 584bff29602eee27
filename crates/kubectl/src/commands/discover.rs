//! `discover`: which queues a database of Redis holds, and the pools that read them.

use crate::args::OutputFormat;
use crate::cluster::search::{SEARCH_TIME, Search, line, search, spec};
use crate::cluster::server::{self, Server};
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use decide::foreign;
use queues::{Found, QueueSystem};
use redis::{ConnectionAddr, ConnectionInfo};
use serde_json::{Value as Json, json};
use tokio::time::Instant;

/// The beginning of a pool.
const HEAD: &str = include_str!("discover.yaml");
/// How many queues a pool may have.
const MAX_QUEUES: usize = 32;

/// Which database.
#[derive(Clone, Debug, clap::Args)]
pub struct Discover {
    #[command(flatten)]
    server: Server,
    #[command(flatten)]
    output: OutputFormat,
}

/// Searches the database and prints the pools of its queues; false where it has none.
pub async fn run(args: &Discover, out: &Out) -> anyhow::Result<bool> {
    let client = args.server.client("", out.lang).await?;
    let info = client.get_connection_info();
    let mut redis = server::connect(&client, out.lang).await?;
    let Search { found, complete } =
        search(&mut redis, Instant::now() + SEARCH_TIME, out.lang).await?;
    if args.output.is_json() {
        let queues: Vec<Json> = found.iter().map(spec).collect();
        out.json(&json!({"queues": queues, "complete": complete}))?;
    } else {
        if found.is_empty() {
            out.info(&tr!(out.lang, "cli-discover-none"));
        }
        for text in pools(&found, info, out.lang) {
            out.data(&text)?;
        }
        if !complete {
            out.info(&tr!(out.lang, "cli-discover-incomplete"));
        }
    }
    Ok(!found.is_empty())
}

/// The lines of a manifest with one pool for each system: its queues have workers in common.
fn pools(found: &[Found], info: &ConnectionInfo, lang: Lang) -> Vec<String> {
    let mut lines = Vec::new();
    for system in QueueSystem::ALL {
        let queues: Vec<&Found> = found.iter().filter(|it| it.system == *system).collect();
        for queues in queues.chunks(MAX_QUEUES) {
            let name = system.name();
            let names: Vec<String> = queues
                .iter()
                .map(|it| foreign(&it.options.name, 60))
                .collect();
            let names = names.join(", ");
            if !lines.is_empty() {
                lines.push("---".to_owned());
            }
            lines.push(format!(
                "# {}",
                tr!(lang, "cli-discover-holds", system = name, names)
            ));
            lines.extend(pool(&name.to_lowercase(), queues, info, lang));
        }
    }
    lines
}

fn pool(name: &str, queues: &[&Found], info: &ConnectionInfo, lang: Lang) -> Vec<String> {
    let settings = info.redis_settings();
    let logs_in = settings.username().is_some() || settings.password().is_some();
    let (scheme, host, port) = match info.addr() {
        ConnectionAddr::Tcp(host, port) => ("redis", host.as_str(), *port),
        ConnectionAddr::TcpTls { host, port, .. } => ("rediss", host.as_str(), *port),
        _ => ("redis", "redis", 6379),
    };
    let redis = if logs_in {
        // What it holds is shown nowhere.
        json!({"addressFrom": {"secretKeyRef": {"name": "redis", "key": "url"}}})
    } else {
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        json!({"address": format!("{scheme}://{host}:{port}/{}", settings.db())})
    };
    let head = HEAD
        .replace("NAME", name)
        .replace("TARGET", &tr!(lang, "cli-discover-target"))
        .replace("ADDRESS", &tr!(lang, "cli-discover-address"))
        .replace("REDIS", &redis.to_string());
    let mut lines: Vec<String> = head.lines().map(str::to_owned).collect();
    lines.extend(queues.iter().map(|queue| format!("  - {}", line(queue))));
    lines
}
