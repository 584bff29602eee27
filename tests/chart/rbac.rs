//! The rights that the chart gives are those of `rbac.md`, no verb more and none less.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{NAMESPACE, at, cells, list, name, read, render};

/// Who, where, group, resource, name, verb.
type Right = [String; 6];

#[test]
fn rights_are_exactly_those_of_the_table() {
    let table = read("tests/chart/rbac.md");
    for section in table.split("\n## ").skip(1) {
        let (set, rows) = section.split_once('\n').unwrap();
        let wanted: BTreeSet<Right> = rows
            .lines()
            .filter_map(cells)
            .skip(1)
            .flat_map(|row| product(&row))
            .collect();
        let given = rights(&render(if set == "(defaults)" { "" } else { set }));
        let missing: Vec<_> = wanted.difference(&given).collect();
        let surplus: Vec<_> = given.difference(&wanted).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{set}\nmissing: {missing:#?}\nsurplus: {surplus:#?}"
        );
    }
}

/// A table's row, where cells hold several words, as single rights.
fn product(row: &[&str]) -> Vec<Right> {
    row.iter()
        .enumerate()
        .fold(vec![Right::default()], |rights, (column, cell)| {
            let words: Vec<_> = if cell.is_empty() {
                vec![""]
            } else {
                cell.split(' ').collect()
            };
            let with = |right: &Right, word: &str| {
                let mut right = right.clone();
                word.clone_into(&mut right[column]);
                right
            };
            rights
                .iter()
                .flat_map(|right| {
                    words
                        .iter()
                        .map(|word| with(right, word))
                        .collect::<Vec<_>>()
                })
                .collect()
        })
}

fn rights(objects: &[Value]) -> BTreeSet<Right> {
    let roles = objects
        .iter()
        .filter(|object| matches!(at(object, "/kind"), "Role" | "ClusterRole"));
    roles
        .flat_map(|role| {
            list(role, "/rules")
                .iter()
                .flat_map(|granted| rights_of(role, granted, objects))
        })
        .collect()
}

fn rights_of(role: &Value, granted: &Value, objects: &[Value]) -> Vec<Right> {
    let words = |key: &str| {
        let words = list(granted, key).iter().filter_map(Value::as_str);
        words
            .map(|word| if word.is_empty() { "core" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let place = if at(role, "/kind") == "Role" {
        at(role, "/metadata/namespace")
    } else {
        "cluster"
    };
    let who = holder(role, objects);
    product(&[
        &who,
        place,
        &words("/apiGroups"),
        &words("/resources"),
        &words("/resourceNames"),
        &words("/verbs"),
    ])
}

/// The one account that a role is bound to, or the user roles that it is added to.
fn holder(role: &Value, objects: &[Value]) -> String {
    let added = ["view", "edit", "admin"].into_iter().filter(|to| {
        role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{to}")] == "true"
    });
    let added = added.collect::<Vec<_>>().join("+");
    let bindings: Vec<_> = objects
        .iter()
        .filter(|object| at(object, "/kind") == format!("{}Binding", at(role, "/kind")))
        .filter(|binding| binding["roleRef"]["name"] == role["metadata"]["name"])
        .filter(|binding| binding["metadata"]["namespace"] == role["metadata"]["namespace"])
        .collect();
    match (added.as_str(), &bindings[..]) {
        ("", [binding]) => {
            assert_eq!(
                binding["roleRef"]["kind"],
                role["kind"],
                "{}",
                name(binding)
            );
            let [subject] = list(binding, "/subjects") else {
                panic!("{}: one subject", name(binding))
            };
            assert_eq!(
                (at(subject, "/kind"), at(subject, "/namespace")),
                ("ServiceAccount", NAMESPACE)
            );
            at(subject, "/name").to_owned()
        }
        (added, []) if !added.is_empty() => added.to_owned(),
        _ => panic!(
            "{} is bound {} times and added to {added:?}",
            name(role),
            bindings.len()
        ),
    }
}
