//! `demo --fast`: the demo in a quarter of the time. It always shortens the tasks. It shortens the delays of the pool
//! (its interval, idle time and cooldowns) only on the local cluster, and only until the demo ends.

use super::stress::{Burst, Load, Work, plan};
use crate::args::Demo;
use crate::cluster::Cluster;
use crate::cluster::patch::apply;
use crate::text::lang::tr;
use api::{Duration, ScaleDownSpec, ScaleUpSpec, WorkerPool};
use decide::Millis;
use kube::ResourceExt;
use serde_json::{Value, json};

/// The factor of the speed.
const SPEED_UP: i64 = 4;
/// The annotation with the original delays, so that the next run restores them after a crash.
const ORIGINAL_DELAYS: &str = "workerpool.dev/original-delays";

/// A pool with shortened delays.
pub struct FastMode {
    name: String,
    original: Value,
}

impl FastMode {
    /// Restores delays that a crashed run left shortened; with `--fast` shortens the delays and the tasks.
    pub async fn begin(
        cluster: &Cluster,
        pool: WorkerPool,
        args: &Demo,
    ) -> anyhow::Result<(Option<Self>, WorkerPool, Burst)> {
        let (name, out) = (pool.name_any(), &cluster.out);
        let original = pool.annotations().get(ORIGINAL_DELAYS);
        let original = original.and_then(|text| serde_json::from_str(text).ok());
        let pool = match original {
            Some(original) => restore(cluster, &name, original).await?,
            None => pool,
        };
        let tasks = args.tasks.tasks;
        let plan = plan::choose(&pool, Load::Mix, Some(tasks), args.task.task_seconds)?;
        let mut burst = Burst::new(out.lang, tasks, plan.task_seconds, &Work::default())?;
        if !args.fast {
            return Ok((None, pool, burst));
        }
        let quarter = i64::from(burst.task_seconds) / SPEED_UP;
        burst.task_seconds = u32::try_from(quarter).unwrap_or(0).max(1);
        let (lang, seconds) = (out.lang, burst.task_seconds);
        if !cluster.local {
            out.info(&tr!(lang, "cli-fast-unchanged", seconds, name));
            return Ok((None, pool, burst));
        }
        out.info(&tr!(lang, "cli-fast-quarter", seconds, name));
        let original = delays(&pool, 1);
        let mut patch = delays(&pool, SPEED_UP);
        patch["metadata"] = json!({"annotations": {ORIGINAL_DELAYS: original.to_string()}});
        let pool = write(cluster, &name, patch).await?;
        Ok((Some(Self { name, original }), pool, burst))
    }

    /// Restores the original delays.
    pub async fn end(self, cluster: &Cluster) -> anyhow::Result<WorkerPool> {
        restore(cluster, &self.name, self.original).await
    }
}

async fn restore(cluster: &Cluster, name: &str, mut delays: Value) -> anyhow::Result<WorkerPool> {
    delays["metadata"] = json!({"annotations": {ORIGINAL_DELAYS: null}});
    write(cluster, name, delays).await
}

async fn write(cluster: &Cluster, name: &str, patch: Value) -> anyhow::Result<WorkerPool> {
    let doing = tr!(cluster.out.lang, "cli-doing-set-delays");
    apply(cluster, &doing, name, patch).await
}

/// A patch with the delays of `pool` divided by `factor`. Defaults that the spec omits are written out.
fn delays(pool: &WorkerPool, factor: i64) -> Value {
    let spec = &pool.spec;
    let short = |delay: Duration| Duration(Millis((delay.0.0 / factor).max(1)));
    let mut patch = json!({"spec": {"interval": short(Duration(api::interval(spec)))}});
    let has_defaults = spec.target.is_none();
    let up = spec.scale_up.clone();
    if let Some(up) = up.or_else(|| has_defaults.then(ScaleUpSpec::defaults)) {
        patch["spec"]["scaleUp"] = json!({"cooldown": short(up.cooldown)});
    }
    let down = spec.scale_down.clone();
    if let Some(down) = down.or_else(|| has_defaults.then(ScaleDownSpec::defaults)) {
        patch["spec"]["scaleDown"] =
            json!({"idleFor": short(down.idle_for), "cooldown": short(down.cooldown)});
    }
    patch
}
