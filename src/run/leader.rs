//! Leader election by a Lease: one operator acts, the others stand by. Every write carries the version that was
//! read, and who cannot renew stops by its own clock before anybody else may begin.

use api::FIELD_MANAGER;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Who stands by takes over a lease that has not moved for so long.
const LEASE: Duration = Duration::from_secs(15);
/// Who leads stops when it could not renew for so long.
const DEADLINE: Duration = Duration::from_secs(10);
const RETRY: Duration = Duration::from_secs(2);

/// A candidate.
pub(super) struct Leader {
    api: Api<Lease>,
    identity: String,
}

impl Leader {
    /// A candidate named `identity` for the lease in `namespace`.
    pub fn new(client: Client, namespace: &str, identity: String) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            identity,
        }
    }

    /// Waits until this process leads; answers the lease as it was written, or `None` when `stop` came first.
    pub async fn acquire(&self, stop: &CancellationToken) -> Option<Lease> {
        let mut seen: Option<(Option<String>, Instant)> = None;
        let mut told = false;
        while !stop.is_cancelled() {
            match self.try_acquire(&mut seen).await {
                Ok(Some(lease)) => {
                    tracing::info!(identity = self.identity, "leads");
                    return Some(lease);
                }
                Ok(None) if !told => {
                    tracing::info!(
                        identity = self.identity,
                        "stands by: another operator leads"
                    );
                    told = true;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("cannot take the lease, trying again: {error}"),
            }
            let _ = tokio::time::timeout(RETRY, stop.cancelled()).await;
        }
        None
    }

    /// A lease is free when nobody holds it, or when it has not moved for [`LEASE`] by our own clock: other clocks
    /// may be wrong.
    async fn try_acquire(
        &self,
        seen: &mut Option<(Option<String>, Instant)>,
    ) -> Result<Option<Lease>, kube::Error> {
        let Some(found) = self.api.get_opt(FIELD_MANAGER).await? else {
            let lease = self.mine(Lease::default());
            return self
                .api
                .create(&PostParams::default(), &lease)
                .await
                .map(Some);
        };
        let version = found.metadata.resource_version.clone();
        if seen.as_ref().is_none_or(|(before, _)| *before != version) {
            *seen = Some((version, Instant::now()));
        }
        let holder = found
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref())
            .unwrap_or_default();
        let still = seen
            .as_ref()
            .is_some_and(|(_, since)| since.elapsed() < LEASE);
        if !holder.is_empty() && holder != self.identity && still {
            return Ok(None);
        }
        self.api
            .replace(FIELD_MANAGER, &PostParams::default(), &self.mine(found))
            .await
            .map(Some)
    }

    fn mine(&self, found: Lease) -> Lease {
        let now = MicroTime(Timestamp::now());
        let before = found.spec.unwrap_or_default();
        let ours = before.holder_identity.as_deref() == Some(&self.identity);
        Lease {
            metadata: ObjectMeta {
                name: Some(FIELD_MANAGER.to_owned()),
                ..found.metadata
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(LEASE.as_secs()).ok(),
                acquire_time: if ours {
                    before.acquire_time
                } else {
                    Some(now.clone())
                },
                renew_time: Some(now),
                lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!ours)),
                ..before
            }),
        }
    }

    /// Renews until `stop`, then gives the lease back. Cancels `stop` itself once it may no longer be ours.
    pub async fn hold(self, mut lease: Lease, stop: CancellationToken) {
        let mut renewed = Instant::now();
        while tokio::time::timeout(RETRY, stop.cancelled()).await.is_err() {
            let asked = Instant::now();
            let renewal = self.mine(lease.clone());
            let params = PostParams::default();
            let write = self.api.replace(FIELD_MANAGER, &params, &renewal);
            match tokio::time::timeout(RETRY, write).await {
                Ok(Ok(written)) => (lease, renewed) = (written, asked),
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                    tracing::error!("another operator took the lease: ending at once");
                    return stop.cancel();
                }
                _ if renewed.elapsed() + RETRY > DEADLINE => {
                    tracing::error!(
                        "the lease could not be renewed for {} s: ending at once",
                        DEADLINE.as_secs()
                    );
                    return stop.cancel();
                }
                _ => {}
            }
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        let params = PostParams::default();
        let release = self.api.replace(FIELD_MANAGER, &params, &lease);
        let _ = tokio::time::timeout(RETRY, release).await;
    }
}
