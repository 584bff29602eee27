//! Which rights the user of a Redis lacks. All commands that the operator needs are queued in a `MULTI`, which checks each of
//! them, and the connection is closed before any runs.

use super::redis::{RedisClient, send};
use queues::{Need, Purpose, Queue};
use redis::{AsyncConnectionConfig, Cmd, Value};
use redis_source::Servers;

/// What a user may not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// The commands, each once.
    pub rights: Vec<(String, Purpose)>,
    /// The patterns of the keys and channels, where one of them is refused.
    pub patterns: Vec<String>,
}

impl Lacking {
    /// The commands for one purpose.
    pub fn of(&self, purpose: Purpose) -> Vec<&str> {
        let rights = self.rights.iter().filter(|(_, it)| *it == purpose);
        rights.map(|(right, _)| right.as_str()).collect()
    }
}

impl RedisClient {
    /// Tries what the operator needs for `queues`.
    pub async fn lacking(&mut self, queues: &[Queue]) -> anyhow::Result<Lacking> {
        self.use_resp3();
        let mut needs: Vec<Need> = queues.iter().flat_map(Queue::needs).collect();
        if matches!(self.access().servers, Servers::Sentinel { .. }) {
            needs.push(Need {
                right: "role".to_owned(),
                purpose: Purpose::Read,
                command: redis::cmd("ROLE"),
            });
        }
        let mut redis = self.connect(AsyncConnectionConfig::new()).await?;
        let failed = |error| self.describe_error(&error);
        let commands = |needs: &[Need]| -> Vec<Cmd> {
            let commands = needs.iter().map(|need| need.command.clone());
            commands.collect()
        };
        let queued = [vec![redis::cmd("MULTI")], commands(&needs)].concat();
        let mut replies = send(&mut redis, &queued).await.map_err(failed)?;
        if !replies.is_empty() && refusal(&replies.remove(0)).is_some() {
            // Without MULTI only what changes nothing is tried.
            needs.retain(|need| need.purpose != Purpose::ScaleDown);
            redis = self.connect(AsyncConnectionConfig::new()).await?;
            replies = send(&mut redis, &commands(&needs)).await.map_err(failed)?;
        }
        let mut lacking = Lacking::default();
        for (need, reply) in needs.into_iter().zip(&replies) {
            let is_known = lacking.rights.iter().any(|(it, _)| *it == need.right);
            match refusal(reply) {
                Some(Refusal::Command) if !is_known => {
                    lacking.rights.push((need.right, need.purpose));
                }
                Some(Refusal::Key) if lacking.patterns.is_empty() => {
                    lacking.patterns = queues.iter().flat_map(Queue::key_patterns).collect();
                    lacking.patterns.sort();
                    lacking.patterns.dedup();
                }
                _ => {}
            }
        }
        Ok(lacking)
    }
}

/// What a server refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Command,
    Key,
}

fn refusal(reply: &Value) -> Option<Refusal> {
    let Value::ServerError(error) = reply else {
        return None;
    };
    match error.details() {
        _ if error.code() != "NOPERM" => None,
        Some(details) if details.contains(" to run ") => Some(Refusal::Command),
        _ => Some(Refusal::Key),
    }
}
