//! Runs one image task: waits, loads the image, applies the filters, builds the result.

use super::filters;
use super::image::{Format, checksum, from_base64, from_file, synthetic, to_file};
use super::limits::ImageLimits;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
        } = ImageTask::deserialize(body).map_err(invalid)?;
        let filters = filters::by_name(&filters)?;
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        let file = match &source {
            Source::Key(key) => fetch(&context, key).await?,
            _ => Vec::new(),
        };
        let work = move || {
            let image = match source {
                Source::Synthetic {
                    width,
                    height,
                    seed,
                } => synthetic(width, height, seed),
                Source::Base64(text) => from_file(&from_base64(&text)?),
                Source::Key(_) => from_file(&file),
            }?;
            let image = filters
                .into_iter()
                .try_fold(image, |image, filter| filter(&image))?;
            let file = output.map(|format| to_file(&image, format)).transpose()?;
            Ok((image.width(), image.height(), checksum(&image), file))
        };
        let (width, height, checksum, file) = tokio::task::spawn_blocking(work)
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
