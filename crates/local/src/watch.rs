//! Watches: a stream with a line of JSON for each change, until its timeout.

use crate::error::ApiError;
use crate::kind::{Kind, Path};
use crate::select::{Query, Selector, is_true};
use crate::store::{Change, Store};
use axum::body::{Body, Bytes};
use futures::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// Converts a stored object to the form that the client asked for.
pub type Render = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

struct Watch {
    store: Arc<Store>,
    kind: &'static Kind,
    namespace: String,
    selector: Selector,
    render: Render,
    /// The version up to which the client has every change.
    version: u64,
    changes: watch::Receiver<u64>,
    deadline: Instant,
    sends_bookmarks: bool,
    queue: VecDeque<Value>,
    finished: bool,
}

/// The body of the response to a watch on the objects of `path`.
pub fn watch(store: &Arc<Store>, path: &Path, query: &Query, render: Render) -> Body {
    let number = |key: &str| query.get(key).and_then(|text| text.parse::<u64>().ok());
    let timeout = Duration::from_secs(number("timeoutSeconds").unwrap_or(300));
    let selector = Selector::new(query);
    let changes = store.subscribe();
    let mut queue = VecDeque::new();
    let mut version = number("resourceVersion").unwrap_or(0);
    if version == 0 {
        let (current, objects) = store.list(path.kind, &path.namespace);
        version = current;
        let objects = objects.iter().filter(|object| selector.matches(object));
        queue.extend(objects.map(|object| json!({"type": "ADDED", "object": render(object)})));
        if is_true(query, "sendInitialEvents") {
            queue.push_back(bookmark(path.kind, version, true));
        }
    }
    let watch = Watch {
        store: Arc::clone(store),
        kind: path.kind,
        namespace: path.namespace.clone(),
        selector,
        render,
        version,
        changes,
        deadline: Instant::now() + timeout,
        sends_bookmarks: is_true(query, "allowWatchBookmarks"),
        queue,
        finished: false,
    };
    let lines = stream::unfold(watch, |mut watch| async {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))), watch))
    });
    Body::from_stream(lines)
}

fn bookmark(kind: &Kind, version: u64, ends_initial_events: bool) -> Value {
    let mut meta = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
    if ends_initial_events {
        meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({
        "type": "BOOKMARK",
        "object": {"apiVersion": kind.api_version(), "kind": kind.name, "metadata": meta},
    })
}

impl Watch {
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.queue.pop_front() {
                return Some(line);
            }
            if self.finished {
                return None;
            }
            self.changes.borrow_and_update();
            let Some(changes) = self.store.changes_since(self.version) else {
                // Sent in the stream, as a cluster does: a client whose watch request itself is refused repeats the
                // same request forever.
                self.finished = true;
                let error = ApiError::new(410, "Expired", "too old resource version");
                return Some(json!({"type": "ERROR", "object": error.status()}));
            };
            self.version = changes.last().map_or(self.version, |change| change.version);
            for change in changes {
                if self.includes(&change) {
                    let object = (self.render)(&change.object);
                    let line = json!({"type": change.event, "object": object});
                    self.queue.push_back(line);
                }
            }
            if self.queue.is_empty() {
                let changed = timeout_at(self.deadline, self.changes.changed()).await;
                self.finished = changed.is_err();
                if self.finished && self.sends_bookmarks {
                    let bookmark = bookmark(self.kind, self.version, false);
                    self.queue.push_back(bookmark);
                }
            }
        }
    }

    fn includes(&self, change: &Change) -> bool {
        change.id.plural == self.kind.stored_as().plural
            && (self.namespace.is_empty() || change.id.namespace == self.namespace)
            && self.selector.matches(&change.object)
    }
}
