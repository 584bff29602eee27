//! Tables, as kubectl prints them: the columns of each kind.

use super::kind::{DEPLOYMENTS, Kind, OLD_EVENTS, PODS, POOLS};
use jiff::Timestamp;
use serde_json::{Value, json};

/// Name, type, and where in the object the cell lies.
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

fn at(path: &'static str) -> impl Fn(&Value) -> Value {
    move |object| object.pointer(path).cloned().unwrap_or(Value::Null)
}

/// `items` as the table that kubectl prints.
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
    let mut all = vec![column("Name", at("/metadata/name"))];
    if *kind == POOLS {
        all.extend(of_pools());
        return all;
    }
    if *kind == PODS {
        all.push(column("Ready", |pod| {
            json!(if ready(pod) { "1/1" } else { "0/1" })
        }));
        all.push(column("Status", |pod| {
            let waiting = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
            if pod["metadata"]["deletionTimestamp"].is_string() {
                json!("Terminating")
            } else if waiting.is_string() {
                waiting.clone()
            } else {
                pod["status"]["phase"].clone()
            }
        }));
        all.push(column(
            "Restarts",
            at("/status/containerStatuses/0/restartCount"),
        ));
    } else if *kind == DEPLOYMENTS {
        let number = |object: &Value, key: &str| object["status"][key].as_i64().unwrap_or(0);
        all.push(column("Ready", move |it| {
            json!(format!(
                "{}/{}",
                number(it, "readyReplicas"),
                it["spec"]["replicas"]
            ))
        }));
        all.push(column("Up-to-date", move |it| {
            json!(number(it, "updatedReplicas"))
        }));
        all.push(column("Available", move |it| {
            json!(number(it, "availableReplicas"))
        }));
    } else if *kind == OLD_EVENTS {
        all = vec![
            column("Last Seen", |it| age(&it["lastTimestamp"])),
            column("Type", at("/type")),
            column("Reason", at("/reason")),
            column("Object", |it| {
                let of = |key: &str| {
                    it["involvedObject"][key]
                        .as_str()
                        .unwrap_or_default()
                        .to_lowercase()
                };
                json!(format!("{}/{}", of("kind"), of("name")))
            }),
            column("Message", at("/message")),
        ];
        return all;
    }
    all.push(column("Age", |it| {
        age(&it["metadata"]["creationTimestamp"])
    }));
    all
}

/// The printer columns of the definition, so that they are said once.
fn of_pools() -> Vec<Column> {
    let definition = serde_json::to_value(api::crd()).unwrap_or_default();
    let columns = definition["spec"]["versions"][0]["additionalPrinterColumns"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let text = |column: &Value, key: &str| column[key].as_str().unwrap_or_default().to_owned();
    let of = |it: Value| {
        let (path, date) = (
            text(&it, "jsonPath").replace('.', "/"),
            it["type"] == "date",
        );
        Column {
            name: text(&it, "name"),
            format: text(&it, "type"),
            wide: it["priority"].as_i64().is_some_and(|priority| priority > 0),
            cell: Box::new(move |object| {
                let found = object.pointer(&path).cloned().unwrap_or(Value::Null);
                if date { age(&found) } else { found }
            }),
        }
    };
    columns.into_iter().map(of).collect()
}

/// Whether a pod is ready.
pub fn ready(pod: &Value) -> bool {
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
