//! Valid values are accepted, invalid ones are rejected with what to set instead, and all values are documented.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{cells, helm, read, yaml};

#[test]
fn values_are_accepted_or_rejected_with_advice() {
    let table = read("tests/chart/values.md")
        .replace(r"\|", "\u{1}")
        .replace("VERSION", env!("CARGO_PKG_VERSION"));
    let mut differences = Vec::new();
    for row in table.lines().filter_map(cells) {
        let [set, outcome @ ("accepted" | "rejected"), expected] = row[..] else {
            continue;
        };
        let result = helm(&["template", "workerpool"], &set.replace('\u{1}', "|"));
        let (output, actual) = match &result {
            Ok(text) => (text, "accepted"),
            Err(text) => (text, "rejected"),
        };
        if actual != outcome || !output.contains(expected) {
            let error = if result.is_ok() { "" } else { output };
            differences.push(format!(
                "{set}: expected {outcome} with {expected:?}, but it is {actual} {error}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Every object of the schema with properties is closed, except `global`, which charts share, and the README's table has exactly the values of values.yaml.
#[test]
fn schema_is_closed_and_readme_is_complete() {
    let schema: Value =
        serde_json::from_str(&read("charts/workerpool/values.schema.json")).unwrap();
    let mut open = Vec::new();
    find_open_objects(&schema, "", &mut open);
    assert!(open.is_empty(), "open objects: {open:?}");

    let mut values = BTreeSet::new();
    leaves(&yaml("charts/workerpool/values.yaml"), "", &mut values);
    let readme = read("charts/workerpool/README.md");
    let documented: BTreeSet<_> = readme
        .lines()
        .filter_map(cells)
        .skip(1)
        .map(|row| row[0].to_owned())
        .collect();
    assert_eq!(
        documented, values,
        "the README's table has one row for each value"
    );
}

fn find_open_objects(schema: &Value, path: &str, open: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return;
    };
    if object.contains_key("properties")
        && object.get("additionalProperties") != Some(&Value::Bool(false))
        && path != "/properties/global"
    {
        open.push(path.to_owned());
    }
    for (key, value) in object {
        find_open_objects(value, &format!("{path}/{key}"), open);
    }
}

/// The values that are set as a whole: scalars, lists, and maps whose keys are free or defined by Kubernetes.
fn leaves(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    const SET_AS_A_WHOLE: [&str; 3] = ["resources", "Probe", "ecurityContext"];
    match value.as_object() {
        Some(object)
            if !object.is_empty() && !SET_AS_A_WHOLE.iter().any(|end| path.ends_with(end)) =>
        {
            for (key, value) in object {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                leaves(value, &path, out);
            }
        }
        _ => drop(out.insert(path.to_owned())),
    }
}
