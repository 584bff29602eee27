//! What an endpoint still has to do. The fleet never waits for an endpoint, whatever its Redis does; and what waits is
//! bounded by what there is: of each pool its latest queues, one poll, and one request to each worker.

use crate::observe::{Epoch, PollNumber, Redis};
use api::Key;
use queues::Queue;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What an endpoint does for a pool.
#[derive(Debug)]
pub enum Command {
    /// Poll these queues from now on, at least once per interval.
    Watch(Key, Epoch, Vec<Queue>, Duration),
    /// Poll this pool now.
    Poll(Key, PollNumber),
    /// Poll this pool now, with the list of clients.
    PollClients(Key),
    /// Ask workers of the pool to stop claiming tasks (`true`) or to continue (`false`). A worker is the index of its
    /// queue and its id.
    Drain(Key, Vec<(usize, String)>, bool, PollNumber),
    /// Stop polling this pool.
    Unwatch(Key),
    /// Connect to the same Redis with the credentials of this one from now on.
    Renew(Redis),
}

impl Command {
    /// The pool that it is about; `None` if it is about all.
    fn pool(&self) -> Option<&Key> {
        match self {
            Self::Watch(pool, ..)
            | Self::Poll(pool, _)
            | Self::PollClients(pool)
            | Self::Drain(pool, ..)
            | Self::Unwatch(pool) => Some(pool),
            Self::Renew(_) => None,
        }
    }
}

/// A mailbox, and what takes the commands out of it.
pub fn mailbox() -> (Mailbox, Commands) {
    let shared = Arc::<Shared>::default();
    (Mailbox(Arc::clone(&shared)), Commands(shared))
}

/// Where commands are put. The endpoint ends when it is dropped.
#[derive(Debug)]
pub struct Mailbox(Arc<Shared>);

