//! Known states of queues that the real libraries made, with their real workers, as `probe` reads them: every metric must
//! equal what producers and tasks themselves wrote down.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails loudly"
)]

mod celery;
mod discover;
mod probe;
mod recipes;
