//! Leader election with a Lease: one instance acts, the others stand by. Every write carries the resource version
//! that was read. A leader that cannot renew steps down, by its own clock, before the lease can expire, and writes nothing
//! once its term is over.

use super::environment::Environment;
use super::fence::{Fence, Term};
use crate::act;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A lease that has not changed for this long has expired: another instance may take it.
const LEASE_DURATION: Duration = Duration::from_secs(15);
/// A leader writes nothing, and steps down, if it could not renew the lease for this long.
const RENEW_DEADLINE: Duration = Duration::from_secs(10);
/// The time between two attempts to acquire or renew the lease, and the timeout of each request.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The last change of the lease that a candidate has observed.
struct LastChange {
    resource_version: Option<String>,
    /// The uptime.
    observed_at: Duration,
}

/// A candidate in the leader election.
pub(super) struct Candidate {
    environment: Environment,
    api: Api<Lease>,
    /// The name of the lease.
    name: String,
    identity: String,
}

/// The leadership of this process.
pub(super) struct Leadership {
    /// Lets writes pass while this process leads.
    pub fence: Fence,
    resign: CancellationToken,
    task: JoinHandle<()>,
}

impl Leadership {
    /// Returns the lease, once nothing is left to write.
    pub async fn resign(self) -> anyhow::Result<()> {
        self.resign.cancel();
        Ok(self.task.await?)
    }
}

/// What came of the renewal of a lease.
enum Renewal {
    Renewed,
    /// Another instance has it.
    Lost,
    /// It is not known.
    Failed,
}

impl Candidate {
    /// A candidate named `identity` for the lease `name` in `namespace`.
    pub fn new(environment: Environment, namespace: &str, name: &str, identity: String) -> Self {
        Self {
            api: Api::namespaced(environment.client.clone(), namespace),
            environment,
            name: name.to_owned(),
            identity,
        }
    }

    /// Waits until this process leads, or returns `None` if `stop` came first. `stop` is cancelled once the leadership
    /// is lost.
    pub async fn acquire(self, stop: &CancellationToken) -> Option<Leadership> {
        let identity = &self.identity;
        let mut last_change = None;
        let mut standby_logged = false;
        while !stop.is_cancelled() {
            let asked_at = self.uptime();
            match in_time(self.try_acquire(&mut last_change)).await {
                Ok(Some(lease)) => {
                    tracing::info!(identity, "acquired leadership");
                    return Some(self.lead(lease, asked_at, stop.clone()));
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

    fn lead(self, lease: Lease, since: Duration, stop: CancellationToken) -> Leadership {
        let (term, view) = watch::channel(Term {
            until: since + RENEW_DEADLINE,
            over: false,
        });
        let fence = Fence::new(self.environment.time.clone(), view);
        let resign = CancellationToken::new();
        let task = tokio::spawn(self.hold(lease, term, resign.clone(), stop));
        Leadership {
            fence,
            resign,
            task,
        }
    }

    fn uptime(&self) -> Duration {
        self.environment.time.uptime()
    }

    /// Takes the lease if it has no holder, or if it has not changed for [`LEASE_DURATION`] by the local clock: the
    /// clock of another instance may be wrong.
    async fn try_acquire(
        &self,
        last_change: &mut Option<LastChange>,
    ) -> Result<Option<Lease>, kube::Error> {
        let params = PostParams::default();
        let Some(current) = self.api.get_opt(&self.name).await? else {
            let lease = self.renewed(Lease::default());
            return self.api.create(&params, &lease).await.map(Some);
        };
        let resource_version = current.metadata.resource_version.clone();
        let last_change = match last_change {
            Some(last) if last.resource_version == resource_version => last,
            other => other.insert(LastChange {
                resource_version,
                observed_at: self.uptime(),
            }),
        };
        let is_valid = self.uptime() < last_change.observed_at + LEASE_DURATION;
        let holder = holder(&current);
        if !holder.is_empty() && holder != self.identity && is_valid {
            return Ok(None);
        }
        let lease = self.renewed(current);
        self.api
            .replace(&self.name, &params, &lease)
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
                name: Some(self.name.clone()),
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

    /// Renews the lease until `resign`, then releases it. Cancels `stop` once the lease may be lost.
    async fn hold(
        self,
        mut lease: Lease,
        term: watch::Sender<Term>,
        resign: CancellationToken,
        stop: CancellationToken,
    ) {
        while tokio::time::timeout(RETRY_PERIOD, resign.cancelled())
            .await
            .is_err()
        {
            let asked_at = self.uptime();
            match self.renew(&mut lease).await {
                Renewal::Renewed => term.send_modify(|term| term.until = asked_at + RENEW_DEADLINE),
                Renewal::Failed if self.uptime() + RETRY_PERIOD < term.borrow().until => {}
                outcome => {
                    let reason = match outcome {
                        Renewal::Lost => "another instance took the lease",
                        _ => "the lease cannot be renewed",
                    };
                    tracing::error!("lost leadership: {reason}; stopping");
                    term.send_modify(|term| term.over = true);
                    return stop.cancel();
                }
            }
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
        }
        let params = PostParams::default();
        let _ = in_time(self.api.replace(&self.name, &params, &lease)).await;
    }

    /// Renews `lease`. A conflict alone is no loss: an earlier renewal may have been carried out although its answer never
    /// came.
    async fn renew(&self, lease: &mut Lease) -> Renewal {
        let params = PostParams::default();
        for _ in 0..2 {
            let renewal = self.renewed(lease.clone());
            match in_time(self.api.replace(&self.name, &params, &renewal)).await {
                Ok(written) => {
                    *lease = written;
                    return Renewal::Renewed;
                }
                Err(act::Error::Api(kube::Error::Api(status))) if status.code == 409 => {
                    match in_time(self.api.get(&self.name)).await {
                        Ok(current) if holder(&current) == self.identity => *lease = current,
                        Ok(_) => return Renewal::Lost,
                        Err(_) => return Renewal::Failed,
                    }
                }
                Err(_) => return Renewal::Failed,
            }
        }
        Renewal::Failed
    }
}

/// The identity of the instance that holds `lease`; empty if none does.
fn holder(lease: &Lease) -> &str {
    let spec = lease.spec.as_ref();
    spec.and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default()
}

/// The result of `request`, which may take [`RETRY_PERIOD`].
async fn in_time<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, act::Error> {
    act::within(RETRY_PERIOD, request).await
}
