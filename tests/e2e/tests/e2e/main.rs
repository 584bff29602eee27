//! End to end, on whichever cluster KUBECONFIG names: chart, operator, workers, plugin and Redis as a stranger has
//! them. Nothing here knows whether that is kind or tests/cluster; the images localhost/…:dev are on its nodes.
#![allow(
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may fail loudly and talk"
)]

mod absence;
mod class;
mod dashboard;
mod drain;
mod outage;
mod policies;
mod quiet;
mod refusals;
mod story;
mod witness;
