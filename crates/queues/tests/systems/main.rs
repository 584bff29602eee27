//! What the operator reads of real queue systems, beside what their producers and jobs write down: each state is made by
//! the system's own library, with workers in containers of their own, on a real Redis.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "test code: it panics as a test does"
)]

mod bullmq;
mod celery;
mod celery_workers;
mod cost;
mod fill;
mod finder;
mod laravel;
mod rights;
mod rq;
mod sidekiq;
mod stage;
mod zero;
