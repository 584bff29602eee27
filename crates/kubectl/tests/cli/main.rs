//! The plugin as a program: what people type, and what they read.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails loudly"
)]

mod check;
mod commands;
mod explain;
mod local;
mod pages;
mod replay;
mod screen;
mod simulate;
mod stress;
