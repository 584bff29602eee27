//! Runs one image task: waits, loads the image, applies the filters, builds the result.

use super::filters::{self, Filter};
use super::image::{Format, checksum, from_base64, from_file, synthetic, to_file};
use super::limits::ImageLimits;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use image::DynamicImage;
use protocol::{ImageTask, Source};
use redis::{AsyncCommands, RedisResult};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use worker::{Context, Failure, Handler, Task};

/// The handler of image tasks.
#[derive(Clone, Copy, Debug)]
pub struct Filters;

impl Handler for Filters {
    async fn run(&self, context: Context<'_>, task: Task) -> Result<Value, Failure> {
        let started = Instant::now();
        let Task { id, mut body, .. } = task;
        let invalid =
            |error| Failure::permanent(format!("the body is not a valid image task: {error}"));
        let output = body.as_object_mut().and_then(|it| it.remove("output"));
        let output = Option::<Format>::deserialize(output.unwrap_or_default()).map_err(invalid)?;
        let ImageTask {
            filters,
            image: source,
            delay_ms,
            work_ms,
        } = ImageTask::deserialize(body).map_err(invalid)?;
        let filters = filters::by_name(&filters)?;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let file = match &source {
            Source::Key(key) => fetch(&context, key).await?,
            _ => Vec::new(),
        };
        let process = move || {
            let image = match source {
                Source::Synthetic {
                    width,
                    height,
                    seed,
                } => synthetic(width, height, seed),
                Source::Base64(text) => from_file(&from_base64(&text)?),
                Source::Key(_) => from_file(&file),
            }?;
            let image = work(image, &filters, Duration::from_millis(work_ms))?;
            let file = output.map(|format| to_file(&image, format)).transpose()?;
            Ok((image.width(), image.height(), checksum(&image), file))
        };
        let (width, height, checksum, file) = tokio::task::spawn_blocking(process)
            .await
            .map_err(|error| Failure::transient(format!("a filter panicked: {error}")))??;
        let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut result = json!({
            "id": id, "width": width, "height": height, "checksum": checksum, "millis": millis, "worker": context.worker_id,
        });
        if let (Some(format), Some(file)) = (output, file) {
            result["image"] = json!({"format": format, "base64": BASE64_STANDARD.encode(file)});
        }
        Ok(result)
    }
}

/// Applies all filters in their order, and again to the same image until `time` has passed, at least once. By the clock
/// and not by a number of passes, so that a task takes as long on a loaded machine: there it does fewer passes.
fn work(image: DynamicImage, filters: &[Filter], time: Duration) -> Result<DynamicImage, Failure> {
    if time.is_zero() {
        // The first filter frees the original: the limits on images count on it.
        return filters
            .iter()
            .try_fold(image, |image, filter| filter(&image));
    }
    let started = Instant::now();
    loop {
        let mut steps = filters.iter();
        let first = steps
            .next()
            .map_or_else(|| Ok(image.clone()), |filter| filter(&image))?;
        let done = steps.try_fold(first, |image, filter| filter(&image))?;
        if started.elapsed() >= time {
            return Ok(done);
        }
    }
}

/// Reads the file under a Redis key. A missing key is a transient failure, because the upload may be late.
async fn fetch(context: &Context<'_>, key: &str) -> Result<Vec<u8>, Failure> {
    // One byte more than the limit is enough to detect a file that is too large.
    let end = isize::try_from(ImageLimits::get().file).unwrap_or(isize::MAX);
    let file: RedisResult<Vec<u8>> =
        async { context.redis().await?.getrange(key, 0, end).await }.await;
    match file {
        Ok(file) if file.is_empty() => Err(Failure::transient(format!(
            "no image under the key {key:?}"
        ))),
        Ok(file) => Ok(file),
        Err(error) => Err(Failure::transient(format!(
            "cannot read the key {key:?}: {error}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_its_time_and_keeps_the_result() {
        let image = synthetic(64, 64, 1).unwrap();
        let filters = filters::by_name(&["blur".into(), "edges".into()]).unwrap();
        let once = work(image.clone(), &filters, Duration::ZERO).unwrap();
        let started = Instant::now();
        let time = Duration::from_millis(120);
        let again = work(image.clone(), &filters, time).unwrap();
        assert!(started.elapsed() >= time);
        assert_eq!(
            checksum(&again),
            checksum(&once),
            "one pass, not a blur of blurs"
        );
        let none = work(image.clone(), &[], Duration::from_millis(5)).unwrap();
        assert_eq!(checksum(&none), checksum(&image));
    }

    #[test]
    fn the_protocol_names_all_filters() {
        assert_eq!(filters::FILTERS.map(|(name, _)| name), protocol::FILTERS);
    }

    #[test]
    fn a_task_without_work_is_as_before() {
        let task = ImageTask {
            filters: vec!["blur".into()],
            image: Source::Key("k".into()),
            delay_ms: 5,
            work_ms: 0,
        };
        let text = serde_json::to_string(&task).unwrap();
        assert_eq!(
            text, r#"{"filters":["blur"],"image":{"key":"k"},"delayMs":5}"#,
            "a worker of an older release refuses fields that it does not know"
        );
        assert_eq!(serde_json::from_str::<ImageTask>(&text).unwrap(), task);
    }

    #[test]
    fn the_pictures_of_stress_are_images() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubectl/pictures");
        for name in ["mountains.jpg", "marbles.jpg", "harbor.png", "city.webp"] {
            let file = std::fs::read(folder.join(name)).unwrap();
            let image = from_file(&file).unwrap();
            assert_eq!((image.width(), image.height()), (480, 320), "{name}");
        }
    }
}
