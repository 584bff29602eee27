//! `simulate`: a policy tried on facts as they were, or on a queue as it might be. It needs no cluster.

use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use api::{Duration, ScheduledSpec, WorkerPool};
use decide::Millis;
use kube::ResourceExt;
use sim::{DecisionLine, Polling, Run, Service, Shape, Telemetry, Workload};
use std::path::{Path, PathBuf};

/// How the outcome is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// A line each, for programs.
    Json,
    /// For people.
    Table,
    /// A picture.
    Svg,
}

/// What is tried on what.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["trace", "arrivals"]))]
pub struct Simulate {
    /// The WorkerPool: YAML as it is applied, or as `kubectl get wp NAME -o yaml` shows it, with what it remembers
    #[arg(long, value_name = "FILE")]
    pool: PathBuf,
    /// Replay facts: lines such as {"t": 0, "ready": 12, "busy": 3, "live": 3}; absent is not told, null could not be read; - is standard input
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Play the queue: lines such as {"t": 0, "n": 3}, or shape:steady, sine, burst, ramp, an hour each (square, spikes, decay, stairs, waves, rush)
    #[arg(long, value_name = "FILE|shape:NAME", requires = "service_time")]
    arrivals: Option<String>,
    /// How long a task takes on average, such as 2s
    #[arg(long, value_name = "TIME", conflicts_with = "trace")]
    service_time: Option<Duration>,
    /// How much that varies: standard deviation by mean, lognormal
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = spread)]
    service_cv: f64,
    /// How long a worker takes to start
    #[arg(long, value_name = "TIME", default_value = "5s")]
    startup: Duration,
    /// Another seed, other tasks
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A task that waits longer is late [default: the pool's drainWithin, else its maxWait, else 30s]
    #[arg(long, value_name = "TIME")]
    slo: Option<Duration>,
    /// A second WorkerPool, beside the first in the table and in the picture
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// json, table or svg [default: json; with --compare table]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<Output>,
}

fn spread(text: &str) -> Result<f64, String> {
    let cv = text.parse().ok().filter(|cv| (0.0..=20.0).contains(cv));
    cv.ok_or_else(|| "write a number from 0 (all tasks take the same) to 20, such as 1".to_owned())
}

