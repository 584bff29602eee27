//! The recipes of examples/ with the libraries of their queue systems, and workers of a plain list: followed as their READMEs
//! say, then scaled down again and again under load. `make recipes` builds their images.

use crate::drain::scale_downs;
use crate::removals::{Removals, Report, tasks};
use e2e::world::{World, eventually, require};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long a task takes. [`Recipe::grace`] is shorter where the system's workers can be drained.
const TASK_SECONDS: u32 = 8;

const PULL: &str = "--image-pull-policy=IfNotPresent";
const REDIS_URL: &str = "--env=REDIS_URL=redis://redis:6379/0";

/// A queue system with its manifests, which are in a folder of their own.
struct Recipe {
    name: &'static str,
    /// The folder of the manifests, NAME-worker and NAME.
    folder: &'static str,
    image: &'static str,
    /// The file with the tasks.
    tasks: &'static str,
    /// What a task does in the recipe, and what it does here: it notes its begin and its end, each in a list of its own
    /// with the pod and the time.
    body: (&'static str, &'static str),
    /// The producer, without its arguments.
    producer: &'static [&'static str],
    /// The list of waiting tasks.
    ready: &'static str,
    grace: u32,
}

const IN_PYTHON: (&str, &str) = (
    "    time.sleep(seconds)",
    "    import os, socket
    from redis import Redis
    notes = Redis.from_url(os.environ['REDIS_URL'])
    def note(what): notes.rpush(what, f'{socket.gethostname()} {time.time_ns() // 1000000}')
    note('begun')
    time.sleep(seconds)
    note('ended')",
);

const CELERY: Recipe = Recipe {
    name: "celery",
    folder: "examples/celery",
    image: "celery-recipe",
    tasks: "tasks.py",
    body: IN_PYTHON,
    producer: &["python", "producer.py"],
    ready: "celery",
    grace: 5,
};

const RQ: Recipe = Recipe {
    name: "rq",
    folder: "examples/rq",
    image: "rq-recipe",
    tasks: "jobs.py",
    body: IN_PYTHON,
    producer: &["python", "producer.py"],
    ready: "rq:queue:default",
    grace: 60,
};

const BULLMQ: Recipe = Recipe {
    name: "bullmq",
    folder: "examples/bullmq",
    image: "bullmq-recipe",
    tasks: "worker.js",
    body: (
        "async (job) => wait(job.data.seconds * 1000)",
        "async (job) => {
  const notes = globalThis.notes ??= new (require('ioredis'))(process.env.REDIS_URL);
  const note = (what) => notes.rpush(what, hostname() + ' ' + Date.now());
  await note('begun');
  await wait(job.data.seconds * 1000);
  await note('ended');
}",
    ),
    producer: &["node", "producer.js"],
    ready: "bull:mail:wait",
    grace: 60,
};

const SIDEKIQ: Recipe = Recipe {
    name: "sidekiq",
    folder: "examples/sidekiq",
    image: "sidekiq-recipe",
    tasks: "jobs.rb",
    body: (
        "    sleep seconds",
        "    note = ->(what) { Sidekiq.redis { |it| it.rpush(what, \"#{Socket.gethostname} #{(Time.now.to_f * 1000).to_i}\") } }
    note.call('begun')
    sleep seconds
    note.call('ended')",
    ),
    producer: &["ruby", "producer.rb"],
    ready: "queue:default",
    grace: 5,
};

/// Workers of a plain list, which no library brings.
const LIST: Recipe = Recipe {
    name: "list",
    folder: "tests/queues/list",
    image: "rq-recipe",
    tasks: "worker.py",
    body: IN_PYTHON,
    producer: &[
        "python",
        "-c",
        "import os, sys; from redis import Redis
Redis.from_url(os.environ['REDIS_URL']).rpush('reports', *[sys.argv[2]] * int(sys.argv[1]))",
    ],
    ready: "reports",
    grace: 60,
};

/// A recipe on an installation of its own.
struct Setup {
    world: World,
    recipe: Recipe,
}

impl Setup {
    /// Applies the recipe as its README says. Its Redis is that of the demo, which has the same name.
    fn new(recipe: Recipe) -> Self {
        let pool = json!({"minReplicas": 1, "maxReplicas": 1});
        let world = World::install_with(&format!("recipe-{}", recipe.name), &pool, 1);
        let this = Self { world, recipe };
        this.keep("tasks", &this.code());
        let folder = this.path("");
        this.world.kubectl(&["apply", "-f", &folder]);
        this
    }

