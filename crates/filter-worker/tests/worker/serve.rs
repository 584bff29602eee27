//! The HTTP front as a process, over real HTTP, on a real Redis, with a real worker.

use crate::front::{BATCHES, Front, HOST};
use crate::process::{until, until_true};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::{ImageFormat, RgbImage};
use redis::Commands;
use rstest::rstest;
use serde_json::{Value, json};
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;

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
fn a_json_batch_is_filtered_with_images_to_download() {
    let front = Front::start(&[]);
    let _worker = front.harness.start("w", &[]);
    let png = BASE64_STANDARD.encode(file(ImageFormat::Png));
    let batch = json!({"images": [{"base64": png}, small()], "filters": ["rotate", "sepia"], "output": "webp"});
    let urls = Front::urls(&front.post(&batch));
    let [first, second] = [front.wait_for(&urls[0]), front.wait_for(&urls[1])];
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
fn a_form_with_each_file_format_is_filtered() {
    let front = Front::start(&[]);
    let _worker = front.harness.start("w", &[]);
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
    let urls =
        Front::urls(&front.request("POST", path, "multipart/form-data; boundary=edge", &form));
    assert_eq!(urls.len(), 3);
    for url in urls {
        let task = front.wait_for(&url);
        assert_eq!(
            (&task["result"]["width"], &task["result"]["height"]),
            (&json!(30), &json!(20)),
            "{task}"
        );
        assert_eq!(
            front.get(&format!("{url}/image")).status,
            404,
            "the batch had no output"
        );
    }
}

#[test]
fn a_task_can_be_followed_until_it_is_collected() {
    let mut front = Front::start(&[]);
    let url =
        &Front::urls(&front.post(&json!({"images": [small()], "filters": [], "delayMs": 5_000})))
            [0];
    assert_eq!(front.get(url).json()["status"], "pending");
    let metrics = front.get("/api/metrics/").json();
    assert_eq!(
        (
            &metrics["queue"]["waiting"],
            &metrics["tasks"]["unaccounted"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        metrics["workers"]["utilizationPercent"],
        Value::Null,
        "there are no workers"
    );
    let _worker = front.harness.start("w", &[]);
    until_true("the worker of the task", || {
        front.get(url).json()["worker"] == "w.1"
    });
    let workers = front.get("/api/workers/status/").json();
    let worker = &workers["workers"][0];
    assert_eq!(
        (&workers["live"], &worker["state"], &worker["stalled"]),
        (&json!(1), &json!("busy"), &json!(false))
    );
    assert!(url.ends_with(worker["task"].as_str().unwrap()));
    assert_eq!(
        front.get("/api/metrics/").json()["workers"]["utilizationPercent"],
        100
    );
    assert_eq!(front.wait_for(url)["status"], "done");
    assert_eq!(
        front.get("/api/metrics/").json()["tasks"]["successPercent"],
        100
    );
    let unread = |front: &mut Front| -> Vec<i64> {
        front
            .harness
            .redis
            .hvals(front.harness.keys.unread())
            .unwrap()
    };
    assert_eq!(unread(&mut front).iter().sum::<i64>(), 1);
    assert_eq!(
        front.request("DELETE", url, "", b"").json()["status"],
        "done"
    );
    assert_eq!(unread(&mut front).iter().sum::<i64>(), 0);
    assert_eq!(front.get(url).status, 404, "{}", front.get(url).json());
    // A client that lost the answer repeats the request.
    let again = front.request("DELETE", url, "", b"").json();
    assert_eq!(again["status"], "done");
    assert_eq!(unread(&mut front).iter().sum::<i64>(), 0, "counted once");
    let id = url.rsplit('/').next().unwrap();
    let collected = front.harness.keys.collected(id);
    let _: () = front.harness.redis.del(collected).unwrap();
    assert_eq!(front.request("DELETE", url, "", b"").status, 404);
}

/// A task that waits for its next attempt is neither lost nor expired, however old it is.
#[test]
fn a_delayed_task_is_pending_and_accounted_for() {
    let mut front = Front::start(&[]);
    let url = &Front::urls(&front.post(&json!({"images": [small()], "filters": []})))[0];
    let keys = front.harness.keys.clone();
    let redis = &mut front.harness.redis;
    let element: String = redis.rpop(keys.ready(), None).unwrap();
    let delayed = format!("0:{element}");
    let _: () = redis.zadd(keys.delayed(), delayed, i64::MAX).unwrap();
    let two_hours_ago = protocol::now_ms() - 7_200_000;
    let pushed = keys.pushed(url.rsplit('/').next().unwrap());
    let _: () = redis.set(pushed, two_hours_ago).unwrap();
    let metrics = front.get("/api/metrics/").json();
    assert_eq!(
        (
            &metrics["queue"]["delayed"],
            &metrics["tasks"]["unaccounted"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(front.get(url).json()["status"], "pending");
    let redis = &mut front.harness.redis;
    let _: () = redis.del(keys.delayed()).unwrap();
    assert_eq!(front.get(url).status, 410, "it is in no place, and old");
}

#[test]
fn one_query_tells_the_status_of_many_tasks() {
    let front = Front::start(&[]);
    let batch = json!({"images": [small(), small()], "filters": [], "output": "png"});
    let urls = Front::urls(&front.post(&batch));
    let ids: Vec<&str> = urls.iter().map(|it| &it["/api/tasks/".len()..]).collect();
    let path = format!("/api/tasks?ids={},{},nobody", ids[0], ids[1]);
    let states = |tasks: &Value| -> Vec<String> {
        let tasks = tasks["tasks"].as_array().unwrap().iter();
        tasks
            .map(|it| it["status"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        states(&front.get(&path).json()),
        ["pending", "pending", "unknown"]
    );
    let _worker = front.harness.start("w", &[]);
    let tasks = until("both results", || {
        Some(front.get(&path).json()).filter(|it| states(it) == ["done", "done", "unknown"])
    });
    let first = &tasks["tasks"][0];
    assert_eq!(
        (&first["id"], &first["result"]["worker"]),
        (&json!(ids[0]), &json!("w.1"))
    );
    let image = first["result"]["image"]["url"].as_str().unwrap();
    assert!(front.get(image).body.starts_with(b"\x89PNG"));
    assert_eq!(front.get("/api/tasks?ids=").status, 400);
    let many = front.get(&format!("/api/tasks?ids={}", "a,".repeat(101)));
    many.assert_error(400, "1 to 100");
}

#[test]
fn a_failed_task_has_the_error_of_its_worker() {
    let front = Front::start(&[]);
    let _worker = front.harness.start("w", &[]);
    let mut png = file(ImageFormat::Png);
    png.truncate(60); // a valid header and no pixels
    let batch = json!({"images": [{"base64": BASE64_STANDARD.encode(png)}], "filters": []});
    let task = front.wait_for(&Front::urls(&front.post(&batch))[0]);
    assert_eq!(
        (&task["status"], &task["attempts"]),
        (&json!("failed"), &json!(1))
    );
    assert!(
        task["error"]
            .as_str()
            .unwrap()
            .contains("cannot read the image"),
        "{task}"
    );
}

#[rstest]
#[case::no_json("{", "| line 1 column 1 | send {")]
#[case::no_images(r#"{"filters": []}"#, "missing field `images`")]
#[case::empty(
    r#"{"images": [], "filters": []}"#,
    "0 images in a batch | images | send 1 to 3"
)]
#[case::too_many(
    r#"{"images": [1, 2, 3, 4], "filters": []}"#,
    "4 images in a batch | images | send 1 to 3"
)]
#[case::filter(
    r#"{"images": [1], "filters": ["vignette"]}"#,
    "available: resize, blur"
)]
#[case::no_image(
    r#"{"images": [{"file": "x"}], "filters": []}"#,
    "images[0] | an image is"
)]
#[case::second(
    r#"{"images": [{"synthetic": {"width": 1, "height": 1}}, {"base64": "!"}], "filters": []}"#,
    "invalid base64: Invalid symbol 33, offset 0. | images[1]"
)]
#[case::text(
    r#"{"images": [{"base64": "aGVsbG8="}], "filters": []}"#,
    "cannot read the image"
)]
#[case::bomb(
    r#"{"images": [{"synthetic": {"width": 30000, "height": 30000}}], "filters": []}"#,
    "30000 x 30000"
)]
#[case::key(
    r#"{"images": [{"key": "secret"}], "filters": []}"#,
    "cannot be a Redis key"
)]
#[case::delay(r#"{"images": [1], "filters": [], "delayMs": 600001}"#, "| delayMs |")]
#[case::unknown(
    r#"{"images": [1], "filters": [], "delay": 1}"#,
    "unknown field `delay`"
)]
fn an_invalid_batch_is_refused_and_nothing_is_pushed(#[case] batch: &str, #[case] message: &str) {
    let mut front = Front::start(&["--max-images", "3"]);
    let response = front.request("POST", BATCHES, "application/json", batch.as_bytes());
    let error = response.error().replace(['"', '\\'], "");
    assert!(error.contains(message), "{error}");
    assert_eq!((response.status, front.harness.snapshot().ready), (400, 0));
}

