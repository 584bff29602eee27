//! Failures around a change: an operator that dies before its status is written, statuses that are refused, and a Redis
//! that stalls under running tasks.

use crate::witness::Witness;
use e2e::world::{POLL, World, eventually, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const COOLDOWN: Duration = Duration::from_secs(40);

/// Allows the operator to write statuses, or no longer.
fn allow_statuses(world: &World, allowed: bool) {
    let role = world.json(&["get", "role", "wp-workerpool"]);
    let mut rules = role["rules"].as_array().cloned().unwrap_or_default();
    let rule = rules
        .iter_mut()
        .find(|rule| rule["resources"] == json!(["workerpools/status"]))
        .expect("the rule about statuses");
    let verb = if allowed { "patch" } else { "get" };
    rule["verbs"] = json!([verb]);
    let change = json!({"rules": rules}).to_string();
    let patch = words("patch role wp-workerpool --type merge -p");
    world.kubectl(&[&patch[..], &[&change]].concat());
}

/// How often the operator's log says that a status could not be written.
fn refused_statuses(world: &World) -> usize {
    let log = world.kubectl(&["logs", "deployment/wp-workerpool", "--tail=-1"]);
    log.matches("cannot write the status").count()
}

/// Waits until the target has at least so many replicas, and returns when that was seen.
fn scaled_to(world: &World, replicas: i64) -> Instant {
    eventually("a scale-up", || match world.replicas() {
        found if found >= replicas => Ok(Instant::now()),
        other => Err(format!("{other}: {}", world.decision().1)),
    })
}

#[test]
fn a_death_before_the_status_is_written_shortens_no_cooldown() {
    let up = json!({"queueLength": 8, "step": 2, "cooldown": "40s"});
    let world = World::install("unwritten", &json!({"maxReplicas": 7, "scaleUp": up}));
    allow_statuses(&world, false);
    world.push_tasks(300, 20);
    let first = scaled_to(&world, 5);
    world.kill(&world.operator());
    let second = scaled_to(&world, 7);
    let pause = second - first;
    eprintln!(
        "3 → 5, the operator killed, 5 → 7 after {:.1} s",
        pause.as_secs_f64()
    );
    // The first is seen up to a poll late.
    assert!(pause + POLL >= COOLDOWN, "{pause:?}");

    let start = Instant::now();
    let before = refused_statuses(&world);
    let attempts = eventually("half a minute of refused statuses", || {
        match start.elapsed().as_secs() {
            30.. => Ok(refused_statuses(&world) - before),
            other => Err(format!("{other} s")),
        }
    });
    eprintln!("{attempts} refused statuses in 30 s");
    assert!((1..=15).contains(&attempts), "{attempts} attempts in 30 s");
    allow_statuses(&world, true);
    eventually(
        "the status",
        || match world.pool()["status"]["desiredReplicas"].as_i64() {
            Some(7) => Ok(()),
            other => Err(format!("{other:?}")),
        },
    );
}

/// A script that keeps Redis from everything else for ten seconds, by Redis' own clock: a count of loops takes half as
/// long on a machine that has become idle since the count was made. It ends even where a script's clock stands still.
const BUSY: &str = "local function now() local time = redis.call('TIME') return time[1] + time[2] / 1e6 end \
    local start = now() for _ = 1, 50000 do if now() - start > 10 then return 1 end for _ = 1, 100000 do end end";

#[test]
fn a_stall_of_redis_interrupts_no_running_task() {
    let world = World::install("stall", &json!({"replicas": 3}));
    // Redis answers nothing while a script runs, and not that it is busy.
    world.redis(&["CONFIG", "SET", "busy-reply-threshold", "0"]);
    world.push_tasks(3, 40);
    world.expect_metric("busy", 3);
    let claimed = world.redis(&["EVAL", CLAIMS, "0"]);
    let mut witness = Witness::new(&world);
    let start = Instant::now();
    world.redis(&["EVAL", BUSY, "0"]);
    let stall = start.elapsed();
    eprintln!("Redis stalled for {:.1} s", stall.as_secs_f64());
    assert!(stall >= Duration::from_secs(9), "{stall:?}");
    // Each worker holds the task that it held, and counts as busy, from the first answer on.
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        assert_eq!(world.redis(&["EVAL", CLAIMS, "0"]), claimed);
        let busy = world.metric("busy");
        assert!(busy.is_none_or(|busy| busy == 3), "{busy:?} busy");
    }
    world.expect_metric("processed", 3);
    let report = witness.report("a stall of Redis under three tasks");
    assert_eq!((report.interrupted, report.lost), (0, 0), "{report:?}");
    assert_eq!(world.redis(&["HLEN", "wp:{tasks}:attempts"]), "0");
    assert_eq!(world.metric("processed"), Some(3), "no task was done twice");
}

