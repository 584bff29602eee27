//! The tables that kubectl prints, with the columns of each kind.

use crate::kind::{CORE_EVENTS, DEPLOYMENTS, Kind, PODS, POOLS};
use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceColumnDefinition;
use serde_json::{Value, json};

/// A column of a table; `cell` takes its value from an object.
struct Column {
    name: String,
    format: String,
    wide: bool,
    cell: Box<dyn Fn(&Value) -> Value>,
}

fn column(name: &str, cell: impl Fn(&Value) -> Value + 'static) -> Column {
    Column {
        name: name.to_owned(),
        format: "string".to_owned(),
        wide: false,
        cell: Box::new(cell),
    }
}

fn field(path: &'static str) -> impl Fn(&Value) -> Value {
    move |object| object.pointer(path).cloned().unwrap_or(Value::Null)
}

/// `items` as a `Table` object.
pub fn table(kind: &'static Kind, items: &[Value], version: u64) -> Value {
    let columns = columns(kind);
    let definitions = columns.iter().map(|it| {
        json!({"name": it.name, "type": it.format, "format": if it.name == "Name" { "name" } else { "" }, "description": "", "priority": i32::from(it.wide)})
    });
    let row = |item: &Value| {
        let cells: Vec<Value> = columns.iter().map(|it| (it.cell)(item)).collect();
        json!({"cells": cells, "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}})
    };
    let version = match items {
        [first, ..] if version == 0 => first["metadata"]["resourceVersion"].clone(),
        _ => json!(version.to_string()),
    };
    json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
        "columnDefinitions": definitions.collect::<Vec<_>>(), "rows": items.iter().map(row).collect::<Vec<_>>(),
    })
}

fn columns(kind: &'static Kind) -> Vec<Column> {
    if *kind == CORE_EVENTS {
        return event_columns();
    }
    let mut columns = vec![column("Name", field("/metadata/name"))];
    if *kind == POOLS {
        columns.extend(pool_columns()); // they include the age
        return columns;
    }
    if *kind == PODS {
        columns.extend(pod_columns());
    } else if *kind == DEPLOYMENTS {
        columns.extend(deployment_columns());
    }
    let created = |object: &Value| age(&object["metadata"]["creationTimestamp"]);
    columns.push(column("Age", created));
    columns
}

fn pod_columns() -> [Column; 3] {
    [
        column("Ready", |pod| {
            json!(if is_ready(pod) { "1/1" } else { "0/1" })
        }),
        column("Status", |pod| {
            let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
            if pod["metadata"]["deletionTimestamp"].is_string() {
                json!("Terminating")
            } else if waiting.is_string() {
                waiting.clone()
            } else {
                pod["status"]["phase"].clone()
            }
        }),
        column(
            "Restarts",
            field("/status/containerStatuses/0/restartCount"),
        ),
    ]
}

fn deployment_columns() -> [Column; 3] {
    let count = |key: &'static str| {
        move |deployment: &Value| json!(deployment["status"][key].as_i64().unwrap_or(0))
    };
    let ready = move |deployment: &Value| {
        let (ready, all) = (count("readyReplicas"), &deployment["spec"]["replicas"]);
        json!(format!("{}/{all}", ready(deployment)))
    };
    [
        column("Ready", ready),
        column("Up-to-date", count("updatedReplicas")),
        column("Available", count("availableReplicas")),
    ]
}

fn event_columns() -> Vec<Column> {
    vec![
        column("Last Seen", |event| age(&event["lastTimestamp"])),
        column("Type", field("/type")),
        column("Reason", field("/reason")),
        column("Object", |event| {
            let [kind, name] = ["kind", "name"].map(|key| {
                let involved = event["involvedObject"][key].as_str();
                involved.unwrap_or_default().to_lowercase()
            });
            json!(format!("{kind}/{name}"))
        }),
        column("Message", field("/message")),
    ]
}

/// The printer columns of the CRD, so that they are defined once.
fn pool_columns() -> Vec<Column> {
    let versions = api::crd().spec.versions.into_iter();
    let columns = versions.filter_map(|version| version.additional_printer_columns);
    let to_column = |column: CustomResourceColumnDefinition| {
        let path = column.json_path.replace('.', "/");
        let is_date = column.type_ == "date";
        Column {
            name: column.name,
            format: column.type_,
            wide: column.priority > Some(0),
            cell: Box::new(move |object| {
                let found = object.pointer(&path).cloned().unwrap_or(Value::Null);
                if is_date { age(&found) } else { found }
            }),
        }
    };
    columns.flatten().map(to_column).collect()
}

/// Whether the condition `Ready` of a pod is true.
pub fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions.is_some_and(|all| {
        all.iter()
            .any(|it| it["type"] == "Ready" && it["status"] == "True")
    })
}

fn age(since: &Value) -> Value {
    let since = since.as_str().and_then(|text| text.parse().ok());
    let seconds = since.map(|since: Timestamp| since.duration_until(Timestamp::now()));
    let seconds = seconds.map(|passed| passed.as_secs().max(0));
    seconds.map_or(Value::Null, |seconds| match seconds {
        0..120 => json!(format!("{seconds}s")),
        120..7200 => json!(format!("{}m", seconds / 60)),
        7200..172_800 => json!(format!("{}h", seconds / 3600)),
        _ => json!(format!("{}d", seconds / 86_400)),
    })
}
