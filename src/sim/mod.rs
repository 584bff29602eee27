//! Policies tried without a cluster: facts replayed as they were, or a queue played as it might be, both through the
//! real `decide`. Over values in memory, bounded and without a clock, so that a program and a page can use it alike.

mod course;
mod line;
mod play;
mod plot;
mod random;
mod replay;
mod shape;
mod summary;
mod table;
mod why_not;

pub use course::{Course, Mark, Point};
pub use line::{Line, arrivals, trace};
pub use play::{Looks, Moment, Tells, Work, play};
pub use plot::plot;
pub use random::{Random, Service, micros};
pub use replay::{Told, replay, start};
pub use shape::{SPAN, Shape};
pub use summary::Summary;
pub use table::{compare, table};
pub use why_not::{WhyNot, why_not};
