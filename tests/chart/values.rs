//! Good values are taken, bad ones refused with what to write instead; and each value is documented.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{cells, helm, read, yaml};

#[test]
fn values_are_taken_or_refused_with_advice() {
    let table = read("tests/chart/values.md").replace(r"\|", "\u{1}");
    let mut wrong = Vec::new();
    for row in table.lines().filter_map(cells) {
        let [set, verdict @ ("taken" | "refused"), expected] = row[..] else {
            continue;
        };
        let outcome = helm(&["template", "workerpool"], &set.replace('\u{1}', "|"));
        let (said, is) = match &outcome {
            Ok(text) => (text, "taken"),
            Err(text) => (text, "refused"),
        };
        if is != verdict || !said.contains(expected) {
            let said = if outcome.is_ok() { "" } else { said };
            wrong.push(format!(
                "{set}: must be {verdict} with {expected:?}, is {is} {said}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every object of the schema that names its properties is closed, and names exactly those of values.yaml.
#[test]
fn the_schema_is_closed_and_complete() {
    let schema: Value =
        serde_json::from_str(&read("charts/workerpool/values.schema.json")).unwrap();
    let mut open = Vec::new();
    closed(&schema, "", &mut open);
    assert!(open.is_empty(), "open objects: {open:?}");

    let mut of_values = BTreeSet::new();
    leaves(&yaml("charts/workerpool/values.yaml"), "", &mut of_values);
    let readme = read("charts/workerpool/README.md");
    let of_readme: BTreeSet<_> = readme
        .lines()
        .filter_map(cells)
        .skip(1)
        .map(|row| row[0].to_owned())
        .collect();
    assert_eq!(
        of_readme, of_values,
        "the README's table has one line a value"
    );
}

fn closed(schema: &Value, path: &str, open: &mut Vec<String>) {
    let Some(object) = schema.as_object() else {
        return;
    };
    if object.contains_key("properties")
        && object.get("additionalProperties") != Some(&Value::Bool(false))
    {
        open.push(path.to_owned());
    }
    for (key, value) in object {
        closed(value, &format!("{path}/{key}"), open);
    }
}

/// What a person sets as one thing: scalars, lists, and maps whose keys are the user's or Kubernetes's own.
fn leaves(value: &Value, path: &str, out: &mut BTreeSet<String>) {
    const WHOLE: [&str; 3] = ["resources", "Probe", "ecurityContext"];
    match value.as_object() {
        Some(object) if !object.is_empty() && !WHOLE.iter().any(|end| path.ends_with(end)) => {
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
