//! Tests of the screen: frames as text, keys, and the terminal after a panic.

mod frames;
mod keys;
#[cfg(unix)]
mod panic;
pub mod stage;
mod timeline;
