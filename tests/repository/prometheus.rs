//! The chart's dashboard and alerts against a real Prometheus that scrapes a real operator: every query is valid, every
//! panel has data, and no alert fires without cause.

use serde_json::json;
use testkit::local::{Local, until};
use testkit::prometheus::Prometheus;

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

    let prometheus = Prometheus::start(
        &json!([{"job_name": "operator", "static_configs": [{"targets": [listen]}]}]),
    );
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
