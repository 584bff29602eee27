//! The fleet without IO: events in, commands out; and the seams to Redis and the API server.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod api_server;
mod cluster;
mod endpoint;
mod events;
mod pod;
mod policies;
mod scale_down;
mod stage;
mod time;
