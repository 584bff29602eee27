//! The worker's memory: each filter and file format at the documented maximum, inside the documented memory.

use crate::group::MemoryGroup;
use crate::process::{Harness, Process};
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgba};
use redis::Commands;
use serde_json::{Value, json};
use std::io::Cursor;
use std::time::{Duration, Instant};

/// 12,582,912 pixels: the maximum for 256 MiB.
const LARGEST: (u32, u32) = (4_096, 3_072);

/// A real worker with the memory of the chart's.
struct SmallWorker {
    process: Process,
    harness: Harness,
    group: MemoryGroup,
}

impl SmallWorker {
    fn start(name: &str) -> Option<Self> {
        let group = MemoryGroup::new(name, 256)?;
        let harness = Harness::new();
        let mut command = harness.command("w");
        command.args(["--name", "w"]);
        let process = Process::start(&mut group.command(&command));
        Some(Self {
            process,
            harness,
            group,
        })
    }

    /// Runs a task; a worker that dies of it would be replaced by nobody.
    fn run(&mut self, id: &str, body: Value) -> Value {
        self.harness.push_body(id, body);
        let key = self.harness.keys.result(id);
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let result: Option<String> = self.harness.redis.get(&key).unwrap();
            if let Some(result) = result {
                return serde_json::from_str(&result).unwrap();
            }
            assert!(
                self.process.is_running(),
                "{id}: the worker was killed for its memory"
            );
            assert!(Instant::now() < deadline, "{id}: no result");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn must_run(&mut self, id: &str, body: Value) {
        let result = self.run(id, body);
        assert!(result.get("error").is_none(), "{id}: {result}");
        eprintln!(
            "{id}: {} ms, peak {} MiB",
            result["millis"],
            self.group.peak_mib()
        );
    }
}

fn synthetic((width, height): (u32, u32)) -> Value {
    json!({"synthetic": {"width": width, "height": height, "seed": 1}})
}

#[test]
fn each_filter_fits_at_the_maximum_size() {
    let Some(mut worker) = SmallWorker::start("filters") else {
        return;
    };
    for (name, _) in filter_worker::filters::FILTERS {
        worker.must_run(
            name,
            json!({"filters": [name], "image": synthetic(LARGEST)}),
        );
    }
    let chain = ["blur", "sharpen", "contrast", "rotate", "sepia", "edges"];
    worker.must_run(
        "chain",
        json!({"filters": chain, "image": synthetic(LARGEST)}),
    );
}

#[test]
fn each_format_fits_at_the_maximum_size() {
    let Some(mut worker) = SmallWorker::start("formats") else {
        return;
    };
    // Smooth, so that the files are small, and with the most bytes in a pixel.
    let deep = ImageBuffer::from_fn(LARGEST.0, LARGEST.1, |x, y| {
        let [x, y] = [x, y].map(|it| u16::try_from(it / 64 * 1_024 % 65_536).unwrap());
        Rgba([x, y, 30_000, 65_535])
    });
    let deep = DynamicImage::ImageRgba16(deep);
    let shallow: DynamicImage = deep.to_rgba8().into();
    let flat: DynamicImage = deep.to_rgb8().into();
    for (format, image, output) in [
        (ImageFormat::Png, &deep, "png"),
        (ImageFormat::Jpeg, &flat, "jpeg"),
        (ImageFormat::WebP, &shallow, "webp"),
    ] {
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        worker.harness.store("picture", file.into_inner());
        let body = json!({"filters": ["sepia"], "image": {"key": "picture"}, "output": output});
        worker.must_run(output, body);
    }
    // A result of the largest size, on its way to Redis in base64.
    let large = json!({"filters": [], "image": synthetic((2_300, 2_300)), "output": "png"});
    worker.must_run("large result", large);
}

#[test]
fn what_does_not_fit_is_refused_for_good() {
    let Some(mut worker) = SmallWorker::start("refused") else {
        return;
    };
    let image = synthetic((LARGEST.0, LARGEST.1 + 1));
    let result = worker.run("pixels", json!({"filters": [], "image": image}));
    assert_eq!(
        result["error"],
        "4096 x 3073 = 12587008 pixels are more than the maximum of 12582912 for 256 MiB of memory: send a smaller image, \
         or give the worker more memory"
    );
    assert_eq!(result["attempts"], 1);
    let noise = json!({"filters": [], "image": synthetic(LARGEST), "output": "png"});
    let result = worker.run("result", noise);
    let error = result["error"].as_str().unwrap();
    assert!(
        error.starts_with("the result as Png has more than the maximum of 16777216 bytes"),
        "{error}"
    );
    worker.harness.store("file", vec![0; (16 << 20) + 1]);
    let result = worker.run("file", json!({"filters": [], "image": {"key": "file"}}));
    let error = result["error"].as_str().unwrap();
    assert!(
        error.starts_with("the file has more than the maximum of 16777216 bytes"),
        "{error}"
    );
}