/// Runs it.
pub fn run(args: &Simulate, out: &Out) -> anyhow::Result<bool> {
    let output = args.output.unwrap_or(if args.compare.is_some() {
        Output::Table
    } else {
        Output::Json
    });
    let mut courses = Vec::new();
    for path in std::iter::once(&args.pool).chain(&args.compare) {
        let pool = load(path)?;
        let several = args.compare.is_some();
        let name = match pool.name_any() {
            name if several => format!(
                "{name} ({})",
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
            name => name,
        };
        let mut course = Run::new(&name);
        let label = (several && output == Output::Json).then_some(name);
        let mut print = |told: DecisionLine| match output {
            Output::Json => Ok(out.data(&serde_json::to_string(&told)?)?),
            _ => anyhow::Ok(()),
        };
        if let Some(trace) = &args.trace {
            replay(
                &pool,
                path,
                trace,
                label.as_deref(),
                &mut course,
                &mut print,
            )?;
        } else {
            play(&pool, path, args, label.as_deref(), &mut course, &mut print)?;
            if output == Output::Json {
                out.data(&serde_json::to_string(&course.summary)?)?;
            }
        }
        courses.push(course);
    }
    match (output, courses.as_slice()) {
        (Output::Svg, courses) => {
            out.data(sim::plot(&courses.iter().collect::<Vec<_>>()).trim_end())?
        }
        (Output::Table, [one, other]) => out.data(sim::compare(one, other).trim_end())?,
        (Output::Table, [one, ..]) => out.data(sim::table(one).trim_end())?,
        _ => {}
    }
    Ok(true)
}

type Print<'a> = &'a mut dyn FnMut(DecisionLine) -> anyhow::Result<()>;

fn replay(
    pool: &WorkerPool,
    path: &Path,
    trace: &Path,
    label: Option<&str>,
    course: &mut Run,
    print: Print<'_>,
) -> anyhow::Result<()> {
    let names: Vec<&str> = pool
        .spec
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    let lines = sim::parse_trace(&read(trace)?, &names)
        .map_err(|error| anyhow!("{}: {error}", called(trace)))?;
    let mut printed = Ok(());
    sim::replay(
        &mut scheduled_spec(pool, path)?,
        sim::initial_state(pool),
        &lines,
        &mut |line, decision| {
            course.record_line(line, decision);
            if printed.is_ok() {
                printed = print(DecisionLine::new(label, line.at, decision));
            }
        },
    );
    printed
}

fn play(
    pool: &WorkerPool,
    path: &Path,
    args: &Simulate,
    label: Option<&str>,
    course: &mut Run,
    print: Print<'_>,
) -> anyhow::Result<()> {
    let [queue] = pool.spec.queues.as_slice() else {
        bail!(
            "{}: a play has one queue, and the pool has {}: leave one of them",
            path.display(),
            pool.spec.queues.len()
        );
    };
    let source = args.arrivals.as_deref().unwrap_or_default();
    let (begin, arrivals) = if let Some(shape) = source.strip_prefix("shape:") {
        (
            0,
            shape
                .parse::<Shape>()
                .map_err(anyhow::Error::msg)?
                .arrivals(args.seed),
        )
    } else {
        let path = Path::new(source);
        sim::parse_arrivals(&read(path)?).map_err(|error| anyhow!("{}: {error}", called(path)))?
    };
    let target = pool.spec.target.as_ref();
    let within = target.and_then(|target| target.drain_within.or(target.max_wait));
    let (workers, memory) = sim::initial_state(pool);
    let mean = args.service_time.unwrap_or_default().to_std().as_secs_f64();
    let work = Workload {
        start: begin,
        arrivals,
        service: Service {
            mean,
            cv: args.service_cv,
        },
        startup: args.startup.0,
        seed: args.seed,
        workers,
        memory,
        slo: args
            .slo
            .or(within)
            .map_or(Millis::seconds(30), |span| span.0),
    };
    let looks = Polling::Push(api::interval(&pool.spec));
    let tells = if queue.system == queues::QueueSystem::List {
        Telemetry::Length
    } else {
        Telemetry::Everything
    };
    let mut printed = Ok(());
    let summary = sim::simulate(
        &mut scheduled_spec(pool, path)?,
        &work,
        looks,
        tells,
        &mut |moment| {
            course.record_poll(moment);
            if printed.is_ok() && moment.decision.replicas != moment.decision.from {
                printed = print(DecisionLine::new(label, moment.at, moment.decision));
            }
        },
    );
    course.summary = Some(summary.map_err(anyhow::Error::msg)?);
    printed
}

fn scheduled_spec(pool: &WorkerPool, path: &Path) -> anyhow::Result<ScheduledSpec> {
    ScheduledSpec::new(pool).with_context(|| path.display().to_string())
}

/// A pool as YAML or JSON; a field that it cannot have is refused, or a typing error would try another policy.
fn load(path: &Path) -> anyhow::Result<WorkerPool> {
    let text = read(path)?;
    let value: serde_json::Value = serde_saphyr::from_str(&text)
        .with_context(|| format!("{} is no YAML of one object", path.display()))?;
    let kind = value
        .pointer("/kind")
        .and_then(serde_json::Value::as_str)
        .unwrap_or("nothing");
    if kind != "WorkerPool" {
        bail!(
            "{} has a {kind}, no WorkerPool: `kubectl get wp NAME -o yaml` writes one",
            path.display()
        );
    }
    if let Some(field) = api::unknown_field(&value) {
        bail!(
            "{}: there is no field {field}: `kubectl explain wp.spec` lists them",
            path.display()
        );
    }
    serde_json::from_value(value).with_context(|| format!("{} is no WorkerPool", path.display()))
}

fn called(path: &Path) -> String {
    if path == Path::new("-") {
        "standard input".to_owned()
    } else {
        path.display().to_string()
    }
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path == Path::new("-") {
        return std::io::read_to_string(std::io::stdin()).context("standard input cannot be read");
    }
    std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
}
