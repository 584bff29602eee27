//! A batch as it is sent, JSON or multipart; checked whole, and pushed whole or not at all.

use super::super::filters;
use super::super::image::{self, Format};
use super::{Front, HttpError};
use axum::Json;
use axum::body::Bytes;
use axum::extract::multipart::{Multipart, MultipartError};
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::{StatusCode, header};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use protocol::{Push, Source, Task};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest time that a request may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Longest delay that a batch may ask for.
const MAX_DELAY_MS: u64 = 600_000;
/// How long the front remembers when it pushed a task.
const REMEMBERED: Duration = Duration::from_hours(24);

/// What to do with how many images.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Batch {
    images: Vec<Value>,
    filters: Vec<String>,
    #[serde(default)]
    delay_ms: u64,
    output: Option<Format>,
}

pub async fn post(
    State(front): State<Arc<Front>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    front
        .rates
        .take(from.ip(), Instant::now())
        .map_err(|wait| {
            let error = format!(
                "more than {} batches a second from {}",
                front.serve.rate,
                from.ip()
            );
            HttpError::new(StatusCode::TOO_MANY_REQUESTS, error)
                .hint("put more images into each batch, or wait")
                .retry_after(wait.as_secs() + 1)
        })?;
    let batch = tokio::time::timeout(ARRIVAL, read(&front, request))
        .await
        .map_err(|_| {
            HttpError::new(
                StatusCode::REQUEST_TIMEOUT,
                format!("the request did not arrive within {ARRIVAL:?}"),
            )
            .hint("send fewer images in each batch")
        })??;
    let most = usize::from(front.serve.max_images);
    let bodies = tokio::task::spawn_blocking(move || bodies(batch, most))
        .await
        .map_err(|error| {
            HttpError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the batch could not be checked: {error}"),
            )
        })??;
    let tasks: Vec<Task> = bodies.into_iter().map(Task::new).collect();

    let mut remember = redis::pipe();
    for task in &tasks {
        let key = front.keys.pushed(&task.id);
        remember
            .cmd("SET")
            .arg(key)
            .arg(task.at)
            .arg("PX")
            .arg(REMEMBERED.as_millis())
            .ignore();
    }
    // First: what was never pushed is known to nobody.
    let () = front.link.query(&remember).await?;
    match front
        .link
        .call(&protocol::push_if_room(&front.keys, &tasks)?)
        .await?
    {
        Push::Refused(why) => Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, why)
            .hint("DELETE /api/tasks/<id> collects a result and makes room")
            .retry_after(2)),
        Push::Done => {
            let told: Vec<Value> = tasks
                .iter()
                .map(|task| json!({"id": task.id, "url": format!("/api/tasks/{}", task.id)}))
                .collect();
            Ok((
                StatusCode::ACCEPTED,
                Json(json!({"count": told.len(), "tasks": told})),
            ))
        }
    }
}

async fn read(front: &Front, request: Request) -> Result<Batch, HttpError> {
    let kind = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|it| it.to_str().ok())
        .unwrap_or_default();
    let too_large = |status: StatusCode, error: String| {
        HttpError::new(status, error).hint(format!(
            "a request may have {} MiB: send fewer or smaller images",
            front.serve.max_body
        ))
    };
    if kind.starts_with("application/json") {
        let body = Bytes::from_request(request, &())
            .await
            .map_err(|error| too_large(error.status(), error.body_text()))?;
        serde_json::from_slice(&body).map_err(|error| {
            HttpError::bad(format!("the batch cannot be read: {error}"))
                .at(format!("line {} column {}", error.line(), error.column()))
                .hint(r#"send {"images": [{"base64": "..."}], "filters": ["blur"]}"#)
        })
    } else if kind.starts_with("multipart/form-data") {
        let form = Multipart::from_request(request, &())
            .await
            .map_err(|error| HttpError::bad(error.body_text()).at("header Content-Type"))?;
        parts(form, &|error| too_large(error.status(), error.body_text())).await
    } else {
        Err(HttpError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("a batch cannot be {kind:?}"),
        )
        .at("header Content-Type")
        .hint("send application/json or multipart/form-data"))
    }
}

/// A form's parts: `images`, files; `filters`, names with commas between; `delayMs` and `output`.
async fn parts(
    mut form: Multipart,
    broken: &impl Fn(MultipartError) -> HttpError,
) -> Result<Batch, HttpError> {
    let mut batch = Batch {
        images: Vec::new(),
        filters: Vec::new(),
        delay_ms: 0,
        output: None,
    };
    while let Some(part) = form.next_field().await.map_err(broken)? {
        let name = part.name().unwrap_or_default().to_owned();
        if name == "images" {
            let file = part.bytes().await.map_err(broken)?;
            batch
                .images
                .push(json!({"base64": BASE64_STANDARD.encode(file)}));
            continue;
        }
        let text = part.text().await.map_err(broken)?;
        let wrong = |what: String| HttpError::bad(what).at(format!("part {name}"));
        match name.as_str() {
            "filters" => batch
                .filters
                .extend(text.split(',').map(|it| it.trim().to_owned())),
            "delayMs" => {
                batch.delay_ms = text
                    .trim()
                    .parse()
                    .map_err(|_| wrong(format!("{text:?} is no number of milliseconds")))?;
            }
            "output" => {
                let format = Format::deserialize(Value::from(text.trim()));
                batch.output = Some(format.map_err(|error| wrong(error.to_string()))?);
            }
            _ => {
                return Err(wrong("this part is not known".into())
                    .hint("there are: images, filters, delayMs, output"));
            }
        }
    }
    Ok(batch)
}

/// The body of each image's task; refuses the whole batch for whatever no worker could do.
fn bodies(batch: Batch, most: usize) -> Result<Vec<Value>, HttpError> {
    if batch.images.is_empty() || batch.images.len() > most {
        return Err(
            HttpError::bad(format!("{} images in a batch", batch.images.len()))
                .at("images")
                .hint(format!("send 1 to {most}")),
        );
    }
    filters::by_name(&batch.filters).map_err(|failure| HttpError::from(failure).at("filters"))?;
    if batch.delay_ms > MAX_DELAY_MS {
        return Err(HttpError::bad(format!(
            "{} ms are more than {MAX_DELAY_MS}",
            batch.delay_ms
        ))
        .at("delayMs"));
    }
    let Batch {
        images,
        filters,
        delay_ms,
        output,
    } = batch;
    let body = |(n, image): (usize, Value)| {
        check(&image).map_err(|refusal| refusal.at(format!("images[{n}]")))?;
        let mut body = json!({"filters": filters, "image": image, "delayMs": delay_ms});
        if let Some(output) = output {
            body["output"] = json!(output);
        }
        Ok(body)
    };
    images.into_iter().enumerate().map(body).collect()
}

/// Refuses an image that no worker could read, by its header alone.
fn check(image: &Value) -> Result<(), HttpError> {
    let source = Source::deserialize(image).map_err(|error| {
        HttpError::bad(format!("this is no image: {error}"))
            .hint(r#"an image is {"base64": file} or {"synthetic": {"width": n, "height": n, "seed": n}}"#)
    })?;
    match source {
        Source::Synthetic { width, height, .. } => Ok(image::check_size(width, height)?),
        Source::Base64(text) => Ok(image::probe(&image::bytes_of(&text)?)?),
        Source::Key(_) => Err(HttpError::bad(
            "keys of Redis are not read for whoever asks over HTTP",
        )
        .hint("send the file itself")),
    }
}
