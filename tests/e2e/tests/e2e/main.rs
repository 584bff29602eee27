//! End-to-end tests on the cluster that KUBECONFIG names: chart, operator, workers, plugin and Redis as users install
//! them. Nothing here depends on whether that is kind or tests/cluster; its nodes need this version's images.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may panic and print"
)]

mod absence;
mod class;
mod dashboard;
mod drain;
mod failures;
mod outage;
mod policies;
mod promises;
mod quiet;
mod recipes;
mod refusals;
mod removals;
mod story;
mod tenants;
mod waiting;
mod witness;
mod workloads;
