//! Leader election with a Lease: one instance acts, the others stand by. Every write carries the resource version
//! that was read. A leader that cannot renew steps down, by its own monotonic clock, before the lease can expire.

use super::environment::Environment;
use api::FIELD_MANAGER;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A lease that has not changed for this long has expired: another instance may take it.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// A leader steps down if it could not renew the lease for this long.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// The time between two attempts to acquire or renew the lease, and the timeout of each.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The last change of the lease that a candidate has observed.
struct LastChange {
    resource_version: Option<String>,
    observed_at: Instant,
}

/// A candidate in the leader election.
pub(super) struct Leader {
    environment: Environment,
    api: Api<Lease>,
    identity: String,
}

impl Leader {
    /// A candidate named `identity` for the lease in `namespace`.
    pub fn new(environment: Environment, namespace: &str, identity: String) -> Self {
        Self {
            api: Api::namespaced(environment.client.clone(), namespace),
            environment,
            identity,
        }
    }

    /// Waits until this process is the leader and returns the written lease, or `None` if `stop` came first.
    pub async fn acquire(&self, stop: &CancellationToken) -> Option<Lease> {
        let identity = &self.identity;
        let mut last_change = None;
        let mut standby_logged = false;
        while !stop.is_cancelled() {
            match self.try_acquire(&mut last_change).await {
                Ok(Some(lease)) => {
                    tracing::info!(identity, "acquired leadership");
                    return Some(lease);
                }
                Ok(None) if !standby_logged => {
                    tracing::info!(
                        identity,
                        "standing by: the lease is held by another instance"
                    );
                    standby_logged = true;
                }
                Ok(None) => {}
                Err(error) => tracing::warn!("cannot acquire the lease, retrying: {error}"),
            }
            let _ = tokio::time::timeout(RETRY_PERIOD, stop.cancelled()).await;
        }
        None
    }

    /// Takes the lease if it has no holder, or if it has not changed for [`LEASE_DURATION`] by the local clock: the
    /// clock of another instance may be wrong.
    async fn try_acquire(
        &self,
        last_change: &mut Option<LastChange>,
    ) -> Result<Option<Lease>, kube::Error> {
        let Some(current) = self.api.get_opt(FIELD_MANAGER).await? else {
            let lease = self.renewed(Lease::default());
            return self
                .api
                .create(&PostParams::default(), &lease)
                .await
                .map(Some);
        };
        let resource_version = current.metadata.resource_version.clone();
        let last_change = match last_change {
            Some(last) if last.resource_version == resource_version => last,
            other => other.insert(LastChange {
                resource_version,
                observed_at: Instant::now(),
            }),
        };
        let holder = current
            .spec
            .as_ref()
            .and_then(|spec| spec.holder_identity.as_deref())
            .unwrap_or_default();
        let valid = last_change.observed_at.elapsed() < LEASE_DURATION;
        if !holder.is_empty() && holder != self.identity && valid {
            return Ok(None);
        }
        self.api
            .replace(
                FIELD_MANAGER,
                &PostParams::default(),
                &self.renewed(current),
            )
            .await
            .map(Some)
    }

    /// `current` with this process as its holder, renewed now.
    fn renewed(&self, current: Lease) -> Lease {
        let now = MicroTime(api::timestamp(self.environment.time.wall()));
        let before = current.spec.unwrap_or_default();
        let held = before.holder_identity.as_deref() == Some(&self.identity);
        Lease {
            metadata: ObjectMeta {
                name: Some(FIELD_MANAGER.to_owned()),
                ..current.metadata
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(self.identity.clone()),
                lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
                acquire_time: if held {
                    before.acquire_time
                } else {
                    Some(now.clone())
                },
                renew_time: Some(now),
                lease_transitions: Some(before.lease_transitions.unwrap_or(0) + i32::from(!held)),
                ..before
            }),
        }
    }

    /// Renews the lease until `stop`, then releases it. Cancels `stop` itself once the lease may be lost.
    pub async fn hold(self, mut lease: Lease, stop: CancellationToken) {
        let params = PostParams::default();
        let mut renewed_at = Instant::now();
        while tokio::time::timeout(RETRY_PERIOD, stop.cancelled())
            .await
            .is_err()
        {
            let sent_at = Instant::now();
            let renewal = self.renewed(lease.clone());
            let write = self.api.replace(FIELD_MANAGER, &params, &renewal);
            match tokio::time::timeout(RETRY_PERIOD, write).await {
                Ok(Ok(written)) => {
                    lease = written;
                    renewed_at = sent_at;
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
                    tracing::error!("lost leadership: another instance took the lease; stopping");
                    return stop.cancel();
                }
                _ if renewed_at.elapsed() + RETRY_PERIOD > RENEW_DEADLINE => {
                    tracing::error!(
                        "lost leadership: cannot renew the lease for {} s; stopping",
                        RENEW_DEADLINE.as_secs()
                    );
                    return stop.cancel();
                }
                _ => {}
            }
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        let release = self.api.replace(FIELD_MANAGER, &params, &lease);
        let _ = tokio::time::timeout(RETRY_PERIOD, release).await;
    }
}
