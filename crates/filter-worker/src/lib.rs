//! The reference worker: image filters on top of the `worker` library, a producer for the command line, and an HTTP
//! front for batches of images.

pub mod cli;
pub mod filters;
pub mod image;
pub mod limits;
pub mod task;

mod health_file;
mod memory;
mod serve;
mod submit;
