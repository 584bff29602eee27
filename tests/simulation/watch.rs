//! The watches of the scripted API server: a history of changes, and the streams that follow it.

use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// One line of a watch.
pub type Line = String;

#[derive(Default)]
pub struct Watches {
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

    /// Ends the watches whose time is over.
    pub fn expire(&mut self, now: i64) {
        self.open.retain(|(_, ends_at, _)| *ends_at > now);
    }
}
