//! Errors of writes to the API server, and how long to wait before a retry.

use std::time::Duration;

/// Why a write failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer within this time.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The API server rejected the request, or was unreachable.
    #[error("{}", describe(.0))]
    Api(#[from] kube::Error),
}

/// What kind of failure an [`Error`] is: it determines the delay before a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A retry is likely to succeed soon.
    Transient,
    /// The object does not exist.
    NotFound,
    /// It fails until a person changes something, such as permissions.
    Permanent,
}

impl Error {
    /// The kind of this failure.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Api(kube::Error::Api(status)) if status.code == 404 => FailureKind::NotFound,
            Self::Api(kube::Error::Api(status)) if [401, 403, 405, 422].contains(&status.code) => {
                FailureKind::Permanent
            }
            _ => FailureKind::Transient,
        }
    }
}

impl FailureKind {
    /// How long to wait after failed attempt number `attempt` (from 1): 200 ms, doubled each time up to ten seconds,
    /// or always ten seconds where a retry alone does not help; each plus up to half of it as jitter.
    pub fn backoff(self, attempt: u32) -> Duration {
        let base = match self {
            Self::Transient => (Duration::from_millis(200) * 2u32.pow(attempt.clamp(1, 8) - 1))
                .min(Duration::from_secs(10)),
            Self::NotFound | Self::Permanent => Duration::from_secs(10),
        };
        base.mul_f64(1.0 + fastrand::f64() / 2.0)
    }
}

fn describe(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}
