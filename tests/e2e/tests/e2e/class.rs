//! Runs the commands of the pages for a class: those that need its cluster, and those that need none.

use e2e::shell::{Shell, is_read_only};
use e2e::world::{World, eventually, require};
use serde_json::json;
use testkit::pages::{Command, commands_of};
use testkit::root;

fn run(shell: &mut Shell, command: &Command) {
    let Command {
        page, detail, line, ..
    } = command;
    eprintln!("{page} {detail}: {line}");
    match detail.as_str() {
        "fails" => assert!(shell.try_run(line).is_err(), "{line}: it should fail"),
        // Repeated, because pods take time to start.
        "" if is_read_only(line) => drop(eventually(line, || shell.try_run(line))),
        // Tasks that compute would take both processors from the other tests; the demo and the story have them.
        "" if line.contains(" stress ") && !line.contains("--cpu") => {
            drop(shell.run_ok(&format!("{line} --io")));
        }
        "" => drop(shell.run_ok(line)),
        other => panic!("{page}: {other} is not a mark of a block of the class"),
    }
}

/// The two pages that take a lesson have installations of their own, so that the tests need not wait for each other.
const INSTRUCTOR: &str = "docs/es/guia-instructor.md";
const STUDENT: &str = "docs/es/alumno.md";

#[test]
fn every_command_of_the_instructor_works() {
    follow("instructor", |page| page == INSTRUCTOR);
}

#[test]
fn every_command_of_the_student_works() {
    follow("student", |page| page == STUDENT);
}

#[test]
fn every_command_of_the_other_pages_works() {
    follow("pages", |page| page != INSTRUCTOR && page != STUDENT);
}

/// Runs the commands of these pages in an installation of this name.
fn follow(name: &str, is_page: impl Fn(&str) -> bool) {
    let world = World::install(name, &json!({}));
    let mut shell = Shell::in_namespace(&world.namespace);
    let mut all = commands_of("class");
    assert!(all.len() > 70, "{} commands", all.len());
    all.retain(|command| is_page(&command.page));
    assert!(all.len() > 20, "{} commands", all.len());
    for command in &all {
        run(&mut shell, command);
    }
    let remaining = || {
        (
            world.redis(&["llen", "wp:{tasks}:ready"]),
            world.metric("busy"),
        )
    };
    eventually("the end of all tasks", || {
        require(remaining() == ("0".to_owned(), Some(0)), || {
            format!("{:?}", remaining())
        })
    });
    let failed = world.redis(&["llen", "wp:{tasks}:failed"]);
    assert_eq!(failed, "0", "no task failed, although workers were killed");
}

/// Removes `target`, if [`target_folder`] made it.
struct Target(bool);

/// The pages name programs below `target`, which may be elsewhere.
fn target_folder() -> Target {
    let link = root().join("target");
    let folder = std::env::var_os("CARGO_TARGET_DIR").filter(|_| !link.exists());
    Target(folder.is_some_and(|folder| std::os::unix::fs::symlink(folder, &link).is_ok()))
}

impl Drop for Target {
    fn drop(&mut self) {
        if self.0 {
            let _ = std::fs::remove_file(root().join("target"));
        }
    }
}

#[test]
fn every_command_without_a_cluster_works() {
    let _target = target_folder();
    let mut shell = Shell::new();
    let mut page = String::new();
    for command in &commands_of("local") {
        if command.page != page {
            // Another reader, who has no PATH from the page before.
            shell = Shell::new();
            page.clone_from(&command.page);
        }
        run(&mut shell, command);
    }
}
