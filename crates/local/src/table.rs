//! The tables that kubectl prints, with the columns of each kind.

use crate::kind::{CORE_EVENTS, DEPLOYMENTS, Kind, PODS, POOLS};
use jiff::Timestamp;
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
        let cells: Vec<Value> = columns.iter().map(|column| (column.cell)(item)).collect();
        json!({"cells": cells, "object": {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}})
    };
    let version = items
        .first()
        .filter(|_| version == 0)
        .map_or(json!(version.to_string()), |it| {
            it["metadata"]["resourceVersion"].clone()
        });
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
    columns.push(column("Age", |object| {
        age(&object["metadata"]["creationTimestamp"])
    }));
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
    let count = |object: &Value, key: &str| object["status"][key].as_i64().unwrap_or(0);
    [
        column("Ready", move |deployment| {
            json!(format!(
                "{}/{}",
                count(deployment, "readyReplicas"),
                deployment["spec"]["replicas"]
            ))
        }),
        column("Up-to-date", move |deployment| {
            json!(count(deployment, "updatedReplicas"))
        }),
        column("Available", move |deployment| {
            json!(count(deployment, "availableReplicas"))
        }),
    ]
}

fn event_columns() -> Vec<Column> {
    vec![
        column("Last Seen", |event| age(&event["lastTimestamp"])),
        column("Type", field("/type")),
        column("Reason", field("/reason")),
        column("Object", |event| {
            let involved = |key: &str| {
                event["involvedObject"][key]
                    .as_str()
                    .unwrap_or_default()
                    .to_lowercase()
            };
            json!(format!("{}/{}", involved("kind"), involved("name")))
        }),
        column("Message", field("/message")),
    ]
}

/// The printer columns of the CRD, so that they are defined once.
fn pool_columns() -> Vec<Column> {
    let definition = serde_json::to_value(api::crd()).unwrap_or_default();
    let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |column: &Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
    columns
        .into_iter()
        .map(|column| {
            let path = text(&column, "jsonPath").replace('.', "/");
            let is_date = column["type"] == "date";
            Column {
                name: text(&column, "name"),
                format: text(&column, "type"),
                wide: column["priority"]
                    .as_i64()
                    .is_some_and(|priority| priority > 0),
                cell: Box::new(move |object| {
                    let found = object.pointer(&path).cloned().unwrap_or(Value::Null);
                    if is_date { age(&found) } else { found }
                }),
            }
        })
        .collect()
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
    let since = since
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    let seconds = since.map(|since| Timestamp::now().duration_since(since).as_secs().max(0));
    seconds.map_or(Value::Null, |seconds| match seconds {
        0..120 => json!(format!("{seconds}s")),
        120..7200 => json!(format!("{}m", seconds / 60)),
        7200..172_800 => json!(format!("{}h", seconds / 3600)),
        _ => json!(format!("{}d", seconds / 86_400)),
    })
}
