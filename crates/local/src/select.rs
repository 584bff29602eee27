//! Label and field selectors of a list or a watch.

use serde_json::Value;
use std::collections::HashMap;

/// The query parameters of a request.
pub type Query = HashMap<String, String>;

/// Whether a query parameter is set to true.
pub fn is_true(query: &Query, key: &str) -> bool {
    let value = query.get(key).map(String::as_str);
    matches!(value, Some("true" | "1"))
}

/// The selectors of a list or a watch.
#[derive(Clone, Debug)]
pub struct Selector(Vec<Requirement>);

/// One field that must equal a value, or must not.
#[derive(Clone, Debug)]
struct Requirement {
    path: Vec<String>,
    equals: bool,
    value: String,
}

impl Selector {
    /// Supports equality only: `a=b`, `a==b` and `a!=b`, separated by commas.
    pub fn new(query: &Query) -> Self {
        let terms = |key: &str| {
            let terms = query.get(key).map_or("", String::as_str).split(',');
            terms.filter(|term| !term.is_empty())
        };
        let label = |key: &str| ["metadata", "labels", key].map(str::to_owned).to_vec();
        let field = |key: &str| key.split('.').map(str::to_owned).collect();
        let labels = terms("labelSelector").map(|term| Requirement::parse(term, label));
        let fields = terms("fieldSelector").map(|term| Requirement::parse(term, field));
        Self(labels.chain(fields).collect())
    }

    pub fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|requirement| {
            let path = requirement.path.iter();
            let found = path.fold(object, |object, key| &object[key.as_str()]);
            (found.as_str().unwrap_or_default() == requirement.value) == requirement.equals
        })
    }
}

impl Requirement {
    fn parse(term: &str, path: impl Fn(&str) -> Vec<String>) -> Self {
        let (key, equals, value) = if let Some((key, value)) = term.split_once("!=") {
            (key, false, value)
        } else {
            let (key, value) = term.split_once('=').unwrap_or((term, ""));
            (key, true, value.trim_start_matches('='))
        };
        Self {
            path: path(key),
            equals,
            value: value.to_owned(),
        }
    }
}
