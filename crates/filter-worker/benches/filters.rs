//! Compares the filters with those of Pillow and `OpenCV`: the same image size, one thread, the median of some calls.
//! Needs python3 with venv and pip; installs both libraries into a virtual environment below target.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints its measurements and panics on errors"
)]

use ::image::DynamicImage;
use filter_worker::{filters, image};
use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const CALLS: usize = 15;
const SIZE: (u32, u32) = (1_920, 1_080);
const SCRIPT: &str = r#"
import json, os, random, statistics, sys, time
sys.path.insert(0, "examples/python")
import cv2, numpy
from PIL import Image
from filters import FILTERS
cv2.setNumThreads(1)
calls, width, height = map(int, sys.argv[1:])
image = Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height))
array = numpy.asarray(image)
sepia = numpy.array([[.393, .769, .189], [.349, .686, .168], [.272, .534, .131]])
edges = numpy.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])
gray = lambda a: cv2.cvtColor(a, cv2.COLOR_RGB2GRAY)
blur = lambda a, s: cv2.GaussianBlur(a, (0, 0), s)
opencv = {
    "resize": lambda a: cv2.resize(a, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA),
    "blur": lambda a: blur(a, 2), "sharpen": lambda a: cv2.addWeighted(a, 2, blur(a, 1.5), -1, 0),
    "edges": lambda a: cv2.filter2D(gray(a), -1, edges), "grayscale": gray, "sepia": lambda a: cv2.transform(a, sepia),
    "brightness": lambda a: cv2.convertScaleAbs(a, alpha=1, beta=25),
    "contrast": lambda a: cv2.convertScaleAbs(a, alpha=1.44, beta=-56), "rotate": lambda a: cv2.rotate(a, cv2.ROTATE_90_CLOCKWISE),
    "thumbnail": lambda a: cv2.resize(a, (128, 72), interpolation=cv2.INTER_AREA),
}
def median(call, on):
    times = []
    for _ in range(calls):
        start = time.perf_counter(); call(on); times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000
print(json.dumps({name: [median(FILTERS[name], image), median(opencv[name], array)] for name in FILTERS}))
"#;

fn main() {
    let python = install_python();
    let image = image::synthetic(SIZE.0, SIZE.1, 1).unwrap();
    let args = [CALLS.to_string(), SIZE.0.to_string(), SIZE.1.to_string()];
    let output = run(Command::new(&python).args(["-c", SCRIPT]).args(args));
    let python_times: HashMap<String, [f64; 2]> = serde_json::from_slice(&output).unwrap();
    println!(
        "{} x {} pixels, medians of {CALLS} calls in ms:",
        SIZE.0, SIZE.1
    );
    for (name, filter) in filters::FILTERS {
        let time = median_ms(filter, &image);
        let [pillow, opencv] = python_times[name];
        println!(
            "{name:11} {time:7.2}   Pillow {pillow:7.2} ({:5.2} ×)   OpenCV {opencv:7.2} ({:5.2} ×)",
            pillow / time,
            opencv / time
        );
    }
}

fn median_ms(filter: filters::Filter, image: &DynamicImage) -> f64 {
    let mut times: Vec<f64> = (0..CALLS)
        .map(|_| {
            let start = Instant::now();
            black_box(filter(black_box(image)).unwrap());
            start.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[CALLS / 2]
}

/// The path of a Python interpreter with both libraries.
fn install_python() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-bench");
    let python = home.join("bin/python");
    if !home.join("ready").exists() {
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&home));
        let install = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "opencv-python-headless",
            "-r",
            "examples/python/requirements.txt",
        ];
        run(Command::new(&python).args(install));
        std::fs::write(home.join("ready"), "").unwrap();
    }
    python
}

/// Runs a command and returns its output; panics if it fails.
fn run(command: &mut Command) -> Vec<u8> {
    let output = command.current_dir(testkit::root()).output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
