//! Generated files match their sources: the CRD (twice), the reference pages, the Grafana dashboard and the alert rules.
//! `UPDATE=1` rewrites them.

use decide::ReasonCode;
use queues::{ClusterKeys, QueueSystem, Support};
use std::fmt::Write;
use workerpool_operator::report::Metrics;

/// Asserts that a generated file is current.
pub fn check(path: &str, generated: &str) {
    testkit::assert_generated(path, generated, "make generate");
}

#[test]
fn crd_is_current() {
    check("crds/workerpools.yaml", &api::crd_yaml());
    check("charts/workerpool/crds/workerpools.yaml", &api::crd_yaml());
}

#[test]
fn reasons_page_is_current() {
    let mut page = "# Reasons\n\nThe reason codes of decisions, as shown by `kubectl get wp`, in events, in the history and in metrics. \
                    The list is closed. Each code comes with a message that has the values.\n\n| reason | meaning |\n|---|---|\n"
        .to_owned();
    for reason in ReasonCode::ALL {
        let _ = writeln!(page, "| `{reason}` | {} |", reason.meaning());
    }
    page += "\nGenerated from crates/decide/src/reason.rs by `make generate`.\n";
    check("docs/reasons.md", &page);
}

#[test]
fn queue_systems_page_is_current() {
    let mut page = "# Queue systems\n\nWhat each value of `spec.queues[].system` reports. A rule whose metric a system does not report \
                    is not evaluated for its queues, and admission refuses a pool that has no other rule. \
                    Unsupported is never zero: a screen shows a dash.\n\n| metric |"
        .to_owned();
    for system in QueueSystem::ALL {
        let _ = write!(page, " {} |", system.name());
    }
    let _ = writeln!(page, "\n|---|{}", "---|".repeat(QueueSystem::ALL.len()));
    let rows: Vec<_> = QueueSystem::ALL
        .iter()
        .map(|system| system.capabilities().metrics())
        .collect();
    for (index, (metric, _)) in rows[0].iter().enumerate() {
        let _ = write!(page, "| {metric} |");
        for row in &rows {
            let _ = match row[index].1 {
                Support::Exact => write!(page, " exact |"),
                Support::Estimated(how) => write!(page, " estimated: {how} |"),
                Support::Unsupported(why) => write!(page, " no: {why} |"),
            };
        }
        page.push('\n');
    }
    page += "| on a Redis Cluster |";
    for system in QueueSystem::ALL {
        let _ = match system.capabilities().cluster {
            ClusterKeys::OneSlot => write!(page, " yes |"),
            ClusterKeys::OneSlotByPrefix => {
                write!(page, " with a hash tag in `keyPrefix`, such as `{{app}}` |")
            }
            ClusterKeys::SeveralSlots(why) => write!(page, " no: {why} |"),
        };
    }
    page += "\n| options beside `name` |";
    for system in QueueSystem::ALL {
        let options = system.capabilities().options.iter();
        let names: Vec<_> = options.map(|it| format!("`{}`", it.name())).collect();
        let _ = write!(page, " {} |", names.join(", "));
    }
    let end = "\nGenerated from the rows in crates/queues/src by `make generate`; what follows is written by hand.\n";
    page += "\n";
    page += end;
    let now =
        std::fs::read_to_string(testkit::root().join("docs/queue-systems.md")).expect("a page");
    page += now.split_once(end).map_or("", |(_, by_hand)| by_hand);
    check("docs/queue-systems.md", &page);
}

#[test]
fn metrics_page_is_current() {
    let metrics = Metrics::new();
    // A family is part of the output once it has a sample.
    metrics.record_decision(
        &api::Key::new("namespace", "name"),
        ReasonCode::WithinThresholds,
    );
    metrics.record_scale(true, None);
    let text = metrics.encode(Vec::new());
    let mut page = "# Metrics\n\nServed at `/metrics` on port 8080. Gauges have the labels `namespace` and `name` of their pool and disappear with it; \
                    an unavailable value has no sample, never a zero. \
                    Scrape with `honor_labels: true`, as the chart's monitors do: otherwise pools of the same name in different namespaces look like one to the alerts.\n\n| metric | type | description |\n|---|---|---|\n"
        .to_owned();
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, description) = help.split_once(' ').expect("a help text");
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")))
            .unwrap_or("gauge");
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(
            page,
            "| `{name}{total}` | {kind} | {} |",
            description.trim_end_matches('.')
        );
    }
    page += "\nGenerated from src/report/metrics.rs by `make generate`.\n";
    check("docs/metrics.md", &page);
    // Each query uses existing metrics only, and each metric is used by a query.
    let names: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let queries = crate::grafana::queries().join("\n");
    let words = queries.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    for metric in words.filter(|word| word.starts_with("workerpool_")) {
        assert!(
            names.contains(&metric.trim_end_matches("_bucket")),
            "a query uses {metric}, which does not exist"
        );
    }
    for metric in names {
        assert!(queries.contains(metric), "no query uses {metric}");
    }
}

#[test]
fn dashboard_and_alerts_are_current() {
    check(
        "charts/workerpool/files/dashboard.json",
        &crate::grafana::dashboard(),
    );
    check(
        "charts/workerpool/files/alerts.yaml",
        &crate::grafana::alerts(),
    );
}
