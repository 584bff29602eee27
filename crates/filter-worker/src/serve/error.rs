//! Why a request is not served: what is wrong, where, and what to do.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use redis::RedisError;
use serde_json::json;
use worker::Failure;

/// An answer other than the one that was asked for.
#[derive(Debug)]
pub struct HttpError {
    status: StatusCode,
    error: String,
    at: Option<String>,
    hint: Option<String>,
    /// Seconds after which it is worth another try.
    retry_after: Option<u64>,
}

impl HttpError {
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            error: error.into(),
            at: None,
            hint: None,
            retry_after: None,
        }
    }

    /// What was sent cannot be served.
    pub fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// Where in the request it is.
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.at = Some(place.into());
        self
    }

    /// What to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<RedisError> for HttpError {
    fn from(error: RedisError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("Redis does not do what is asked: {error}"),
        )
        .hint("nothing is known to be lost; ask again, and look at Redis if still idle")
        .retry_after(2)
    }
}

impl From<Failure> for HttpError {
    fn from(failure: Failure) -> Self {
        Self::bad(failure.error)
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let body = json!({"error": {"message": self.error, "at": self.at, "do": self.hint}});
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
