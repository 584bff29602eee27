//! Every command on every page has a test that runs it, or a reason why none does. `tests/commands.md` lists them all.

use std::collections::BTreeMap;
use std::fmt::Write;

use testkit::pages::{Command, commands, pages, parse};

use crate::generated::check;

/// The word on a block's fence, and what runs its commands. Each of these tests takes them from `testkit::pages`, so it
/// runs all of them; `ci` is checked here.
const RUNNERS: [(&str, &str); 8] = [
    ("ci", "`.ci/run`"),
    (
        "class",
        "`tests/e2e/tests/e2e/class.rs`, on a cluster with the demo",
    ),
    (
        "install",
        "`tests/e2e/tests/install/main.rs`, on a cluster of its own (`make test-install`)",
    ),
    (
        "local",
        "`tests/e2e/tests/e2e/class.rs`, with processes of this machine",
    ),
    (
        "python",
        "`crates/filter-worker/tests/worker/pages.rs`, with a Redis of its own",
    ),
    (
        "released",
        "`tests/released`, on a registry and a cluster of its own (`make test-release`)",
    ),
    ("env", "`tests/cluster/demo`, which ends with it"),
    (
        "output",
        "`crates/kubectl/tests/cli/pages.rs`, which compares what it prints",
    ),
];

/// The make targets that the pages name in their text, with what runs them (`Ok`), or why no test does (`Err`).
const TARGETS: [(&str, Result<&str, &str>); 36] = [
    ("bench", Err("it measures, for 10 min and more")),
    ("bench-screen", Err("it measures, after 8 min to compile")),
    ("bench-systems", Err("it measures, for 5 min")),
    ("bench-worker", Err("it measures, after 3 min to compile")),
    ("cluster-load", Ok("make test-cluster")),
    ("cross", Err("the first time it takes 8 min")),
    ("demo", Ok(".ci/run")),
    (
        "faults",
        Err("it takes 30 min; make test-unit runs a part of it"),
    ),
    (
        "force",
        Err("it takes 7 min; make test-unit runs a part of it"),
    ),
    ("generate", Ok("make test-unit, which compares the files")),
    ("help", Err("it prints the comments of the Makefile")),
    ("images", Ok("make test-install, by its script")),
    ("kind-load", Ok("make test-install")),
    ("krew", Err("no test installs the plugin by krew")),
    ("lint", Ok(".ci/run")),
    ("mutants", Err("it takes 30 min")),
    ("plugin", Ok("make test-cluster")),
    ("policies", Ok("make test-unit, which compares the page")),
    (
        "queues",
        Err("it needs Ruby and PHP; make test-unit runs the other systems"),
    ),
    (
        "recipes",
        Err("it takes 40 min and a Debian for its images; make test-unit runs their workers"),
    ),
    ("test", Ok(".ci/run")),
    ("test-chart", Ok("make test")),
    ("test-cluster", Ok(".ci/run")),
    ("test-install", Ok(".ci/run")),
    ("kit", Ok("make test-kit")),
    ("part", Ok("make test-release")),
    ("release", Ok("make test-release")),
    (
        "advisories",
        Err("its database is on GitHub; the workflow runs it"),
    ),
    ("env", Ok("make demo, which ends with it")),
    ("kind-down", Ok("make test-kit, before it")),
    (
        "matrix",
        Err("it takes 5 min for each release that is not built"),
    ),
    ("shell", Err("it opens an interactive shell")),
    ("test-kit", Ok(".ci/run")),
    (
        "test-release",
        Err("it takes 3 min and a registry; the release workflow runs its parts"),
    ),
    ("test-source", Err("it takes 15 min")),
    ("waits", Err("it takes 6 min")),
];

fn read(path: &str) -> String {
    std::fs::read_to_string(testkit::root().join(path)).expect(path)
}

/// What is wrong with the mark of a command, if anything is.
fn fault(command: &Command, ci: &str) -> Option<&'static str> {
    let known = RUNNERS.iter().any(|(word, _)| *word == command.runner);
    match command.runner.as_str() {
        "" => Some("has no test: write the word of one behind sh on the fence of its block"),
        "not-run" if command.detail.len() < 10 => Some("does not say why no test runs it"),
        "ci" if !ci.lines().any(|line| line.contains(&command.line)) => Some("is not in .ci/run"),
        "python" if command.page != "examples/python/README.md" => {
            Some("is not on the page of the Python worker")
        }
        "output" if command.page != "docs/simulate.md" => Some("is not on docs/simulate.md"),
        "not-run" => None,
        _ if !known => Some("names a test that does not exist"),
        _ => None,
    }
}

#[test]
fn every_command_has_a_test_or_a_reason() {
    let ci = read(".ci/run");
    let faults: Vec<String> = commands()
        .iter()
        .filter_map(|command| {
            let Command {
                page, number, line, ..
            } = command;
            fault(command, &ci).map(|fault| format!("{page}:{number}: {line}\n    {fault}"))
        })
        .collect();
    assert!(
        faults.is_empty(),
        "{}\n{RUNNERS:?}, or not-run: REASON",
        faults.join("\n")
    );
}

