//! Requests that want to exhaust the front: each has a bound on the memory that it costs, whatever the front answers.

use crate::front::{BATCHES, Front, HOST, Response, read_response, request};
use crate::group::MemoryGroup;
use crate::process::TIMEOUT;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rstest::rstest;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data; boundary=x";

/// The most memory that a process has used so far, in KiB.
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|it| it.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn batch(images: impl Into<Value>, filters: impl Into<Value>) -> Vec<u8> {
    json!({"images": images.into(), "filters": filters.into()})
        .to_string()
        .into_bytes()
}

/// A file with a colour profile of 40 MB that is compressed to 40 KiB.
fn profile_bomb() -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = PngEncoder::new(&mut file);
    encoder.set_icc_profile(vec![0; 40 << 20]).unwrap();
    encoder
        .write_image(&[0; 192], 8, 8, ExtendedColorType::Rgb8)
        .unwrap();
    batch([json!({"base64": BASE64_STANDARD.encode(file)})], [""; 0])
}

/// A file of `bytes` whose header is good.
fn padded_file(bytes: usize) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&[0; 192], 8, 8, ExtendedColorType::Rgb8)
        .unwrap();
    file.resize(bytes, 7);
    file
}

fn zeros() -> Vec<u8> {
    format!(
        "{{\"images\": [{}0], \"filters\": []}}",
        "0,".repeat(1_000_000)
    )
    .into_bytes()
}

fn synthetic() -> Value {
    json!({"synthetic": {"width": 8, "height": 8}})
}

fn many_parts() -> Vec<u8> {
    "--x\r\nContent-Disposition: form-data; name=\"images\"\r\n\r\n\r\n"
        .repeat(100_000)
        .into_bytes()
}

fn large_form() -> Vec<u8> {
    let mut form = b"--x\r\nContent-Disposition: form-data; name=\"images\"\r\n\r\n".to_vec();
    form.extend(padded_file(15 << 20));
    form.extend(b"\r\n--x--\r\n");
    form
}

#[rstest]
#[case::colour_profile(JSON, profile_bomb(), 202, 4)]
#[case::a_million_images(JSON, zeros(), 400, 12)]
#[case::many_filters(JSON, batch(vec![synthetic(); 100], vec!["blur"; 20_000]), 400, 4)]
#[case::many_names(JSON, batch([synthetic()], vec!["x"; 3_000_000]), 400, 40)]
#[case::the_most_tasks(JSON, batch(vec![synthetic(); 100], vec!["grayscale"; 16]), 202, 4)]
#[case::long_name(JSON, batch([synthetic()], ["x".repeat(15 << 20)]), 400, 60)]
#[case::long_field(JSON, format!("{{\"{}\": 1}}", "x".repeat(15 << 20)).into_bytes(), 400, 60)]
#[case::escaped_text(JSON, format!("{{\"images\": [{{\"base64\": \"{}\"}}], \"filters\": []}}", "\\u0041".repeat(2 << 20)).into_bytes(), 400, 40)]
#[case::deep_nesting(JSON, [b"{\"images\": ".to_vec(), vec![b'['; 12 << 20]].concat(), 400, 60)]
#[case::no_base64(JSON, batch([json!({"base64": "A".repeat(15 << 20)})], [""; 0]), 400, 60)]
#[case::the_largest_file(JSON, batch([json!({"base64": BASE64_STANDARD.encode(padded_file(11 << 20))})], [""; 0]), 202, 100)]
#[case::many_parts(FORM, many_parts(), 400, 40)]
#[case::the_largest_form(FORM, large_form(), 202, 140)]
#[case::endless_form(FORM, vec![b'-'; 15 << 20], 400, 60)]
#[case::too_large(JSON, vec![b' '; 40 << 20], 413, 2)]
fn no_body_costs_much_memory(
    #[case] kind: &str,
    #[case] body: Vec<u8>,
    #[case] status: u16,
    #[case] mib: u64,
) {
    let front = Front::start(&[]);
    front.get("/healthz");
    let before = peak_kib(front.process.id());
    let response = front.request("POST", BATCHES, kind, &body);
    let grown = (peak_kib(front.process.id()) - before) / 1024;
    assert_eq!(response.status, status, "{}", response.error());
    assert!(
        response.body.len() < 20_000,
        "an answer of {} bytes",
        response.body.len()
    );
    assert!(
        grown <= mib,
        "a body of {} KiB costs {grown} MiB, more than {mib}",
        body.len() >> 10
    );
    assert_eq!(front.get("/healthz").status, 200);
}

