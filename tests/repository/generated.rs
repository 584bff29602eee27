//! What is generated is current: the CRD (twice), the reference pages, and the dashboard and alerts for Prometheus. `UPDATE=1` rewrites them.

use decide::ReasonCode;
use std::fmt::Write;
use std::path::Path;
use workerpool_operator::report::Metrics;

fn check(path: &str, wanted: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().expect("a folder")).expect(path);
        std::fs::write(&file, wanted).expect(path);
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == wanted,
        "{path} is not what the source says: run `make generate` and commit it"
    );
}

#[test]
fn the_crd_is_current() {
    check("crds/workerpools.yaml", &api::crd_yaml());
    check("charts/workerpool/crds/workerpools.yaml", &api::crd_yaml());
}

#[test]
fn the_list_of_reasons_is_current() {
    let mut page = "# Reasons\n\nThe one word that says why the number of workers is what it is: in `kubectl get wp`, in events, in the history and in metrics. \
                    The list is closed. Each comes with a sentence that has its numbers.\n\n| reason | what it means |\n|---|---|\n"
        .to_owned();
    for reason in ReasonCode::ALL {
        let _ = writeln!(page, "| `{reason}` | {} |", reason.meaning());
    }
    page += "\nGenerated from crates/decide/src/reason.rs by `make generate`.\n";
    check("docs/reasons.md", &page);
}

#[test]
fn the_list_of_metrics_is_current() {
    let metrics = Metrics::new();
    // A family shows itself once it has a sample.
    metrics.decided(
        &api::Key::new("namespace", "name"),
        ReasonCode::WithinThresholds,
    );
    metrics.scaled(true, None);
    let text = metrics.encode(Vec::new());
    let mut page = "# Metrics\n\nServed at `/metrics` on port 8080. Gauges have the labels `namespace` and `name` of their pool and go with it; \
                    a fact that could not be read has no sample, never a zero.\n\n| metric | kind | what |\n|---|---|---|\n"
        .to_owned();
    for help in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
        let (name, what) = help.split_once(' ').expect("a help text");
        let kind = text
            .lines()
            .find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")))
            .unwrap_or("gauge");
        let total = if kind == "counter" { "_total" } else { "" };
        let _ = writeln!(
            page,
            "| `{name}{total}` | {kind} | {} |",
            what.trim_end_matches('.')
        );
    }
    page += "\nGenerated from src/report/metrics.rs by `make generate`.\n";
    check("docs/metrics.md", &page);
    // No query asks for a metric that there is not, and each metric is asked for.
    let named: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let queries = crate::grafana::queries().join("\n");
    let asked = queries.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '_');
    for metric in asked.filter(|word| word.starts_with("workerpool_")) {
        assert!(
            named.contains(&metric.trim_end_matches("_bucket")),
            "a panel asks for {metric}, which nobody serves"
        );
    }
    for metric in named {
        assert!(queries.contains(metric), "no panel shows {metric}");
    }
}

#[test]
fn the_grafana_dashboard_and_the_alerts_are_current() {
    check(
        "charts/workerpool/files/dashboard.json",
        &crate::grafana::dashboard(),
    );
    check(
        "charts/workerpool/files/alerts.yaml",
        &crate::grafana::alerts(),
    );
}