#[test]
fn limits_and_unknown_endpoints_are_refused() {
    let front = Front::start(&["--max-body", "1", "--rate", "3"]);
    let large = vec![b' '; 2 << 20];
    let response = front.request("POST", BATCHES, "application/json", &large);
    response.assert_error(413, "1 MiB");
    let response = front.request("POST", BATCHES, "text/csv", b"a,b");
    response.assert_error(415, "header Content-Type");
    assert_eq!(front.get(BATCHES).status, 405);
    assert!(front.get("/api/nothing").error().contains("openapi.json"));
    assert_eq!(front.get("/api/tasks/unknown").status, 404);

    let refused = until("the limit", || {
        Some(front.post(&json!({}))).filter(|it| it.status == 429)
    });
    assert!(refused.head.contains("retry-after: 1"), "{}", refused.head);
    refused.assert_error(429, "more than 3 batches per second from 127.0.0.1");
}

#[test]
fn requests_fail_while_redis_is_full_or_down() {
    let mut front = Front::start(&["--rate", "1000"]);
    let batch = json!({"images": [small()], "filters": []});
    let in_half_an_hour = protocol::now_ms() / 60_000 + 30;
    let unread = front.harness.keys.unread();
    let server = &front.harness.server;
    server.run(&format!("HSET {unread} {in_half_an_hour} 100000"));
    let full = front.post(&batch);
    full.assert_error(503, "100000 results wait to be read");
    assert_eq!(front.harness.snapshot().ready, 0);
    front.harness.server.run(&format!("DEL {unread}"));
    until("room", || {
        Some(front.post(&batch)).filter(|it| it.status == 202)
    });

    front.harness.server.stop();
    let down = front.post(&batch);
    assert!(
        down.status == 503 && down.head.contains("retry-after"),
        "{} {}",
        down.status,
        down.error()
    );
    front.harness.server.restart();
    until("Redis", || {
        Some(front.post(&batch)).filter(|it| it.status == 202)
    });
}

