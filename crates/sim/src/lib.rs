//! Policies tried without a cluster: facts replayed as they were, or a queue played as it might be, both through the
//! real `decide`. Over values in memory, bounded and without a clock, so that a program and a page can use it alike.

mod play;
mod plot;
mod random;
mod replay;
mod run;
mod shape;
mod summary;
mod table;
mod trace;
mod why_not;

pub use play::{Moment, Polling, Telemetry, Work, play};
pub use plot::plot;
pub use random::{Random, Service, micros};
pub use replay::{DecisionLine, replay, start};
pub use run::{Mark, Point, Run};
pub use shape::{SPAN, Shape};
pub use summary::Summary;
pub use table::{compare, table};
pub use trace::{TraceLine, arrivals, trace};
pub use why_not::{Counterfactual, why_not};
