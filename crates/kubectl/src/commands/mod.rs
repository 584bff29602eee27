//! The commands, one file each.

pub mod all;
pub mod check;
pub mod dashboard;
pub mod demo;
pub mod discover;
pub mod explain;
pub mod failed;
pub mod fast_mode;
pub mod history;
pub mod metrics;
pub mod monitor;
pub mod narration;
pub mod narrator;
pub mod pause;
pub mod probe;
pub mod record;
pub mod scale;
pub mod simulate;
pub mod stress;
pub mod why_not;
