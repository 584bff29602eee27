//! No script leaves a task in no place, whatever its arguments and the other keys are. Each script runs with one argument
//! replaced by garbage, then with one key of a wrong type or with garbage in its fields; afterwards the task is in exactly
//! one place.

use crate::queue::Queue;
use protocol::Ending;
use redis::{Commands, RedisResult, Script, Value, cmd};

const ELEMENT: &str = r#"{"id":"a","at":1,"body":1}"#;
const NO_TASK: &str = "no \"task\"";
const GARBAGE: [&str; 9] = [
    "",
    "-1",
    "0",
    "0.5",
    "nan",
    "1e999",
    "9223372036854775807",
    "9223372036854775808",
    "many",
];
/// How a key can be wrong.
const WRONG: [&str; 6] = ["string", "list", "hash", "zset", "text", "maximum"];

/// Where the task is at the start.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Start {
    Ready,
    Delayed,
    Suspect,
    Claimed,
    /// Its worker is dead.
    Orphaned,
    Failed,
}

/// A script as a worker calls it: its files, keys without the queue's prefix, and arguments.
#[derive(Clone)]
struct Case {
    start: Start,
    files: &'static [&'static str],
    keys: &'static str,
    args: Vec<&'static str>,
}

/// The scripts that give a worker a task.
fn claims() -> Vec<Case> {
    const KEYS: &str = "worker:w.1 claimed:w.1 ready delayed suspects turn";
    [Start::Ready, Start::Delayed, Start::Suspect]
        .map(|start| case(start, &["taking", "take"], KEYS, &["0"]))
        .into()
}

/// The scripts that end the work on a task.
fn ends() -> Vec<Case> {
    const ACK: &str =
        "claimed:w.1 worker:w.1 stats attempts results:a unread ready delayed suspects turn";
    const FAIL: &str = "claimed:w.1 worker:w.1 delayed attempts stats failed results: unread";
    const HAND_BACK: &str = "claimed:w.1 worker:w.1 ready suspects";
    let ack = |args: &[&'static str]| case(Start::Claimed, &["taking", "ack"], ACK, args);
    let fail = |element, attempts| {
        let args = [element, "broken", attempts, "3600000", "1000"];
        case(Start::Claimed, &["failure", "fail"], FAIL, &args)
    };
    vec![
        ack(&[ELEMENT, "a", "{}", "3600000", "5"]),
        ack(&[ELEMENT, "a", "{}", "3600000", "5", "0"]),
        fail(ELEMENT, "5"),
        fail(ELEMENT, "1"),
        fail(NO_TASK, "1"),
        case(Start::Claimed, &["hand_back"], HAND_BACK, &[ELEMENT]),
    ]
}

/// The scripts that take tasks from the dead, the failed and the leaving.
fn rescues() -> Vec<Case> {
    const REAP: &str =
        "workers worker:w.1 claimed:w.1 suspects attempts stats failed results: unread";
    const RETRY: &str = "failed stats ready results: unread collected:";
    const DEREGISTER: &str = "workers worker:w.1 claimed:w.1";
    let reap = |attempts| {
        let args = ["w.1", "500", attempts, "3600000", "86400000"];
        case(Start::Orphaned, &["failure", "reap"], REAP, &args)
    };
    let retry = |args: &[&'static str]| {
        case(
            Start::Failed,
            &["failure", "failed", "failed_take"],
            RETRY,
            args,
        )
    };
    vec![
        reap("5"),
        reap("1"),
        retry(&["retry", "10"]),
        retry(&["retry", "10", "a"]),
        case(
            Start::Claimed,
            &["deregister"],
            DEREGISTER,
            &["w.1", "86400000"],
        ),
    ]
}

fn case(
    start: Start,
    files: &'static [&'static str],
    keys: &'static str,
    args: &[&'static str],
) -> Case {
    Case {
        start,
        files,
        keys,
        args: args.to_vec(),
    }
}

fn cases() -> Vec<Case> {
    [claims(), ends(), rescues()].concat()
}

impl Case {
    fn element(&self) -> &'static str {
        if self.args[0] == NO_TASK {
            NO_TASK
        } else {
            ELEMENT
        }
    }

    /// The key in which the task is at the start.
    fn home(&self) -> &'static str {
        match self.start {
            Start::Ready => "ready",
            Start::Delayed => "delayed",
            Start::Suspect => "suspects",
            Start::Claimed | Start::Orphaned => "claimed:w.1",
            Start::Failed => "failed",
        }
    }

    fn prepare(&self, queue: &mut Queue) {
        cmd("FLUSHALL").exec(&mut queue.redis).unwrap();
        let worker = queue.register("w");
        let element = self.element();
        let key = format!("wp:{{tasks}}:{}", self.home());
        match self.start {
            Start::Delayed => {
                let _: () = queue.redis.zadd(key, format!("0:{element}"), 1).unwrap();
            }
            Start::Failed => {
                let ready = queue.keys.ready();
                let _: () = queue.redis.lpush(ready, element).unwrap();
                queue.must_take(&worker);
                let ending = queue.fail(&worker, element.as_bytes(), true);
                assert_eq!(ending, Ending::Failed(1));
            }
            _ => {
                let _: () = queue.redis.lpush(key, element).unwrap();
            }
        }
        if self.start == Start::Orphaned {
            queue.expire_lease(&worker);
        }
    }

    fn run(&self, queue: &mut Queue, args: &[&str]) -> RedisResult<Value> {
        let folder = testkit::root().join("crates/protocol/src/lua");
        let text = |it: &&str| std::fs::read_to_string(folder.join(format!("{it}.lua"))).unwrap();
        let files = ["common"].iter().chain(self.files);
        let script = Script::new(&files.map(text).collect::<String>());
        let mut call = script.prepare_invoke();
        for key in self.keys.split(' ') {
            call.key(format!("wp:{{tasks}}:{key}"));
        }
        for arg in args {
            call.arg(arg);
        }
        call.invoke(&mut queue.redis)
    }

    /// Runs the script and checks that the task is in one place.
    fn check(&self, queue: &mut Queue, args: &[&str], case: &str) {
        let reply = self.run(queue, args);
        let replied_done = format!("{reply:?}").contains("\"done\"");
        let places = places(queue, self.element()) + usize::from(replied_done);
        let Self { files, start, .. } = self;
        assert_eq!(places, 1, "{start:?} {files:?} {args:?}, {case}: {reply:?}");
    }
}

