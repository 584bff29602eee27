//! The chart's dashboard and alerts on a real Prometheus that scrapes a real operator: every query is understood and every
//! panel shows something.

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
            .arg(format!("--config.file={}", folder.path().join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus: Debian's package has it, as tests/cluster/install-tools test installs it");
        Self {
            child,
            address,
            _folder: folder,
        }
    }

    fn get(&self, path: &str) -> Option<Value> {
        let (_, answer) = http(&self.address, "GET", path, "", "")?;
        (answer["status"] != Value::Null).then_some(answer)
    }

    /// What the query finds now.
    fn ask(&self, query: &str) -> Vec<Value> {
        let form = format!("query={}", percent(query));
        let kind = "application/x-www-form-urlencoded";
        let (_, answer) = http(&self.address, "POST", "/api/v1/query", kind, &form).unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }
}

fn percent(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    text.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[test]
fn every_panel_shows_something_and_no_alert_cries_for_nothing() {
    let local = Local::new();
    let said = local.run(&["stress", "--local", "--tasks", "40", "--task-seconds", "1"]);
    assert!(said.starts_with("exit 0"), "{said}");
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
        (!prometheus.ask_if_up("workerpool_queue_up").is_empty()).then_some(())
    });
    let rules = until("the rules", || prometheus.get("/api/v1/rules"));
    let loaded = rules["data"]["groups"][0]["rules"]
        .as_array()
        .map_or(0, Vec::len);
    assert_eq!(loaded, crate::grafana::ALERTS.len());
    let queries = crate::grafana::queries();
    let (panels, alerts) = queries.split_at(queries.len() - loaded);
    for query in panels {
        until(query, || (!prometheus.ask(query).is_empty()).then_some(()));
    }
    for query in alerts {
        let found = prometheus.ask(query);
        // What is not so yet, such as a number that the pods have not reached, is why an alert waits.
        assert!(
            found.is_empty() || query.contains("current"),
            "{query}: {found:?}"
        );
    }
}

impl Prometheus {
    /// The same while it may still be starting.
    fn ask_if_up(&self, query: &str) -> Vec<Value> {
        let up =
            http(&self.address, "GET", "/-/ready", "", "").is_some_and(|(code, _)| code == 200);
        if up { self.ask(query) } else { Vec::new() }
    }
}
