//! Which kinds of object the stand-in serves, and what the path of a request names.

use crate::error::ApiError;
use serde_json::{Value, json};

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    /// As objects say it: `Pod`.
    pub name: &'static str,
    pub short: &'static str,
    pub namespaced: bool,
    pub scale: bool,
}

const fn kind(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    name: &'static str,
) -> Kind {
    Kind {
        group,
        version,
        plural,
        name,
        short: "",
        namespaced: true,
        scale: false,
    }
}

pub static POOLS: Kind = Kind {
    short: "wp",
    scale: true,
    ..kind(api::GROUP, api::VERSION, "workerpools", "WorkerPool")
};
pub static DEPLOYMENTS: Kind = Kind {
    short: "deploy",
    scale: true,
    ..kind("apps", "v1", "deployments", "Deployment")
};
pub static PODS: Kind = Kind {
    short: "po",
    ..kind("", "v1", "pods", "Pod")
};
pub static EVENTS: Kind = Kind {
    short: "ev",
    ..kind("events.k8s.io", "v1", "events", "Event")
};
/// The same events as older programs know them.
pub static OLD_EVENTS: Kind = Kind {
    short: "ev",
    ..kind("", "v1", "events", "Event")
};
pub static DEFINITIONS: Kind = Kind {
    namespaced: false,
    ..kind(
        "apiextensions.k8s.io",
        "v1",
        "customresourcedefinitions",
        "CustomResourceDefinition",
    )
};

static KINDS: [&Kind; 12] = [
    &POOLS,
    &DEPLOYMENTS,
    &PODS,
    &OLD_EVENTS,
    &EVENTS,
    &DEFINITIONS,
    // There are none of these, and whoever asks is told so.
    &kind("", "v1", "services", "Service"),
    &kind("", "v1", "secrets", "Secret"),
    &kind("apps", "v1", "replicasets", "ReplicaSet"),
    &kind(
        "autoscaling",
        "v2",
        "horizontalpodautoscalers",
        "HorizontalPodAutoscaler",
    ),
    &Kind {
        namespaced: false,
        ..kind("", "v1", "namespaces", "Namespace")
    },
    &Kind {
        namespaced: false,
        ..kind("", "v1", "nodes", "Node")
    },
];

impl Kind {
    /// `apps/v1`, or `v1` for the core group.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Where its objects are kept.
    pub fn store(&'static self) -> &'static Self {
        if self == &OLD_EVENTS { &EVENTS } else { self }
    }
}

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub plural: &'static str,
    pub namespace: String,
    pub name: String,
}

impl Id {
    pub fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        Self {
            plural: kind.store().plural,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// What a path names: all of a kind, those of a namespace, one, or a part of one.
#[derive(Debug)]
pub struct Path {
    pub kind: &'static Kind,
    pub namespace: String,
    pub name: Option<String>,
    pub part: Option<String>,
}

impl Path {
    /// Reads what follows `/api` or `/apis`.
    pub fn read(path: &str) -> Result<Self, ApiError> {
        let unknown = || {
            ApiError::new(
                404,
                "NotFound",
                "the server could not find the requested resource",
            )
        };
        let mut words = path.split('/').filter(|word| !word.is_empty());
        let (group, version) = match words.next() {
            Some("api") => ("", words.next().ok_or_else(unknown)?),
            Some("apis") => (
                words.next().ok_or_else(unknown)?,
                words.next().ok_or_else(unknown)?,
            ),
            _ => return Err(unknown()),
        };
        let words: Vec<&str> = words.collect();
        let (namespace, rest) = match words.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest.first().ok_or_else(unknown)?;
        let kind = KINDS
            .iter()
            .find(|kind| (kind.group, kind.version, kind.plural) == (group, version, plural));
        Ok(Self {
            kind: kind.ok_or_else(unknown)?,
            namespace: namespace.to_owned(),
            name: rest.get(1).map(|name| (*name).to_owned()),
            part: rest.get(2).map(|part| (*part).to_owned()),
        })
    }

    pub fn id(&self, name: &str) -> Id {
        Id::new(self.kind, &self.namespace, name)
    }
}

/// What the API server tells of itself, by which kubectl finds the kinds.
pub fn discovery(path: &str) -> Option<Value> {
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    let groups = KINDS.iter().map(|kind| (kind.group, kind.version));
    match words.as_slice() {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let mut all: Vec<_> = groups.filter(|(group, _)| !group.is_empty()).collect();
            all.sort_unstable();
            all.dedup();
            let all = all.into_iter().map(|(group, version)| {
                let version =
                    json!({"groupVersion": format!("{group}/{version}"), "version": version});
                json!({"name": group, "versions": [version], "preferredVersion": version})
            });
            Some(
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": all.collect::<Vec<_>>()}),
            )
        }
        ["api", version] => resources("", version),
        ["apis", group, version] => resources(group, version),
        _ => None,
    }
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let mut all = Vec::new();
    for kind in KINDS
        .iter()
        .filter(|kind| (kind.group, kind.version) == (group, version))
    {
        all.push(json!({
            "name": kind.plural, "singularName": kind.name.to_lowercase(), "namespaced": kind.namespaced, "kind": kind.name,
            "shortNames": [kind.short], "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }));
        if kind.scale {
            all.push(json!({
                "name": format!("{}/scale", kind.plural), "singularName": "", "namespaced": true, "group": "autoscaling",
                "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"],
            }));
        }
    }
    let version = if group.is_empty() {
        version.to_owned()
    } else {
        format!("{group}/{version}")
    };
    (!all.is_empty()).then(
        || json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": all}),
    )
}
