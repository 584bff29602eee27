//! Scale-downs under load, with tasks that take longer than a pod's grace: none is interrupted, and a bare
//! `kubectl scale` beside it interrupts most of them, so that the test is known to see it.

use crate::witness::Witness;
use e2e::world::{World, eventually};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Longer than [`GRACE`], so that a pod that is taken with a task is killed with it.
const TASK_SECONDS: &str = "6";
const GRACE: u32 = 2;

/// How many scale-downs; `SCALE_DOWNS` asks for another number.
fn scale_downs() -> usize {
    std::env::var("SCALE_DOWNS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(10)
}

struct QueueMetrics<'a> {
    world: &'a World,
    /// What was said while somebody was awaited.
    said: BTreeSet<String>,
}

impl QueueMetrics<'_> {
    /// Goes from six workers that all work to four, and back, by `scale`.
    fn down_and_up(&mut self, scale: &dyn Fn(u32)) {
        for (count, what) in [(4, "four workers"), (6, "six workers, all of them busy")] {
            scale(count);
            eventually(what, || {
                let (reason, sentence) = self.world.decision();
                if reason == "ScalingDown" {
                    self.said.insert(sentence);
                }
                let busy = self.world.redis(&["EVAL", BUSY, "1", "wp:{tasks}:workers"]);
                let there =
                    self.world.json(&["get", "deployment", "filter-worker"])["status"].clone();
                let wanted = (count.to_string(), json!(count));
                let is = (busy, there["replicas"].clone());
                if is == wanted {
                    Ok(())
                } else {
                    Err(format!("{is:?}"))
                }
            });
        }
    }
}

const GRACES: &str = "jsonpath={.items[*].spec.terminationGracePeriodSeconds}";

/// Workers with a lease that hold a task.
const BUSY: &str = "local n = 0 for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do \
                    if redis.call('HGET', 'wp:{tasks}:worker:' .. id, 'state') == 'busy' then n = n + 1 end end return n";

#[test]
fn asking_first_spares_the_tasks_that_a_bare_scale_down_interrupts() {
    let spec = json!({"minReplicas": 1, "maxReplicas": 8, "replicas": 6});
    let world = World::install_with("drain", &spec, 6);
    let grace = json!({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": GRACE}}}});
    world.kubectl(&[
        "patch",
        "deployment",
        "filter-worker",
        "-p",
        &grace.to_string(),
    ]);
    // Those of before may end slowly, and would take tasks with them.
    eventually("six workers with the short grace and no other", || {
        let pods = world.kubectl(&[
            "get",
            "pods",
            "-l",
            "app.kubernetes.io/component=worker",
            "-o",
            GRACES,
        ]);
        if pods == "2 2 2 2 2 2" {
            Ok(())
        } else {
            Err(pods)
        }
    });
    let count = scale_downs();
    // More than they can do meanwhile: all of them always have something to do.
    let tasks = (count * 40).max(300).to_string();
    world.workerpool(&["stress", "--tasks", &tasks, "--task-seconds", TASK_SECONDS]);

    let mut witness = Witness::new(&world);
    let mut load = QueueMetrics {
        world: &world,
        said: BTreeSet::new(),
    };
    let pin =
        |count: u32| drop(world.kubectl(&["scale", "wp/filters", &format!("--replicas={count}")]));
    let start = Instant::now();
    (0..count).for_each(|_| load.down_and_up(&pin));
    let took = start.elapsed().as_secs();
    let asked = witness.report(&format!(
        "{count} scale-downs of 6 → 4 under load in {took} s"
    ));
    assert!(
        load.said
            .iter()
            .any(|said| said.starts_with("6 → 4 workers: waiting for filter-worker-")),
        "{:?}",
        load.said
    );

    // Nothing is left behind: no mark on a pod, nobody who drains.
    eventually("no mark and no drain left", || {
        let pods = world.kubectl(&[
            "get",
            "pods",
            "-o",
            "jsonpath={.items[*].metadata.annotations}",
        ]);
        let drains = world.redis(&["EVAL", DRAINS, "1", "wp:{tasks}:workers"]);
        if !pods.contains("pod-deletion-cost") && drains == "0" {
            Ok(())
        } else {
            Err(format!("{drains} {pods}"))
        }
    });

    // The operator is killed in the middle of some; the next one ends them.
    for pause in [0, 700, 1_500] {
        pin(4);
        std::thread::sleep(Duration::from_millis(pause));
        world.kubectl(&[
            "delete",
            "pod",
            &world.operator(),
            "--force",
            "--grace-period=0",
        ]);
        load.down_and_up(&pin);
    }
    let killed = witness.report("3 more, the operator killed in each");

    // The control: the same load, and nobody who asks first.
    world.kubectl(&[
        "patch",
        "wp",
        "filters",
        "--type",
        "merge",
        "-p",
        r#"{"spec": {"suspend": true}}"#,
    ]);
    eventually("a pool that is suspended", || match world.decision() {
        (reason, _) if reason == "Suspended" => Ok(()),
        other => Err(format!("{other:?}")),
    });
    let bare = |count: u32| {
        drop(world.kubectl(&[
            "scale",
            "deployment/filter-worker",
            &format!("--replicas={count}"),
        ]));
    };
    let control = count.clamp(4, 20) / 2;
    (0..control).for_each(|_| load.down_and_up(&bare));
    let bare = witness.report(&format!("{control} bare ones"));
    assert!(
        bare.interrupted > 0,
        "the control must show interruptions, or this test is blind"
    );
    for report in [asked, killed] {
        assert_eq!((report.unmarked, report.interrupted), (0, 0), "{report:?}");
    }
}

/// Workers with a lease that drain.
const DRAINS: &str = "local n = 0 for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do \
                      n = n + redis.call('HEXISTS', 'wp:{tasks}:worker:' .. id, 'drain') end return n";