/// The memory of the chart's front, and forty photos at once.
#[test]
fn many_large_bodies_fit_into_256_mib() {
    let Some(group) = MemoryGroup::new("front", 256) else {
        return;
    };
    let mut front = Front::start_within(&["--rate", "1000"], |command| group.command(&command));
    let address = front.address;
    let file = BASE64_STANDARD.encode(padded_file(5 << 20));
    let body = batch([json!({"base64": file})], [""; 0]);
    let send = move |body: Vec<u8>| {
        let headers = format!("{HOST}Content-Type: {JSON}\r\n");
        request(address, "POST", BATCHES, &headers, &body)
    };
    let senders: Vec<_> = (0..40)
        .map(|_| {
            let body = body.clone();
            std::thread::spawn(move || send(body))
        })
        .collect();
    let responses: Vec<Response> = senders.into_iter().map(|it| it.join().unwrap()).collect();
    let accepted = responses.iter().filter(|it| it.status == 202).count();
    let busy = |it: &&Response| it.status == 503 && it.head.contains("retry-after: 1");
    let refused = responses.iter().filter(busy).count();
    eprintln!(
        "{accepted} accepted, {refused} refused, peak {} MiB",
        group.peak_mib()
    );
    assert_eq!(accepted + refused, 40);
    assert!(
        accepted > 0 && refused > 0,
        "{accepted} accepted, {refused} refused"
    );
    assert_eq!(front.get("/healthz").status, 200, "it is alive");
    assert_eq!(front.harness.snapshot().ready, accepted as u64);
    // The memory is free again.
    assert_eq!(send(body).status, 202);
    front.process.kill();
}

#[test]
fn slow_clients_are_cut_off() {
    let front = Front::start(&[]);
    let open = |text: &str| {
        let mut stream = TcpStream::connect(front.address).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let mut head = open("POST / HTTP/1.1\r\nHost: front\r\nX-Slow: ");
    let mut idle = open("");
    let mut body = open(&format!(
        "POST {BATCHES} HTTP/1.1\r\nHost: front\r\nConnection: close\r\nContent-Type: {JSON}\r\nContent-Length: 900\r\n\r\n{{"
    ));
    let refused = read_response(&mut body);
    refused.assert_error(408, "nothing of it came for 10s");
    // They would be silent for longer than a read may take here.
    for stream in [&mut head, &mut idle] {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
    }
    assert_eq!(front.get("/healthz").status, 200);
}

#[test]
fn foreign_names_and_sites_are_refused() {
    let mut front = Front::start(&["--allowed-host", "gallery.example"]);
    let batch = json!({"images": [synthetic()], "filters": []});
    let refused = front.post_with("Host: evil.example\r\n", &batch);
    refused.assert_error(403, "--allowed-host evil.example");
    let refused = front.post_with(
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
        &batch,
    );
    refused.assert_error(403, "header Origin");
    assert_eq!(front.harness.snapshot().ready, 0);
    for headers in [
        "Host: gallery.example\r\nOrigin: https://gallery.example\r\n",
        "Host: 127.0.0.1\r\n",
    ] {
        assert_eq!(front.post_with(headers, &batch).status, 202, "{headers}");
    }
}

#[test]
fn the_page_may_load_only_from_its_server() {
    let front = Front::start(&[]);
    for path in [
        "/",
        "/gallery.css",
        "/gallery.js",
        "/texts.js",
        "/samples.js",
    ] {
        let response = front.get(path);
        assert_eq!(response.status, 200, "{path}");
        assert!(
            response
                .head
                .contains("content-security-policy: default-src 'none'"),
            "{path}"
        );
        assert!(
            response.head.contains("x-content-type-options: nosniff"),
            "{path}"
        );
        let text = String::from_utf8(response.body).unwrap();
        assert!(
            !text.contains("https://") && !text.contains(" style="),
            "{path}"
        );
    }
}
