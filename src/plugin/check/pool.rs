//! The links that belong to one pool: its Redis, its workers, its own word.

use super::{Found, broken, fine};
use crate::api::{Condition, QueueSystem, WorkerPool};
use crate::decide::Reason;
use crate::plugin::cluster::Cluster;
use crate::plugin::facts::Facts;
use crate::plugin::output::Out;
use crate::plugin::redis::{Link as Redis, is_ready};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};

pub(super) async fn redis(cluster: &Cluster, pool: &WorkerPool) -> (Found, Option<Facts>) {
    let namespace = &cluster.namespace;
    let looked = async {
        let mut redis = Redis::new(cluster, pool).await?;
        let queue = pool.spec.queues.first().map_or("check", |queue| &queue.name);
        let (version, took, pushes) = redis.probe(queue).await?;
        let facts = redis.look(&pool.spec.queues).await?;
        let text = format!("{}, Redis {version}, {:.1} ms", redis.name(), took.as_secs_f64() * 1000.0);
        Ok::<_, anyhow::Error>((text, pushes, facts))
    };
    match looked.await {
        Ok((text, true, facts)) => (fine("Redis", format!("{text}, push works")), Some(facts)),
        Ok((text, false, facts)) => {
            let text = format!(
                "{text}, but it does not tell of changes by itself (CLIENT TRACKING): the operator hears of work only every {}",
                pool.spec.interval
            );
            (broken("Redis", text, "kubectl explain wp.spec.interval"), Some(facts))
        }
        Err(error) => {
            (broken("Redis", format!("{error:#}"), format!("kubectl -n {namespace} get services,pods")), None)
        }
    }
}

pub(super) async fn workers(cluster: &Cluster, pool: &WorkerPool, facts: Option<Facts>) -> Found {
    let namespace = &cluster.namespace;
    let (target, name) = cluster.target(pool);
    let kind = pool.spec.scale_target_ref.kind.to_lowercase();
    let listed = async {
        let scale =
            cluster.ask(&format!("reading the scale of {kind} {name}"), target.get_scale(&name)).await?;
        let selector = scale.status.and_then(|status| status.selector).unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        cluster.ask("listing its pods", pods.list(&ListParams::default().labels(&selector))).await
    };
    let pods = match listed.await {
        Ok(pods) => pods.items,
        Err(error) => {
            return broken(
                "workers",
                format!("{error:#}"),
                format!("kubectl -n {namespace} get {kind} {name}"),
            );
        }
    };
    let staying: Vec<&Pod> = pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).collect();
    let count = staying.len();
    if let Some(pod) = staying.iter().find(|pod| !is_ready(pod)) {
        let ready = staying.iter().filter(|pod| is_ready(pod)).count();
        let text = format!("{ready} of {count} pods of {kind} {name} are ready");
        return broken("workers", text, format!("kubectl -n {namespace} describe pod {}", pod.name_any()));
    }
    let told = facts.filter(|_| pool.spec.queues.iter().any(|queue| queue.system != QueueSystem::List));
    let Some(facts) = told else {
        return fine(
            "workers",
            format!(
                "{count} of {count} pods of {kind} {name} are ready; Redis does not tell which are registered"
            ),
        );
    };
    let never: Vec<String> =
        staying.iter().map(|pod| pod.name_any()).filter(|pod| !facts.pods.contains(pod)).collect();
    let Some(first) = never.first() else {
        return fine("workers", format!("{count} of {count} pods of {kind} {name} are registered"));
    };
    let text = format!("{} of {count} pods never registered: {}", never.len(), never.join(", "));
    let queues: Vec<&str> = pool.spec.queues.iter().map(|queue| queue.name.as_str()).collect();
    match queue_of(&pods, first) {
        Some(queue) if !queues.contains(&queue.as_str()) => broken(
            "workers",
            format!("{text}; they work on queue {queue:?}, the pool reads {:?}", queues.join(", ")),
            format!("kubectl -n {namespace} set env {kind}/{name} QUEUE={}", queues.first().unwrap_or(&"")),
        ),
        _ => broken("workers", text, format!("kubectl -n {namespace} logs {first}")),
    }
}

/// The queue that a pod was told to work on.
fn queue_of(pods: &[Pod], name: &str) -> Option<String> {
    let pod = pods.iter().find(|pod| pod.name_any() == name)?;
    let mut variables = pod
        .spec
        .iter()
        .flat_map(|spec| &spec.containers)
        .flat_map(|container| container.env.iter().flatten());
    variables.find(|variable| variable.name == "QUEUE")?.value.clone()
}

/// The pool's own word: one line when all is well, else a line per condition that is not met.
pub(super) fn conditions(pool: &WorkerPool, out: &Out) -> Vec<Found> {
    let local = |sentence: &str| out.sentence(sentence, Timestamp::now());
    let (name, namespace) = (pool.name_any(), pool.namespace().unwrap_or_default());
    let status = pool.status.clone().unwrap_or_default();
    if status.observed_generation < pool.metadata.generation {
        return vec![broken(
            "pool",
            format!("{name}: no operator has seen it as it is now"),
            "kubectl get pods -A -l app.kubernetes.io/component=operator",
        )];
    }
    let unmet = |condition: &&Condition| condition.type_ != "ScalingLimited" && condition.status != "True";
    let unmet: Vec<&Condition> = status.conditions.iter().filter(unmet).collect();
    // One trouble shows in many conditions, and is said once.
    let first = |(at, condition): &(usize, &&Condition)| {
        unmet.iter().position(|other| other.message == condition.message) == Some(*at)
    };
    let said: Vec<Found> = unmet
        .iter()
        .enumerate()
        .filter(first)
        .map(|(_, condition)| {
            let text =
                format!("{name}: {} is {}: {}", condition.type_, condition.status, local(&condition.message));
            broken("pool", text, mend(&condition.reason, pool, &namespace))
        })
        .collect();
    if !said.is_empty() {
        return said;
    }
    let decision = status
        .decision
        .map_or(String::new(), |decision| format!(", {}: {}", decision.reason, local(&decision.sentence)));
    vec![fine("pool", format!("{name}{decision}"))]
}

fn mend(reason: &str, pool: &WorkerPool, namespace: &str) -> String {
    let name = pool.name_any();
    let is = |wanted: Reason| wanted.as_str() == reason;
    if is(Reason::Suspended) || reason == "ScalingDisabled" {
        format!("kubectl -n {namespace} patch wp {name} --type=merge -p '{{\"spec\":{{\"suspend\":false}}}}'")
    } else if is(Reason::DryRun) {
        format!("kubectl -n {namespace} patch wp {name} --type=merge -p '{{\"spec\":{{\"dryRun\":false}}}}'")
    } else if is(Reason::InvalidSpec) {
        format!("kubectl -n {namespace} edit wp {name}")
    } else {
        format!("kubectl -n {namespace} describe wp {name}")
    }
}
