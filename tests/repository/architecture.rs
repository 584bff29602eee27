//! The layout of the code: the dependencies between packages, small files that open with a description, one
//! declaration of each main term, and a correct map.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::root;

/// The packages of the workspace that each package may depend on, outside of tests. Cargo enforces the rest: code can
/// only use a declared dependency.
const MAY_USE: &[(&str, &[&str])] = &[
    ("decide", &[]),
    ("protocol", &[]),
    ("telemetry", &[]),
    ("redis-source", &[]),
    ("queues", &["decide", "protocol"]),
    ("messages", &["decide"]),
    ("api", &["decide", "messages", "queues"]),
    ("sim", &["api", "decide", "messages", "queues"]),
    ("worker", &["protocol", "redis-source"]),
    (
        "filter-worker",
        &["protocol", "redis-source", "telemetry", "worker"],
    ),
    ("local", &["api", "decide", "queues", "telemetry"]),
    (
        "workerpool-operator",
        &[
            "api",
            "decide",
            "messages",
            "protocol",
            "queues",
            "sim",
            "telemetry",
        ],
    ),
    (
        "kubectl-workerpool",
        &[
            "api",
            "decide",
            "local",
            "messages",
            "protocol",
            "queues",
            "redis-source",
            "sim",
            "telemetry",
        ],
    ),
];

/// A longer file has more than one topic.
const MAX_LINES: usize = 500;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let all = paths.flat_map(|path| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    });
    all.filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The text of each source file by its path below the root.
fn sources(folders: &[&str]) -> BTreeMap<String, String> {
    let all = folders
        .iter()
        .flat_map(|folder| files(&root().join(folder)));
    all.map(|path| {
        let name = path
            .strip_prefix(root())
            .expect("below the root")
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(&path).expect("a text"))
    })
    .collect()
}

#[test]
fn packages_depend_only_on_lower_ranks() {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    for (name, allowed) in MAY_USE {
        let package = packages.iter().find(|package| package["name"] == *name);
        let package = package.unwrap_or_else(|| panic!("no package {name}"));
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let workspace: BTreeSet<&str> = dependencies
            .iter()
            .filter(|dependency| dependency["kind"].is_null() && dependency["path"].is_string())
            .map(|dependency| dependency["name"].as_str().expect("a name"))
            .collect();
        for used in &workspace {
            assert!(allowed.contains(used), "{name} must not depend on {used}");
        }
        if *name == "decide" {
            let required = dependencies.iter().filter(|dependency| {
                dependency["kind"].is_null() && dependency["optional"] == false
            });
            assert_eq!(required.count(), 0, "decide must have no dependencies");
        }
    }
}

#[test]
fn files_open_with_a_description_and_stay_small() {
    for (name, text) in sources(&["src", "crates", "tests", "benches"]) {
        assert!(text.starts_with("//! "), "{name} must open with //!");
        let lines = text.lines().count();
        assert!(
            lines <= MAX_LINES,
            "{name} has {lines} lines, more than {MAX_LINES}"
        );
    }
}

#[test]
fn main_terms_are_declared_once() {
    let sources = sources(&["src", "crates"]);
    for term in ["Observation", "Decision", "Reason", "WorkerRow"] {
        let declares = |line: &str| {
            ["struct", "enum", "type"].iter().any(|kind| {
                let after = line.split_once(&format!("{kind} {term}"));
                after.is_some_and(|(_, rest)| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                })
            })
        };
        let files: Vec<&str> = sources
            .iter()
            .flat_map(|(name, text)| {
                text.lines()
                    .filter(|line| declares(line))
                    .map(move |_| name.as_str())
            })
            .collect();
        assert_eq!(files.len(), 1, "{term} is declared in {files:?}");
    }
}

#[test]
fn map_is_correct_and_complete() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let named = map.split('`').skip(1).step_by(2);
    let mut paths = BTreeSet::new();
    for name in named.filter(|name| {
        name.contains('/') && !name.starts_with('/') && !name.contains([' ', '<', ':', '*'])
    }) {
        assert!(
            root().join(name).exists(),
            "ARCHITECTURE.md names {name}, which does not exist"
        );
        paths.insert(name.trim_end_matches('/').to_owned());
    }
    for parent in ["src", "crates"] {
        for entry in fs::read_dir(root().join(parent)).expect(parent) {
            let path = entry.expect("an entry").path();
            let name = path
                .strip_prefix(root())
                .expect("below the root")
                .to_string_lossy()
                .into_owned();
            assert!(
                !path.is_dir() || paths.contains(&name),
                "ARCHITECTURE.md does not name {name}"
            );
        }
    }
}
