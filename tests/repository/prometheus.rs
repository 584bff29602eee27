//! The chart's dashboard and alerts against a real Prometheus that scrapes a real operator: every query is valid, every
//! panel has data, and no alert fires without cause.

use serde_json::Value;
use std::process::{Child, Command, Stdio};
use testkit::local::{Local, free_port, http, until};

struct Prometheus {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let alerts = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/charts/workerpool/files/alerts.yaml"
        );
        let config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{alerts}]\n\
             scrape_configs: [{{job_name: operator, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
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
            child,
            address,
            _folder: folder,
        }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let (_, body) = http(&self.address, "GET", path, "", "")?;
        (body["status"] != Value::Null).then_some(body)
    }

    /// The current result of a query.
    fn query(&self, query: &str) -> Vec<Value> {
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
    fn query_if_up(&self, query: &str) -> Vec<Value> {
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

#[test]
fn panels_have_data_and_no_alert_fires_without_cause() {
    let local = Local::new();
    let output = local.run(&["stress", "--local", "--tasks", "40", "--task-seconds", "1"]);
    assert!(output.starts_with("exit 0"), "{output}");
    let operator =
        local.get("apis/apps/v1/namespaces/workerpool-system/deployments/workerpool-operator");
    let container = &operator["spec"]["template"]["spec"]["containers"][0];
    let args = container["command"].as_array().expect("a command").clone();
    let listen = args
        .iter()
        .find_map(|arg| arg.as_str()?.strip_prefix("--listen="))
        .expect("an address");

    let prometheus = Prometheus::scraping(listen);
    until("a scrape", || {
        (!prometheus.query_if_up("workerpool_queue_up").is_empty()).then_some(())
    });
    let rules = until("the rules", || prometheus.get("/api/v1/rules"));
    let loaded = rules["data"]["groups"][0]["rules"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(loaded, crate::grafana::ALERTS.len());
    let queries = crate::grafana::queries();
    let (panels, alerts) = queries.split_at(queries.len() - loaded);
    for query in panels {
        until(query, || {
            (!prometheus.query(query).is_empty()).then_some(())
        });
    }
    for query in alerts {
        let result = prometheus.query(query);
        // The pods may not have reached the desired replicas yet; the alert allows time for that.
        assert!(
            result.is_empty() || query.contains("current"),
            "{query}: {result:?}"
        );
    }
}
