//! What docs/simulate.md and examples/simulate show is true: every command is run and prints what is shown; and the manual
//! page is the program's own help. `UPDATE=1` rewrites the pages.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;

const PROGRAM: &str = env!("CARGO_BIN_EXE_kubectl-workerpool");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Runs each line of the page's console blocks that begins with a dollar sign, in the folder of the example, and puts
/// what it prints below it.
fn executed(page: &str) -> String {
    let (mut out, mut console) = (String::new(), false);
    for line in page.lines() {
        match line.strip_prefix("$ ") {
            Some(command) if console => {
                let shell = Command::new("sh")
                    .args(["-c", &format!("{command} 2>&1")])
                    .current_dir(Path::new(ROOT).join("examples/simulate"))
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
                console = line == "```console" || console && line != "```";
                let _ = writeln!(out, "{line}");
            }
        }
    }
    out
}

/// A folder with a `kubectl` that knows our plugin alone.
fn shim() -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt;
    static SHIM: std::sync::LazyLock<tempfile::TempDir> = std::sync::LazyLock::new(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("kubectl");
        std::fs::write(
            &file,
            format!("#!/bin/sh\nshift\nexec '{PROGRAM}' \"$@\"\n"),
        )
        .expect("a script");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))
            .expect("executable");
        folder
    });
    SHIM.path().to_owned()
}

#[test]
fn the_page_shows_what_its_commands_print() {
    let path = Path::new(ROOT).join("docs/simulate.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let wanted = executed(&page);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("the page");
    } else {
        assert!(
            page == wanted,
            "docs/simulate.md is not what its commands print: run `make generate`\n{wanted}"
        );
    }
}

#[test]
fn the_example_for_a_ci_passes_and_fails_when_a_decision_differs() {
    let script = Path::new(ROOT).join("examples/simulate/check.sh");
    let run = |folder: &Path| {
        let path = format!(
            "{}:{}",
            shim().display(),
            std::env::var("PATH").expect("a path")
        );
        Command::new("sh")
            .arg(&script)
            .current_dir(folder)
            .env("PATH", path)
            .output()
            .expect("a shell")
    };
    let example = Path::new(ROOT).join("examples/simulate");
    let fine = run(&example);
    assert!(
        fine.status.success(),
        "{}{}",
        String::from_utf8_lossy(&fine.stdout),
        String::from_utf8_lossy(&fine.stderr)
    );
    let copy = tempfile::tempdir().expect("a folder");
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
fn the_manual_page_is_that_of_the_program() {
    let path = Path::new(ROOT).join("docs/kubectl-workerpool.1");
    let mut wanted = Vec::new();
    let whole = kubectl_workerpool::command();
    let page = |command: clap::Command| {
        clap_mangen::Man::new(command)
            .manual("WorkerPool")
            .date("")
            .source("")
    };
    page(whole.clone().subcommand_help_heading("Commands"))
        .render(&mut wanted)
        .expect("a page");
    for command in whole.get_subcommands() {
        let name = command.get_name().to_owned();
        writeln!(wanted, ".SH \"KUBECTL WORKERPOOL {}\"", name.to_uppercase()).expect("a heading");
        let section = page(
            command
                .clone()
                .bin_name(format!("kubectl workerpool {name}")),
        );
        section
            .render_synopsis_section(&mut wanted)
            .expect("a section");
        section
            .render_description_section(&mut wanted)
            .expect("a section");
        section
            .render_options_section(&mut wanted)
            .expect("a section");
    }
    let wanted = String::from_utf8(wanted).expect("text");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &wanted).expect("the page");
    } else {
        let page = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            page == wanted,
            "docs/kubectl-workerpool.1 is not the program's: run `make generate`"
        );
    }
}
