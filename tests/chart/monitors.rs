//! The chart's monitors and alerts in a real Prometheus: pools of the same name in two namespaces stay apart.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::{Value, json};
use testkit::local::until;
use testkit::prometheus::Prometheus;

use crate::{at, find, list, render};

/// `shop/images` has waiting tasks and no workers; `mail/images` is at its maximum and has no waiting task.
const METRICS: &str = r#"# TYPE workerpool_status_writes counter
workerpool_status_writes_total 1
# TYPE workerpool_queue_up gauge
workerpool_queue_up{namespace="shop",name="images"} 1
workerpool_queue_up{namespace="mail",name="images"} 1
# TYPE workerpool_ready_tasks gauge
workerpool_ready_tasks{namespace="shop",name="images"} 5
workerpool_ready_tasks{namespace="mail",name="images"} 0
# TYPE workerpool_workers gauge
workerpool_workers{namespace="shop",name="images",state="idle"} 0
workerpool_workers{namespace="mail",name="images",state="idle"} 10
# TYPE workerpool_replicas gauge
workerpool_replicas{namespace="shop",name="images",kind="desired"} 3
workerpool_replicas{namespace="shop",name="images",kind="current"} 3
workerpool_replicas{namespace="shop",name="images",kind="max"} 10
workerpool_replicas{namespace="mail",name="images",kind="desired"} 10
workerpool_replicas{namespace="mail",name="images",kind="current"} 10
workerpool_replicas{namespace="mail",name="images",kind="max"} 10
# EOF
"#;

/// Serves the metrics until the test ends, and returns the address.
fn serve_metrics() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(
                stream,
                "HTTP/1.0 200 OK\r\ncontent-type: application/openmetrics-text; version=1.0.0\r\n\r\n{METRICS}"
            );
        }
    });
    address
}

/// The scrape configuration that the Prometheus operator makes of the first endpoint of this monitor: the labels of the
/// target are those of the operator's own pod.
fn scrape_config(kind: &str, endpoints: &str, target: &str) -> Value {
    let value = kind.replace("Service", "service").replace("Pod", "pod");
    let objects = render(&format!("metrics.{value}.enabled=true"));
    let monitor = find(&objects, |it| it["kind"] == kind);
    let endpoint = &list(monitor, &format!("/spec/{endpoints}"))[0];
    let labels = json!({"namespace": "workerpool-system", "pod": "workerpool-0"});
    json!({
        "job_name": "operator",
        "honor_labels": endpoint["honorLabels"] == true,
        "static_configs": [{"targets": [target], "labels": labels}],
    })
}

#[test]
fn pools_of_the_same_name_have_separate_alerts() {
    let target = serve_metrics();
    for (kind, endpoints) in [
        ("ServiceMonitor", "endpoints"),
        ("PodMonitor", "podMetricsEndpoints"),
    ] {
        let prometheus = Prometheus::start(&json!([scrape_config(kind, endpoints, &target)]));
        // Rules are evaluated in order, and the false alert would come before this one.
        let active = || -> Option<Vec<[String; 2]>> {
            let alerts = prometheus.get("/api/v1/alerts")?;
            let of_pools = list(&alerts, "/data/alerts").iter().map(|alert| {
                let label = |name| at(alert, &format!("/labels/{name}")).to_owned();
                [label("alertname"), label("namespace")]
            });
            Some(
                of_pools
                    .filter(|[_, namespace]| !namespace.is_empty())
                    .collect(),
            )
        };
        let found = until("WorkerPoolNoWorkers", || {
            active().filter(|all| all.iter().any(|[name, _]| name == "WorkerPoolNoWorkers"))
        });
        assert_eq!(found, [["WorkerPoolNoWorkers", "shop"]], "{kind}");
    }
}
