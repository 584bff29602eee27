//! The chart without a cluster: the output of `helm template` for different values, and the values that it rejects.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where its precondition fails"
)]

mod flows;
mod monitors;
mod pods;
mod rbac;
mod values;

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use testkit::root;

/// The release's namespace in all of these tests.
const NAMESPACE: &str = "shop";
/// Values that enable all objects of the chart.
const EVERYTHING: &str = "demo.enabled=true,metrics.serviceMonitor.enabled=true";

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The output of a program, or its error output. The test cluster's programs come last on the PATH, so that the
/// user's helm takes precedence.
fn run(program: impl AsRef<OsStr>, args: &[&str]) -> Result<String, String> {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache");
    let cache = env::var_os("XDG_CACHE_HOME").map_or_else(home, PathBuf::from);
    let path = env::var_os("PATH").unwrap_or_default();
    let path =
        env::join_paths(env::split_paths(&path).chain([cache.join("workerpool-testbed/bin")]))
            .unwrap();
    let program = program.as_ref();
    let output = Command::new(program)
        .args(args)
        .current_dir(root())
        .env("PATH", path)
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!(
            "{}: {error}. Helm 3 is required: make install-tools installs it",
            program.display()
        )
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    output
        .status
        .success()
        .then(|| text(&output.stdout))
        .ok_or_else(|| text(&output.stderr) + &text(&output.stdout))
}

fn helm(command: &[&str], set: &str) -> Result<String, String> {
    let arguments = [
        "charts/workerpool",
        "--namespace",
        NAMESPACE,
        "--kube-version",
        "1.35.0",
        "--set",
        set,
    ];
    run("helm", &[command, &arguments].concat())
}

/// The objects of a release named `workerpool` with these values.
fn render(set: &str) -> Vec<Value> {
    let text =
        helm(&["template", "workerpool"], set).unwrap_or_else(|error| panic!("{set}: {error}"));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    objects
        .into_iter()
        .filter(|object| !object.is_null())
        .collect()
}

/// The string at a JSON pointer; empty if there is none.
fn at<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The object that `is_it`.
fn find(objects: &[Value], is_it: impl Fn(&Value) -> bool) -> &Value {
    objects.iter().find(|it| is_it(it)).expect("an object")
}

/// `Kind/name`, for messages.
fn name(object: &Value) -> String {
    format!("{}/{}", at(object, "/kind"), at(object, "/metadata/name"))
}

/// The cells of a row of a Markdown table; `None` for its delimiter row and for other lines.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.strip_prefix("| ")?.strip_suffix('|')?;
    Some(
        inner
            .split(" |")
            .map(|cell| cell.trim().trim_matches('`'))
            .collect(),
    )
}

#[test]
fn lint_is_clean() {
    for set in ["", EVERYTHING] {
        helm(&["lint", "--strict"], set).unwrap_or_else(|error| panic!("{set}: {error}"));
    }
}

#[test]
fn chart_and_crate_have_the_same_version() {
    let chart = yaml("charts/workerpool/Chart.yaml");
    assert_eq!(at(&chart, "/version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(at(&chart, "/appVersion"), env!("CARGO_PKG_VERSION"));
}

#[test]
fn manifests_are_rendered_from_the_chart() {
    run(root().join("manifests/render"), &["--check"]).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn manifests_have_the_same_pools_as_the_presets() {
    for preset in ["class", "demo", "guide"] {
        let objects = render(&format!("demo.enabled=true,demo.pool.preset={preset}"));
        let pool = find(&objects, |it| it["kind"] == "WorkerPool");
        let manifest = yaml(&format!("manifests/{preset}.yaml"));
        assert_eq!(manifest["spec"], pool["spec"], "{preset}");
        assert_eq!(manifest["metadata"]["name"], pool["metadata"]["name"]);
    }
}
