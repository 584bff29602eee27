//! Runs the plugin as a program and checks its exit code and its output.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod chain;
mod chain_sentinel;
mod check;
mod check_cluster;
mod check_grace;
mod check_redis;
mod commands;
mod explain;
mod local;
mod local_api;
mod local_passwords;
mod local_start;
mod local_stop;
mod missing_queue;
mod pages;
mod probe;
mod proxy;
mod replay;
mod screen;
mod simulate;
mod stress;
