//! Which objects a list or a watch is about: labels and fields.

use serde_json::Value;
use std::collections::HashMap;

/// What a request asks for beside its path.
pub type Query = HashMap<String, String>;

/// The conditions of a list or a watch.
#[derive(Clone, Debug)]
pub struct Selector {
    /// Path of the field, what it must be or must not be.
    wanted: Vec<(Vec<String>, bool, String)>,
}

impl Selector {
    /// Equality is all that is understood: `a=b`, `a==b`, `a!=b`, separated by commas.
    pub fn new(query: &Query) -> Self {
        let parts = |key: &str| {
            let text = query.get(key).cloned().unwrap_or_default();
            text.split(',')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let label = |part: &String| {
            let (key, is, value) = split(part);
            (
                ["metadata", "labels", key].map(str::to_owned).to_vec(),
                is,
                value.to_owned(),
            )
        };
        let field = |part: &String| {
            let (key, is, value) = split(part);
            (
                key.split('.').map(str::to_owned).collect(),
                is,
                value.to_owned(),
            )
        };
        let (labels, fields) = (parts("labelSelector"), parts("fieldSelector"));
        Self {
            wanted: labels
                .iter()
                .map(label)
                .chain(fields.iter().map(field))
                .collect(),
        }
    }

    pub fn takes(&self, object: &Value) -> bool {
        self.wanted.iter().all(|(path, is, value)| {
            let found = path
                .iter()
                .fold(object, |object, key| &object[key.as_str()]);
            (found.as_str().unwrap_or_default() == value) == *is
        })
    }
}

fn split(part: &str) -> (&str, bool, &str) {
    if let Some((key, value)) = part.split_once("!=") {
        return (key, false, value);
    }
    let (key, value) = part.split_once('=').unwrap_or((part, ""));
    (key, true, value.trim_start_matches('='))
}
