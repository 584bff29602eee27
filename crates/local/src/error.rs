//! The errors of the API server.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error as the API server returns it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    /// The message of the admission rule that failed.
    pub cause: Option<String>,
    /// Kind and name of the object that was rejected.
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

    pub fn not_found(plural: &str, name: &str) -> Self {
        Self::new(404, "NotFound", format!("{plural} \"{name}\" not found"))
    }

    /// The format of a real API server's admission errors.
    pub fn invalid(kind: &str, name: &str, cause: &str) -> Self {
        let message = format!("{kind} \"{name}\" is invalid: spec: {cause}");
        Self {
            cause: Some(cause.to_owned()),
            object: Some((kind.to_owned(), name.to_owned())),
            ..Self::new(422, "Invalid", message)
        }
    }

    pub fn status(&self) -> Value {
        let (kind, name) = self.object.clone().unwrap_or_default();
        let causes: Vec<Value> = self
            .cause
            .iter()
            .map(|cause| {
                json!({
                    "reason": "FieldValueInvalid", "field": "spec", "message": format!("Invalid value: {cause}"),
                })
            })
            .collect();
        json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": self.code,
            "reason": self.reason, "message": self.message,
            "details": {"kind": kind, "name": name, "causes": causes},
        })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (code, Json(self.status())).into_response()
    }
}
