//! The rights that a user of Redis needs for a queue, and commands by which each is tried. Where they are queued in a `MULTI`
//! that is never executed, the server checks them all and runs none.

use crate::queue::{Queue, QueueOptions};
use crate::system::QueueSystem;
use redis::{Cmd, cmd};

/// What a right is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To read the queue: without it, its metrics are not known.
    Read,
    /// To be notified of changes: without it, the queue is polled.
    Notify,
    /// To scale down: without it, nobody is asked to drain, dead workers are not seen to, or who is idle is not known.
    ScaleDown,
}

/// A right, and a command that needs it.
#[derive(Clone, Debug)]
pub struct Need {
    /// As `ACL SETUSER` grants it, without its sign: `llen`, `client|list`.
    pub right: String,
    /// What it is needed for.
    pub purpose: Purpose,
    /// The command.
    pub command: Cmd,
}

/// What notifies of changes.
const NOTIFY: &str = "client|tracking client|caching";

/// The commands that read a queue of `system`, beside those that are sent in any case, and those for a scale-down.
fn commands(system: QueueSystem) -> (&'static str, &'static str) {
    match system {
        QueueSystem::WorkerPool => (
            "evalsha_ro eval_ro lindex time get scard smembers llen hmget zcount zcard",
            "evalsha script|load exists hdel hsetnx hexists hset hget hincrby set type sismember lpush lpop rpop lmove srem \
             del pexpire",
        ),
        QueueSystem::List => ("llen", "client|list"),
        QueueSystem::Stream => ("xinfo|groups xlen xrange", "client|list"),
        QueueSystem::Celery => (
            "llen hlen time client|info",
            "lrange ltrim rpush expire publish hscan",
        ),
        QueueSystem::RQ => (
            "time llen lindex zcard zcount exists smembers hget hmget",
            "client|list",
        ),
        QueueSystem::BullMQ | QueueSystem::Bull => {
            ("time llen lrange zcard zcount hmget mget", "client|list")
        }
        QueueSystem::Sidekiq => (
            "time llen lindex smembers sismember zcard zrangebyscore hmget hvals",
            "lpush expire client|list",
        ),
        QueueSystem::Laravel => ("time llen lindex zcard zcount zrange hmget", "client|list"),
    }
}

/// The arguments of a command behind its key.
fn arguments(command: &str) -> &'static str {
    match command {
        "lindex" | "sismember" | "hget" | "hmget" | "hdel" | "hexists" | "lpush" | "rpush"
        | "srem" | "hscan" | "expire" | "pexpire" | "set" => "0",
        "lrange" | "ltrim" | "zcount" | "zrange" | "zrangebyscore" | "xrange" | "hset"
        | "hsetnx" | "hincrby" => "0 0",
        _ => "",
    }
}

impl Queue {
    /// The rights that the operator needs for this queue: first those of the commands that it sends in any case.
    pub fn needs(&self) -> Vec<Need> {
        let (read, scale_down) = commands(self.system());
        let mut needs: Vec<Need> = self.reads(true).into_iter().map(of_command).collect();
        for need in &mut needs {
            // Celery's workers are asked by each poll; without their answers the number of waiting tasks is known.
            if scale_down.split_whitespace().any(|it| it == need.right) {
                need.purpose = Purpose::ScaleDown;
            }
        }
        for (words, purpose) in [
            (read, Purpose::Read),
            (NOTIFY, Purpose::Notify),
            (scale_down, Purpose::ScaleDown),
        ] {
            needs.extend(words.split_whitespace().map(|right| Need {
                command: self.sample(right, purpose),
                right: right.to_owned(),
                purpose,
            }));
        }
        needs
    }