    fn path(&self, file: &str) -> String {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        format!("{root}/{}/{file}", self.recipe.folder)
    }

    /// The recipe's tasks.
    fn code(&self) -> String {
        std::fs::read_to_string(self.path(self.recipe.tasks)).expect("the tasks")
    }

    /// Keeps `code` in a `ConfigMap`.
    fn keep(&self, name: &str, code: &str) {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"tasks": code}});
        assert!(self.world.apply(&map.to_string()).0, "a ConfigMap");
    }

    fn deployment(&self) -> String {
        format!("deployment/{}-worker", self.recipe.name)
    }

    /// Those of its pods.
    fn labels(&self) -> String {
        format!("app={}-worker", self.recipe.name)
    }

    fn pool(&self) -> String {
        format!("wp/{}", self.recipe.name)
    }

    fn count(&self, list: &str) -> i64 {
        self.world.redis(&["LLEN", list]).parse().unwrap_or(0)
    }

    fn status(&self) -> Value {
        self.world.json(&["get", &self.pool()])["status"].clone()
    }

    /// The README's producer.
    fn produce(&self) {
        let image = self.image();
        let run = ["run", "producer", "--rm", "-i", "--restart=Never"];
        let options = [&image, PULL, REDIS_URL, "--"];
        let line = [&run[..], &options, self.recipe.producer, &["20", "2"]];
        self.world.kubectl(&line.concat());
    }

    fn image(&self) -> String {
        format!("--image={}", self.recipe.image)
    }

    /// The recipe's workers with tasks that are noted, and the grace period of this test.
    fn note_tasks(&self) {
        let (code, (body, noted)) = (self.code(), self.recipe.body);
        let file = self.recipe.tasks;
        assert!(code.contains(body), "{file} no longer has {body}");
        self.keep("noted", &code.replace(body, noted));
        let mount =
            json!({"name": "tasks", "mountPath": format!("/app/{file}"), "subPath": "tasks"});
        let patch = json!({"spec": {"template": {"spec": {
            "terminationGracePeriodSeconds": self.recipe.grace,
            "volumes": [{"name": "tasks", "configMap": {"name": "noted"}}],
            "containers": [{"name": "worker", "volumeMounts": [mount]}],
        }}}});
        self.world
            .kubectl(&["patch", &self.deployment(), "-p", &patch.to_string()]);
        // One that is ending may still take a task, and would not note it.
        eventually("no worker from before", || {
            let pods = self.world.items(&["get", "pods", "-l", &self.labels()]);
            let notes = |pod: &&Value| pod["spec"]["volumes"].to_string().contains("noted");
            match pods.iter().find(|pod| !notes(pod)) {
                None => Ok(()),
                Some(pod) => Err(pod["metadata"]["name"].to_string()),
            }
        });
    }

    /// Waits until the Deployment has `pods` pods, all of them ready, and `running` tasks run at least.
    fn settled(&self, pods: i64, running: i64) {
        eventually(&format!("{pods} workers and {running} tasks"), || {
            let deployment = self.world.json(&["get", &self.deployment()]);
            let count = |name: &str| deployment["status"][name].as_i64().unwrap_or(0);
            let found = (count("replicas"), count("readyReplicas"), self.running());
            require(
                (found.0, found.1) == (pods, pods) && found.2 >= running,
                || format!("{found:?}: {}", self.status()["decision"]),
            )
        });
    }

    /// Whether the system's workers can be asked to take no more tasks. The others are removed while they are idle.
    fn can_drain(&self) -> bool {
        self.recipe.grace < TASK_SECONDS
    }

    /// The tasks that have begun and not ended.
    fn running(&self) -> i64 {
        let ended = self.count("ended");
        self.count("begun") - ended
    }

    /// Scales from six workers to four and back with `scale`. All six are busy where they can be drained; elsewhere some are idle.
    fn down_and_up(&self, scale: &dyn Fn(u32)) {
        self.settled(6, if self.can_drain() { 6 } else { 2 });
        scale(4);
        self.settled(4, 0);
        scale(6);
    }

    /// Queues tasks for so many scale-downs: at once where workers can be drained. Elsewhere they come one after the other,
    /// also between the selection of pods and their end, and about half of the workers are idle.
    fn start_load(&self, scale_downs: usize) {
        let (count, seconds) = ((scale_downs * 60).to_string(), TASK_SECONDS.to_string());
        let program = self.recipe.producer;
        if self.can_drain() {
            let exec = ["exec", &self.deployment(), "--"];
            let line = [&exec[..], program, &[&count, &seconds]];
            self.world.kubectl(&line.concat());
            return;
        }
        let forever = ["--", "sh", "-c", "while sleep 2; do \"$@\"; done", "sh"];
        let image = self.image();
        let run = ["run", "load", &image, PULL, REDIS_URL];
        let line = [&run[..], &forever, program, &["1", &seconds]];
        self.world.kubectl(&line.concat());
    }

    fn stop_load(&self) {
        let delete = "delete pod load --ignore-not-found --grace-period=1";
        self.world.kubectl_line(delete);
        self.world.redis(&["DEL", self.recipe.ready]);
    }

    /// How many tasks began and never ended since the last call, and what became of the pods. Nothing is queued any more,
    /// and what ran has its time.
    fn outcome(&self, removals: &mut Removals) -> (i64, Report) {
        self.stop_load();
        let end = Instant::now() + Duration::from_secs(u64::from(TASK_SECONDS) * 4);
        while self.running() > 0 && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(200));
        }
        let interrupted = self.running();
        let list = |name| self.world.redis(&["LRANGE", name, "0", "-1"]);
        let report = removals.report(&tasks(&list("begun"), &list("ended")));
        self.world.redis(&["DEL", "begun", "ended"]);
        (interrupted, report)
    }

    /// What the README promises: the pool starts with the first task, and all tasks are done.
    fn follow(&self) {
        self.produce();
        eventually("the first worker, then more", || {
            let replicas = self.status()["replicas"].as_i64();
            require(replicas >= Some(3), || self.status().to_string())
        });
        eventually("all tasks done", || {
            let metrics = self.status()["metrics"].clone();
            let left = |name: &str| metrics[name]["value"].as_i64().unwrap_or(0);
            require(left("ready") + left("inFlight") + left("held") == 0, || {
                metrics.to_string()
            })
        });
    }

    fn scale_downs_under_load(&self) {
        let pin = |count: u32| {
            let replicas = format!("--replicas={count}");
            self.world.kubectl(&["scale", &self.pool(), &replicas]);
        };
        pin(6);
        self.settled(6, 0);
        self.note_tasks();
        self.settled(6, 0);
        let count = scale_downs(30);
        let name = self.recipe.name;
        let mut removals = Removals::watch(&self.world, &self.labels());
        self.start_load(count);
        let start = Instant::now();
        (0..count).for_each(|_| self.down_and_up(&pin));
        let took = start.elapsed().as_secs();
        let (interrupted, report) = self.outcome(&mut removals);
        eprintln!(
            "{name}: {count} scale-downs of 6 → 4 in {took} s, {interrupted} tasks interrupted; {report}"
        );
        let plain = self.plainly((count / 3).max(2), &mut removals);
        assert_eq!(interrupted, 0, "{}", self.status());
        if self.can_drain() {
            assert!(plain > 0, "the control must show interruptions");
        }
    }

    /// The control: the same load, and `kubectl scale` of the Deployment.
    fn plainly(&self, count: usize, removals: &mut Removals) -> i64 {
        let suspend = r#"{"spec": {"suspend": true}}"#;
        let patch = ["patch", &self.pool(), "--type", "merge", "-p", suspend];
        self.world.kubectl(&patch);
        let scale = |count: u32| {
            let replicas = format!("--replicas={count}");
            self.world
                .kubectl(&["scale", &self.deployment(), &replicas]);
        };
        scale(6);
        self.settled(6, 0);
        self.start_load(count);
        (0..count).for_each(|_| self.down_and_up(&scale));
        let (interrupted, report) = self.outcome(removals);
        eprintln!(
            "{}: {count} plain scale-downs, {interrupted} tasks interrupted; {report}",
            self.recipe.name
        );
        interrupted
    }
}

#[rstest::rstest]
#[case::celery(CELERY)]
#[case::rq(RQ)]
#[case::bullmq(BULLMQ)]
#[case::sidekiq(SIDEKIQ)]
#[case::list(LIST)]
#[ignore = "needs the images of the recipes: make recipes"]
fn a_recipe_is_followed_and_scaled_down_under_load(#[case] recipe: Recipe) {
    let setup = Setup::new(recipe);
    setup.follow();
    setup.scale_downs_under_load();
}
