//! What the API server says when it refuses.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A refusal with its code, word and sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    /// The sentence of an admission rule.
    pub cause: Option<String>,
    /// Which object it is of.
    pub object: Option<(String, String)>,
}

impl ApiError {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            cause: None,
            object: None,
        }
    }

    pub fn missing(plural: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{plural} \"{name}\" not found"))
    }

    /// As admission words it.
    pub fn invalid(kind: &str, name: &str, said: &str) -> Self {
        let message = format!("{kind} \"{name}\" is invalid: spec: {said}");
        Self {
            cause: Some(said.to_owned()),
            object: Some((kind.to_owned(), name.to_owned())),
            ..Self::new(422, "Invalid", message)
        }
    }

    pub fn status(&self) -> Value {
        let (kind, name) = self.object.clone().unwrap_or_default();
        let causes = self.cause.iter().map(|said| json!({"reason": "FieldValueInvalid", "field": "spec", "message": format!("Invalid value: {said}")}));
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.code, "reason": self.reason,
            "message": self.message, "details": {"kind": kind, "name": name, "causes": causes.collect::<Vec<_>>()},
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, Json(self.status())).into_response()
    }
}