/// The commands of a mailbox.
#[derive(Debug)]
pub struct Commands(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The pools with commands, each once; `None` for what is about all.
    turns: VecDeque<Option<Key>>,
    pools: HashMap<Option<Key>, VecDeque<Command>>,
    closed: bool,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mailbox {
    /// Adds a command, which takes the place of those that it makes superfluous.
    pub fn send(&self, command: Command) {
        let mut waiting = self.0.waiting();
        let Waiting { turns, pools, .. } = &mut *waiting;
        let key = command.pool().cloned();
        if !pools.contains_key(&key) {
            turns.push_back(key.clone());
        }
        let before = pools.entry(key).or_default();
        match &command {
            Command::Poll(..) => before.retain(|it| !matches!(it, Command::Poll(..))),
            Command::PollClients(_) => before.retain(|it| !matches!(it, Command::PollClients(_))),
            Command::Renew(_) => before.clear(),
            Command::Watch(..) | Command::Unwatch(_) => {
                before.retain(|it| matches!(it, Command::Drain(..)));
            }
            Command::Drain(_, workers, ..) => {
                let workers: HashSet<_> = workers.iter().collect();
                before.retain_mut(|it| match it {
                    Command::Drain(_, earlier, ..) => {
                        earlier.retain(|worker| !workers.contains(worker));
                        !earlier.is_empty()
                    }
                    _ => true,
                });
            }
        }
        before.push_back(command);
        drop(waiting);
        self.0.arrived.notify_one();
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.0.waiting().closed = true;
        self.0.arrived.notify_one();
    }
}

impl Commands {
    /// The next command; `None` if there is none now.
    pub fn try_next(&mut self) -> Option<Command> {
        let mut waiting = self.0.waiting();
        let Waiting { turns, pools, .. } = &mut *waiting;
        let key = turns.pop_front()?;
        let commands = pools.get_mut(&key)?;
        let command = commands.pop_front();
        if commands.is_empty() {
            pools.remove(&key);
        } else {
            turns.push_back(key);
        }
        command
    }

    /// The next command; `None` once the mailbox is dropped and empty.
    pub async fn next(&mut self) -> Option<Command> {
        loop {
            if let Some(command) = self.try_next() {
                return Some(command);
            }
            if self.0.waiting().closed {
                return None;
            }
            self.0.arrived.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{Address, Topology};

    fn key(name: &str) -> Key {
        Key::new("n", name)
    }

    fn watch(name: &str, epoch: u64) -> Command {
        Command::Watch(key(name), Epoch(epoch), vec![], Duration::from_secs(1))
    }

    fn drain(name: &str, workers: &[&str], drain: bool) -> Command {
        let workers = workers.iter().map(|id| (0, (*id).to_owned())).collect();
        Command::Drain(key(name), workers, drain, PollNumber(0))
    }

    fn all(mut commands: Commands) -> Vec<String> {
        std::iter::from_fn(|| commands.try_next())
            .map(|command| match command {
                Command::Watch(pool, epoch, ..) => format!("watch {} {}", pool.name, epoch.0),
                Command::Poll(pool, number) => format!("poll {} {}", pool.name, number.0),
                Command::PollClients(pool) => format!("clients {}", pool.name),
                Command::Unwatch(pool) => format!("unwatch {}", pool.name),
                Command::Drain(pool, workers, drain, _) => {
                    let ids: Vec<&str> = workers.iter().map(|(_, id)| &**id).collect();
                    format!("drain {} {} {drain}", pool.name, ids.join("+"))
                }
                Command::Renew(redis) => format!("renew {redis}"),
            })
            .collect()
    }

    /// An endpoint whose Redis answers nothing takes no command, and the fleet repeats them.
    #[test]
    fn what_waits_does_not_grow_with_time() {
        let (mailbox, commands) = mailbox();
        for round in 0..10_000 {
            mailbox.send(watch("a", round));
            mailbox.send(Command::Poll(key("a"), PollNumber(0)));
            mailbox.send(drain("a", &["1", "2"], round % 2 == 0));
            mailbox.send(Command::PollClients(key("a")));
            mailbox.send(Command::Poll(key("b"), PollNumber(round)));
        }
        assert_eq!(
            all(commands),
            [
                "watch a 9999",
                "poll b 9999",
                "poll a 0",
                "drain a 1+2 false",
                "clients a"
            ]
        );
    }

    /// What a pool that is deleted asked of workers is taken back first.
    #[test]
    fn the_last_requests_come_before_the_end() {
        let (mailbox, commands) = mailbox();
        mailbox.send(drain("a", &["1", "2"], true));
        mailbox.send(drain("a", &["2"], false));
        mailbox.send(Command::Poll(key("a"), PollNumber(0)));
        mailbox.send(Command::Unwatch(key("a")));
        assert_eq!(
            all(commands),
            ["drain a 1 true", "drain a 2 false", "unwatch a"]
        );
    }

    /// An answer says which request it followed: the last one.
    #[test]
    fn the_last_poll_and_the_last_credentials_count() {
        let (mailbox, commands) = mailbox();
        let redis = |host: &str| {
            let address = Address::parse(&format!("redis://{host}:6379/0"), "n", false);
            Redis::new(Topology::Standalone(address.expect("an address")), host)
        };
        mailbox.send(Command::Poll(key("a"), PollNumber(1)));
        mailbox.send(Command::Renew(redis("old")));
        mailbox.send(Command::PollClients(key("a")));
        mailbox.send(Command::Poll(key("a"), PollNumber(2)));
        mailbox.send(Command::Renew(redis("new")));
        mailbox.send(Command::PollClients(key("a")));
        let all = all(commands);
        assert_eq!(all.len(), 3, "{all:?}");
        assert_eq!((&*all[0], &*all[2]), ("poll a 2", "clients a"));
        assert!(all[1].contains("//new:"), "{all:?}");
    }

    /// A watch polls at once, and what was asked about other queues has no answer.
    #[test]
    fn a_watch_takes_the_place_of_polls_and_of_the_watch_before() {
        let (mailbox, commands) = mailbox();
        mailbox.send(watch("a", 1));
        mailbox.send(Command::Poll(key("a"), PollNumber(1)));
        mailbox.send(Command::PollClients(key("a")));
        mailbox.send(drain("a", &["1"], false));
        mailbox.send(watch("a", 2));
        mailbox.send(Command::Poll(key("a"), PollNumber(2)));
        let expected = ["drain a 1 false", "watch a 2", "poll a 2"];
        assert_eq!(all(commands), expected);
    }

    #[tokio::test]
    async fn it_ends_when_it_is_empty() {
        let (mailbox, mut commands) = mailbox();
        mailbox.send(Command::Poll(key("a"), PollNumber(0)));
        drop(mailbox);
        assert!(commands.next().await.is_some());
        assert!(commands.next().await.is_none());
    }
}
