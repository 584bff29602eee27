//! `stop --local`: it waits for running tasks, and ends a cluster that does not answer.

use crate::local::panel;
use ::local::processes;
use testkit::local::{Local, until};

#[test]
fn stop_ends_a_cluster_that_does_not_answer() {
    let local = Local::new();
    local.run(&["metrics", "--local"]);
    let supervisor = u32::try_from(local.cluster_info()["pid"].as_u64().unwrap()).unwrap();
    testkit::local::signal(supervisor, "STOP");
    let mut stop = local.command(&["stop", "--local"]).spawn().unwrap();
    let status = until("the end of the command", || stop.try_wait().unwrap());
    assert!(status.success(), "{status}");
    assert_eq!(processes(&local.state_dir()), Vec::new());
    assert!(!local.state_dir().exists());
}

#[test]
fn stop_waits_for_running_tasks() {
    let server = testkit::redis::RedisServer::start();
    for round in 1..=2_u64 {
        let local = Local::new();
        local.run(&["metrics", "--local", "--redis", &server.url()]);
        local.run(&["stress", "--tasks", "3", "--task-seconds", "6", "--local"]);
        until("three at work", || {
            (panel(&local)?["busyWorkers"] == 3).then_some(())
        });
        assert_eq!(
            local.run(&["stop", "--local"]),
            "exit 0\n! The local cluster has stopped."
        );
        let done: u64 = server.query("HGET wp:{tasks}:stats processed");
        assert_eq!((done, local.state_dir().exists()), (3 * round, false));
    }
}
