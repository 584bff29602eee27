//! What the nodes of a cluster answer where another one has a key.

use decide::Unavailable;

/// What a node answers that does not have a key, or not all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::observe::endpoint) enum Redirection {
    /// Another node has the slot.
    Moved,
    /// The keys of the slot are being moved to another node: this one is there, or some are.
    Moving,
}

/// Whether the cause is that a slot moves to another node, or has moved.
pub(in crate::observe::endpoint) fn redirection(cause: &Unavailable) -> Option<Redirection> {
    match cause {
        Unavailable::QueueUnreadable { error, .. } => redirection_in(error),
        _ => None,
    }
}

/// The same for the error of a node.
pub(in crate::observe::endpoint) fn redirection_in(error: &str) -> Option<Redirection> {
    match error.split(':').next() {
        Some("MOVED") => Some(Redirection::Moved),
        Some("ASK" | "TRYAGAIN") => Some(Redirection::Moving),
        _ => None,
    }
}
