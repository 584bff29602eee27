//! Runs every command of the class's pages in docs/es, in their order. A block that is marked `preparar` sets up a
//! machine, which the demo and the CI do; of it the test checks only that the named files and targets exist.

use e2e::world::{World, eventually};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// A command that runs until it is interrupted is interrupted after this many seconds.
const INTERRUPT_AFTER: &str = "6";

/// A line of a code block, and the mark of the block.
#[derive(Debug)]
struct DocCommand {
    page: &'static str,
    mark: String,
    line: String,
}

fn commands(page: &'static str) -> Vec<DocCommand> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/es").join(page)).expect(page);
    let mut all = Vec::new();
    let mut block = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), &block) {
            (Some(_), Some(_)) => block = None,
            (Some(mark), None) => block = Some(mark.to_owned()),
            (None, Some(mark)) if mark.starts_with("sh") && !line.trim().is_empty() => {
                let line = line
                    .split(" #")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned();
                all.push(DocCommand {
                    page,
                    mark: mark.trim_start_matches("sh").trim().to_owned(),
                    line,
                });
            }
            _ => {}
        }
    }
    all
}

/// Whether the command runs until it is interrupted.
fn is_endless(line: &str) -> bool {
    line.ends_with(" -w")
        || ["interactive", "dashboard"]
            .iter()
            .any(|word| line.contains(&format!("workerpool {word}")))
}

/// Whether the command only reads state, which may not have changed yet.
fn is_read_only(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let verbs = [
        "get", "describe", "logs", "exec", "explain", "check", "metrics", "history",
    ];
    let verb = if words.get(1) == Some(&"workerpool") {
        words.get(2)
    } else {
        words.get(1)
    };
    !is_endless(line) && words[0] == "kubectl" && verb.is_some_and(|verb| verbs.contains(verb))
}

/// A shell whose current namespace is the one of the release.
struct Shell {
    home: tempfile::TempDir,
}

impl Shell {
    fn new(world: &World) -> Self {
        let shell = Self {
            home: tempfile::tempdir().expect("a folder"),
        };
        let config = std::env::var("KUBECONFIG").expect("KUBECONFIG");
        std::fs::copy(config, shell.home.path().join("config")).expect("a copy");
        shell.run_ok(&format!(
            "kubectl config set-context --current --namespace={}",
            world.namespace
        ));
        shell
    }

    fn run(&self, line: &str) -> Output {
        let line = if is_endless(line) {
            // These commands need a terminal.
            format!(
                "timeout {INTERRUPT_AFTER} script -qec '{line}' /dev/null </dev/null; code=$?; [ $code = 124 ] || exit $code"
            )
        } else {
            line.to_owned()
        };
        Command::new("bash")
            .args(["-c", &line])
            .current_dir(ROOT)
            .env("KUBECONFIG", self.home.path().join("config"))
            .env("XDG_STATE_HOME", self.home.path())
            .env("TERM", "xterm-256color")
            .output()
            .expect("a shell")
    }

    fn run_ok(&self, line: &str) {
        let output = self.run(line);
        let text = [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat();
        assert!(output.status.success(), "{line}: {}\n{text}", output.status);
    }
}

/// Checks that the files and the make targets of a line exist.
fn check_names(line: &str) {
    let mut words = line.split_whitespace();
    if words.next() == Some("make") {
        let target = words.next().expect("a target");
        let makefile =
            std::fs::read_to_string(Path::new(ROOT).join("Makefile")).expect("a Makefile");
        let rule = |name: &str| {
            makefile.lines().any(|line| {
                line.split(':')
                    .next()
                    .is_some_and(|rule| rule.split(' ').any(|it| it == name))
            })
        };
        assert!(rule(target), "{line}");
    } else {
        for file in
            words.filter(|word| word.contains('/') && !word.contains('=') || word.contains(".yaml"))
        {
            assert!(Path::new(ROOT).join(file).exists(), "{line}");
        }
    }
}

#[test]
fn every_command_of_the_pages_works() {
    let world = World::install("class", &json!({}));
    let shell = Shell::new(&world);
    let all: Vec<DocCommand> = ["guia-instructor.md", "alumno.md", "problemas.md"]
        .into_iter()
        .flat_map(commands)
        .collect();
    assert!(all.len() > 70, "{} commands", all.len());
    for DocCommand { page, mark, line } in &all {
        eprintln!("{page} {mark}: {line}");
        match mark.as_str() {
            "preparar" => check_names(line),
            "" if is_read_only(line) => {
                // Repeated, because pods take time to start.
                eventually(line, || {
                    let output = shell.run(line);
                    let error = String::from_utf8_lossy(&output.stderr).into_owned();
                    if output.status.success() {
                        Ok(())
                    } else {
                        Err(error)
                    }
                });
            }
            "falla" => assert!(!shell.run(line).status.success(), "{line}: it should fail"),
            _ => shell.run_ok(line),
        }
    }
    let remaining = || {
        (
            world.redis(&["llen", "wp:{tasks}:ready"]),
            world.metric("busy"),
        )
    };
    eventually("the end of all tasks", || {
        if remaining() == ("0".to_owned(), Some(0)) {
            Ok(())
        } else {
            Err(format!("{:?}", remaining()))
        }
    });
    let failed = world.redis(&["llen", "wp:{tasks}:failed"]);
    assert_eq!(failed, "0", "no task failed, although workers were killed");
}
