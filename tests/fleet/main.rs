//! The fleet without IO: events in, commands out; and the interfaces to Redis and the API server.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic and print"
)]

mod api_server;
mod clients;
mod cluster;
mod cluster_nodes;
mod credentials;
mod drains;
mod endpoint;
mod epochs;
mod events;
mod fairness;
mod gone;
mod lost_workers;
mod older_servers;
mod pod;
mod pod_end;
mod policies;
mod queue_systems;
mod redis_cluster;
mod registrations;
mod rights;
mod rollouts;
mod rotation;
mod scale_down;
mod secrets;
mod sentinel;
mod slot_moves;
mod stage;
mod time;
mod tls;
mod watches;
mod workload;
mod zero;
