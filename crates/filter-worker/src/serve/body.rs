//! Reads the body of a request into memory: at most the maximum size, within the budget, and not too slowly.

use super::budget::Share;
use super::{Front, HttpError};
use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use futures::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest time that a body may take to arrive.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);
/// Longest time without a byte of the body.
const GAP_TIMEOUT: Duration = Duration::from_secs(10);

/// After an error this much of the body is read and dropped, for so long: a client that still sends when the connection
/// closes would see that, and not the response.
const DISCARD: usize = 64 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the body, and its share of the budget. Memory is taken as bytes arrive, so that a slow client holds only
/// what it has sent.
pub async fn read(front: &Front, request: Request) -> Result<(Vec<u8>, Share), HttpError> {
    let length = request.headers().get(header::CONTENT_LENGTH);
    let announced = length
        .and_then(|it| it.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    let mut stream = Body::into_data_stream(request.into_body());
    let received = receive(front, announced, &mut stream).await;
    if let Err(error) = &received
        && error.status() != StatusCode::REQUEST_TIMEOUT
    {
        let _ = timeout(DISCARD_TIMEOUT, discard(&mut stream)).await;
    }
    received
}

async fn receive(
    front: &Front,
    announced: usize,
    stream: &mut BodyDataStream,
) -> Result<(Vec<u8>, Share), HttpError> {
    check_size(front, announced)?;
    drop(front.budget.try_take(announced)?); // refuses at once what would be refused later
    let mut share = front.budget.try_take(0)?;
    let deadline = Instant::now() + TOTAL_TIMEOUT;
    let mut body = Vec::with_capacity(announced);
    loop {
        let chunk = timeout(GAP_TIMEOUT, timeout_at(deadline, stream.next())).await;
        let Ok(Ok(chunk)) = chunk else {
            return Err(too_slow());
        };
        let Some(chunk) = chunk else {
            return Ok((body, share));
        };
        let chunk = chunk.map_err(|error| {
            HttpError::bad_request(format!("the body did not arrive completely: {error}"))
        })?;
        check_size(front, body.len() + chunk.len())?;
        share.merge(front.budget.try_take(chunk.len())?);
        body.extend_from_slice(&chunk);
    }
}

async fn discard(stream: &mut BodyDataStream) {
    let mut discarded = 0;
    while discarded < DISCARD {
        let Some(Ok(chunk)) = stream.next().await else {
            return;
        };
        discarded += chunk.len();
    }
}

fn check_size(front: &Front, bytes: usize) -> Result<(), HttpError> {
    if bytes <= front.max_body {
        return Ok(());
    }
    let mib = front.max_body >> 20;
    Err(
        HttpError::new(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large").hint(format!(
            "the maximum size of a request is {mib} MiB: send fewer or smaller images"
        )),
    )
}

fn too_slow() -> HttpError {
    let message = format!(
        "the request did not arrive within {TOTAL_TIMEOUT:?}, or nothing of it came for {GAP_TIMEOUT:?}"
    );
    HttpError::new(StatusCode::REQUEST_TIMEOUT, message).hint("send fewer images in each batch")
}
