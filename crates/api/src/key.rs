//! The namespace and name of a pool, cheap to clone.

use super::WorkerPool;
use kube::ResourceExt;
use std::fmt;
use std::sync::Arc;

/// Namespace and name of a `WorkerPool`, or of another object in its namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The namespace of the object.
    pub namespace: Arc<str>,
    /// The name within the namespace.
    pub name: Arc<str>,
}

impl Key {
    /// The key of `name` in `namespace`.
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// The key of `pool`.
    pub fn of(pool: &WorkerPool) -> Self {
        Self::new(&pool.namespace().unwrap_or_default(), &pool.name_any())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
