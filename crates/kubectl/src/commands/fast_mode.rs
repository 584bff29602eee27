//! `demo --fast`: the same story in a quarter of the time. Shorter tasks anywhere; a pool's pauses are its rules, and
//! are shortened on the local cluster alone, for as long as the story lasts.

use super::stress::Burst;
use crate::cluster::Cluster;
use crate::text::lang::tr;
use api::{Duration, ScaleDownSpec, ScaleUpSpec, WorkerPool};
use decide::Millis;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

/// So many times as fast.
const SPEED_UP: i64 = 4;
/// Holds the pool's own pauses while others apply, so that whoever crashes in the middle leaves them to the next.
const OWN: &str = "workerpool.dev/own-pauses";

/// A pool in a hurry.
pub struct FastMode {
    name: String,
    own: Value,
}

impl FastMode {
    /// The pool and the burst as the story is to be played with.
    pub async fn begin(
        cluster: &Cluster,
        pool: WorkerPool,
        burst: Burst,
        fast: bool,
    ) -> anyhow::Result<(Option<Self>, WorkerPool, Burst)> {
        let name = pool.name_any();
        let left = pool
            .annotations()
            .get(OWN)
            .and_then(|text| serde_json::from_str(text).ok());
        let pool = match left {
            Some(own) => {
                Self {
                    name: name.clone(),
                    own,
                }
                .end(cluster)
                .await?
            }
            None => pool,
        };
        if !fast {
            return Ok((None, pool, burst));
        }
        let quarter = i64::from(burst.task_seconds) / SPEED_UP;
        let burst = Burst {
            task_seconds: u32::try_from(quarter).unwrap_or(0).max(1),
            ..burst
        };
        let (lang, seconds) = (cluster.out.lang, burst.task_seconds);
        if !cluster.local {
            cluster.out.info(&tr!(
                lang,
                "--fast: tasks of {seconds} s. The pauses of {name} are its rules and stay as they are.",
                "--fast: tareas de {seconds} s. Las pausas de {name} son sus reglas y no se tocan."
            ));
            return Ok((None, pool, burst));
        }
        cluster.out.info(&tr!(
            lang,
            "--fast: tasks of {seconds} s, and until it ends a quarter of the pauses of {name}.",
            "--fast: tareas de {seconds} s, y hasta el final un cuarto de las pausas de {name}."
        ));
        let own = pauses(&pool, 1);
        let mut patch = pauses(&pool, SPEED_UP);
        patch["metadata"] = json!({"annotations": {OWN: own.to_string()}});
        let pool = write(cluster, &name, patch).await?;
        Ok((Some(Self { name, own }), pool, burst))
    }

    /// Gives the pool its own pauses back.
    pub async fn end(self, cluster: &Cluster) -> anyhow::Result<WorkerPool> {
        let mut patch = self.own;
        patch["metadata"] = json!({"annotations": {OWN: null}});
        write(cluster, &self.name, patch).await
    }
}

async fn write(cluster: &Cluster, name: &str, patch: Value) -> anyhow::Result<WorkerPool> {
    let params = PatchParams::apply("kubectl-workerpool");
    let params = PatchParams {
        force: false,
        ..params
    };
    cluster
        .request(
            "setting its pauses",
            cluster.pools().patch(name, &params, &Patch::Merge(patch)),
        )
        .await
}

/// The pauses of `pool`, so many times shorter. One of the class's that is not written out is written for the while.
fn pauses(pool: &WorkerPool, times: i64) -> Value {
    let spec = &pool.spec;
    let short = |it: Duration| Duration(Millis((it.0.0 / times).max(1)));
    let mut all = json!({"spec": {"interval": short(Duration(api::interval(spec)))}});
    let class = spec.target.is_none();
    if let Some(up) = spec
        .scale_up
        .clone()
        .or_else(|| class.then(ScaleUpSpec::defaults))
    {
        all["spec"]["scaleUp"] = json!({"cooldown": short(up.cooldown)});
    }
    if let Some(down) = spec
        .scale_down
        .clone()
        .or_else(|| class.then(ScaleDownSpec::defaults))
    {
        all["spec"]["scaleDown"] =
            json!({"idleFor": short(down.idle_for), "cooldown": short(down.cooldown)});
    }
    all
}
