//! The permissions that the chart grants are exactly those in `rbac.md`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{NAMESPACE, at, cells, list, name, read, render};

/// Subject, scope, group, resource, resource name, verb.
type Permission = [String; 6];

#[test]
fn permissions_are_those_in_the_table() {
    let table = read("tests/chart/rbac.md");
    for section in table.split("\n## ").skip(1) {
        let (set, rows) = section.split_once('\n').unwrap();
        let expected: BTreeSet<Permission> = rows
            .lines()
            .filter_map(cells)
            .skip(1)
            .flat_map(|row| product(&row))
            .collect();
        let granted = permissions(&render(if set == "(defaults)" { "" } else { set }));
        let missing: Vec<_> = expected.difference(&granted).collect();
        let surplus: Vec<_> = granted.difference(&expected).collect();
        assert!(
            missing.is_empty() && surplus.is_empty(),
            "{set}\nmissing: {missing:#?}\nsurplus: {surplus:#?}"
        );
    }
}

/// The single permissions of a row whose cells have several words each.
fn product(row: &[&str]) -> Vec<Permission> {
    let mut permissions = vec![Permission::default()];
    for (column, cell) in row.iter().enumerate() {
        let with = |(permission, word): (&Permission, &str)| {
            let mut permission = permission.clone();
            word.clone_into(&mut permission[column]);
            permission
        };
        let all = permissions.iter();
        let all = all.flat_map(|it| cell.split(' ').map(move |word| (it, word)));
        permissions = all.map(with).collect();
    }
    permissions
}

fn permissions(objects: &[Value]) -> BTreeSet<Permission> {
    let roles = objects
        .iter()
        .filter(|object| matches!(at(object, "/kind"), "Role" | "ClusterRole"));
    roles
        .flat_map(|role| {
            list(role, "/rules")
                .iter()
                .flat_map(|rule| permissions_of(role, rule, objects))
        })
        .collect()
}

fn permissions_of(role: &Value, rule: &Value, objects: &[Value]) -> Vec<Permission> {
    let words = |key: &str| {
        let words = list(rule, key).iter().filter_map(Value::as_str);
        words
            .map(|word| if word.is_empty() { "core" } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    };
    let scope = if at(role, "/kind") == "Role" {
        at(role, "/metadata/namespace")
    } else {
        "cluster"
    };
    let subject = subject(role, objects);
    product(&[
        &subject,
        scope,
        &words("/apiGroups"),
        &words("/resources"),
        &words("/resourceNames"),
        &words("/verbs"),
    ])
}

/// The service account to which a role is bound, or the user roles to which it is aggregated.
fn subject(role: &Value, objects: &[Value]) -> String {
    let user_roles = ["view", "edit", "admin"].into_iter().filter(|to| {
        role["metadata"]["labels"][format!("rbac.authorization.k8s.io/aggregate-to-{to}")] == "true"
    });
    let user_roles = user_roles.collect::<Vec<_>>().join("+");
    let bindings: Vec<_> = objects
        .iter()
        .filter(|object| at(object, "/kind") == format!("{}Binding", at(role, "/kind")))
        .filter(|binding| binding["roleRef"]["name"] == role["metadata"]["name"])
        .filter(|binding| binding["metadata"]["namespace"] == role["metadata"]["namespace"])
        .collect();
    match (user_roles.as_str(), &bindings[..]) {
        ("", [binding]) => {
            assert_eq!(
                binding["roleRef"]["kind"],
                role["kind"],
                "{}",
                name(binding)
            );
            let [subject] = list(binding, "/subjects") else {
                panic!("{}: expected one subject", name(binding))
            };
            assert_eq!(
                (at(subject, "/kind"), at(subject, "/namespace")),
                ("ServiceAccount", NAMESPACE)
            );
            at(subject, "/name").to_owned()
        }
        (user_roles, []) if !user_roles.is_empty() => user_roles.to_owned(),
        _ => panic!(
            "{} has {} bindings and is aggregated to {user_roles:?}",
            name(role),
            bindings.len()
        ),
    }
}