#[test]
fn commands_without_test_or_reason_are_found() {
    let page = "```sh\na\n```\n```sh not-run:\nb # c\n```\n```sh clas\nc\n```\n```sh ci\nmake all\n```\n```sh python\nd\n```\n\
                ```sh class\n# e\n\nf\n```\n```yaml\ng\n```\n  ```sh not-run: it waits for a year\n  h\n  ```\n```bash\ni\n```\n";
    let found: Vec<(String, bool)> = parse("page.md", page)
        .iter()
        .map(|command| (command.line.clone(), fault(command, "make test").is_some()))
        .collect();
    let expected = [
        ("a", true),
        ("b", true),
        ("c", true),
        ("make all", true),
        ("d", true),
        ("f", false),
        ("h", false),
        ("i", true),
    ];
    assert_eq!(
        found,
        expected.map(|(line, is_fault)| (line.to_owned(), is_fault))
    );
}

/// The make targets in the text of the pages, each with the pages that name it.
fn named_targets() -> BTreeMap<String, Vec<String>> {
    let mut named: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for page in pages() {
        let text = read(&page);
        for code in text.split('`').filter(|code| code.starts_with("make ")) {
            let is_target = |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
            if let Some(target) = code.split_whitespace().nth(1).filter(is_target) {
                let on = named.entry(target.to_owned()).or_default();
                if !on.contains(&page) {
                    on.push(page.clone());
                }
            }
        }
    }
    named
}

#[test]
fn every_named_target_exists() {
    let makefile = read("Makefile");
    for (target, on) in named_targets() {
        let exists = makefile.lines().any(|line| {
            let rule = line.split(':').next().unwrap_or_default();
            line.contains(':') && rule.split(' ').any(|name| name == target)
        });
        assert!(exists, "{on:?}: the Makefile has no target {target}");
        assert!(
            TARGETS.iter().any(|(known, _)| *known == target),
            "{on:?}: say in TARGETS what runs make {target}, or why nothing does"
        );
    }
}

#[test]
fn generated_list_of_commands_is_current() {
    let commands = commands();
    let (not_run, run): (Vec<&Command>, Vec<&Command>) = commands
        .iter()
        .partition(|command| command.runner == "not-run");
    let mut list = format!(
        "# The commands on the pages\n\n{} commands stand in the shell blocks of the pages. Tests run {} of them as they are \
         written; {} are not run. The first word behind `sh` on the fence of a block names the test:\n\n| word | run by | commands |\n|---|---|---|\n",
        commands.len(),
        run.len(),
        not_run.len()
    );
    for (word, test) in RUNNERS {
        let count = run.iter().filter(|command| command.runner == word).count();
        let _ = writeln!(list, "| `{word}` | {test} | {count} |");
    }
    list += "\n`install` is followed by the name of a sequence, which begins on an empty cluster; `kind` and `make kind-…` are left \
             out where the cluster is not kind, and `make cluster-…` where it is. `class fails` expects a failure. `not-run:` is followed by the reason.\n\n## Not run\n\n";
    for command in &not_run {
        let Command {
            page, detail, line, ..
        } = command;
        let _ = writeln!(list, "- `{line}` ({page}): {detail}");
    }
    list +=
        "\n## Targets of make that the text names\n\n| command | run by | pages |\n|---|---|---|\n";
    for (target, on) in named_targets() {
        let by = TARGETS.iter().find(|(known, _)| *known == target);
        let by = match by {
            Some((_, Ok(by))) => format!("`{by}`"),
            Some((_, Err(reason))) => format!("not run: {reason}"),
            None => String::new(),
        };
        let _ = writeln!(list, "| `make {target}` | {by} | {} |", on.join(", "));
    }
    let mut page = "";
    for command in &run {
        if command.page != page {
            page = &command.page;
            let _ = write!(list, "\n## {page}\n\n| command | run by |\n|---|---|\n");
        }
        let line = command.line.replace('|', "\\|");
        let by = format!("{} {}", command.runner, command.detail);
        let _ = writeln!(list, "| `{line}` | {} |", by.trim());
    }
    list += "\nGenerated by `make generate` from the pages.\n";
    check("tests/commands.md", &list);
}

#[test]
fn a_command_of_a_page_is_told_of_no_package() {
    let mut env = std::process::Command::new("env");
    let output = testkit::without_package(&mut env).output().expect("env");
    let text = String::from_utf8_lossy(&output.stdout);
    let of_package = |line: &&str| {
        let names = ["CARGO_MANIFEST_", "CARGO_PKG_", "OUT_DIR="];
        names.iter().any(|name| line.starts_with(name))
    };
    assert_eq!(text.lines().find(of_package), None);
    let given =
        std::env::var_os("OUT_DIR").is_some() && std::env::var_os("CARGO_PKG_NAME").is_some();
    assert!(given, "cargo tells a test of its package");
}
