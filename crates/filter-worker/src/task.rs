//! What is done with one task's body: the wait, the image, its filters, the result.

use super::filters;
use super::image::{Format, MAX_BYTES, bytes_of, checksum, from_file, synthetic, to_file};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::future::BoxFuture;
use protocol::{ImageTask, Source, Task};
use redis::AsyncCommands;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use worker::{Context, Failure, Handler};

/// Runs image tasks.
#[derive(Clone, Copy, Debug)]
pub struct Filters;

impl Handler for Filters {
    fn run<'a>(
        &'a self,
        context: Context<'a>,
        task: Task,
    ) -> BoxFuture<'a, Result<Value, Failure>> {
        Box::pin(run(context, task))
    }
}

/// Runs a task for the worker `id`; answers the result that its submitter reads.
async fn run(context: Context<'_>, task: Task) -> Result<Value, Failure> {
    let started = Instant::now();
    let Task {
        id: task, mut body, ..
    } = task;
    let wrong = |error| Failure::hopeless(format!("the body is no image task: {error}"));
    let output = body.as_object_mut().and_then(|it| it.remove("output"));
    let output = Option::<Format>::deserialize(output.unwrap_or_default()).map_err(wrong)?;
    let ImageTask {
        filters,
        image: source,
        delay_ms,
    } = ImageTask::deserialize(body).map_err(wrong)?;
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
            Source::Base64(text) => from_file(&bytes_of(&text)?),
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
        .map_err(|error| Failure::transient(format!("a filter ended badly: {error}")))??;
    let millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut result = json!({
        "id": task, "width": width, "height": height, "checksum": checksum, "millis": millis, "worker": context.worker,
    });
    if let (Some(format), Some(file)) = (output, file) {
        result["image"] = json!({"format": format, "base64": BASE64_STANDARD.encode(file)});
    }
    Ok(result)
}

/// The file under `key`. That it is missing may pass: who uploads may be late.
async fn fetch(context: &Context<'_>, key: &str) -> Result<Vec<u8>, Failure> {
    // One byte more than is allowed tells a file that is too large, whatever its size.
    let most = isize::try_from(MAX_BYTES).unwrap_or(isize::MAX);
    match async {
        context
            .redis()
            .await?
            .getrange::<_, Vec<u8>>(key, 0, most)
            .await
    }
    .await
    {
        Ok(file) if file.is_empty() => Err(Failure::transient(format!(
            "there is no image under the key {key:?}"
        ))),
        Ok(file) => Ok(file),
        Err(error) => Err(Failure::transient(format!(
            "the key {key:?} cannot be read: {error}"
        ))),
    }
}
