//! Who wrote which field: `metadata.managedFields`, and the patches that change an object.

use super::store::second;
use crate::error::ApiError;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Who writes, and through which part of the object.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    pub manager: &'a str,
    pub part: &'a str,
    pub api_version: &'a str,
}

/// Merges `patch` into `object`: null removes.
pub fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    let fields = map(object);
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}

/// The same for kubectl's strategic patches: elements of a list that have a name are merged by it.
pub fn merge_by_name(object: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => {
            let fields = map(object);
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
            let Value::Array(there) = object else { return };
            for item in items {
                let same = there.iter().position(|it| it["name"] == item["name"]);
                match same {
                    Some(at) if item["$patch"] == "delete" => drop(there.remove(at)),
                    Some(at) => merge_by_name(&mut there[at], item),
                    None => there.push(item.clone()),
                }
            }
        }
        other => *object = other.clone(),
    }
}

fn map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = json!({});
    }
    match value {
        Value::Object(map) => map,
        _ => unreachable!("made an object above"),
    }
}

/// Notes that `writer` has made `new` of `old` by an update: what changed is its own from now on.
pub fn updated(old: &Value, new: &mut Value, writer: Writer<'_>) {
    let changed = changed(&owned(old), &owned(new));
    if changed == json!({}) {
        return;
    }
    let mut entries = entries(old);
    let own = |entry: &Value| is(entry, writer, "Update");
    entries
        .iter_mut()
        .filter(|entry| !own(entry))
        .for_each(|entry| subtract(&mut entry["fieldsV1"], &changed));
    match entries.iter_mut().find(|entry| own(entry)) {
        Some(entry) => {
            merge(&mut entry["fieldsV1"], &changed);
            entry["time"] = json!(second(Timestamp::now()));
        }
        None => entries.push(entry(writer, "Update", &changed)),
    }
    keep(new, entries);
}

/// Applies `config` server-side: what it says becomes `writer`'s, and what `writer` no longer says goes.
pub fn apply(
    old: &Value,
    config: &Value,
    writer: Writer<'_>,
    force: bool,
) -> Result<Value, ApiError> {
    let (said, mut new) = (fields(&owned(config)), old.clone());
    let (mine, mut entries): (Vec<Value>, Vec<Value>) = entries(old)
        .into_iter()
        .partition(|entry| is(entry, writer, "Apply"));
    let mine = mine.into_iter().next();
    if let Some(mine) = &mine {
        let mut dropped = mine["fieldsV1"].clone();
        subtract(&mut dropped, &said);
        for other in &entries {
            subtract(&mut dropped, &other["fieldsV1"]);
        }
        remove(&mut new, &dropped);
    }
    merge(&mut new, config);
    let changed = changed(&owned(old), &owned(&new));
    if let Some(other) = entries
        .iter()
        .find(|entry| meets(&entry["fieldsV1"], &changed))
        .filter(|_| !force)
    {
        let said = format!(
            "Apply failed with a conflict with {}: use --force-conflicts",
            other["manager"]
        );
        return Err(ApiError::new(409, "Conflict", said));
    }
    for entry in &mut entries {
        subtract(&mut entry["fieldsV1"], &changed);
    }
    let same = mine.filter(|mine| mine["fieldsV1"] == said && changed == json!({}));
    entries.push(same.unwrap_or_else(|| entry(writer, "Apply", &said)));
    keep(&mut new, entries);
    Ok(new)
}

fn entry(
    Writer {
        manager,
        part,
        api_version,
    }: Writer<'_>,
    operation: &str,
    fields: &Value,
) -> Value {
    let mut entry = json!({
        "manager": manager, "operation": operation, "apiVersion": api_version, "time": second(Timestamp::now()),
        "fieldsType": "FieldsV1", "fieldsV1": fields,
    });
    if !part.is_empty() {
        entry["subresource"] = json!(part);
    }
    entry
}

fn is(entry: &Value, writer: Writer<'_>, operation: &str) -> bool {
    entry["manager"] == writer.manager
        && entry["operation"] == operation
        && entry["subresource"].as_str().unwrap_or_default() == writer.part
}

