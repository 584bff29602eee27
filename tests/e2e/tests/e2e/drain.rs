//! Scale-downs under load, with tasks that take longer than a pod's grace period, interrupt none of them. A plain
//! `kubectl scale` on the same load interrupts most of them, which proves that the test detects it.

use crate::witness::Witness;
use e2e::world::{World, eventually, require};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Longer than [`GRACE`], so that a pod that is deleted while it holds a task is killed with it.
const TASK_SECONDS: u32 = 6;
const GRACE: u32 = 2;

/// How many scale-downs to run; the environment variable `SCALE_DOWNS` overrides it.
pub fn scale_downs(default: usize) -> usize {
    std::env::var("SCALE_DOWNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

struct Load<'a> {
    world: &'a World,
    /// The messages of the decisions that waited for workers.
    messages: BTreeSet<String>,
}

impl Load<'_> {
    /// Scales from six busy workers to four and back with `scale`.
    fn down_and_up(&mut self, scale: &dyn Fn(u32)) {
        for (count, what) in [(4, "four workers"), (6, "six workers, all of them busy")] {
            scale(count);
            eventually(what, || {
                let (reason, message) = self.world.decision();
                if reason == "ScalingDown" {
                    self.messages.insert(message);
                }
                let busy = self.world.redis(&["EVAL", BUSY, "1", "wp:{tasks}:workers"]);
                let status =
                    self.world.json(&["get", "deployment", "filter-worker"])["status"].clone();
                let expected = (count.to_string(), json!(count));
                let found = (busy, status["replicas"].clone());
                require(found == expected, || format!("{found:?}"))
            });
        }
    }
}

/// The grace periods of all pods.
const GRACES: &str = "jsonpath={.items[*].spec.terminationGracePeriodSeconds}";

/// Counts the workers with a lease that hold a task.
const BUSY: &str = "local n = 0 for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do \
                    if redis.call('HGET', 'wp:{tasks}:worker:' .. id, 'state') == 'busy' then n = n + 1 end end return n";

#[test]
#[expect(clippy::too_many_lines, reason = "one story on one installation")]
fn scale_downs_interrupt_no_task() {
    let spec = json!({"minReplicas": 1, "maxReplicas": 8, "replicas": 6});
    let world = World::install_with("drain", &spec, 6);
    let grace = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": GRACE}}}});
    let target = "deployment/filter-worker";
    world.kubectl(&["patch", target, "-p", &grace.to_string()]);
    // The previous pods may end slowly, and would interrupt tasks.
    eventually("six workers with the short grace and no other", || {
        let workers = "get pods -l app.kubernetes.io/component=worker";
        let pods = world.kubectl_line(&format!("{workers} -o {GRACES}"));
        require(pods == "2 2 2 2 2 2", || pods)
    });
    let count = scale_downs(10);
    // More than the workers can process meanwhile, so that all of them are always busy.
    let tasks = (count * 40).max(300);
    world.push_tasks(tasks, TASK_SECONDS);

    let mut witness = Witness::new(&world);
    let mut load = Load {
        world: &world,
        messages: BTreeSet::new(),
    };
    let pin =
        |count: u32| drop(world.kubectl(&["scale", "wp/filters", &format!("--replicas={count}")]));
    let start = Instant::now();
    (0..count).for_each(|_| load.down_and_up(&pin));
    let took = start.elapsed().as_secs();
    let drained = witness.report(&format!(
        "{count} scale-downs of 6 → 4 under load in {took} s"
    ));
    assert!(
        load.messages
            .iter()
            .any(|message| message.starts_with("6 → 4 workers: waiting for filter-worker-")),
        "{:?}",
        load.messages
    );

    // Nothing is left behind: no pod is marked, and no worker drains.
    eventually("no mark and no drain left", || {
        let annotations = "jsonpath={.items[*].metadata.annotations}";
        let pods = world.kubectl(&["get", "pods", "-o", annotations]);
        let drains = world.redis(&["EVAL", DRAINS, "1", "wp:{tasks}:workers"]);
        require(!pods.contains("pod-deletion-cost") && drains == "0", || {
            format!("{drains} {pods}")
        })
    });

    // The operator is killed during some scale-downs; the next one completes them.
    for pause in [0, 700, 1_500] {
        pin(4);
        std::thread::sleep(Duration::from_millis(pause));
        world.kill(&world.operator());
        load.down_and_up(&pin);
    }
    let killed = witness.report("3 more, the operator killed in each");

    // The control: the same load, and scale-downs without a drain.
    world.change_pool(&json!({"suspend": true}));
    eventually("a suspended pool", || match world.decision() {
        (reason, _) if reason == "Suspended" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let scale_plainly = |count: u32| {
        world.kubectl_line(&format!("scale {target} --replicas={count}"));
    };
    // Tasks that are about to end may end within the grace period.
    let control = (0..10).any(|_| {
        load.down_and_up(&scale_plainly);
        witness.report("a plain scale-down").interrupted > 0
    });
    assert!(
        control,
        "the control must show interruptions, or this test proves nothing"
    );
    for report in [drained, killed] {
        assert_eq!((report.unmarked, report.interrupted), (0, 0), "{report:?}");
    }
}

/// Counts the workers with a lease that drain.
const DRAINS: &str = "local n = 0 for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do \
                      n = n + redis.call('HEXISTS', 'wp:{tasks}:worker:' .. id, 'drain') end return n";