    /// The keys and channels, as `ACL SETUSER` grants them: `%R~` is for reading.
    pub fn key_patterns(&self) -> Vec<String> {
        let QueueOptions {
            name, key_prefix, ..
        } = self.options();
        let prefix = |default: &'static str| key_prefix.as_deref().unwrap_or(default);
        match self.system() {
            QueueSystem::WorkerPool => vec![format!("~wp:{{{name}}}:*")],
            QueueSystem::List | QueueSystem::Stream => vec![format!("%R~{name}")],
            QueueSystem::Celery => {
                let prefix = prefix("");
                vec![
                    format!("%R~{prefix}{name}*"),
                    format!("%R~{prefix}unacked"),
                    format!("~{prefix}workerpool-*.reply.celery.pidbox"),
                    format!("&{prefix}/*.celery.pidbox"),
                ]
            }
            QueueSystem::RQ => vec![format!("%R~{}:*", prefix("rq"))],
            QueueSystem::BullMQ | QueueSystem::Bull => vec![format!("%R~{}:*", prefix("bull"))],
            QueueSystem::Sidekiq => {
                let prefix = prefix("");
                vec![format!("%R~{prefix}*"), format!("~{prefix}*-signals")]
            }
            QueueSystem::Laravel => {
                let prefix = prefix("laravel_database_");
                let horizon = crate::laravel::horizon_prefix(prefix);
                vec![format!("%R~{prefix}queues:*"), format!("%R~{horizon}*")]
            }
        }
    }

    /// A command that needs `right`.
    fn sample(&self, right: &str, purpose: Purpose) -> Cmd {
        let key = self.wake_keys().first().map_or("", String::as_str);
        let prefix = self.options().key_prefix.clone().unwrap_or_default();
        let own = match (self.system(), purpose) {
            (QueueSystem::Sidekiq, Purpose::ScaleDown) => Some(format!("{prefix}none-signals")),
            (QueueSystem::Celery, Purpose::ScaleDown) if right != "hscan" => {
                Some(format!("{prefix}workerpool-none.reply.celery.pidbox"))
            }
            (QueueSystem::Celery, _) if right != "llen" => Some(format!("{prefix}unacked")),
            _ => None,
        };
        let key = own.as_deref().unwrap_or(key);
        let (name, sub) = right.split_once('|').unwrap_or((right, ""));
        let words: Vec<&str> = match right {
            "time" | "client|list" | "client|info" => vec![sub],
            "client|tracking" => vec![sub, "ON", "OPTIN"],
            "client|caching" => vec![sub, "YES"],
            "script|load" => vec![sub, "return 0"],
            "xinfo|groups" => vec![sub, key],
            "evalsha" | "evalsha_ro" => vec!["0123456789abcdef0123456789abcdef01234567", "1", key],
            "eval_ro" => vec!["return 0", "1", key],
            "publish" => {
                let channel = format!("{prefix}/0.celery.pidbox");
                return cmd("PUBLISH").arg(channel).arg("").take();
            }
            "lmove" => vec![key, key, "LEFT", "RIGHT"],
            _ => [key]
                .into_iter()
                .chain(arguments(right).split(' '))
                .collect(),
        };
        let words = words.into_iter().filter(|word| !word.is_empty());
        cmd(&name.to_ascii_uppercase())
            .arg(words.collect::<Vec<_>>())
            .take()
    }
}

/// The right that a command of a poll needs.
fn of_command(command: Cmd) -> Need {
    let mut words = command.args_iter().filter_map(|arg| match arg {
        redis::Arg::Simple(bytes) => str::from_utf8(bytes).ok(),
        _ => None,
    });
    let name = words.next().unwrap_or_default().to_ascii_lowercase();
    let right = match (&*name, words.next()) {
        ("client" | "xinfo", Some(sub)) => format!("{name}|{}", sub.to_ascii_lowercase()),
        _ => name.clone(),
    };
    drop(words);
    Need {
        right,
        purpose: Purpose::Read,
        command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_system_has_a_command_for_each_right() {
        for system in QueueSystem::ALL {
            let queue = Queue::new(*system, &QueueOptions::named("mail"));
            for need in queue.needs() {
                let of_command = of_command(need.command.clone()).right;
                let is_sub = need.right.starts_with(&of_command);
                assert!(is_sub, "{system:?}: {} {of_command}", need.right);
            }
        }
    }
}
