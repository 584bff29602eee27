//! `kubectl workerpool interactive` in a pseudo-terminal, against a scripted API server and a real redis-server.
#![cfg(unix)]

use crate::check_cluster::deployments;
use crate::commands::{self, POOLS, list, program};
use portable_pty::CommandBuilder;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::api_server::ApiServer;
use testkit::process::signal;
use testkit::pty::Terminal;
use testkit::redis::RedisServer;

const TARGETS: &str = "/apis/apps/v1/namespaces/default/deployments";

fn pool(redis: &RedisServer, status: Value) -> Value {
    let mut pool = commands::pool("filters", &redis.url());
    pool["status"] = status;
    pool
}

/// A status with this decision.
fn status(reason: &str, message: &str, to: i32) -> Value {
    json!({
        "observedGeneration": 2, "desiredReplicas": to,
        "decision": {"reason": reason, "message": message, "confidence": 1.0, "at": "2026-11-27T08:30:00Z", "from": 3, "to": to},
    })
}

fn target(replicas: i32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "filter-worker", "namespace": "default", "resourceVersion": "1"}, "spec": {"replicas": replicas},
    })
}

/// A cluster with one pool within its thresholds.
fn cluster(redis: &RedisServer) -> ApiServer {
    let within = "within thresholds: keeping 3 workers";
    let pool = pool(redis, status("WithinThresholds", within, 3));
    ApiServer::streaming([
        ("GET", POOLS, 200, list(&[pool])),
        ("GET", TARGETS, 200, deployments(&[target(3)])),
    ])
}

/// Starts the program in a terminal.
fn screen(api: &ApiServer, args: &[&str]) -> (Terminal, TempDir) {
    let home = tempfile::tempdir().expect("a directory");
    let kubeconfig = home.path().join("config");
    std::fs::write(&kubeconfig, api.kubeconfig()).expect("a kubeconfig");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    command.args(args);
    command.env_clear();
    command.env("KUBECONFIG", &kubeconfig);
    command.env("HOME", home.path());
    command.env("TERM", "xterm-256color");
    (Terminal::start(command, (80, 24)), home)
}

#[test]
fn keys_and_updates_change_the_screen() {
    let redis = RedisServer::start();
    let api = cluster(&redis);
    let (mut terminal, _home) = screen(&api, &["interactive"]);
    terminal.until("the alternate screen", vt100::Screen::alternate_screen);
    terminal.shows("Queue Length: 0 tasks");
    terminal.shows("Active Workers: 0");
    terminal.shows("within thresholds: keeping 3 workers");
    assert!(!terminal.is_cooked(), "keys arrive one by one");

    terminal.press("s\r");
    terminal.shows("Push 25 tasks into default/filters?");
    terminal.press("y");
    terminal.shows("STRESS TEST TRIGGERED (25 tasks)");
    terminal.shows("Queue Length: 25 tasks");

    // Two watches of the pools: for the open one and for the list.
    api.wait_for_watchers(POOLS, 2);
    api.wait_for_watchers(TARGETS, 1);
    let status = status(
        "QueueTooLong",
        "25 tasks wait, more than 8: 3 → 5 workers",
        5,
    );
    api.send_event(POOLS, "MODIFIED", &pool(&redis, status));
    terminal.shows("25 tasks wait, more than 8: 3 → 5 workers");
    terminal.shows("QueueTooLong");
    api.send_event(TARGETS, "MODIFIED", &target(5));
    terminal.shows("default/filters  5 workers");

    terminal.press(" ");
    terminal.shows("❚❚");
    terminal.press("\x1b[D");
    terminal.shows("s ago)");
    terminal.press(" ");
    terminal.shows("● live");
    terminal.press("?");
    terminal.shows("stress: push a burst of tasks");
    terminal.press("x");
    terminal.press("L");
    terminal.shows("Longitud de la cola: 25 tareas");
    terminal.press("r");
    terminal.shows("¿Reanudar default/filters");
    terminal.press("s");
    terminal.shows("⚠ al reanudar el WorkerPool filters:");
    terminal.press("b");
    terminal.shows("Pools, primero los problemas");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn sigterm_restores_the_terminal() {
    let redis = RedisServer::start();
    let api = cluster(&redis);
    let (mut terminal, _home) = screen(&api, &["top", "filters", "--readonly"]);
    terminal.shows("Queue Length: 0 tasks");
    terminal.press("s");
    terminal.shows("--readonly: nothing is written");
    signal(terminal.id(), "TERM");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_replay_needs_no_cluster() {
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_kubectl-workerpool"));
    command.args(["interactive", "--replay", "--speed", "20"]);
    command.env_clear();
    command.env("TERM", "xterm-256color");
    let mut terminal = Terminal::start(command, (100, 30));
    terminal.shows("names not reported");
    terminal.press("b");
    terminal.shows("1 pool");
    terminal.press("\r");
    terminal.shows("▼7→5");
    terminal.press("n");
    terminal.shows("--readonly: nothing is written");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn without_a_terminal_only_snapshots_work() {
    let redis = RedisServer::start();
    let api = cluster(&redis);
    let config = api.kubeconfig();
    let run = |args: &[&str]| {
        let size = [("COLUMNS", "100"), ("LINES", "30")];
        let (_home, mut program) = program(Some(&config), &size);
        program.args(args).output().expect("the program runs")
    };
    let refused = run(&["interactive"]);
    let error = String::from_utf8(refused.stderr).expect("text");
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        error.contains("`kubectl workerpool monitor`") && error.contains("--snapshot"),
        "{error}"
    );
    let snapshot = |args: &[&str]| {
        let output = run(&[&["interactive", "--snapshot"], args].concat());
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let frame = snapshot(&[]);
    assert_eq!(frame.lines().count(), 30);
    assert!(
        frame.contains("📊 Queue Length: 0 tasks") && !frame.contains('\x1b'),
        "{frame}"
    );
    let picture = snapshot(&["-o", "svg", "--size", "80x24"]);
    assert!(
        picture.starts_with("<svg") && picture.contains("Queue Length"),
        "{picture}"
    );
    let data: Value = serde_json::from_str(&snapshot(&["-o", "json"])).expect("JSON");
    assert_eq!(data["metrics"]["queueLength"], 0);
    // A failed watch is in `trouble`.
    let pools: Value = serde_json::from_str(&snapshot(&["-o", "json", "-A"])).expect("JSON");
    assert!(pools["trouble"].is_string(), "{pools}");
}
