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

/// The result of `request`, which may take so long.
///
/// # Errors
/// Its own, or that the API server did not answer.
pub async fn within<T>(
    timeout: Duration,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(timeout, request).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Error::Timeout(timeout)),
    }
}

/// The longest pause before a retry, without its jitter.
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// With these codes a retry alone does not help: the object does not exist, or a person has to change something, such as
/// permissions.
const PERMANENT: [u16; 5] = [401, 403, 404, 405, 422];

impl Error {
    /// How long to wait after failed attempt number `attempt` (from 1): 200 ms, doubled each time up to ten seconds,
    /// or always ten seconds where a retry alone does not help; each plus up to half of it as jitter.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let base = match self {
            Self::Api(kube::Error::Api(status)) if PERMANENT.contains(&status.code) => MAX_PAUSE,
            _ => (Duration::from_millis(200) * 2u32.pow(attempt.clamp(1, 8) - 1)).min(MAX_PAUSE),
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
