//! The environment of tests and benchmarks: a real Redis, a real terminal, a real Prometheus, a scripted API server, a local
//! cluster, and the three programs, freshly built.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "test code: it panics as a test does, and its names document it"
)]

pub mod api_server;
pub mod certificates;
pub mod libraries;
pub mod local;
pub mod pages;
pub mod port;
mod port_forward;
pub mod process;
pub mod producer;
mod programs;
pub mod prometheus;
pub mod proxy;
pub mod pty;
pub mod redis;
pub mod redis_cluster;
pub mod sentinel;
pub mod wait;

pub use programs::{kubectl, operator, without_package, worker};

use std::path::Path;

/// What people put by mistake into a Secret for an address, each with a canary.
pub const MALFORMED_SECRETS: &[&str] = &[
    "canary",
    "canary@redis:6379",
    "user:canary@redis",
    "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----",
    "{\"password\": \"canary\"}",
    "host=redis password=canary",
    "http://user:canary@redis:6379",
    "unix:///canary.sock",
    "redis:/canary",
    "redis://:p@ss#canary@redis",
    "redis://:canary/x@redis:6379",
    "redis://:canary%0d%0aSET@redis",
    "redis://user:canary@:6379",
    "redis://user:canary@redis:port",
    "redis://user:pw@redis/canary",
    "redis://user:pw@can\u{1b}[2Jary",
];

/// The root of the repository.
pub fn root() -> &'static Path {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("this crate is two folders below the root")
}

/// Asserts that a committed file, given from the root, has the generated content; with `UPDATE=1` it is written
/// first. `command` is what rewrites it.
pub fn assert_generated(path: &str, generated: &str, command: &str) {
    let file = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).expect(path);
        std::fs::write(&file, generated).expect(path);
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == generated,
        "{path} does not match its source: run `{command}` and commit the result"
    );
}
