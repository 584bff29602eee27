//! The reference protocol and its worker, against a real redis-server.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "the tests' own helpers panic like the tests")]

#[path = "worker/kill.rs"]
mod kill;
#[path = "worker/process.rs"]
mod process;
#[path = "worker/program.rs"]
mod program;
#[path = "worker/protocol.rs"]
mod protocol;
#[path = "support/redis.rs"]
mod redis_server;
#[path = "worker/snapshot.rs"]
mod snapshot;
