//! The reference protocol and its worker, against a real redis-server.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "the tests' own helpers panic like the tests"
)]

#[path = "worker/drain.rs"]
mod drain;
#[path = "worker/force.rs"]
mod force;
#[path = "worker/limits.rs"]
mod limits;
#[path = "worker/outage.rs"]
mod outage;
#[path = "worker/process.rs"]
mod process;
#[path = "worker/program.rs"]
mod program;
#[path = "worker/protocol.rs"]
mod protocol;
#[path = "worker/python.rs"]
mod python;
#[path = "support/redis.rs"]
mod redis_server;
#[path = "worker/serve.rs"]
mod serve;
#[path = "worker/snapshot.rs"]
mod snapshot;
#[path = "worker/wire.rs"]
mod wire;
