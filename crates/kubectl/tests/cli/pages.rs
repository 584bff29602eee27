//! Checks that the commands in docs/simulate.md and examples/simulate print what is shown there, and that the manual page
//! matches the help. `UPDATE=1` rewrites the pages.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use testkit::root;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-workerpool");

/// Runs each line of the page's console blocks that begins with a dollar sign, in the directory of the example, and
/// inserts its output below it.
fn executed(page: &str) -> String {
    let (mut out, mut console) = (String::new(), false);
    for line in page.lines() {
        match line.strip_prefix("$ ") {
            Some(command) if console => {
                let shell = Command::new("sh")
                    .args(["-c", &format!("{command} 2>&1")])
                    .current_dir(root().join("examples/simulate"))
                    .env(
                        "PATH",
                        format!(
                            "{}:{}",
                            shim().display(),
                            std::env::var("PATH").expect("a path")
                        ),
                    )
                    .output()
                    .expect("a shell");
                let _ = write!(
                    out,
                    "{line}\n{}",
                    String::from_utf8(shell.stdout).expect("text")
                );
            }
            _ if console && line != "```" => {}
            _ => {
                console = line == "```console output" || console && line != "```";
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out
}

/// A directory with a `kubectl` that has only this plugin.
fn shim() -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    static SHIM: std::sync::LazyLock<tempfile::TempDir> = std::sync::LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("kubectl");
        std::fs::write(
            &file,
            format!("#!/bin/sh\nshift\nexec '{PROGRAM}' \"$@\"\n"),
        )
        .expect("a script");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        dir
    });
    SHIM.path().to_owned()
}

#[test]
fn page_shows_the_output_of_its_commands() {
    let page = std::fs::read_to_string(root().join("docs/simulate.md")).expect("the page");
    testkit::assert_generated("docs/simulate.md", &executed(&page), "make generate");
}

#[test]
fn ci_example_fails_when_a_decision_differs() {
    let script = root().join("examples/simulate/check.sh");
    let run = |dir: &Path| {
        let path = format!(
            "{}:{}",
            shim().display(),
            std::env::var("PATH").expect("a path")
        );
        Command::new("sh")
            .arg(&script)
            .current_dir(dir)
            .env("PATH", path)
            .output()
            .expect("a shell")
    };
    let example = root().join("examples/simulate");
    let passed = run(&example);
    assert!(
        passed.status.success(),
        "{}{}",
        String::from_utf8_lossy(&passed.stdout),
        String::from_utf8_lossy(&passed.stderr)
    );
    let copy = tempfile::tempdir().expect("a directory");
    for file in ["pool.yaml", "trace.jsonl", "decisions.txt"] {
        std::fs::copy(example.join(file), copy.path().join(file)).expect("a copy");
    }
    let pool = std::fs::read_to_string(copy.path().join("pool.yaml")).expect("a pool");
    std::fs::write(
        copy.path().join("pool.yaml"),
        pool.replace("step: 2", "step: 4"),
    )
    .expect("another policy");
    assert!(
        !run(copy.path()).status.success(),
        "another step is another policy"
    );
}

#[test]
fn manual_page_matches_the_help() {
    let mut expected = Vec::new();
    let program = kubectl_workerpool::command();
    let page = |command: clap::Command| {
        clap_mangen::Man::new(command)
            .manual("WorkerPool")
            .date("")
            .source("")
    };
    page(program.clone().subcommand_help_heading("Commands"))
        .render(&mut expected)
        .expect("a page");
    for command in program.get_subcommands() {
        let name = command.get_name().to_owned();
        writeln!(
            expected,
            ".SH \"KUBECTL WORKERPOOL {}\"",
            name.to_uppercase()
        )
        .expect("a heading");
        let section = page(
            command
                .clone()
                .bin_name(format!("kubectl workerpool {name}")),
        );
        section
            .render_synopsis_section(&mut expected)
            .expect("a section");
        section
            .render_description_section(&mut expected)
            .expect("a section");
        section
            .render_options_section(&mut expected)
            .expect("a section");
    }
    let expected = String::from_utf8(expected).expect("text");
    testkit::assert_generated("docs/kubectl-workerpool.1", &expected, "make generate");
}
