//! The Grafana dashboard and the alert rules of the chart, generated from lists of queries over the operator's metrics.

use serde_json::{Value, json};
use std::fmt::Write;

/// A panel of the dashboard.
pub struct Panel {
    title: &'static str,
    /// A unit id of Grafana.
    unit: &'static str,
    /// Of the dashboard's 24 columns.
    width: u8,
    description: &'static str,
    /// Legends with their queries.
    queries: &'static [(&'static str, &'static str)],
}

/// An alert rule.
pub struct Alert {
    pub name: &'static str,
    /// For how long the query must have a result before the alert fires.
    hold: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: &'static str,
    query: &'static str,
}

/// The page with a runbook for each alert, below the repository's address.
pub const RUNBOOKS: &str = "docs/runbooks.md";

impl Alert {
    /// The address of the alert's runbook: the heading with the alert's name.
    fn runbook(&self) -> String {
        let repository = env!("CARGO_PKG_REPOSITORY");
        let anchor = self.name.to_lowercase();
        format!("{repository}/blob/main/{RUNBOOKS}#{anchor}")
    }
}

/// The label matchers for the pools selected in the dashboard; `SELECTED` stands for them in the queries.
const SELECTED: &str = r#"namespace=~"$namespace", name=~"$name""#;

pub const PANELS: &[Panel] = &[
    Panel {
        title: "Tasks waiting",
        unit: "short",
        width: 4,
        description: "Tasks that are ready for a worker, over the selected pools.",
        queries: &[("", "sum(workerpool_ready_tasks{SELECTED})")],
    },
    Panel {
        title: "Workers busy",
        unit: "percentunit",
        width: 4,
        description: "Share of live workers that are running a task.",
        queries: &[(
            "",
            r#"sum(workerpool_workers{SELECTED, state="busy"}) / sum(workerpool_workers{SELECTED})"#,
        )],
    },
    Panel {
        title: "Desired replicas",
        unit: "short",
        width: 4,
        description: "Replicas that the operator requests, over the selected pools.",
        queries: &[("", r#"sum(workerpool_replicas{SELECTED, kind="desired"})"#)],
    },
    Panel {
        title: "Oldest task",
        unit: "s",
        width: 4,
        description: "How long the oldest waiting task has been in its queue.",
        queries: &[("", "max(workerpool_oldest_wait_seconds{SELECTED})")],
    },
    Panel {
        title: "Pools without metrics",
        unit: "short",
        width: 4,
        description: "Pools whose queues could not be read at the last poll. The operator does not scale them down.",
        queries: &[("", "count(workerpool_queue_up{SELECTED} == 0) or vector(0)")],
    },
    Panel {
        title: "Scale latency, p99",
        unit: "s",
        width: 4,
        description: "Time from the Redis notification to the API server's response to the scale patch, over the last hour.",
        queries: &[(
            "",
            "histogram_quantile(0.99, sum by (le) (increase(workerpool_scale_latency_seconds_bucket[1h])))",
        )],
    },
    Panel {
        title: "Queue",
        unit: "short",
        width: 12,
        description: "Tasks that wait and tasks that workers hold.",
        queries: &[
            (
                "{{namespace}}/{{name}} waiting",
                "workerpool_ready_tasks{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} running",
                "workerpool_in_flight_tasks{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} held",
                "workerpool_held_tasks{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} delayed",
                "workerpool_delayed_tasks{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} due",
                "workerpool_due_tasks{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} paused queues",
                "workerpool_paused_queues{SELECTED}",
            ),
        ],
    },
    Panel {
        title: "Workers",
        unit: "short",
        width: 12,
        description: "Desired and current replicas, their minimum and maximum, and the number of busy workers.",
        queries: &[
            (
                "{{namespace}}/{{name}} {{kind}}",
                "workerpool_replicas{SELECTED}",
            ),
            (
                "{{namespace}}/{{name}} busy",
                r#"workerpool_workers{SELECTED, state="busy"}"#,
            ),
        ],
    },
    Panel {
        title: "Wait time of the oldest task",
        unit: "s",
        width: 12,
        description: "It grows while no worker claims the task.",
        queries: &[(
            "{{namespace}}/{{name}}",
            "workerpool_oldest_wait_seconds{SELECTED}",
        )],
    },
    Panel {
        title: "Decisions by reason",
        unit: "short",
        width: 12,
        description: "How often the decision changed to each reason; docs/reasons.md explains the reasons.",
        queries: &[(
            "{{reason}}",
            "sum by (reason) (increase(workerpool_decisions_total{SELECTED}[$__rate_interval]))",
        )],
    },
    Panel {
        title: "Scale latency",
        unit: "s",
        width: 12,
        description: "Time from the Redis notification to the API server's response to the scale patch.",
        queries: &[
            (
                "p50",
                "histogram_quantile(0.5, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[$__rate_interval])))",
            ),
            (
                "p99",
                "histogram_quantile(0.99, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[$__rate_interval])))",
            ),
        ],
    },
    Panel {
        title: "Writes to the API server",
        unit: "ops",
        width: 12,
        description: "The operator writes only on a change.",
        queries: &[
            (
                "scale {{result}}",
                "sum by (result) (rate(workerpool_scale_writes_total[$__rate_interval]))",
            ),
            (
                "status",
                "sum(rate(workerpool_status_writes_total[$__rate_interval]))",
            ),
            (
                "events",
                "sum(rate(workerpool_events_total[$__rate_interval]))",
            ),
        ],
    },
    Panel {
        title: "Age of the metrics",
        unit: "s",
        width: 12,
        description: "Time since the last poll.",
        queries: &[(
            "{{namespace}}/{{name}}",
            "workerpool_metrics_age_seconds{SELECTED}",
        )],
    },
    Panel {
        title: "Tasks unaccounted for",
        unit: "short",
        width: 12,
        description: "Tasks arrived minus those processed, ready, due, in flight and failed: zero while no task is lost.",
        queries: &[(
            "{{namespace}}/{{name}}",
            "workerpool_task_conservation_gap{SELECTED}",
        )],
    },
];

pub const ALERTS: &[Alert] = &[
    Alert {
        name: "WorkerPoolMetricsUnavailable",
        hold: "2m",
        severity: "warning",
        summary: "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} cannot read its queues",
        description: "The operator does not scale down without metrics. `kubectl workerpool explain` names the unavailable metric and the cause.",
        query: "workerpool_queue_up == 0",
    },
    Alert {
        name: "WorkerPoolAtMaxReplicas",
        hold: "10m",
        severity: "warning",
        summary: "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} is at maxReplicas and {{ $value }} tasks wait",
        description: "Raise maxReplicas, or make the tasks shorter. `kubectl workerpool explain --why-not` lists what prevents more workers.",
        query: r#"workerpool_ready_tasks > 0 and on (namespace, name) workerpool_replicas{kind="desired"} >= ignoring (kind) workerpool_replicas{kind="max"}"#,
    },
    Alert {
        name: "WorkerPoolReplicasMismatch",
        hold: "10m",
        severity: "warning",
        summary: "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} does not have its desired replicas",
        description: "The scale is set, but pods are not created or removed. Check quotas, free capacity on the nodes, and rollouts.",
        query: r#"workerpool_replicas{kind="desired"} != ignoring (kind) workerpool_replicas{kind="current"}"#,
    },
    Alert {
        name: "WorkerPoolNoWorkers",
        hold: "5m",
        severity: "critical",
        summary: "WorkerPool {{ $labels.namespace }}/{{ $labels.name }}: {{ $value }} tasks wait and no worker is live",
        description: "`kubectl workerpool check` finds the first problem between Redis and the workers.",
        query: "workerpool_ready_tasks > 0 and on (namespace, name) sum by (namespace, name) (workerpool_workers) == 0",
    },
    Alert {
        name: "WorkerPoolTasksLost",
        hold: "5m",
        severity: "critical",
        summary: "WorkerPool {{ $labels.namespace }}/{{ $labels.name }}: {{ $value }} tasks are unaccounted for",
        description: "More tasks arrived than are processed, ready, due, in flight or failed: keys were deleted, or Redis lost acknowledged writes.",
        query: "workerpool_task_conservation_gap > 0",
    },
    Alert {
        name: "WorkerPoolScaleWritesFail",
        hold: "5m",
        severity: "critical",
        summary: "The operator's scale writes fail",
        description: "The cause may be RBAC, an admission webhook or the API server. The message in the WorkerPool's status has the error.",
        query: r#"increase(workerpool_scale_writes_total{result="error"}[5m]) > 0"#,
    },
    Alert {
        name: "WorkerPoolScaleLatencyHigh",
        hold: "10m",
        severity: "warning",
        summary: "The scale latency is {{ $value | humanizeDuration }} at p99",
        description: "The API server or Redis is slow, or the operator has too little CPU.",
        query: "histogram_quantile(0.99, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[10m]))) > 1",
    },
    Alert {
        name: "WorkerPoolOperatorDown",
        hold: "5m",
        severity: "critical",
        summary: "Prometheus scrapes no WorkerPool operator",
        description: "No pool is scaled automatically. `kubectl workerpool scale` still works.",
        query: "absent(workerpool_status_writes_total)",
    },
];

/// The queries of the panels and then of the alerts, with the dashboard's variables filled in as Grafana does.
pub fn queries() -> Vec<String> {
    let panels = PANELS
        .iter()
        .flat_map(|panel| panel.queries)
        .map(|(_, query)| *query);
    let alerts = ALERTS.iter().map(|alert| alert.query);
    panels
        .chain(alerts)
        .map(|query| {
            query
                .replace("SELECTED", r#"namespace=~".*", name=~".*""#)
                .replace("$__rate_interval", "1m")
        })
        .collect()
}

/// The dashboard as JSON that Grafana imports.
pub fn dashboard() -> String {
    let (mut x, mut y, mut row_height) = (0, 0, 4);
    let mut panels = Vec::new();
    for (index, panel) in PANELS.iter().enumerate() {
        let height = if panel.width < 12 { 4 } else { 8 };
        if x + panel.width > 24 || height != row_height {
            x = 0;
            y += row_height;
            row_height = height;
        }
        let position = json!({"x": x, "y": y, "w": panel.width, "h": height});
        x += panel.width;
        panels.push(panel_json(index + 1, panel, &position));
    }
    let variable = |name: &str, query: &str| {
        json!({
            "name": name, "type": "query", "datasource": source(), "query": {"query": query, "refId": name}, "refresh": 2,
            "includeAll": true, "allValue": ".*", "multi": true, "current": {"text": "All", "value": "$__all"},
        })
    };
    let dashboard = json!({
        "title": "WorkerPool", "uid": "workerpool", "schemaVersion": 39, "tags": ["workerpool"], "editable": true,
        "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "panels": panels,
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
            variable("namespace", "label_values(workerpool_queue_up, namespace)"),
            variable("name", r#"label_values(workerpool_queue_up{namespace=~"$namespace"}, name)"#),
        ]},
    });
    serde_json::to_string_pretty(&dashboard).expect("JSON") + "\n"
}

fn panel_json(id: usize, panel: &Panel, position: &Value) -> Value {
    let targets: Vec<Value> = (b'A'..)
        .zip(panel.queries)
        .map(|(letter, (legend, query))| {
            json!({
                "refId": char::from(letter).to_string(), "datasource": source(),
                "expr": query.replace("SELECTED", SELECTED), "legendFormat": legend,
            })
        })
        .collect();
    json!({
        "id": id, "type": if panel.width < 12 { "stat" } else { "timeseries" },
        "title": panel.title, "description": panel.description,
        "datasource": source(), "gridPos": position, "targets": targets,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "noValue": "?", "custom": {"spanNulls": false, "fillOpacity": 10}},
            "overrides": [],
        },
    })
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// The alert rules as YAML that Prometheus loads.
pub fn alerts() -> String {
    let mut text = "groups:\n  - name: workerpool\n    rules:\n".to_owned();
    let quoted = |text: &str| serde_json::to_string(text).expect("JSON");
    for alert in ALERTS {
        let _ = write!(
            text,
            "      - alert: {}\n        expr: {}\n        for: {}\n        labels: {{severity: {}}}\n        annotations:\n          summary: {}\n          description: {}\n          runbook_url: {}\n",
            alert.name,
            quoted(alert.query),
            alert.hold,
            alert.severity,
            quoted(alert.summary),
            quoted(alert.description),
            quoted(&alert.runbook())
        );
    }
    text
}
