//! The output: language, colours, time zone, and the lines of the class.

pub mod class_format;
pub mod lang;
pub mod output;
