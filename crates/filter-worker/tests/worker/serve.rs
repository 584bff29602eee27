//! The HTTP front as a process, over real HTTP, on a real Redis, with a real worker.

use crate::process::{PATIENCE, Process, Yard, until};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{ImageFormat, RgbImage};
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::{Cursor, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// A front, and who asks it.
struct Front {
    yard: Yard,
    process: Process,
    address: SocketAddr,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Message, place and hint of a refusal.
    fn refusal(&self) -> String {
        let error = &self.json()["error"];
        format!("{} | {} | {}", error["message"], error["at"], error["do"])
    }
}

impl Front {
    fn start(args: &[&str]) -> Self {
        let yard = Yard::new();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let listen = address.to_string();
        let args = [&["serve", "--listen", &listen], args].concat();
        let process = Process::start("front", yard.program("front").args(args));
        until("the front", || TcpStream::connect(address).ok());
        Self {
            yard,
            process,
            address,
        }
    }

    fn ask(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: front\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let _ = stream.write_all(body); // who refuses by the head need not read the rest
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .expect("an answer with a head");
        let head = String::from_utf8(answer[..end].to_vec())
            .unwrap()
            .to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer {
            status,
            head,
            body: answer[end + 4..].to_vec(),
        }
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "text/plain", b"")
    }

    fn post(&self, batch: &Value) -> Answer {
        self.ask(
            "POST",
            "/api/process-batch/distributed/",
            "application/json",
            batch.to_string().as_bytes(),
        )
    }

    /// Where the front says that the tasks of a batch are.
    fn urls(answer: &Answer) -> Vec<String> {
        assert_eq!(answer.status, 202, "{}", answer.refusal());
        let tasks = answer.json()["tasks"].as_array().unwrap().clone();
        tasks
            .iter()
            .map(|it| it["url"].as_str().unwrap().to_owned())
            .collect()
    }

    /// A task once it is no longer pending.
    #[track_caller]
    fn ended(&self, url: &str) -> Value {
        until("the task to end", || {
            Some(self.get(url).json()).filter(|it| it["status"] != "pending")
        })
    }
}

fn file(format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    RgbImage::from_pixel(60, 40, image::Rgb([200, 120, 40]))
        .write_to(&mut file, format)
        .unwrap();
    file.into_inner()
}

fn small() -> Value {
    json!({"synthetic": {"width": 8, "height": 8}})
}

#[test]
fn a_json_batch_is_filtered_and_its_images_can_be_fetched() {
    let front = Front::start(&[]);
    let _worker = front.yard.worker("w", &[]);
    let png = BASE64_STANDARD.encode(file(ImageFormat::Png));
    let batch = json!({"images": [{"base64": png}, small()], "filters": ["rotate", "sepia"], "output": "webp"});
    let urls = Front::urls(&front.post(&batch));
    let [first, second] = [front.ended(&urls[0]), front.ended(&urls[1])];
    assert_eq!(
        (&first["status"], &second["status"]),
        (&json!("done"), &json!("done")),
        "{first} {second}"
    );
    assert_eq!(
        (&first["result"]["width"], &first["result"]["height"]),
        (&json!(40), &json!(60))
    );
    let fetched = front.get(first["result"]["image"]["url"].as_str().unwrap());
    assert!(
        fetched.head.contains("content-type: image/webp"),
        "{}",
        fetched.head
    );
    let image = image::load_from_memory_with_format(&fetched.body, ImageFormat::WebP).unwrap();
    assert_eq!((image.width(), image.height()), (40, 60));
}

#[test]
fn a_form_with_files_of_each_format_is_filtered() {
    let front = Front::start(&[]);
    let _worker = front.yard.worker("w", &[]);
    let mut form = Vec::new();
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        form.extend(
            b"--edge\r\nContent-Disposition: form-data; name=\"images\"; filename=\"a\"\r\n\r\n",
        );
        form.extend(file(format));
        form.extend(b"\r\n");
    }
    form.extend(
        b"--edge\r\nContent-Disposition: form-data; name=\"filters\"\r\n\r\nblur, resize\r\n--edge--\r\n",
    );
    let path = "/api/process-batch/distributed";
    let urls = Front::urls(&front.ask("POST", path, "multipart/form-data; boundary=edge", &form));
    assert_eq!(urls.len(), 3);
    for url in urls {
        let task = front.ended(&url);
        assert_eq!(
            (&task["result"]["width"], &task["result"]["height"]),
            (&json!(30), &json!(20)),
            "{task}"
        );
        assert_eq!(
            front.get(&format!("{url}/image")).status,
            404,
            "nobody asked for an output"
        );
    }
}

