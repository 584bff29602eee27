//! The whole operator, `run::run`, against a scripted API server and a scripted Redis under one virtual clock. A seed
//! repeats a run to the letter.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic and print"
)]

mod api_server;
mod clock;
mod faults;
mod kinds;
mod late;
mod leader;
mod namespaces;
mod process;
mod redis_server;
mod rights;
mod secrets;
mod seed;
mod simulation;
mod statuses;
mod unknown;
mod watch;
mod world;

#[path = "../chart/rights.rs"]
mod chart_rights;
#[allow(dead_code, reason = "shared with the fleet's tests")]
#[path = "../fleet/pod.rs"]
mod pod;
#[allow(dead_code, reason = "shared with the fleet's tests")]
#[path = "../fleet/workload.rs"]
mod workload;
