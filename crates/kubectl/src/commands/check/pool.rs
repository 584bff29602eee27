//! The links that belong to one pool: its Redis, its target, its workers, its own word.

use super::clock::Ahead;
use super::{Finding, fail, ok};
use crate::cluster::Cluster;
use crate::cluster::facts::QueueSummary;
use crate::cluster::redis::{RedisClient as Redis, is_ready};
use crate::text::lang::tr;
use crate::text::output::Out;
use api::{Condition, WorkerPool};
use decide::ReasonCode;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, ListParams};
use queues::QueueSystem;

/// Whether Redis answers and tells of changes; what it knows, and how far its clock is ahead.
pub(super) async fn redis(
    cluster: &Cluster,
    pool: &WorkerPool,
) -> (Finding, Option<QueueSummary>, Option<Ahead>) {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let looked = async {
        let mut redis = Redis::new(cluster, pool).await?;
        let queue = pool
            .spec
            .queues
            .first()
            .map_or("check", |queue| &queue.name);
        let (version, took, pushes) = redis.probe(queue).await?;
        let before = Timestamp::now();
        let ((seconds, micros),): ((i64, i64),) = redis.query(::redis::pipe().cmd("TIME")).await?;
        let ahead = seconds * 1000 + micros / 1000 - before.as_millisecond();
        let facts = redis.poll(&pool.spec.queues).await?;
        let text = format!(
            "{}, Redis {version}, {:.1} ms",
            redis.name(),
            took.as_secs_f64() * 1000.0
        );
        Ok::<_, anyhow::Error>((text, pushes, facts, ahead))
    };
    match looked.await {
        Ok((text, true, facts, ahead)) => {
            let found = ok(
                "Redis",
                tr!(lang, "{text}, push works", "{text}, avisa de los cambios"),
            );
            (found, Some(facts), Some(ahead))
        }
        Ok((text, false, facts, ahead)) => {
            let interval = &pool.spec.interval;
            let text = tr!(
                lang,
                "{text}, but it does not tell of changes by itself (CLIENT TRACKING): the operator hears of work only every {interval}",
                "{text}, pero no avisa de los cambios (CLIENT TRACKING): el operador se entera del trabajo solo cada {interval}"
            );
            (
                fail("Redis", text, "kubectl explain wp.spec.interval"),
                Some(facts),
                Some(ahead),
            )
        }
        Err(error) => {
            let mend = if cluster.local {
                "kubectl workerpool stop --local".to_owned()
            } else {
                format!("kubectl -n {namespace} get services,pods")
            };
            (fail("Redis", format!("{error:#}"), mend), None, None)
        }
    }
}

/// Whether the target is there and all its pods are ready; the pods that stay.
pub(super) async fn target(
    cluster: &Cluster,
    pool: &WorkerPool,
) -> Result<(Finding, Vec<Pod>), Finding> {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let (target, name) = cluster.target(pool);
    let kind = pool.spec.scale_target_ref.kind.to_lowercase();
    let listed = async {
        let scale = cluster
            .request(
                &format!("reading the scale of {kind} {name}"),
                target.get_scale(&name),
            )
            .await?;
        let selector = scale
            .status
            .and_then(|status| status.selector)
            .unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), namespace);
        let params = ListParams::default().labels(&selector);
        Ok::<_, anyhow::Error>((
            scale.spec.and_then(|spec| spec.replicas).unwrap_or(0),
            cluster
                .request("listing its pods", pods.list(&params))
                .await?,
        ))
    };
    let (wanted, pods) = listed.await.map_err(|error| {
        fail(
            "target",
            format!("{error:#}"),
            format!("kubectl -n {namespace} get {kind} {name}"),
        )
    })?;
    let mut staying = pods.items;
    staying.retain(|pod| pod.metadata.deletion_timestamp.is_none());
    let ready = staying.iter().filter(|pod| is_ready(pod)).count();
    let text = tr!(
        lang,
        "{kind} {name}: {ready} of {wanted} pods ready",
        "{kind} {name}: {ready} de {wanted} pods listos"
    );
    let found = match staying.iter().find(|pod| !is_ready(pod)) {
        Some(pod) => {
            let why = waits(pod).map_or(String::new(), |why| format!(" ({why})"));
            fail(
                "target",
                text + &why,
                format!("kubectl -n {namespace} describe pod {}", pod.name_any()),
            )
        }
        None if i32::try_from(ready).is_ok_and(|ready| ready < wanted) => fail(
            "target",
            text,
            format!("kubectl -n {namespace} describe {kind} {name}"),
        ),
        None => ok("target", text),
    };
    Ok((found, staying))
}

/// Why a pod is not ready, in its own word: `ImagePullBackOff`.
fn waits(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let mut containers = status.container_statuses.iter().flatten();
    let waiting = containers.find_map(|it| it.state.as_ref()?.waiting.as_ref()?.reason.clone());
    waiting.or_else(|| {
        let mut conditions = status
            .conditions
            .iter()
            .flatten()
            .filter(|it| it.status == "False");
        conditions.find_map(|it| it.reason.clone())
    })
}

