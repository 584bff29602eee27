//! `stress`: pushes a burst of real image tasks.

mod pictures;
pub mod plan;

use crate::args::Stress;
use crate::cluster::Cluster;
use crate::cluster::redis::RedisClient;
use crate::text::class_format;
use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::{Context, bail};
use api::WorkerPool;
use clap::builder::PossibleValuesParser;
use jiff::Timestamp;
use kube::ResourceExt;
use pictures::Picture;
use plan::Plan;
use protocol::{FILTERS, ImageTask, Keys, Push, Source, Task, push_if_room};
use queues::QueueSystem;
use std::path::PathBuf;
use std::time::Duration;

/// The number of tasks in the class.
pub const TASKS: u32 = 25;
/// Tasks per push command; Redis limits the size of a command.
const BATCH: usize = 1000;
/// How long Redis keeps a picture after the last burst that names it.
const PICTURE_TTL: Duration = Duration::from_hours(24);
/// The filters of a task if none are chosen; the tasks take turns.
const DEFAULT_FILTERS: [&[&str]; 3] = [
    &["blur", "edges"],
    &["sharpen", "sepia"],
    &["contrast", "blur"],
];
/// In a mix, every such task is CPU-bound.
const CPU_SHARE: usize = 3;

/// What a task spends its time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Load {
    /// Two of three tasks are I/O-bound, the third is CPU-bound.
    #[default]
    Mix,
    /// The filters.
    Cpu,
    /// The download, simulated by a delay.
    Io,
}

/// What the tasks of a burst do.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Work {
    /// CPU-bound tasks: the filters take all the time
    #[arg(long, conflicts_with = "io")]
    cpu: bool,
    /// I/O-bound tasks: a slow download takes all the time [default: two of three tasks, the third is CPU-bound]
    #[arg(long)]
    io: bool,
    /// The filters of each task, in this order [default: the tasks take turns with several]
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', value_parser = PossibleValuesParser::new(FILTERS))]
    filter: Vec<String>,
    /// Send these PNG, JPEG or WebP files instead of the built-in pictures
    #[arg(long, value_name = "FILE", num_args = 1.., value_hint = clap::ValueHint::FilePath)]
    image: Vec<PathBuf>,
}

impl Work {
    /// What a task spends its time on.
    pub fn load(&self) -> Load {
        match (self.cpu, self.io) {
            (true, _) => Load::Cpu,
            (_, true) => Load::Io,
            _ => Load::Mix,
        }
    }
}

/// The tasks to push.
#[derive(Clone, Debug)]
pub struct Burst {
    /// The number of tasks.
    pub tasks: u32,
    /// The duration of each task, in seconds.
    pub task_seconds: u32,
    load: Load,
    filters: Vec<String>,
    pictures: Vec<Picture>,
}

impl Burst {
    /// So many tasks of `work`. Fails if a file of the user is not a picture.
    pub fn new(lang: Lang, tasks: u32, task_seconds: u32, work: &Work) -> anyhow::Result<Self> {
        Ok(Self {
            tasks,
            task_seconds,
            load: work.load(),
            filters: work.filter.clone(),
            pictures: if work.image.is_empty() {
                Picture::own()
            } else {
                Picture::read_all(lang, &work.image)?
            },
        })
    }

    /// The bodies of the tasks; they name the pictures by their keys.
    fn bodies(&self, keys: &Keys) -> Vec<ImageTask> {
        let pictures: Vec<String> = self
            .pictures
            .iter()
            .map(|picture| keys.picture(&picture.hash()))
            .collect();
        let millis = u64::from(self.task_seconds) * 1000;
        let filters = |i: usize| {
            let default = || DEFAULT_FILTERS[i % DEFAULT_FILTERS.len()].iter();
            if self.filters.is_empty() {
                default().map(|&name| name.into()).collect()
            } else {
                self.filters.clone()
            }
        };
        let pictures = pictures.iter().cycle().enumerate();
        let tasks = pictures.take(usize::try_from(self.tasks).unwrap_or(usize::MAX));
        tasks
            .map(|(i, key)| {
                let is_cpu_bound = match self.load {
                    Load::Cpu => true,
                    Load::Io => false,
                    Load::Mix => i % CPU_SHARE == CPU_SHARE - 1,
                };
                let (delay_ms, work_ms) = if is_cpu_bound {
                    (0, millis)
                } else {
                    (millis, 0)
                };
                ImageTask {
                    filters: filters(i),
                    image: Source::Key(key.clone()),
                    delay_ms,
                    work_ms,
                }
            })
            .collect()
    }
}

/// Pushes a burst to the pool `name`; what is not given is chosen from the pool's rules.
pub async fn run(cluster: &Cluster, args: &Stress) -> anyhow::Result<bool> {
    let pool = cluster.pool(args.pool.get()).await?;
    let (out, work) = (&cluster.out, &args.work);
    let keys = queue(out.lang, &pool)?;
    let plan = plan::choose(&pool, work.load(), args.tasks, args.task.task_seconds)?;
    let mut redis = RedisClient::new(cluster, &pool).await?;
    redis.turn_to(&keys.ready());
    push_plan(&mut redis, &keys, &plan, work, out).await?;
    out.info(&plan.describe(out, &pool));
    Ok(true)
}

