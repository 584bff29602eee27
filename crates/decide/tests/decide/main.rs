//! The decision: tables of cases, HPA's behaviour over time, and laws that hold for every pool, look and past. They use
//! nothing but `decide`, so that tests/mutants can run them beside it alone.
#![allow(clippy::expect_used, reason = "a test may fail loudly and talk")]

mod cells;
mod forecast;
mod hpa;
mod laws;
mod measured;
mod memory;
mod steps;
mod tables;
mod victims;
