//! Frames of the screen as text, and what keys do.

mod frames;
mod keys;
#[cfg(unix)]
mod panic;
pub mod stage;