#[test]
fn a_task_can_be_followed_from_the_queue_to_its_collection() {
    let mut front = Front::start(&[]);
    let url =
        &Front::urls(&front.post(&json!({"images": [small()], "filters": [], "delayMs": 5_000})))
            [0];
    assert_eq!(front.get(url).json()["status"], "pending");
    let metrics = front.get("/api/metrics/").json();
    assert_eq!(
        (
            &metrics["queue"]["waiting"],
            &metrics["tasks"]["outOfSight"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        metrics["workers"]["utilizationPercent"],
        Value::Null,
        "of no workers"
    );
    let _worker = front.yard.worker("w", &[]);
    until("its worker to be told", || {
        (front.get(url).json()["worker"] == "w.1").then_some(())
    });
    let workers = front.get("/api/workers/status/").json();
    let worker = &workers["workers"][0];
    assert_eq!(
        (&workers["live"], &worker["state"], &worker["deaf"]),
        (&json!(1), &json!("busy"), &json!(false))
    );
    assert!(url.ends_with(worker["task"].as_str().unwrap()));
    assert_eq!(
        front.get("/api/metrics/").json()["workers"]["utilizationPercent"],
        100
    );
    assert_eq!(front.ended(url)["status"], "done");
    assert_eq!(
        front.get("/api/metrics/").json()["tasks"]["successPercent"],
        100
    );
    let unread = |front: &mut Front| -> Vec<i64> {
        front.yard.redis.hvals(front.yard.keys.unread()).unwrap()
    };
    assert_eq!(unread(&mut front).iter().sum::<i64>(), 1);
    assert_eq!(front.ask("DELETE", url, "", b"").json()["status"], "done");
    assert_eq!(unread(&mut front).iter().sum::<i64>(), 0);
    assert_eq!(front.get(url).status, 404, "{}", front.get(url).json());
    assert_eq!(front.ask("DELETE", url, "", b"").status, 404);
}

#[test]
fn an_error_of_a_worker_can_be_read() {
    let front = Front::start(&[]);
    let _worker = front.yard.worker("w", &[]);
    let mut png = file(ImageFormat::Png);
    png.truncate(60); // a good header, and nothing behind it
    let batch = json!({"images": [{"base64": BASE64_STANDARD.encode(png)}], "filters": []});
    let task = front.ended(&Front::urls(&front.post(&batch))[0]);
    assert_eq!(
        (&task["status"], &task["attempts"]),
        (&json!("failed"), &json!(1))
    );
    assert!(
        task["error"].as_str().unwrap().contains("cannot be read"),
        "{task}"
    );
}

#[rstest]
#[case::no_json("{", "| line 1 column 1 | send {", 400)]
#[case::no_images(r#"{"filters": []}"#, "missing field `images`", 400)]
#[case::empty(
    r#"{"images": [], "filters": []}"#,
    "0 images in a batch | images | send 1 to 3",
    400
)]
#[case::too_many(
    r#"{"images": [1, 2, 3, 4], "filters": []}"#,
    "4 images in a batch | images | send 1 to 3",
    400
)]
#[case::filter(
    r#"{"images": [1], "filters": ["vignette"]}"#,
    "there are: resize, blur",
    400
)]
#[case::no_image(
    r#"{"images": [{"file": "x"}], "filters": []}"#,
    "images[0] | an image is",
    400
)]
#[case::second(
    r#"{"images": [{"synthetic": {"width": 1, "height": 1}}, {"base64": "!"}], "filters": []}"#,
    "no base64: Invalid symbol 33, offset 0. | images[1]",
    400
)]
#[case::text(
    r#"{"images": [{"base64": "aGVsbG8="}], "filters": []}"#,
    "the image cannot be read",
    400
)]
#[case::bomb(
    r#"{"images": [{"synthetic": {"width": 30000, "height": 30000}}], "filters": []}"#,
    "30000 x 30000",
    400
)]
#[case::key(
    r#"{"images": [{"key": "secret"}], "filters": []}"#,
    "not read for whoever asks",
    400
)]
#[case::delay(
    r#"{"images": [1], "filters": [], "delayMs": 600001}"#,
    "| delayMs |",
    400
)]
#[case::unknown(
    r#"{"images": [1], "filters": [], "delay": 1}"#,
    "unknown field `delay`",
    400
)]
fn what_is_wrong_is_said_and_nothing_is_pushed(
    #[case] batch: &str,
    #[case] said: &str,
    #[case] status: u16,
) {
    let mut front = Front::start(&["--max-images", "3"]);
    let path = "/api/process-batch/distributed/";
    let answer = front.ask("POST", path, "application/json", batch.as_bytes());
    let refusal = answer.refusal().replace(['"', '\\'], "");
    assert!(refusal.contains(said), "{refusal}");
    assert_eq!((answer.status, front.yard.look().ready), (status, 0));
}

