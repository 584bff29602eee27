//! The commands of the Python worker's page, as a reader types them into one shell.

use std::os::unix::fs::symlink;
use std::process::Command;

use testkit::pages::commands_of;
use testkit::redis::RedisServer;

#[test]
fn commands_of_the_python_page_lose_no_task() {
    let redis = RedisServer::start();
    // The page makes its virtual environment in the root of the repository.
    let root = tempfile::tempdir().unwrap();
    for folder in ["examples", "crates"] {
        symlink(testkit::root().join(folder), root.path().join(folder)).unwrap();
    }
    let worker = testkit::worker();
    let path = std::env::var("PATH").unwrap();
    let lines: Vec<String> = commands_of("python")
        .into_iter()
        .map(|command| command.line)
        .collect();
    let script = format!(
        "set -e; trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{}\nwait $!",
        lines.join("\n")
    );
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(root.path())
        .env("LC_ALL", "C")
        .env("REDIS_URL", redis.url())
        .env(
            "PATH",
            format!("{}:{path}", worker.parent().unwrap().display()),
        )
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{}\n{text}\n{error}",
        output.status
    );
    assert_eq!(text.matches("\"worker\"").count(), 20, "{text}\n{error}");
    let killed = |line: &str| line.contains("Killed") && line.contains("POD_NAME=ana");
    assert!(error.lines().any(killed), "{error}");
    assert!(text.contains("\"worker\": \"luis"), "{text}");
}
