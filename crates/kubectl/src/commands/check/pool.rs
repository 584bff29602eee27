//! The checks of a pool's target and of its conditions.

use super::finding::{Finding, fail, ok, warn};
use super::images::PullError;
use super::setup::Setup;
use crate::cluster::dial::is_ready;
use crate::cluster::{Cluster, replicas_of};
use crate::text::lang::tr;
use crate::text::output::Out;
use api::{Condition, WorkerPool, WorkerPoolStatus};
use decide::ReasonCode;
use decide::foreign;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

/// The pool `name`, or the only one of the namespace; else a finding with the command that names or makes one.
pub(super) async fn choose(
    cluster: &Cluster,
    name: Option<&str>,
    setup: &Setup,
) -> Result<WorkerPool, Finding> {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let error = match cluster.pool(name).await {
        Ok(pool) => return Ok(pool),
        Err(error) => error,
    };
    let all: Api<WorkerPool> = Api::all(cluster.client.clone());
    let Ok(all) = all.list(&ListParams::default().limit(100)).await else {
        return Err(fail("pool", format!("{error:#}"), "kubectl get wp -A"));
    };
    let check = |pool: &WorkerPool| {
        let (namespace, name) = (pool.namespace().unwrap_or_default(), pool.name_any());
        format!("kubectl workerpool check -n {namespace} {name}")
    };
    let here = |pool: &&WorkerPool| pool.namespace().as_ref() == Some(namespace);
    if let Some(pool) = all.iter().find(here) {
        return Err(fail("pool", format!("{error:#}"), check(pool)));
    }
    Err(match all.iter().next() {
        Some(pool) => {
            let (other, name) = (pool.namespace().unwrap_or_default(), pool.name_any());
            let text = tr!(lang, "cli-pool-other-namespace", namespace, other, name);
            fail("pool", text, check(pool))
        }
        None => fail("pool", tr!(lang, "cli-pool-none"), setup.pool(namespace)),
    })
}

/// Whether the target exists and all its pods are ready; with the pods that are not terminating.
pub(super) async fn target(
    cluster: &Cluster,
    pool: &WorkerPool,
    setup: &Setup,
) -> Result<(Finding, Vec<Pod>), Finding> {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let name = &pool.spec.scale_target_ref.name;
    let kind = pool.spec.scale_target_ref.kind.to_lowercase();
    let (desired, mut pods) = list_pods(cluster, pool).await.map_err(|error| {
        let get = format!("kubectl -n {namespace} get {kind} {name}");
        fail("target", format!("{error:#}"), get)
    })?;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let text = tr!(lang, "cli-target-ready", kind, name, ready, desired);
    let unready = pods.iter().find(|pod| !is_ready(pod));
    let finding = match (PullError::find(&pods), unready) {
        (Some(error), _) => {
            let image = error.text(lang);
            fail("target", format!("{text}; {image}"), error.fix(setup, lang))
        }
        (None, Some(pod)) => {
            let reason = unready_reason(pod).map_or(String::new(), |reason| format!(" ({reason})"));
            let pod = pod.name_any();
            let fix = if reason == " (CrashLoopBackOff)" {
                format!("kubectl -n {namespace} logs {pod} --previous")
            } else {
                format!("kubectl -n {namespace} describe pod {pod}")
            };
            fail("target", text + &reason, fix)
        }
        (None, None) if i32::try_from(ready).is_ok_and(|ready| ready < desired) => {
            let describe = format!("kubectl -n {namespace} describe {kind} {name}");
            fail("target", text, describe)
        }
        (None, None) => ok("target", text),
    };
    Ok((finding, pods))
}

