//! The scripted Redis: the commands that the operator sends, answered from the simulated workload.

use crate::process::Link;
use crate::workload::Workload;
use crate::world::World;
use decide::victims::{DrainState, Worker};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A fault at one command.
#[derive(Clone, Copy, Debug)]
pub enum RedisFault {
    /// The connection is closed instead of an answer.
    Close,
    /// The answer comes after this many milliseconds.
    Late(u64),
    /// For this many milliseconds Redis executes nothing.
    Stall(i64),
    /// The command is refused with this error.
    Error(&'static str),
    /// For this many milliseconds Redis is a replica.
    Replica(i64),
    /// Before the command, all keys are deleted.
    Flush,
}

/// A reply.
enum Reply {
    Ok,
    Nil,
    Int(i64),
    Text(String),
    List(Vec<Reply>),
    /// An empty map.
    Map,
    Error(&'static str),
}

impl Reply {
    fn encode(&self, out: &mut Vec<u8>) {
        let text = match self {
            Self::Ok => "+OK\r\n".to_owned(),
            Self::Nil => "_\r\n".to_owned(),
            Self::Map => "%0\r\n".to_owned(),
            Self::Int(number) => format!(":{number}\r\n"),
            Self::Text(text) => format!("${}\r\n{text}\r\n", text.len()),
            Self::Error(text) => format!("-{text}\r\n"),
            Self::List(items) => {
                out.extend(format!("*{}\r\n", items.len()).into_bytes());
                return items.iter().for_each(|item| item.encode(out));
            }
        };
        out.extend(text.into_bytes());
    }
}

/// One connection of the server.
struct Connection {
    notify: UnboundedSender<Vec<u8>>,
    /// Whether the next read is tracked.
    caching: bool,
}

/// Serves one connection of a process until either end closes it.
pub async fn serve(mut stream: DuplexStream, link: Link) {
    let (notify, mut notifications) = unbounded_channel();
    let mut connection = Connection {
        notify,
        caching: false,
    };
    let mut input = Vec::new();
    loop {
        let mut chunk = vec![0; 64 * 1024];
        let mut output = Vec::new();
        tokio::select! {
            biased;
            read = stream.read(&mut chunk) => match read {
                Ok(length @ 1..) => input.extend(&chunk[..length]),
                _ => return,
            },
            Some(frame) = notifications.recv() => output.extend(frame),
        }
        let mut answered = None;
        while let Some((command, length)) = parse(&input) {
            input.drain(..length);
            let fault = begin(&link, &command);
            stall(&link).await;
            if !link.is_alive() {
                return;
            }
            let is_read = command[0].ends_with("_RO");
            if matches!(fault, Some(RedisFault::Close)) {
                link.read_answered(Some(false).filter(|_| is_read));
                return;
            }
            let mut reply = {
                let mut world = link.world.lock().expect("no panic");
                world.workload.now = link.now();
                connection.execute(&mut world, &command)
            };
            if let Some(RedisFault::Error(text)) = fault {
                reply = Reply::Error(text);
            }
            if is_read {
                answered = Some(!matches!(reply, Reply::Error(_)));
            }
            reply.encode(&mut output);
            if let Some(RedisFault::Late(millis)) = fault {
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
        }
        let takes = link.world.lock().expect("no panic").redis_takes;
        tokio::time::sleep(Duration::from_millis(takes)).await;
        link.read_answered(answered);
        if stream.write_all(&output).await.is_err() {
            return;
        }
    }
}

/// What goes wrong at this command.
fn begin(link: &Link, command: &[String]) -> Option<RedisFault> {
    let mut world = link.world.lock().expect("no panic");
    let (index, now) = (world.commands, link.now());
    world.commands += 1;
    let (_, fault) = world.redis_fault.take_if(|(at, _)| *at == index)?;
    world
        .log
        .push(format!("{now} Redis, {index}, {}: {fault:?}", command[0]));
    match fault {
        RedisFault::Stall(millis) => world.stalled_until = now + millis,
        RedisFault::Replica(millis) => world.replica_until = now + millis,
        RedisFault::Flush => {
            world.workload.now = now;
            world.flush();
        }
        _ => {}
    }
    Some(fault)
}

/// Waits while Redis executes nothing.
async fn stall(link: &Link) {
    loop {
        let until = link.world.lock().expect("no panic").stalled_until;
        let Ok(millis @ 1..) = u64::try_from(until - link.now()) else {
            return;
        };
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

impl Link {
    /// Notes what the process was answered to a read.
    fn read_answered(&self, known: Option<bool>) {
        if let Some(known) = known {
            let mut world = self.world.lock().expect("no panic");
            let reads = world.reads.entry(self.number).or_default();
            reads.push((self.now(), known));
        }
    }
}

/// The first whole command of `input`, and its length.
fn parse(input: &[u8]) -> Option<(Vec<String>, usize)> {
    let line = |from: usize| {
        let end = input.get(from..)?.windows(2).position(|it| it == b"\r\n")?;
        let text = std::str::from_utf8(&input[from + 1..from + end]).ok()?;
        Some((text.parse::<usize>().ok()?, from + end + 2))
    };
    let (count, mut at) = line(0)?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, start) = line(at)?;
        let word = input.get(start..start + length)?;
        words.push(String::from_utf8_lossy(word).into_owned());
        at = start + length + 2;
    }
    (at <= input.len()).then_some((words, at))
}

impl Connection {
    fn execute(&mut self, world: &mut World, command: &[String]) -> Reply {
        let word = |index: usize| command.get(index).map_or("", String::as_str);
        let name = word(0).to_ascii_uppercase();
        match (name.as_str(), word(1)) {
            ("HELLO", _) if world.passwords.is_empty() => Reply::Map,
            ("HELLO", _) => {
                let password = command.get(4).cloned().unwrap_or_default();
                if !world.passwords.contains(&password) {
                    return Reply::Error("WRONGPASS invalid username-password pair");
                }
                world.logins.push((world.workload.now, password));
                Reply::Map
            }
            ("CLIENT", kind) => {
                self.caching = kind == "CACHING";
                Reply::Ok
            }
            ("LLEN", _) => {
                if std::mem::take(&mut self.caching) {
                    world.tracking.push(self.notify.clone());
                }
                Reply::Int(world.workload.waiting)
            }
            ("INFO", _) => Reply::Text("maxmemory:1000\r\nmaxmemory_policy:noeviction\r\n".into()),
            ("EVALSHA_RO" | "EVAL_RO", _) => snapshot(&world.workload),
            ("EVALSHA", _) if world.workload.now < world.replica_until => {
                Reply::Error("READONLY You can't write against a read only replica.")
            }
            // The script that asks a worker to drain has two keys: the worker and its tasks.
            ("EVALSHA", _) if word(2) == "2" => {
                let id = word(3).rsplit(':').next().unwrap_or_default().to_owned();
                world.workload.drain(vec![(0, id)], word(5) == "1");
                Reply::Int(1)
            }
            _ => Reply::Error("ERR the script does not know this command"),
        }
    }
}

/// The reply of the script that reads a queue.
fn snapshot(workload: &Workload) -> Reply {
    let workers = workload.workers();
    let held = workers.iter().filter(|worker| worker.busy).count();
    let text = |number: i64| Reply::Text(number.to_string());
    let counters = vec![Reply::Nil, Reply::Nil, Reply::Nil, Reply::Nil, Reply::Nil];
    let rows = workers.iter().map(|it| row(it, workload.now)).collect();
    Reply::List(vec![
        Reply::Int(1),
        text(workload.now),
        Reply::Int(workload.waiting),
        Reply::Nil,
        Reply::Int(i64::try_from(held).unwrap_or(0)),
        Reply::Int(0),
        Reply::List(counters),
        Reply::Int(0),
        Reply::Int(0),
        Reply::List(rows),
        Reply::Int(0),
        Reply::Int(0),
    ])
}

/// A worker in that reply. It tries to claim each second, and learns of a request to drain when it does.
fn row(worker: &Worker, now: i64) -> Reply {
    let state = match worker.drain {
        DrainState::None if worker.busy => "busy",
        DrainState::None => "idle",
        _ => "draining",
    };
    let knows = worker.drain == DrainState::Requested;
    let claimed_at = if knows { worker.since - 1 } else { now };
    let text = |text: &str| Reply::Text(text.to_owned());
    let reported = vec![
        worker.pod.as_deref().map_or(Reply::Nil, text),
        text(state),
        text(&worker.since.to_string()),
        text("0"),
        text("0"),
        text(&claimed_at.to_string()),
        Reply::Nil,
        Reply::Nil,
    ];
    Reply::List(vec![
        text(&worker.id),
        Reply::Int(i64::from(worker.busy)),
        Reply::List(reported),
    ])
}
