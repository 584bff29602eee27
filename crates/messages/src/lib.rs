//! Text for people. What happened travels as a code with parameters; the words come from a catalogue, one file per
//! language in `locales`, in the format of [Fluent](https://projectfluent.org). The dashboard reads the same files.

mod catalogue;
mod encoded;
mod span;

pub use catalogue::{Catalogue, LANGUAGES};
pub use encoded::{Encoded, Params};
pub use span::{span, whole_span};

use decide::{Reason, Unavailable};

/// The English message with times of day in UTC, one sentence without a full stop, for a decision that changes `from`
/// replicas to `to`.
pub fn message(reason: &Reason, from: i32, to: i32) -> String {
    in_english(&Encoded::new(reason), from, to)
}

/// The same for a reason that is encoded already. A code that the catalogue does not have is its own message.
pub fn in_english(reason: &Encoded, from: i32, to: i32) -> String {
    let text = Catalogue::english().reason(reason, from, to);
    text.unwrap_or_else(|| reason.code.clone())
}

/// Why a metric cannot be read, in English with times of day in UTC.
pub fn cause(cause: &Unavailable) -> String {
    let cause = Encoded::new(cause);
    Catalogue::english().cause(&cause).unwrap_or(cause.code)
}