/// Whether each pod has a heartbeat, and each heartbeat a pod that takes work.
pub(super) fn workers(
    cluster: &Cluster,
    pool: &WorkerPool,
    pods: &[Pod],
    facts: Option<QueueSummary>,
) -> Finding {
    let (lang, namespace) = (cluster.out.lang, &cluster.namespace);
    let (name, kind) = (
        &pool.spec.scale_target_ref.name,
        pool.spec.scale_target_ref.kind.to_lowercase(),
    );
    let count = pods.len();
    let told = facts.filter(|_| {
        pool.spec
            .queues
            .iter()
            .any(|queue| queue.system != QueueSystem::List)
    });
    let Some(facts) = told else {
        return ok(
            "workers",
            tr!(
                lang,
                "Redis does not tell who is registered",
                "Redis no dice quién está registrado"
            ),
        );
    };
    if let Some(deaf) = facts.stalled().next() {
        let text = tr!(
            lang,
            "{deaf} has a heartbeat and takes no work, though some waits or may come",
            "{deaf} tiene latido y no toma trabajo, aunque lo haya o pueda llegar"
        );
        return fail(
            "workers",
            text,
            format!("kubectl -n {namespace} delete pod {deaf}"),
        );
    }
    let names: Vec<String> = pods.iter().map(ResourceExt::name_any).collect();
    let never: Vec<&String> = names
        .iter()
        .filter(|pod| !facts.pods().any(|name| name == **pod))
        .collect();
    let Some(first) = never.first() else {
        let strangers = facts
            .pods()
            .filter(|pod| !names.iter().any(|name| name == pod))
            .count();
        let more = match strangers {
            0 => String::new(),
            n => tr!(
                lang,
                "; {n} more work from elsewhere",
                "; {n} más trabajan desde otra parte"
            ),
        };
        return ok(
            "workers",
            tr!(
                lang,
                "{count} of {count} pods have a heartbeat{more}",
                "{count} de {count} pods tienen latido{more}"
            ),
        );
    };
    let (n, all) = (
        never.len(),
        never
            .iter()
            .map(|it| it.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    );
    let text = tr!(
        lang,
        "{n} of {count} pods never registered: {all}",
        "{n} de {count} pods nunca se registraron: {all}"
    );
    let queues = pool
        .spec
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect::<Vec<_>>();
    match queue_of(pods, first) {
        Some(queue) if !queues.contains(&queue.as_str()) => {
            let reads = queues.join(", ");
            let text = tr!(
                lang,
                "{text}; they work on queue {queue:?}, the pool reads {reads:?}",
                "{text}; trabajan en la cola {queue:?} y el pool lee {reads:?}"
            );
            let first = queues.first().unwrap_or(&"");
            fail(
                "workers",
                text,
                format!("kubectl -n {namespace} set env {kind}/{name} QUEUE={first}"),
            )
        }
        _ => fail(
            "workers",
            text,
            format!("kubectl -n {namespace} logs {first}"),
        ),
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
    variables
        .find(|variable| variable.name == "QUEUE")?
        .value
        .clone()
}

/// The pool's own word: one line when all is well, else a line per condition that is not met.
pub(super) fn conditions(pool: &WorkerPool, out: &Out) -> Vec<Finding> {
    let local = |sentence: &str| out.message(sentence, Timestamp::now());
    let (name, namespace) = (pool.name_any(), pool.namespace().unwrap_or_default());
    let status = pool.status.clone().unwrap_or_default();
    if status.observed_generation < pool.metadata.generation {
        return vec![fail(
            "pool",
            tr!(
                out.lang,
                "{name}: no operator has seen it as it is now",
                "{name}: ningún operador lo ha visto como es ahora"
            ),
            "kubectl get pods -A -l app.kubernetes.io/component=operator",
        )];
    }
    let unmet =
        |condition: &&Condition| condition.type_ != "ScalingLimited" && condition.status != "True";
    let unmet: Vec<&Condition> = status.conditions.iter().filter(unmet).collect();
    // One trouble shows in many conditions, and is said once.
    let first = |(at, condition): &(usize, &&Condition)| {
        unmet
            .iter()
            .position(|other| other.message == condition.message)
            == Some(*at)
    };
    let said: Vec<Finding> = unmet
        .iter()
        .enumerate()
        .filter(first)
        .map(|(_, condition)| {
            let (type_, status) = (&condition.type_, &condition.status);
            let said = local(&condition.message);
            let text = tr!(
                out.lang,
                "{name}: {type_} is {status}: {said}",
                "{name}: {type_} es {status}: {said}"
            );
            fail("pool", text, fix(&condition.reason, pool, &namespace))
        })
        .collect();
    if !said.is_empty() {
        return said;
    }
    let decision = status.decision.map_or(String::new(), |decision| {
        format!(", {}: {}", decision.reason, local(&decision.message))
    });
    vec![ok("pool", format!("{name}{decision}"))]
}

fn fix(reason: &str, pool: &WorkerPool, namespace: &str) -> String {
    let name = pool.name_any();
    let is = |wanted: ReasonCode| wanted.as_str() == reason;
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
