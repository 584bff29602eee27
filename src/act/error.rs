//! Failed writes: what they are called and when to try again.

use std::time::Duration;

/// Why a scale was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server did not answer.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The API server refused, or could not be reached.
    #[error("{}", describe(.0))]
    Api(#[from] kube::Error),
}

/// A kind of failure: how long to wait before the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// It passes by itself soon.
    Passing,
    /// The target is not there.
    Missing,
    /// A person has to do something.
    Lasting,
}

impl Error {
    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Api(kube::Error::Api(status)) if status.code == 404 => FailureKind::Missing,
            Self::Api(kube::Error::Api(status)) if [401, 403, 405, 422].contains(&status.code) => {
                FailureKind::Lasting
            }
            _ => FailureKind::Passing,
        }
    }
}

impl FailureKind {
    /// How long to wait before try number `tries` (from 1): doubled from 200 ms, or ten seconds where a person is
    /// needed, each with up to half of it as jitter.
    #[must_use]
    pub fn pause(self, tries: u32) -> Duration {
        let base = match self {
            Self::Passing => (Duration::from_millis(200) * 2u32.pow(tries.clamp(1, 8) - 1))
                .min(Duration::from_secs(10)),
            Self::Missing | Self::Lasting => Duration::from_secs(10),
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
