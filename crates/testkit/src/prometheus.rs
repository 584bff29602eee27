//! A real Prometheus.

use crate::local::http;
use crate::port::free_port;
use crate::process::Process;
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// A Prometheus with the chart's alerts. It stops when dropped.
pub struct Prometheus {
    _process: Process,
    address: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts it with these `scrape_configs`; it scrapes and evaluates every second.
    pub fn start(scrape_configs: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // JSON is YAML.
        let config = json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [crate::root().join("charts/workerpool/files/alerts.yaml")],
            "scrape_configs": scrape_configs,
        });
        std::fs::write(folder.path().join("prometheus.yml"), config.to_string()).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}",
                folder.path().join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect(
                "prometheus from Debian's package; `tests/cluster/install-tools test` installs it",
            );
        Self {
            _process: child.into(),
            address,
            _folder: folder,
        }
    }

    pub fn get(&self, path: &str) -> Option<Value> {
        let (_, body) = http(&self.address, "GET", path, "", "")?;
        (body["status"] != Value::Null).then_some(body)
    }

    /// The current result of a query.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let form = format!("query={}", percent_encode(query));
        let content_type = "application/x-www-form-urlencoded";
        let (_, body) = http(&self.address, "POST", "/api/v1/query", content_type, &form).unwrap();
        assert_eq!(body["status"], "success", "{query}: {body}");
        body["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Like `query`, but empty while Prometheus is still starting.
    pub fn query_if_up(&self, query: &str) -> Vec<Value> {
        let up =
            http(&self.address, "GET", "/-/ready", "", "").is_some_and(|(code, _)| code == 200);
        if up { self.query(query) } else { Vec::new() }
    }
}

fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