/// Pushes a burst to a queue of a Redis that the command line names. No rules are known there.
pub async fn run_elsewhere(args: &Stress, out: &Out) -> anyhow::Result<bool> {
    let keys = Keys::new(&args.queue);
    let plan = Plan::without_rules(args.work.load(), args.tasks, args.task.task_seconds);
    let mut redis = args.elsewhere.client(out, &keys.ready())?;
    push_plan(&mut redis, &keys, &plan, &args.work, out).await?;
    out.info(&plan.head(out, &args.queue));
    Ok(true)
}

async fn push_plan(
    redis: &mut RedisClient,
    keys: &Keys,
    plan: &Plan,
    work: &Work,
    out: &Out,
) -> anyhow::Result<()> {
    let burst = Burst::new(out.lang, plan.tasks, plan.task_seconds, work)?;
    push_burst(redis, keys, &burst).await?;
    Ok(out.data_at(Timestamp::now(), &class_format::stress(burst.tasks))?)
}

/// The pool's queue for image tasks.
pub fn queue(lang: Lang, pool: &WorkerPool) -> anyhow::Result<Keys> {
    let mut queues = pool.spec.queues.iter();
    let queue = queues.find(|queue| queue.system == QueueSystem::WorkerPool);
    let queue = queue.with_context(|| {
        let name = pool.name_any();
        tr!(lang, "cli-stress-no-queue", name)
    })?;
    Ok(Keys::new(&queue.name))
}

/// Stores the pictures and pushes the tasks.
pub async fn push_burst(redis: &mut RedisClient, keys: &Keys, burst: &Burst) -> anyhow::Result<()> {
    let lang = redis.lang();
    for picture in &burst.pictures {
        let mut set = redis::cmd("SET");
        set.arg(keys.picture(&picture.hash())).arg(&*picture.0);
        set.arg("EX").arg(PICTURE_TTL.as_secs());
        let stored = redis.run(set).await;
        stored.with_context(|| tr!(lang, "cli-stress-no-pictures"))?;
    }
    // The results are not read, so they are not kept.
    let task = |body| Task {
        keep: Some(0),
        ..Task::new(body)
    };
    let tasks: Vec<_> = burst.bodies(keys).into_iter().map(task).collect();
    for (done, batch) in tasks.chunks(BATCH).enumerate() {
        let pushed = redis.call(&push_if_room(keys, batch)?).await;
        let pushed = pushed.with_context(|| tr!(lang, "cli-stress-no-tasks"))?;
        if let Push::Refused(reason) = pushed {
            let (pushed, tasks) = (done * BATCH, tasks.len());
            bail!(tr!(lang, "cli-stress-refused", pushed, tasks, reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bodies(work: &Work) -> Vec<ImageTask> {
        let burst = Burst::new(Lang::EN, 7, 20, work).expect("a burst");
        burst.bodies(&Keys::new("q"))
    }

    fn cpu_bound(work: &Work) -> Vec<bool> {
        let split = |body: ImageTask| match (body.delay_ms, body.work_ms) {
            (20_000, 0) => false,
            (0, 20_000) => true,
            other => panic!("{other:?}"),
        };
        bodies(work).into_iter().map(split).collect()
    }

    #[test]
    fn load_decides_which_tasks_are_cpu_bound() {
        let mix = Work::default();
        let (cpu, io) = (
            Work {
                cpu: true,
                ..mix.clone()
            },
            Work {
                io: true,
                ..mix.clone()
            },
        );
        assert_eq!(cpu_bound(&cpu), [true; 7]);
        assert_eq!(cpu_bound(&io), [false; 7]);
        let expected = [false, false, true, false, false, true, false];
        assert_eq!(cpu_bound(&mix), expected);
    }

    #[test]
    fn tasks_name_pictures_and_do_not_repeat_them() {
        let bodies = bodies(&Work::default());
        let text = serde_json::to_string(&bodies).expect("JSON");
        assert!(text.len() < 7 * 200, "{} bytes", text.len());
        let keys: Vec<_> = bodies.iter().map(|body| &body.image).collect();
        assert_eq!(keys[0], keys[4], "four pictures take turns");
        assert_ne!(keys[0], keys[1]);
    }

    #[test]
    fn chosen_filters_are_those_of_each_task() {
        let filter = vec!["edges".into(), "rotate".into()];
        let chosen = Work {
            filter: filter.clone(),
            ..Work::default()
        };
        assert!(bodies(&chosen).iter().all(|body| body.filters == filter));
        let default = bodies(&Work::default());
        assert_ne!(default[0].filters, default[1].filters);
        assert!(
            default
                .iter()
                .flat_map(|body| &body.filters)
                .all(|name| FILTERS.contains(&name.as_str()))
        );
    }
}
