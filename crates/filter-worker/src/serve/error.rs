//! Error responses: what is wrong, where in the request, and how to fix it.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redis::RedisError;
use serde_json::json;
use worker::Failure;

/// The longest message, in characters: it may quote what the client sent.
const MAX_MESSAGE: usize = 300;

/// An error response.
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    message: String,
    at: Option<String>,
    hint: Option<String>,
    retry_after_seconds: Option<u64>,
}

impl HttpError {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        Self {
            status,
            message,
            at: None,
            hint: None,
            retry_after_seconds: None,
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where in the request the error is.
    pub fn at(mut self, location: impl Into<String>) -> Self {
        self.at = Some(location.into());
        self
    }

    /// How to fix the error.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The request may succeed after this time.
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }
}

impl From<RedisError> for HttpError {
    fn from(error: RedisError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the call to Redis failed: {error}"),
        )
        .hint("try again; if the error stays, check that Redis is running and reachable")
        .retry_after(2)
    }
}

impl From<std::io::Error> for HttpError {
    fn from(error: std::io::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        Self::bad_request(failure.error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.message, "at": self.at, "hint": self.hint}});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
