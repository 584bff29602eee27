//! The class's pages are true: every command of docs/es is run, in the order in which they stand there. A block that is
//! marked `preparar` sets a machine up, which the demo and the CI do; of it the files and targets that it names exist.

use e2e::world::{World, eventually};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Output};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// What runs until somebody ends it is ended after so many seconds.
const GLANCE: &str = "6";

/// A line of a block, and what the block is marked with.
#[derive(Debug)]
struct Order {
    page: &'static str,
    mark: String,
    line: String,
}

fn orders(page: &'static str) -> Vec<Order> {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/es").join(page)).expect(page);
    let (mut all, mut block) = (Vec::new(), None);
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
                all.push(Order {
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

/// Whether it goes on until it is interrupted.
fn is_endless(line: &str) -> bool {
    line.ends_with(" -w")
        || ["interactive", "dashboard"]
            .iter()
            .any(|word| line.contains(&format!("workerpool {word}")))
}

/// Whether it only looks, at what may still be on its way.
fn is_look(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let looks = [
        "get", "describe", "logs", "exec", "explain", "check", "metrics", "history",
    ];
    let verb = if words.get(1) == Some(&"workerpool") {
        words.get(2)
    } else {
        words.get(1)
    };
    !is_endless(line) && words[0] == "kubectl" && verb.is_some_and(|verb| looks.contains(verb))
}

struct Room {
    home: tempfile::TempDir,
}

impl Room {
    /// A home of its own, where the class's namespace is the usual one.
    fn enter(world: &World) -> Self {
        let room = Self {
            home: tempfile::tempdir().expect("a folder"),
        };
        let config = std::env::var("KUBECONFIG").expect("KUBECONFIG");
        std::fs::copy(config, room.home.path().join("config")).expect("a copy");
        room.fine(&format!(
            "kubectl config set-context --current --namespace={}",
            world.namespace
        ));
        room
    }

    fn run(&self, line: &str) -> Output {
        let line = if is_endless(line) {
            // They want a terminal.
            format!(
                "timeout {GLANCE} script -qec '{line}' /dev/null </dev/null; code=$?; [ $code = 124 ] || exit $code"
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

    fn fine(&self, line: &str) {
        let output = self.run(line);
        let said = [output.stdout, output.stderr]
            .map(|text| String::from_utf8_lossy(&text).into_owned())
            .concat();
        assert!(output.status.success(), "{line}: {}\n{said}", output.status);
    }
}

/// The files and the targets of make that a line names are there.
fn is_ready(line: &str) {
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
fn every_command_of_the_class_does_what_it_should() {
    let world = World::install("class", &json!({}));
    let room = Room::enter(&world);
    let all: Vec<Order> = ["guia-instructor.md", "alumno.md", "problemas.md"]
        .into_iter()
        .flat_map(orders)
        .collect();
    assert!(all.len() > 70, "{} commands", all.len());
    for Order { page, mark, line } in &all {
        eprintln!("{page} {mark}: {line}");
        match mark.as_str() {
            "preparar" => is_ready(line),
            "" if is_look(line) => {
                // Who looks too early looks again: pods take their time to come.
                eventually(line, || {
                    let output = room.run(line);
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    if output.status.success() {
                        Ok(())
                    } else {
                        Err(said)
                    }
                });
            }
            "falla" => assert!(
                !room.run(line).status.success(),
                "{line}: it should be refused"
            ),
            _ => room.fine(line),
        }
    }
    let left = || {
        (
            world.redis(&["llen", "wp:{tasks}:ready"]),
            world.metric("busy"),
        )
    };
    eventually("the end of all tasks", || {
        if left() == ("0".to_owned(), Some(0)) {
            Ok(())
        } else {
            Err(format!("{:?}", left()))
        }
    });
    let failed = world.redis(&["llen", "wp:{tasks}:failed"]);
    assert_eq!(failed, "0", "no task failed, though workers were killed");
}
