//! The house rules that a reader relies on: who may use whom, small files that say what they are, and a true map.
#![allow(clippy::expect_used, reason = "a test may fail loudly and talk")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

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
    all.filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .collect()
}

/// Path below the root and text of each source file.
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

/// Which modules a module may use; `bin` may use all.
const MAY_USE: &[(&str, &[&str])] = &[
    ("decide", &[]),
    ("api", &["decide"]),
    ("protocol", &["decide"]),
    ("sim", &["decide", "api"]),
    ("telemetry", &["decide"]),
    ("observe", &["decide", "api", "protocol", "telemetry"]),
    ("act", &["decide", "api", "protocol", "telemetry"]),
    ("report", &["decide", "api", "protocol", "telemetry"]),
    (
        "controller",
        &[
            "decide",
            "api",
            "protocol",
            "telemetry",
            "observe",
            "act",
            "report",
            "web",
        ],
    ),
    ("worker", &["decide", "api", "protocol", "telemetry"]),
    (
        "plugin",
        &["decide", "api", "protocol", "sim", "telemetry", "local"],
    ),
    ("local", &["decide", "api", "telemetry"]),
    ("web", &["decide", "api", "sim"]),
];

#[test]
fn nobody_uses_what_stands_above() {
    for (name, text) in sources(&["src"]) {
        let module = name
            .trim_start_matches("src/")
            .split(['/', '.'])
            .next()
            .unwrap_or_default();
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == module) else {
            continue;
        };
        for used in text.split("crate::").skip(1) {
            let used = used
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap_or_default();
            let fine = used == module || used.is_empty() || allowed.contains(&used);
            assert!(fine, "{name} uses {used}, which {module} may not");
        }
    }
}

#[test]
fn decide_builds_alone() {
    let out = tempfile::tempdir().expect("a folder");
    let status = std::process::Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "-o",
        ])
        .arg(out.path().join("decide.rmeta"))
        .arg(root().join("src/decide/mod.rs"))
        .status()
        .expect("rustc");
    assert!(status.success(), "decide has a dependency");
}

#[test]
fn every_file_says_what_it_is_and_stays_small() {
    for (name, text) in sources(&["src", "tests", "benches"]) {
        assert!(text.starts_with("//! "), "{name} does not open with //!");
        assert!(
            text.lines().count() <= 700,
            "{name} has {} lines, more than 700",
            text.lines().count()
        );
    }
}

#[test]
fn the_map_is_true_and_whole() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let named = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| word.contains('/') && !word.starts_with('/') && !word.contains(' '));
    for path in named.filter(|word| !word.contains(['{', '<', '*', ':'])) {
        assert!(
            root().join(path).exists(),
            "ARCHITECTURE.md names {path}, which does not exist"
        );
    }
    for entry in fs::read_dir(root().join("src")).expect("src") {
        let name = entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned();
        assert!(
            map.contains(&format!("src/{name}")),
            "ARCHITECTURE.md does not name src/{name}"
        );
    }
}