#[test]
fn the_api_description_matches_the_server() {
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
            let response = front.request(
                &method.to_uppercase(),
                &path.replace("{id}", "x"),
                "text/plain",
                b"",
            );
            let responses = methods[method]["responses"].as_object().unwrap();
            assert!(
                responses.contains_key(&response.status.to_string()),
                "{method} {path}: {}",
                response.status
            );
            assert!(
                !response.error().contains("no such endpoint"),
                "{method} {path}"
            );
        }
    }
    let names =
        &described["components"]["schemas"]["Batch"]["properties"]["filters"]["items"]["enum"];
    let error = front
        .post(&json!({"images": [small()], "filters": ["none"]}))
        .error();
    for name in names.as_array().unwrap() {
        assert!(
            error.contains(name.as_str().unwrap()),
            "{name} is described and does not exist"
        );
    }
}

#[test]
fn sigterm_lets_a_request_finish() {
    let mut front = Front::start(&[]);
    let batch = json!({"images": [small()], "filters": []}).to_string();
    let head = format!(
        "POST {BATCHES} HTTP/1.1\r\n{HOST}Connection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        batch.len()
    );
    let mut stream = TcpStream::connect(front.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&batch.as_bytes()[..5]).unwrap();
    until_true("the front to serve", || front.get("/healthz").status == 200);
    front.process.signal("TERM");
    until_true("the port to close", || {
        TcpStream::connect(front.address).is_err()
    });
    stream.write_all(&batch.as_bytes()[5..]).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 202"), "{response}");
    assert!(front.process.wait().success());
    assert_eq!(front.harness.snapshot().ready, 1);
}
