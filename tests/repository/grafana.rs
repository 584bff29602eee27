//! The Grafana dashboard and the alert rules of the chart, as lists of queries over the operator's own metrics.

use serde_json::{Value, json};
use std::fmt::Write;

/// One panel: its title, unit in Grafana's words, width of 24, what it shows, and its queries with their legends.
pub struct Panel(
    &'static str,
    &'static str,
    u8,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// One alert: its name, for how long the query must hold, how bad it is, and what a person reads.
pub struct Alert(
    &'static str,
    &'static str,
    &'static str,
    &'static str,
    &'static str,
);

/// What the panels choose from by the variables of the dashboard.
const CHOSEN: &str = r#"namespace=~"$namespace", name=~"$name""#;

pub const PANELS: &[Panel] = &[
    Panel(
        "Tasks waiting",
        "short",
        4,
        "Tasks that a worker could take now, over the chosen pools.",
        &[("", "sum(workerpool_ready_tasks{CHOSEN})")],
    ),
    Panel(
        "Workers busy",
        "percentunit",
        4,
        "Share of the live workers that hold a task.",
        &[(
            "",
            r#"sum(workerpool_workers{CHOSEN, state="busy"}) / sum(workerpool_workers{CHOSEN})"#,
        )],
    ),
    Panel(
        "Workers wanted",
        "short",
        4,
        "What the operator wants, over the chosen pools.",
        &[("", r#"sum(workerpool_replicas{CHOSEN, kind="desired"})"#)],
    ),
    Panel(
        "Oldest wait",
        "s",
        4,
        "How long the oldest task has waited.",
        &[("", "max(workerpool_oldest_wait_seconds{CHOSEN})")],
    ),
    Panel(
        "Pools without facts",
        "short",
        4,
        "Pools whose queue could not be read at the last look: nothing is lowered there.",
        &[("", "count(workerpool_queue_up{CHOSEN} == 0) or vector(0)")],
    ),
    Panel(
        "Push to patch, p99",
        "s",
        4,
        "From Redis's push to the answered patch of the scale, over the last hour.",
        &[(
            "",
            "histogram_quantile(0.99, sum by (le) (increase(workerpool_scale_latency_seconds_bucket[1h])))",
        )],
    ),
    Panel(
        "Queue",
        "short",
        12,
        "Tasks that wait and tasks that run.",
        &[
            (
                "{{namespace}}/{{name}} waiting",
                "workerpool_ready_tasks{CHOSEN}",
            ),
            (
                "{{namespace}}/{{name}} running",
                "workerpool_in_flight_tasks{CHOSEN}",
            ),
        ],
    ),
    Panel(
        "Workers",
        "short",
        12,
        "What is wanted, what is there, and who is busy; between the least and the most.",
        &[
            (
                "{{namespace}}/{{name}} {{kind}}",
                "workerpool_replicas{CHOSEN}",
            ),
            (
                "{{namespace}}/{{name}} busy",
                r#"workerpool_workers{CHOSEN, state="busy"}"#,
            ),
        ],
    ),
    Panel(
        "Wait of the oldest task",
        "s",
        12,
        "It grows while nobody comes to take it.",
        &[(
            "{{namespace}}/{{name}}",
            "workerpool_oldest_wait_seconds{CHOSEN}",
        )],
    ),
    Panel(
        "Decisions by reason",
        "short",
        12,
        "How often each reason became the present one; docs/reasons.md has what they mean.",
        &[(
            "{{reason}}",
            "sum by (reason) (increase(workerpool_decisions_total{CHOSEN}[$__rate_interval]))",
        )],
    ),
    Panel(
        "Push to patch",
        "s",
        12,
        "From Redis's push to the answered patch of the scale.",
        &[
            (
                "p50",
                "histogram_quantile(0.5, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[$__rate_interval])))",
            ),
            (
                "p99",
                "histogram_quantile(0.99, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[$__rate_interval])))",
            ),
        ],
    ),
    Panel(
        "Writes to the API server",
        "ops",
        12,
        "Nothing is written where nothing changes.",
        &[
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
    ),
    Panel(
        "Age of the facts",
        "s",
        12,
        "How old the last look is.",
        &[(
            "{{namespace}}/{{name}}",
            "workerpool_metrics_age_seconds{CHOSEN}",
        )],
    ),
    Panel(
        "Tasks unaccounted for",
        "short",
        12,
        "Arrived less done, waiting, in flight and failed: zero while no task is lost.",
        &[(
            "{{namespace}}/{{name}}",
            "workerpool_task_conservation_gap{CHOSEN}",
        )],
    ),
];

pub const ALERTS: &[(Alert, &str)] = &[
    (
        Alert(
            "WorkerPoolBlind",
            "2m",
            "warning",
            "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} cannot read its queue",
            "Nothing is lowered without facts. `kubectl workerpool explain` says which fact is missing and why.",
        ),
        "workerpool_queue_up == 0",
    ),
    (
        Alert(
            "WorkerPoolAtMaximum",
            "10m",
            "warning",
            "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} is at maxReplicas and {{ $value }} tasks wait",
            "Raise maxReplicas, or make the tasks shorter: `kubectl workerpool explain --why-not` tells what forbids more.",
        ),
        r#"workerpool_ready_tasks > 0 and on (namespace, name) workerpool_replicas{kind="desired"} >= ignoring (kind) workerpool_replicas{kind="max"}"#,
    ),
    (
        Alert(
            "WorkerPoolNotFollowed",
            "10m",
            "warning",
            "WorkerPool {{ $labels.namespace }}/{{ $labels.name }} has not the workers that it wants",
            "The number is written, and the pods do not come or go: quota, room on the nodes, or a rollout that hangs.",
        ),
        r#"workerpool_replicas{kind="desired"} != ignoring (kind) workerpool_replicas{kind="current"}"#,
    ),
    (
        Alert(
            "WorkerPoolNobodyWorks",
            "5m",
            "critical",
            "WorkerPool {{ $labels.namespace }}/{{ $labels.name }}: {{ $value }} tasks wait and no worker is live",
            "`kubectl workerpool check` names the first broken link.",
        ),
        "workerpool_ready_tasks > 0 and on (namespace, name) sum by (namespace, name) (workerpool_workers) == 0",
    ),
    (
        Alert(
            "WorkerPoolTasksLost",
            "5m",
            "critical",
            "WorkerPool {{ $labels.namespace }}/{{ $labels.name }}: {{ $value }} tasks are unaccounted for",
            "More tasks arrived than are done, waiting, in flight or failed: somebody deleted keys, or Redis lost what it had acknowledged.",
        ),
        "workerpool_task_conservation_gap > 0",
    ),
    (
        Alert(
            "WorkerPoolWritesFail",
            "5m",
            "critical",
            "The operator's scale writes fail",
            "Its rights, an admission webhook or the API server: the WorkerPool's own sentence names the error.",
        ),
        r#"increase(workerpool_scale_writes_total{result="error"}[5m]) > 0"#,
    ),
    (
        Alert(
            "WorkerPoolSlow",
            "10m",
            "warning",
            "From push to patch takes {{ $value | humanizeDuration }} at p99",
            "The API server or Redis answers slowly, or the operator has too little CPU.",
        ),
        "histogram_quantile(0.99, sum by (le) (rate(workerpool_scale_latency_seconds_bucket[10m]))) > 1",
    ),
    (
        Alert(
            "WorkerPoolOperatorGone",
            "5m",
            "critical",
            "No WorkerPool operator is scraped",
            "Nobody scales. `kubectl workerpool scale` works by hand all the same.",
        ),
        "absent(workerpool_status_writes_total)",
    ),
];

/// All queries, with the dashboard's variables filled in as Grafana does.
#[allow(dead_code, reason = "only the test with a Prometheus asks them")]
pub fn queries() -> Vec<String> {
    let panels = PANELS
        .iter()
        .flat_map(|panel| panel.4)
        .map(|(_, query)| (*query).to_owned());
    let filled = |query: String| {
        query
            .replace("CHOSEN", r#"namespace=~".*", name=~".*""#)
            .replace("$__rate_interval", "1m")
    };
    panels
        .chain(ALERTS.iter().map(|(_, query)| (*query).to_owned()))
        .map(filled)
        .collect()
}

/// The dashboard as Grafana reads it, from a file or its side-car.
pub fn dashboard() -> String {
    let (mut x, mut y, mut row) = (0, 0, 4);
    let panels: Vec<Value> = PANELS.iter().enumerate().map(|(id, Panel(title, unit, width, what, queries))| {
        let (small, height) = (*width < 12, if *width < 12 { 4 } else { 8 });
        if x + width > 24 || height != row {
            (x, y, row) = (0, y + row, height);
        }
        let at = json!({"x": x, "y": y, "w": width, "h": height});
        x += width;
        let targets: Vec<Value> = queries.iter().enumerate().map(|(i, (legend, query))| json!({
            "refId": char::from(b'A' + u8::try_from(i).expect("few")).to_string(), "datasource": source(),
            "expr": query.replace("CHOSEN", CHOSEN), "legendFormat": legend,
        })).collect();
        json!({
            "id": id + 1, "type": if small { "stat" } else { "timeseries" }, "title": title, "description": what,
            "datasource": source(), "gridPos": at, "targets": targets,
            "fieldConfig": {"defaults": {"unit": unit, "min": 0, "noValue": "?", "custom": {"spanNulls": false, "fillOpacity": 10}}, "overrides": []},
        })
    }).collect();
    let choice = |name: &str, query: &str| {
        json!({
            "name": name, "type": "query", "datasource": source(), "query": {"query": query, "refId": name}, "refresh": 2,
            "includeAll": true, "allValue": ".*", "multi": true, "current": {"text": "All", "value": "$__all"},
        })
    };
    let board = json!({
        "title": "WorkerPool", "uid": "workerpool", "schemaVersion": 39, "tags": ["workerpool"], "editable": true,
        "refresh": "10s", "time": {"from": "now-1h", "to": "now"}, "panels": panels,
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "current": {}},
            choice("namespace", "label_values(workerpool_queue_up, namespace)"),
            choice("name", r#"label_values(workerpool_queue_up{namespace=~"$namespace"}, name)"#),
        ]},
    });
    serde_json::to_string_pretty(&board).expect("JSON") + "\n"
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

/// The alert rules as Prometheus reads them.
pub fn alerts() -> String {
    let mut text = "groups:\n  - name: workerpool\n    rules:\n".to_owned();
    for (Alert(name, hold, severity, summary, what), query) in ALERTS {
        let quoted = |text: &str| serde_json::to_string(text).expect("text");
        let _ = write!(
            text,
            "      - alert: {name}\n        expr: {}\n        for: {hold}\n        labels: {{severity: {severity}}}\n        annotations:\n          summary: {}\n          description: {}\n",
            quoted(query),
            quoted(summary),
            quoted(what)
        );
    }
    text
}
