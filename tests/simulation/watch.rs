//! The watches of the scripted API server: a history of changes, and the streams that follow it.

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One line of a watch.
pub type Line = String;

/// How often the server tells a watch how far it is, in milliseconds.
const BOOKMARKS: i64 = 10_000;

#[derive(Default)]
pub struct Watches {
    /// Changes up to this version are forgotten.
    compacted: u64,
    /// The version and time of the last bookmarks.
    bookmark: (u64, i64),
    history: Vec<(&'static str, u64, Line)>,
    open: Vec<(String, i64, UnboundedSender<Line>)>,
}

impl Watches {
    /// Records a change and sends it to whoever watches `path`.
    pub fn send(&mut self, path: &'static str, version: u64, kind: &str, object: &Value) {
        let line = format!("{}\n", json!({"type": kind, "object": object}));
        self.open
            .retain(|(at, _, stream)| at != path || stream.send(line.clone()).is_ok());
        self.history.push((path, version, line));
    }

    /// Follows `path` after `version`, until `ends_at`.
    pub fn open(&mut self, path: &str, version: u64, ends_at: i64) -> UnboundedReceiver<Line> {
        if version < self.compacted {
            return ended(true);
        }
        let (stream, lines) = unbounded_channel();
        for (_, _, line) in self
            .history
            .iter()
            .filter(|(at, since, _)| *at == path && *since > version)
        {
            let _ = stream.send(line.clone());
        }
        self.open.push((path.to_owned(), ends_at, stream));
        lines
    }

    /// Ends the watches whose time is over. Now and then tells the others the present version, and forgets what is older
    /// than the one that it sent before.
    pub fn step(&mut self, now: i64, version: u64) {
        self.open.retain(|(_, ends_at, _)| *ends_at > now);
        let (before, at) = self.bookmark;
        if now - at < BOOKMARKS {
            return;
        }
        self.compacted = before;
        self.history.retain(|(_, version, _)| *version > before);
        self.bookmark = (version, now);
        let object = json!({"apiVersion": "v1", "kind": "Object", "metadata": {"resourceVersion": version.to_string()}});
        let line = format!("{}\n", json!({"type": "BOOKMARK", "object": object}));
        self.open
            .retain(|(_, _, stream)| stream.send(line.clone()).is_ok());
    }
}

/// A watch that ends at once, because its version is `expired` or for no reason.
pub fn ended(expired: bool) -> UnboundedReceiver<Line> {
    let (stream, lines) = unbounded_channel();
    if expired {
        let status = json!({"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 410,
            "reason": "Expired", "message": "too old resource version"});
        let _ = stream.send(format!("{}\n", json!({"type": "ERROR", "object": status})));
    }
    lines
}