#[test]
fn too_much_and_too_often_and_the_wrong_door_are_refused() {
    let front = Front::start(&["--max-body", "1", "--rate", "3"]);
    let path = "/api/process-batch/distributed/";
    let large = vec![b' '; 2 << 20];
    let answer = front.ask("POST", path, "application/json", &large);
    assert!(
        answer.status == 413 && answer.refusal().contains("1 MiB"),
        "{} {}",
        answer.status,
        answer.refusal()
    );
    let answer = front.ask("POST", path, "text/csv", b"a,b");
    assert!(
        answer.status == 415 && answer.refusal().contains("header Content-Type"),
        "{}",
        answer.refusal()
    );
    assert_eq!(front.get(path).status, 405);
    assert!(front.get("/api/nothing").refusal().contains("openapi.json"));
    assert_eq!(front.get("/api/tasks/unheard-of").status, 404);

    let refused = until("the limit", || {
        Some(front.post(&json!({}))).filter(|it| it.status == 429)
    });
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    assert!(
        refused
            .refusal()
            .contains("more than 3 batches a second from 127.0.0.1"),
        "{}",
        refused.refusal()
    );
}

#[test]
fn an_absent_redis_and_a_full_queue_are_told_and_waited_out() {
    let mut front = Front::start(&["--rate", "1000"]);
    let batch = json!({"images": [small()], "filters": []});
    let soon = ((protocol_minute() + 30).to_string(), 100_000);
    let _: () = front
        .yard
        .redis
        .hset(front.yard.keys.unread(), soon.0, soon.1)
        .unwrap();
    let full = front.post(&batch);
    assert!(
        full.status == 503 && full.refusal().contains("100000 results wait to be read"),
        "{}",
        full.refusal()
    );
    assert_eq!(front.yard.look().ready, 0);
    let _: () = front.yard.redis.del(front.yard.keys.unread()).unwrap();
    until("room", || {
        Some(front.post(&batch)).filter(|it| it.status == 202)
    });

    front.yard.server.stop();
    let away = front.post(&batch);
    assert!(
        away.status == 503 && away.head.contains("retry-after"),
        "{} {}",
        away.status,
        away.refusal()
    );
    front.yard.server.restart();
    until("Redis", || {
        Some(front.post(&batch)).filter(|it| it.status == 202)
    });
}

/// This minute since 1970.
fn protocol_minute() -> i64 {
    protocol::now_ms() / 60_000
}

#[test]
fn each_path_that_is_described_is_there() {
    let front = Front::start(&[]);
    let described = front.get("/api/openapi.json").json();
    let paths = described["paths"].as_object().unwrap();
    assert!(paths.len() >= 6);
    for (path, methods) in paths {
        for method in methods
            .as_object()
            .unwrap()
            .keys()
            .filter(|it| *it != "parameters")
        {
            let answer = front.ask(
                &method.to_uppercase(),
                &path.replace("{id}", "x"),
                "text/plain",
                b"",
            );
            let responses = methods[method]["responses"].as_object().unwrap();
            assert!(
                responses.contains_key(&answer.status.to_string()),
                "{method} {path}: {}",
                answer.status
            );
            assert!(
                !answer.refusal().contains("there is no GET"),
                "{method} {path}"
            );
        }
    }
    let names =
        &described["components"]["schemas"]["Batch"]["properties"]["filters"]["items"]["enum"];
    let refusal = front
        .post(&json!({"images": [small()], "filters": ["none"]}))
        .refusal();
    for name in names.as_array().unwrap() {
        assert!(
            refusal.contains(name.as_str().unwrap()),
            "{name} is described and not there"
        );
    }
}

#[test]
fn sigterm_lets_a_request_finish() {
    let mut front = Front::start(&[]);
    let batch = json!({"images": [small()], "filters": []}).to_string();
    let head = format!(
        "POST /api/process-batch/distributed/ HTTP/1.1\r\nHost: front\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        batch.len()
    );
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&batch.as_bytes()[..5]).unwrap();
    until("the front to serve", || {
        (front.get("/healthz").status == 200).then_some(())
    });
    front.process.signal("TERM");
    until("the door to close", || {
        TcpStream::connect(front.address).is_err().then_some(())
    });
    stream.write_all(&batch.as_bytes()[5..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(front.process.wait().success());
    assert_eq!(front.yard.look().ready, 1);
}
