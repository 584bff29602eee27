//! A `WorkerPool` as its watch reads it.

use super::partial::Fields::{All, Metadata, Only};
use super::partial::{Fields, Partial, Used};
use api::{PIN_UNTIL, SUSPEND_REASON, SUSPEND_UNTIL, SUSPENDED_BY, WorkerPool};
use kube::core::DynamicObject;

/// A pool whose fields may have any form: an object that an older or a newer CRD let in is read as far as it goes.
pub type AnyPool = DynamicObject;

impl Used for AnyPool {
    const USED: Fields = Only(&[
        ("metadata", Metadata(&[("annotations", ANNOTATIONS)])),
        ("spec", All),
        ("status", All),
    ]);
    /// The CRD bounds a pool; a test holds that the largest one is read.
    const LIMIT: usize = 3 * 1024 * 1024;
}

const ANNOTATIONS: Fields = Only(&[
    (PIN_UNTIL, All),
    (SUSPEND_UNTIL, All),
    (SUSPENDED_BY, All),
    (SUSPEND_REASON, All),
]);

/// The pool. One that cannot be read at all says so in its spec.
pub fn read(Partial(object): Partial<AnyPool>) -> WorkerPool {
    match object {
        Ok(object) => api::read(object.metadata, &object.data),
        Err(unreadable) => api::unreadable(unreadable.metadata, &unreadable.error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, Value, json};

    /// Texts and lists where the schema has no bound: the operator writes them into the status.
    const TEXT: usize = 300;
    const LIST: u64 = 16;

    /// The largest value that a schema admits, its patterns aside.
    fn largest(schema: &Value) -> Value {
        let bound = |name: &str| schema[name].as_u64();
        if let Some(values) = schema["enum"].as_array() {
            return values[0].clone();
        }
        match schema["type"].as_str() {
            Some("object") => {
                let fields = schema["properties"].as_object().into_iter().flatten();
                let mut all: Map<String, Value> = fields
                    .map(|(name, schema)| (name.clone(), largest(schema)))
                    .collect();
                if schema["additionalProperties"].is_object() {
                    let value = largest(&schema["additionalProperties"]);
                    all.extend((0..LIST).map(|it| (it.to_string(), value.clone())));
                }
                all.into()
            }
            Some("array") => {
                let count = bound("maxItems").unwrap_or(LIST);
                (0..count).map(|_| largest(&schema["items"])).collect()
            }
            Some("string") if schema["format"] == "date-time" => "2026-01-01T00:00:00Z".into(),
            Some("string") => match bound("maxLength") {
                // Four bytes each.
                Some(length) => "\u{1f4a5}".repeat(usize::try_from(length).expect("a length")),
                None => "x".repeat(TEXT),
            }
            .into(),
            Some("boolean") => true.into(),
            _ => bound("maximum").unwrap_or(1).into(),
        }
    }

    #[test]
    fn the_largest_pool_that_the_crd_admits_is_read() {
        let crd = serde_json::to_value(api::crd()).expect("a CRD");
        let mut object = largest(&crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
        object["metadata"] =
            json!({"name": "w", "annotations": {SUSPEND_REASON: "x".repeat(256 * 1024)}});
        let text = object.to_string();
        assert!(text.len() > 300_000, "{} bytes", text.len());
        let Partial(found) = serde_json::from_str::<Partial<AnyPool>>(&text).expect("JSON");
        let found = found.unwrap_or_else(|error| panic!("{} bytes: {}", text.len(), error.error));
        assert_eq!(found.data["spec"], object["spec"]);
        assert_eq!(found.data["status"], object["status"]);
    }

    #[test]
    fn a_pool_over_the_limit_says_so() {
        let many = vec!["a"; 100_000];
        let object = json!({"metadata": {"name": "w", "namespace": "n"}, "spec": {"queues": many}});
        let text = object.to_string();
        let pool = read(serde_json::from_str(&text).expect("JSON"));
        assert_eq!(pool.metadata.name.as_deref(), Some("w"));
        let error = pool.spec.unreadable.expect("an error");
        assert!(error.contains("more than 3072 KiB"), "{error}");
    }
}
