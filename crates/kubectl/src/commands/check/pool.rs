//! The checks of a pool's target and of its conditions.

use super::finding::{Finding, fail, ok, warn};
use super::images::PullError;
use super::setup::Setup;
use crate::cluster::Cluster;
use crate::cluster::dial::is_ready;
use crate::text::lang::tr;
use crate::text::output::Out;
use api::{CauseStatus, Condition, WorkerPool, WorkerPoolStatus};
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
        fail(
            "target",
            format!("{error:#}"),
            format!("kubectl -n {namespace} get {kind} {name}"),
        )
    })?;
    pods.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    let ready = pods.iter().filter(|pod| is_ready(pod)).count();
    let text = tr!(lang, "cli-target-ready", kind, name, ready, desired);
    let finding = match (
        PullError::find(&pods),
        pods.iter().find(|pod| !is_ready(pod)),
    ) {
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
        (None, None) if i32::try_from(ready).is_ok_and(|ready| ready < desired) => fail(
            "target",
            text,
            format!("kubectl -n {namespace} describe {kind} {name}"),
        ),
        (None, None) => ok("target", text),
    };
    Ok((finding, pods))
}

/// The desired replicas of the target, and its pods.
async fn list_pods(cluster: &Cluster, pool: &WorkerPool) -> anyhow::Result<(i32, Vec<Pod>)> {
    let scale = cluster.scale(pool).await?;
    let selector = scale.status.and_then(|status| status.selector);
    let params = ListParams::default().labels(&selector.unwrap_or_default());
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let pods = cluster
        .request(
            &tr!(cluster.out.lang, "cli-doing-list-pods"),
            pods.list(&params),
        )
        .await?;
    let desired = scale.spec.and_then(|spec| spec.replicas).unwrap_or(0);
    Ok((desired, pods.items))
}

/// The reason in a pod's status why it is not ready, such as `ImagePullBackOff`.
pub(super) fn unready_reason(pod: &Pod) -> Option<String> {
    reason(pod).map(|reason| foreign(&reason, 60))
}

fn reason(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let mut containers = status.container_statuses.iter().flatten();
    let waiting =
        containers.find_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.clone());
    waiting.or_else(|| {
        let mut conditions = status
            .conditions
            .iter()
            .flatten()
            .filter(|condition| condition.status == "False");
        conditions.find_map(|condition| condition.reason.clone())
    })
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
        unmet
            .iter()
            .position(|other| other.message == condition.message)
            == Some(*index)
    };
    let failed: Vec<Finding> = unmet
        .iter()
        .enumerate()
        .filter(first)
        .map(|(_, condition)| {
            let message = condition_message(condition, &status, out);
            let (type_, status) = (&condition.type_, &condition.status);
            let text = tr!(
                out.lang,
                "cli-pool-condition",
                name,
                condition = type_,
                status,
                message
            );
            let fix = fix(&condition.reason, pool, &namespace);
            match &*condition.reason {
                "FetchedAhead" => warn("pool", text, fix),
                _ => fail("pool", text, fix),
            }
        })
        .collect();
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
    let cause = status
        .metrics
        .as_ref()
        .and_then(|metrics| metrics.cause.as_ref());
    let cause = cause.map(CauseStatus::encoded);
    let of_decision = status
        .decision
        .as_ref()
        .filter(|decision| decision.message == condition.message);
    match (of_decision, cause) {
        (Some(decision), _) => Some(out.message(decision)),
        (None, Some(cause)) if condition.reason == "MetricsUnavailable" => Some(out.cause(&cause)),
        _ => out.condition(&condition.reason),
    }
    .unwrap_or_else(|| condition.message.clone())
}

/// A command that fixes a condition with this reason.
fn fix(reason: &str, pool: &WorkerPool, namespace: &str) -> String {
    let name = pool.name_any();
    let is = |code: ReasonCode| code.as_str() == reason;
    if is(ReasonCode::Suspended) || reason == "ScalingDisabled" {
        format!(
            "kubectl -n {namespace} patch wp {name} --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'"
        )
    } else if is(ReasonCode::DryRun) {
        format!(
            "kubectl -n {namespace} patch wp {name} --type=merge -p '{{\"spec\":{{\"dryRun\":false}}}}'"
        )
    } else if is(ReasonCode::InvalidSpec) {
        format!("kubectl -n {namespace} edit wp {name}")
    } else {
        format!("kubectl -n {namespace} describe wp {name}")
    }
}