/// In how many places the task is, whatever the keys are called.
fn places(queue: &mut Queue, element: &str) -> usize {
    let keys: Vec<String> = queue.redis.keys("*").unwrap();
    let quoted = serde_json::to_string(element).unwrap();
    let mut count = 0;
    for key in keys {
        let kind: String = cmd("TYPE").arg(&key).query(&mut queue.redis).unwrap();
        let entries: Vec<String> = match kind.as_str() {
            "list" => queue.redis.lrange(&key, 0, -1).unwrap(),
            "zset" => queue.redis.zrange(&key, 0, -1).unwrap(),
            _ => Vec::new(),
        };
        let holds = |entry: &&String| entry.contains(element) || entry.contains(&quoted);
        count += entries.iter().filter(holds).count();
    }
    count
}

/// Makes a key wrong. `text` and `maximum` leave its type and spoil the fields of a hash.
fn spoil(queue: &mut Queue, key: &str, wrong: &str) {
    let redis = &mut queue.redis;
    if let Some(value) = [("text", "x"), ("maximum", "9223372036854775807")]
        .iter()
        .find_map(|(name, value)| (*name == wrong).then_some(value))
    {
        let mut fields: Vec<String> = redis.hkeys(key).unwrap_or_default();
        fields.extend(
            [
                "a",
                "processed",
                "millis",
                "recent",
                "failed",
                "failed_bytes",
            ]
            .map(str::to_owned),
        );
        for field in fields {
            // A state is a word, and without one the worker is not registered.
            if field != "state" {
                let _: RedisResult<()> = redis.hset(key, field, value);
            }
        }
        return;
    }
    let _: () = redis.del(key).unwrap();
    match wrong {
        "string" => redis.set::<_, _, ()>(key, "x").unwrap(),
        "list" => redis.lpush::<_, _, ()>(key, "x").unwrap(),
        "hash" => redis.hset::<_, _, _, ()>(key, "x", "x").unwrap(),
        _ => redis.zadd::<_, _, _, ()>(key, "x", 1).unwrap(),
    }
}

#[test]
fn no_garbage_in_an_argument_leaves_a_task_in_no_place() {
    let mut queue = Queue::new();
    for case in cases() {
        case.prepare(&mut queue);
        case.check(&mut queue, &case.args, "as a worker calls it");
        for (i, garbage) in (0..case.args.len()).flat_map(|i| GARBAGE.map(|it| (i, it))) {
            let mut args = case.args.clone();
            args[i] = garbage;
            case.prepare(&mut queue);
            case.check(&mut queue, &args, "garbage");
        }
        for length in 0..case.args.len() {
            case.prepare(&mut queue);
            case.check(&mut queue, &case.args[..length], "arguments missing");
        }
    }
}

#[test]
fn no_garbage_in_a_key_leaves_a_task_in_no_place() {
    let mut queue = Queue::new();
    for case in cases() {
        // A prefix stands for the key of the task.
        let names = case.keys.split(' ').map(|it| match it {
            "results:" => "results:a",
            "collected:" => "collected:a",
            other => other,
        });
        for (key, wrong) in names.flat_map(|key| WRONG.map(|wrong| (key, wrong))) {
            if key == case.home() {
                continue; // the test would delete the task
            }
            case.prepare(&mut queue);
            spoil(&mut queue, &format!("wp:{{tasks}}:{key}"), wrong);
            case.check(&mut queue, &case.args, &format!("{key}: {wrong}"));
        }
    }
}