fn entries(object: &Value) -> Vec<Value> {
    object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

fn keep(object: &mut Value, mut entries: Vec<Value>) {
    entries.retain(|entry| entry["fieldsV1"] != json!({}));
    object["metadata"]["managedFields"] = json!(entries);
}

/// The part of an object that has owners.
fn owned(object: &Value) -> Value {
    let mut all = object.as_object().cloned().unwrap_or_default();
    all.retain(|key, _| !["apiVersion", "kind", "metadata"].contains(&key.as_str()));
    let mut meta = object["metadata"].as_object().cloned().unwrap_or_default();
    meta.retain(|key, _| ["labels", "annotations"].contains(&key.as_str()));
    if !meta.is_empty() {
        all.insert("metadata".into(), meta.into());
    }
    all.into()
}

/// The fields of a value as a tree; a list is one field. An object without any is there all the same.
fn fields(value: &Value) -> Value {
    let Value::Object(map) = value else {
        return json!({});
    };
    if map.is_empty() {
        return json!({".": {}});
    }
    map.iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| (format!("f:{key}"), fields(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// The fields whose values differ.
fn changed(old: &Value, new: &Value) -> Value {
    let mut tree = Map::new();
    let (empty, mut keys) = (Map::new(), Vec::new());
    let (old, new) = (
        old.as_object().unwrap_or(&empty),
        new.as_object().unwrap_or(&empty),
    );
    keys.extend(old.keys().chain(new.keys()));
    for key in keys {
        let (before, after) = (
            old.get(key).unwrap_or(&Value::Null),
            new.get(key).unwrap_or(&Value::Null),
        );
        let both = before.is_object() || after.is_object();
        match changed(before, after) {
            _ if before == after => {}
            below if both && below != json!({}) => drop(tree.insert(format!("f:{key}"), below)),
            _ => drop(tree.insert(format!("f:{key}"), json!({}))),
        }
    }
    tree.into()
}

/// Takes the leaves of `other` out of `tree`.
fn subtract(tree: &mut Value, other: &Value) {
    let (Some(tree), Some(other)) = (tree.as_object_mut(), other.as_object()) else {
        return;
    };
    for (key, below) in other {
        let Some(mine) = tree.get_mut(key) else {
            continue;
        };
        if *below != json!({}) {
            subtract(mine, below);
        }
        if *below == json!({}) || *mine == json!({}) {
            tree.remove(key);
        }
    }
}

/// Whether the trees share a leaf.
fn meets(tree: &Value, other: &Value) -> bool {
    let (Some(tree), Some(other)) = (tree.as_object(), other.as_object()) else {
        return false;
    };
    tree.iter().any(|(key, mine)| {
        other
            .get(key)
            .is_some_and(|below| *mine == json!({}) || *below == json!({}) || meets(mine, below))
    })
}

/// Removes the leaves of `tree` from `object`.
fn remove(object: &mut Value, tree: &Value) {
    let (Some(object), Some(tree)) = (object.as_object_mut(), tree.as_object()) else {
        return;
    };
    for (key, below) in tree {
        let key = key.trim_start_matches("f:");
        if *below == json!({}) {
            object.remove(key);
        } else if let Some(value) = object.get_mut(key) {
            remove(value, below);
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
        part: "scale",
        api_version: "apps/v1",
    };
    const KUBECTL: Writer<'_> = Writer {
        manager: "kubectl",
        part: "scale",
        api_version: "apps/v1",
    };

    fn owners(object: &Value) -> Vec<(&str, &str)> {
        let of = |entry: &'_ Value| entry["fieldsV1"].pointer("/f:spec/f:replicas").is_some();
        let all = object["metadata"]["managedFields"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        all.iter()
            .filter(|entry| of(entry))
            .filter_map(|it| it["manager"].as_str().zip(it["operation"].as_str()))
            .collect()
    }

    #[test]
    fn a_number_belongs_to_who_wrote_it_last() {
        let made =
            json!({"metadata": {"name": "w"}, "spec": {"replicas": 3, "selector": {"a": 1}}});
        let config = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "w"}, "spec": {"replicas": 5}});
        let scaled =
            apply(&made, &json!({"spec": config["spec"]}), OPERATOR, true).expect("by force");
        assert_eq!(
            (&scaled["spec"]["replicas"], owners(&scaled)),
            (&json!(5), vec![("workerpool-operator", "Apply")])
        );
        assert_eq!(scaled["spec"]["selector"], json!({"a": 1}));
        let again =
            apply(&scaled, &json!({"spec": {"replicas": 5}}), OPERATOR, true).expect("the same");
        assert_eq!(
            again, scaled,
            "what changes nothing writes nothing, the time neither"
        );

        let mut by_hand = scaled.clone();
        merge(&mut by_hand, &json!({"spec": {"replicas": 2}}));
        updated(&scaled, &mut by_hand, KUBECTL);
        assert_eq!(owners(&by_hand), [("kubectl", "Update")]);
        let refused = apply(&by_hand, &json!({"spec": {"replicas": 5}}), OPERATOR, false);
        assert_eq!(refused.map_err(|refusal| refusal.code), Err(409));
        let back =
            apply(&by_hand, &json!({"spec": {"replicas": 5}}), OPERATOR, true).expect("by force");
        assert_eq!(owners(&back), [("workerpool-operator", "Apply")]);
    }

    #[test]
    fn what_an_applier_no_longer_says_goes() {
        let status = |status: Value| json!({"status": status});
        let writer = Writer {
            part: "status",
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
    fn elements_of_a_list_are_merged_by_their_name() {
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