/// Which worker holds which task.
const CLAIMS: &str = "local seen = {} for _, id in ipairs(redis.call('SMEMBERS', 'wp:{tasks}:workers')) do \
    for _, task in ipairs(redis.call('LRANGE', 'wp:{tasks}:claimed:' .. id, 0, -1)) do \
    seen[#seen + 1] = id .. ' ' .. cjson.decode(task).id end end table.sort(seen) return table.concat(seen, ', ')";

/// A Deployment without workers, and a pool that gives it two replicas.
fn pinned_pair() -> Value {
    let labels = json!({"app": "other"});
    let container = json!({"name": "redis", "image": "ghcr.io/workerpool-dev/workerpool-redis:VERSION",
        "command": ["redis-server"], "args": ["--save", ""], "workingDir": "/tmp",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "other"}, "spec": {
            "replicas": 1, "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "containers": [container], "volumes": [{"name": "tmp", "emptyDir": {}}]}}}},
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"},
            "spec": {"selector": labels, "ports": [{"port": 6379}]}},
        {"apiVersion": "workerpool.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "other"}, "spec": {
            "scaleTargetRef": {"name": "other"}, "replicas": 2, "redis": {"address": "redis://other:6379/0"},
            "queues": [{"name": "jobs", "system": "List"}], "scaleUp": {"queueLength": 1}}},
    ]})
}

/// A second release in the namespace of the first, which serves the pools of another.
fn install_second(world: &World, other: &World) {
    let common =
        "replicas=2,leaderElection.enabled=true,crds.upgrade=false,rbac.aggregateToUserRoles=false";
    world.upgrade(common);
    let own = format!(
        "{common},admissionPolicies.enabled=false,watchNamespaces[0]={}",
        other.namespace
    );
    world.install_release("second", &own);
}

#[test]
fn two_releases_in_one_namespace_lead_their_own_pools() {
    let world = World::install("releases", &json!({"replicas": 3}));
    // Its namespace goes first.
    let other = World {
        namespace: "e2e-releases-other".to_owned(),
    };
    other.create_namespace();
    install_second(&world, &other);
    let image = world.json(&["get", "deployment", "redis"])["spec"]["template"]["spec"]
        ["containers"][0]["image"]
        .clone();
    let pair = pinned_pair().to_string();
    let placeholder = "ghcr.io/workerpool-dev/workerpool-redis:VERSION";
    let pair = pair.replace(placeholder, image.as_str().expect("an image"));
    other.must_apply(&serde_json::from_str(&pair).expect("JSON"));
    eventually("two holders", || {
        let leases = world.items(&["get", "leases"]);
        let held = leases.iter().filter_map(|lease| {
            let holder = lease["spec"]["holderIdentity"]
                .as_str()
                .filter(|it| !it.is_empty())?;
            let name = lease["metadata"]["name"].as_str()?;
            holder.starts_with(name).then(|| name.to_owned())
        });
        match held.collect::<Vec<_>>() {
            both if both == ["second-workerpool", "wp-workerpool"] => Ok(()),
            other => Err(format!("{other:?}: {leases:?}")),
        }
    });
    world.kubectl(&["scale", "wp/filters", "--replicas=4"]);
    for (of, target, replicas) in [(&world, "filter-worker", 4), (&other, "other", 2)] {
        eventually("a scale-up by the release of its own", || {
            match of.json(&["get", "deployment", target])["spec"]["replicas"].as_i64() {
                Some(found) if found == replicas => Ok(()),
                other => Err(format!("{target}: {other:?}")),
            }
        });
    }
}
