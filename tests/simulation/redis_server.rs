//! The scripted Redis: the commands that the operator sends, answered from the simulated workload.

use crate::workload::Workload;
use crate::world::{Shared, World};
use decide::victims::{DrainState, Worker};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// A reply.
enum Reply {
    Ok,
    Queued,
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
            Self::Queued => "+QUEUED\r\n".to_owned(),
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
    in_transaction: bool,
}

/// Serves one connection until the client closes it or `alive` says that the client is dead.
pub async fn serve(mut stream: DuplexStream, world: Shared, alive: impl Fn() -> bool) {
    let (notify, mut notifications) = unbounded_channel();
    let mut connection = Connection {
        notify,
        in_transaction: false,
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
        while let Some((command, length)) = parse(&input) {
            input.drain(..length);
            if !alive() {
                return;
            }
            let mut world = world.lock().expect("no panic");
            connection.execute(&mut world, &command).encode(&mut output);
        }
        if stream.write_all(&output).await.is_err() {
            return;
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
            ("HELLO", _) => Reply::Map,
            ("CLIENT", _) => Reply::Ok,
            ("MULTI", _) => {
                self.in_transaction = true;
                Reply::Ok
            }
            ("LLEN", _) if self.in_transaction => Reply::Queued,
            ("EXEC", _) => {
                self.in_transaction = false;
                world.tracking.push(self.notify.clone());
                Reply::List(vec![Reply::Int(1)])
            }
            ("INFO", _) => Reply::Text("maxmemory:1000\r\nmaxmemory_policy:noeviction\r\n".into()),
            ("EVALSHA_RO" | "EVAL_RO", _) => snapshot(&world.workload),
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
