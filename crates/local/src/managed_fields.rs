//! Field ownership: `metadata.managedFields`, and the patches that change an object.

use crate::error::ApiError;
use crate::store::timestamp;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The manager that writes, and the subresource that it writes through.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    pub manager: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    pub api_version: &'a str,
}

impl<'a> Writer<'a> {
    pub fn new(manager: &'a str, api_version: &'a str) -> Self {
        Self {
            manager,
            subresource: "",
            api_version,
        }
    }
}

/// Applies a JSON merge patch: null removes a field.
pub fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    let fields = fields_mut(object);
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// Applies a strategic merge patch of kubectl: list items that have a name are merged by it.
pub fn merge_by_name(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => {
            let fields = fields_mut(object);
            for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
                if value.is_null() {
                    fields.remove(key);
                } else {
                    merge_by_name(fields.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        Value::Array(items)
            if !items.is_empty() && items.iter().all(|item| item["name"].is_string()) =>
        {
            if !object.is_array() {
                *object = json!([]);
            }
            let Value::Array(existing) = object else {
                return;
            };
            for item in items {
                let position = existing.iter().position(|it| it["name"] == item["name"]);
                match position {
                    Some(index) if item["$patch"] == "delete" => drop(existing.remove(index)),
                    Some(index) => merge_by_name(&mut existing[index], item),
                    None => existing.push(item.clone()),
                }
            }
        }
        other => *object = other.clone(),
    }
}

fn fields_mut(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(fields) => fields,
        _ => unreachable!("made an object above"),
    }
}

/// Records that `writer` updated `old` to `new`: it now owns every changed field.
pub fn record_update(old: &Value, new: &mut Value, writer: Writer<'_>) {
    let changed = changed_fields(&ownable(old), &ownable(new));
    if changed == json!({}) {
        return;
    }
    let mut entries = entries(old);
    let is_own = |entry: &Value| belongs_to(entry, writer, "Update");
    entries
        .iter_mut()
        .filter(|entry| !is_own(entry))
        .for_each(|entry| subtract(&mut entry["fieldsV1"], &changed));
    match entries.iter_mut().find(|entry| is_own(entry)) {
        Some(entry) => {
            merge(&mut entry["fieldsV1"], &changed);
            set_time(entry, writer);
        }
        None => entries.push(new_entry(writer, "Update", &changed)),
    }
    set_entries(new, entries);
}

/// Server-side apply: `writer` owns the fields of `config`, and the fields that it applied before and that `config`
/// no longer has are removed.
pub fn apply(
    old: &Value,
    config: &Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, ApiError> {
    let applied = field_tree(&ownable(config));
    let mut new = old.clone();
    let (own, mut others): (Vec<Value>, Vec<Value>) = entries(old)
        .into_iter()
        .partition(|entry| belongs_to(entry, writer, "Apply"));
    let own = own.into_iter().next();
    if let Some(own) = &own {
        let mut dropped = own["fieldsV1"].clone();
        subtract(&mut dropped, &applied);
        for other in &others {
            subtract(&mut dropped, &other["fieldsV1"]);
        }
        remove(&mut new, &dropped);
    }
    merge(&mut new, config);
    let changed = changed_fields(&ownable(old), &ownable(&new));
    let conflict = others
        .iter()
        .find(|entry| overlaps(&entry["fieldsV1"], &changed));
    if let Some(other) = conflict.filter(|_| !force) {
        let message = format!(
            "Apply failed with a conflict with {}: use --force-conflicts",
            other["manager"]
        );
        return Err(ApiError::new(409, "Conflict", message));
    }
    for entry in &mut others {
        subtract(&mut entry["fieldsV1"], &changed);
    }
    let unchanged = own.filter(|own| own["fieldsV1"] == applied && changed == json!({}));
    others.push(unchanged.unwrap_or_else(|| new_entry(writer, "Apply", &applied)));
    set_entries(&mut new, others);
    Ok(new)
}

fn new_entry(writer: Writer<'_>, operation: &str, fields: &Value) -> Value {
    let mut entry = json!({
        "manager": writer.manager, "operation": operation, "apiVersion": writer.api_version,
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    set_time(&mut entry, writer);
    if !writer.subresource.is_empty() {
        entry["subresource"] = json!(writer.subresource);
    }
    entry
}

/// Kubernetes' `ScaleHandler` gives an entry that is written through `/scale` the time of the entry before it, so it
/// never has one.
fn set_time(entry: &mut Value, writer: Writer<'_>) {
    if writer.subresource != "scale" {
        entry["time"] = json!(timestamp(Timestamp::now()));
    }
}

fn belongs_to(entry: &Value, writer: Writer<'_>, operation: &str) -> bool {
    entry["manager"] == writer.manager
        && entry["operation"] == operation
        && entry["subresource"].as_str().unwrap_or_default() == writer.subresource
}

fn entries(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn set_entries(object: &mut Value, mut entries: Vec<Value>) {
    entries.retain(|entry| entry["fieldsV1"] != json!({}));
    object["metadata"]["managedFields"] = json!(entries);
}

/// The part of an object whose fields have owners.
fn ownable(object: &Value) -> Value {
    let mut fields = object.as_object().cloned().unwrap_or_default();
    fields.retain(|key, _| !["apiVersion", "kind", "metadata"].contains(&key.as_str()));
    let mut meta = object["metadata"].as_object().cloned().unwrap_or_default();
    meta.retain(|key, _| ["labels", "annotations"].contains(&key.as_str()));
    if !meta.is_empty() {
        fields.insert("metadata".into(), meta.into());
    }
    fields.into()
}

/// The fields of a value as a `FieldsV1` tree. A list is one field, and so is an object without fields.
fn field_tree(value: &Value) -> Value {
    let Value::Object(fields) = value else {
        return json!({});
    };
    if fields.is_empty() {
        return json!({".": {}});
    }
    fields
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (format!("f:{key}"), field_tree(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// The fields whose values differ, as a `FieldsV1` tree.
fn changed_fields(old: &Value, new: &Value) -> Value {
    let empty = Map::new();
    let old = old.as_object().unwrap_or(&empty);
    let new = new.as_object().unwrap_or(&empty);
    let mut tree = Map::new();
    for key in old.keys().chain(new.keys()) {
        let before = old.get(key).unwrap_or(&Value::Null);
        let after = new.get(key).unwrap_or(&Value::Null);
        if before == after {
            continue;
        }
        let nested = if before.is_object() || after.is_object() {
            changed_fields(before, after)
        } else {
            json!({})
        };
        tree.insert(format!("f:{key}"), nested);
    }
    tree.into()
}

/// Removes the leaves of `other` from `tree`.
fn subtract(tree: &mut Value, other: &Value) {
    let (Some(tree), Some(other)) = (tree.as_object_mut(), other.as_object()) else {
        return;
    };
    for (key, nested) in other {
        let Some(own) = tree.get_mut(key) else {
            continue;
        };
        if *nested != json!({}) {
            subtract(own, nested);
        }
        if *nested == json!({}) || *own == json!({}) {
            tree.remove(key);
        }
    }
}

/// Whether the trees share a leaf.
fn overlaps(tree: &Value, other: &Value) -> bool {
    let (Some(tree), Some(other)) = (tree.as_object(), other.as_object()) else {
        return false;
    };
    tree.iter().any(|(key, own)| {
        other.get(key).is_some_and(|nested| {
            *own == json!({}) || *nested == json!({}) || overlaps(own, nested)
        })
    })
}

/// Removes the leaves of `tree` from `object`.
fn remove(object: &mut Value, tree: &Value) {
    let (Some(object), Some(tree)) = (object.as_object_mut(), tree.as_object()) else {
        return;
    };
    for (key, nested) in tree {
        let key = key.trim_start_matches("f:");
        if *nested == json!({}) {
            object.remove(key);
        } else if let Some(value) = object.get_mut(key) {
            remove(value, nested);
            if *value == json!({}) {
                object.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATOR: Writer<'_> = Writer {
        manager: "workerpool-operator",
        subresource: "scale",
        api_version: "apps/v1",
    };
    const KUBECTL: Writer<'_> = Writer {
        manager: "kubectl",
        subresource: "scale",
        api_version: "apps/v1",
    };

    /// Manager and operation of every entry that owns `spec.replicas`.
    fn replica_owners(object: &Value) -> Vec<(&str, &str)> {
        object["metadata"]["managedFields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
            .iter()
            .filter(|entry| entry["fieldsV1"].pointer("/f:spec/f:replicas").is_some())
            .filter_map(|entry| entry["manager"].as_str().zip(entry["operation"].as_str()))
            .collect()
    }

    #[test]
    fn last_writer_owns_the_replicas() {
        let deployment =
            json!({"metadata": {"name": "w"}, "spec": {"replicas": 3, "selector": {"a": 1}}});
        let config = json!({"spec": {"replicas": 5}});
        let scaled = apply(&deployment, &config, OPERATOR, true).expect("forced");
        assert_eq!(
            (&scaled["spec"]["replicas"], replica_owners(&scaled)),
            (&json!(5), vec![("workerpool-operator", "Apply")])
        );
        assert_eq!(scaled["spec"]["selector"], json!({"a": 1}));
        assert_eq!(scaled["metadata"]["managedFields"][0]["time"], Value::Null);
        let again = apply(&scaled, &config, OPERATOR, true).expect("unchanged");
        assert_eq!(
            again, scaled,
            "applying the same again changes nothing, not even the time"
        );

        let mut manual = scaled.clone();
        merge(&mut manual, &json!({"spec": {"replicas": 2}}));
        record_update(&scaled, &mut manual, KUBECTL);
        assert_eq!(replica_owners(&manual), [("kubectl", "Update")]);
        let refused = apply(&manual, &config, OPERATOR, false);
        assert_eq!(refused.map_err(|error| error.code), Err(409));
        let taken_back = apply(&manual, &config, OPERATOR, true).expect("forced");
        assert_eq!(
            replica_owners(&taken_back),
            [("workerpool-operator", "Apply")]
        );
    }

    #[test]
    fn apply_removes_fields_that_the_manager_dropped() {
        let status = |status: Value| json!({"status": status});
        let writer = Writer {
            subresource: "status",
            ..OPERATOR
        };
        let first = apply(
            &json!({"spec": {"a": 1}}),
            &status(json!({"a": 1, "b": {"c": 2, "d": 3}})),
            writer,
            true,
        );
        let second = apply(
            &first.expect("applied"),
            &status(json!({"b": {"d": 4}})),
            writer,
            true,
        )
        .expect("applied");
        assert_eq!(
            (&second["status"], &second["spec"]),
            (&json!({"b": {"d": 4}}), &json!({"a": 1}))
        );
    }

    #[test]
    fn strategic_merge_matches_list_items_by_name() {
        let mut object = json!({"containers": [{"name": "w", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}]});
        let patch = json!({"containers": [{"name": "w", "env": [{"name": "B", "value": "3"}, {"name": "A", "$patch": "delete"}]}],
            "$setElementOrder/containers": [{"name": "w"}]});
        merge_by_name(&mut object, &patch);
        assert_eq!(
            object,
            json!({"containers": [{"name": "w", "env": [{"name": "B", "value": "3"}]}]})
        );
    }
}
