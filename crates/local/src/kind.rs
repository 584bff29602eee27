//! The kinds of objects that the stand-in API server has, and the paths of its requests.

use crate::error::ApiError;
use serde_json::{Value, json};

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    pub group: &'static str,
    pub version: &'static str,
    pub plural: &'static str,
    /// The value of an object's `kind` field, such as `Pod`.
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
pub static SECRETS: Kind = kind("", "v1", "secrets", "Secret");
pub static EVENTS: Kind = Kind {
    short: "ev",
    ..kind("events.k8s.io", "v1", "events", "Event")
};
/// The same events in the core group, for older programs.
pub static CORE_EVENTS: Kind = Kind {
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

pub static KINDS: [&Kind; 12] = [
    &POOLS,
    &DEPLOYMENTS,
    &PODS,
    &SECRETS,
    &CORE_EVENTS,
    &EVENTS,
    &DEFINITIONS,
    // Clients ask for these kinds, of which there are no objects.
    &kind("", "v1", "services", "Service"),
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

    /// The path of its group and version: `apis/apps/v1`, or `api/v1` for the core group.
    pub fn root(&self) -> String {
        let prefix = if self.group.is_empty() { "api" } else { "apis" };
        format!("{prefix}/{}", self.api_version())
    }

    /// The kind under which its objects are stored.
    pub fn stored_as(&'static self) -> &'static Self {
        if self == &CORE_EVENTS { &EVENTS } else { self }
    }
}

/// Identifies one object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id {
    pub plural: &'static str,
    pub namespace: String,
    pub name: String,
}

impl Id {
    pub fn new(kind: &'static Kind, namespace: &str, name: &str) -> Self {
        Self {
            plural: kind.stored_as().plural,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// The path of a request: all objects of a kind, those of a namespace, one object, or a subresource.
#[derive(Debug)]
pub struct Path {
    pub kind: &'static Kind,
    pub namespace: String,
    pub name: Option<String>,
    pub subresource: Option<String>,
}

impl Path {
    /// Parses a path that begins with `api` or `apis`.
    pub fn parse(path: &str) -> Result<Self, ApiError> {
        let not_found = || {
            ApiError::new(
                404,
                "NotFound",
                "the server could not find the requested resource",
            )
        };
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let (group, version) = match segments.next() {
            Some("api") => ("", segments.next().ok_or_else(not_found)?),
            Some("apis") => (
                segments.next().ok_or_else(not_found)?,
                segments.next().ok_or_else(not_found)?,
            ),
            _ => return Err(not_found()),
        };
        let segments: Vec<&str> = segments.collect();
        let (namespace, rest) = match segments.as_slice() {
            ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (*namespace, rest),
            rest => ("", rest),
        };
        let plural = rest.first().ok_or_else(not_found)?;
        let kind = KINDS
            .iter()
            .find(|kind| (kind.group, kind.version, kind.plural) == (group, version, plural));
        Ok(Self {
            kind: kind.ok_or_else(not_found)?,
            namespace: namespace.to_owned(),
            name: rest.get(1).map(|name| (*name).to_owned()),
            subresource: rest.get(2).map(|name| (*name).to_owned()),
        })
    }

    pub fn id(&self, name: &str) -> Id {
        Id::new(self.kind, &self.namespace, name)
    }
}

/// The discovery documents, by which kubectl finds the kinds. `None` for any other path.
pub fn discovery(path: &str) -> Option<Value> {
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let groups = KINDS.iter().map(|kind| (kind.group, kind.version));
    match segments.as_slice() {
        ["api"] => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let mut groups: Vec<_> = groups.filter(|(group, _)| !group.is_empty()).collect();
            groups.sort_unstable();
            groups.dedup();
            let groups: Vec<Value> = groups
                .into_iter()
                .map(|(group, version)| {
                    let version =
                        json!({"groupVersion": format!("{group}/{version}"), "version": version});
                    json!({"name": group, "versions": [version], "preferredVersion": version})
                })
                .collect();
            Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}))
        }
        ["api", version] => resources("", version),
        ["apis", group, version] => resources(group, version),
        _ => None,
    }
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let mut resources = Vec::new();
    for kind in KINDS
        .iter()
        .filter(|kind| (kind.group, kind.version) == (group, version))
    {
        resources.push(json!({
            "name": kind.plural, "singularName": kind.name.to_lowercase(), "namespaced": kind.namespaced, "kind": kind.name,
            "shortNames": [kind.short], "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
        }));
        if kind.scale {
            resources.push(json!({
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
    (!resources.is_empty()).then(
        || json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
    )
}