/// The desired replicas of the target, and its pods.
async fn list_pods(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<(i32, Vec<Pod>)> {
    let scale = cluster.scale(pool).await?;
    let desired = replicas_of(&scale);
    let selector = scale.status.and_then(|status| status.selector);
    let params = ListParams::default().labels(&selector.unwrap_or_default());
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let doing = tr!(cluster.out.lang, "cli-doing-list-pods");
    let pods = cluster.request(&doing, pods.list(&params)).await?;
    Ok((desired, pods.items))
}

/// The reason in a pod's status why it is not ready, such as `ImagePullBackOff`.
pub(super) fn unready_reason(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let containers = status.container_statuses.iter().flatten();
    let waiting = containers.filter_map(|it| it.state.as_ref()?.waiting.as_ref()?.reason.as_ref());
    let conditions = status.conditions.iter().flatten();
    let unmet = conditions.filter(|condition| condition.status == "False");
    let mut reasons = waiting.chain(unmet.filter_map(|condition| condition.reason.as_ref()));
    reasons.next().map(|reason| foreign(reason, 60))
}

/// The conditions of the pool: one line with the decision if all are met, else one line per condition that is not.
pub(super) fn conditions(pool: &WorkerPool, out: &Out) -> Vec<Finding> {
    let (name, namespace) = (pool.name_any(), pool.namespace().unwrap_or_default());
    let status = pool.status.clone().unwrap_or_default();
    if status.observed_generation < pool.metadata.generation {
        return vec![fail(
            "pool",
            tr!(out.lang, "cli-pool-unobserved", name),
            "kubectl get pods -A -l app.kubernetes.io/component=operator",
        )];
    }
    // The grace has a finding of its own.
    let elsewhere = ["ScalingLimited", "TasksFinish"];
    let unmet = |condition: &&Condition| {
        !elsewhere.contains(&&*condition.type_) && condition.status != "True"
    };
    let unmet: Vec<&Condition> = status.conditions.iter().filter(unmet).collect();
    // One problem can show in several conditions; it is reported once.
    let first = |(index, condition): &(usize, &&Condition)| {
        let mut messages = unmet.iter().map(|other| &other.message);
        messages.position(|other| *other == condition.message) == Some(*index)
    };
    let finding = |(_, it): (usize, &&Condition)| {
        let message = condition_message(it, &status, out);
        let (condition, status) = (&it.type_, &it.status);
        let text = tr!(
            out.lang,
            "cli-pool-condition",
            name,
            condition,
            status,
            message
        );
        let fix = fix(&it.reason, pool, &namespace);
        match &*it.reason {
            "FetchedAhead" => warn("pool", text, fix),
            _ => fail("pool", text, fix),
        }
    };
    let unmet = unmet.iter().enumerate().filter(first).map(finding);
    let failed: Vec<Finding> = unmet.collect();
    if !failed.is_empty() {
        return failed;
    }
    let decision = status.decision.map_or(String::new(), |decision| {
        format!(", {}: {}", decision.reason, out.message(&decision))
    });
    vec![ok("pool", format!("{name}{decision}"))]
}

/// The message of a condition in the language of the output: that of the decision, of the missing metrics, or its own.
fn condition_message(condition: &Condition, status: &WorkerPoolStatus, out: &Out) -> String {
    let metrics = status.metrics.as_ref();
    let cause = metrics.and_then(|metrics| metrics.cause.as_ref());
    let decision = status.decision.as_ref();
    if let Some(decision) = decision.filter(|it| it.message == condition.message) {
        return out.message(decision);
    }
    if let Some(cause) = cause
        && condition.reason == "MetricsUnavailable"
    {
        return out.cause(&cause.encoded());
    }
    let own = out.condition(&condition.reason);
    own.unwrap_or_else(|| condition.message.clone())
}

/// A command that fixes a condition with this reason.
fn fix(reason: &str, pool: &WorkerPool, namespace: &str) -> String {
    let name = pool.name_any();
    let is = |code: ReasonCode| code.as_str() == reason;
    let unset = |field: &str| {
        format!(
            "kubectl -n {namespace} patch wp {name} --type=merge -p '{{\"spec\":{{\"{field}\":false}}}}'"
        )
    };
    if is(ReasonCode::Suspended) || reason == "ScalingDisabled" {
        unset("suspend")
    } else if is(ReasonCode::DryRun) {
        unset("dryRun")
    } else if is(ReasonCode::InvalidSpec) {
        format!("kubectl -n {namespace} edit wp {name}")
    } else {
        format!("kubectl -n {namespace} describe wp {name}")
    }
}
