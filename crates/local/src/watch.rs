//! A watch: a line of JSON for each change, until its time is over.

use super::kind::{Kind, Path};
use super::select::{Query, Selector};
use super::store::{Change, Store};
use crate::error::ApiError;
use axum::body::{Body, Bytes};
use futures::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

/// How an object is shown to who asked.
pub type Show = Arc<dyn Fn(&Value) -> Value + Send + Sync>;

struct Watch {
    store: Arc<Store>,
    kind: &'static Kind,
    namespace: String,
    selector: Selector,
    show: Show,
    seen: u64,
    changed: watch::Receiver<u64>,
    end: Instant,
    bookmarks: bool,
    due: VecDeque<Value>,
    over: bool,
}

/// The body of a watch on what `path` names.
pub fn watch(store: &Arc<Store>, path: &Path, query: &Query, show: Show) -> Body {
    let is = |key: &str| {
        query
            .get(key)
            .is_some_and(|value| value == "true" || value == "1")
    };
    let seconds = query
        .get("timeoutSeconds")
        .and_then(|text| text.parse().ok())
        .unwrap_or(300);
    let from = query
        .get("resourceVersion")
        .and_then(|text| text.parse().ok())
        .unwrap_or(0);
    let selector = Selector::new(query);
    let changed = store.subscribe();
    let mut due = VecDeque::new();
    let mut seen = from;
    if from == 0 {
        let (version, objects) = store.list(path.kind, &path.namespace);
        due.extend(
            objects
                .iter()
                .filter(|it| selector.takes(it))
                .map(|it| json!({"type": "ADDED", "object": show(it)})),
        );
        seen = version;
        if is("sendInitialEvents") {
            due.push_back(bookmark(path.kind, version, true));
        }
    }
    let watch = Watch {
        store: Arc::clone(store),
        kind: path.kind,
        namespace: path.namespace.clone(),
        selector,
        show,
        seen,
        changed,
        end: Instant::now() + Duration::from_secs(seconds),
        bookmarks: is("allowWatchBookmarks"),
        due,
        over: false,
    };
    let lines = stream::unfold(watch, |mut watch| async {
        let line = watch.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(format!("{line}\n"))), watch))
    });
    Body::from_stream(lines)
}

fn bookmark(kind: &Kind, version: u64, complete: bool) -> Value {
    let mut meta = json!({"resourceVersion": version.to_string(), "creationTimestamp": null});
    if complete {
        meta["annotations"] = json!({"k8s.io/initial-events-end": "true"});
    }
    json!({"type": "BOOKMARK", "object": {"apiVersion": kind.api_version(), "kind": kind.name, "metadata": meta}})
}

impl Watch {
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.due.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            self.changed.borrow_and_update();
            let Some(changes) = self.store.since(self.seen) else {
                // Said in the stream, as a cluster does: who is refused the watch itself asks for the same again for ever.
                self.over = true;
                let said = ApiError::new(410, "Expired", "too old resource version");
                return Some(json!({"type": "ERROR", "object": said.status()}));
            };
            self.seen = changes.last().map_or(self.seen, |change| change.version);
            let wanted = |change: &&Change| {
                change.id.plural == self.kind.store().plural
                    && (self.namespace.is_empty() || change.id.namespace == self.namespace)
                    && self.selector.takes(&change.object)
            };
            let line = |change: &Change| json!({"type": change.verb, "object": (self.show)(&change.object)});
            let lines: Vec<Value> = changes.iter().filter(wanted).map(line).collect();
            self.due.extend(lines);
            if self.due.is_empty() && timeout_at(self.end, self.changed.changed()).await.is_err() {
                self.over = true;
                if self.bookmarks {
                    self.due.push_back(bookmark(self.kind, self.seen, false));
                }
            }
        }
    }
}
