//! The reference worker: image filters on the worker library, and the HTTP front of the class.

pub mod cli;
pub mod filters;
pub mod image;
pub mod task;

mod serve;
mod submit;
