//! What people read: language, colours, clock, and the lines of the class.

pub mod class_format;
pub mod lang;
pub mod localize;
pub mod output;
