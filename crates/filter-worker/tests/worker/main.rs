//! The scripts of the reference protocol and the workers that use them, against a real redis-server.
//!
//! The fixtures: `queue` acts as workers, one script at a time; `process` starts real worker processes; `proxy` sits
//! between a worker and Redis and can kill or pause the worker at a given point; `front` is an HTTP front with a client;
//! `group` limits a process's memory; `orphan` is a killed worker's task.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "the tests' own helpers panic like the tests"
)]

mod front;
mod group;
mod orphan;
mod process;
mod proxy;
mod queue;

mod backpressure;
mod claim;
mod drain;
mod failed;
mod failover;
mod finish;
mod force;
mod garbage;
mod hostile;
mod lease;
mod leases;
mod limits;
mod listen;
mod memory;
mod once;
mod outage;
mod pages;
mod places;
mod program;
mod reap;
mod redis_options;
mod serve;
mod snapshot;
mod stall;
