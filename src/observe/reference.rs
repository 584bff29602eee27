//! What a pool's spec refers to beside its queues: keys of Secrets and `ConfigMap`s of its namespace.

use decide::{AddressProblem, Unavailable};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A longer value is not used: no password is as long, and a list of certificates seldom.
pub const MAX_VALUE: usize = 64 * 1024;

/// The kind of an object that holds values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ObjectKind {
    /// A Secret.
    Secret,
    /// A `ConfigMap`.
    ConfigMap,
}

/// An object that holds values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
}

/// One key of such an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// The object.
    pub object: ObjectRef,
    /// The key.
    pub key: String,
}

/// The values of an object, by key.
pub type Values = BTreeMap<String, Vec<u8>>;

/// As messages name it: `Secret redis`.
impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.kind, self.name)
    }
}

impl ObjectRef {
    /// There is no such object.
    pub fn missing(&self) -> Unavailable {
        Unavailable::ReferenceMissing {
            object: self.to_string(),
            namespace: self.namespace.to_string(),
        }
    }
}

impl Reference {
    /// What it refers to is not what it should be.
    pub fn invalid(&self, problem: AddressProblem) -> Unavailable {
        Unavailable::ReferenceInvalid {
            object: self.object.to_string(),
            key: self.key.clone(),
            problem,
        }
    }

    /// The object does not have the key.
    pub fn missing(&self) -> Unavailable {
        Unavailable::ReferenceKeyMissing {
            object: self.object.to_string(),
            key: self.key.clone(),
        }
    }

    /// A server refuses what it refers to, or what it refers to refuses the server.
    pub fn refused(&self, address: &impl fmt::Display, error: String) -> Unavailable {
        Unavailable::ReferenceRefused {
            object: self.object.to_string(),
            key: self.key.clone(),
            address: address.to_string(),
            error,
        }
    }
}
