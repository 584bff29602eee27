//! `simulate`: tests a policy on a recorded trace or a synthetic workload, without a cluster.

use crate::text::lang::{Lang, tr};
use crate::text::output::Out;
use anyhow::{Context, anyhow, bail};
use api::{Duration, ScheduledSpec, WorkerPool};
use decide::Millis;
use kube::ResourceExt;
use messages::Catalogue;
use sim::{DecisionLine, Polling, Run, Service, Shape, Telemetry, Workload};
use std::path::{Path, PathBuf};

/// The output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// One line per decision, for programs.
    Json,
    /// A table, for people.
    Table,
    /// A plot.
    Svg,
}

/// The policy and the workload.
#[derive(Clone, Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("input").required(true).args(["trace", "arrivals"]))]
pub struct Simulate {
    /// The WorkerPool: a manifest, or the output of `kubectl get wp NAME -o yaml`, whose saved state is used
    #[arg(long, value_name = "FILE")]
    pool: PathBuf,
    /// Replay a trace: lines such as {"t": 0, "ready": 12, "busy": 3, "live": 3}; an absent field is not reported, null could not be read; - is standard input
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Simulate a queue: lines such as {"t": 0, "n": 3}, or shape:steady, sine, burst, ramp, one hour each (square, spikes, decay, stairs, waves, rush)
    #[arg(long, value_name = "FILE|shape:NAME", requires = "service_time")]
    arrivals: Option<String>,
    /// The mean time of a task, such as 2s
    #[arg(long, value_name = "TIME", conflicts_with = "trace")]
    service_time: Option<Duration>,
    /// The variation of that time: standard deviation / mean, lognormal
    #[arg(long, value_name = "SHARE", default_value_t = 1.0, value_parser = variation)]
    service_cv: f64,
    /// How long a worker takes to start
    #[arg(long, value_name = "TIME", default_value = "5s")]
    startup: Duration,
    /// The seed of the random task times and arrivals
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// A task that waits longer counts as late [default: the pool's drainWithin, else its maxWait, else 30s]
    #[arg(long, value_name = "TIME")]
    slo: Option<Duration>,
    /// A second WorkerPool to compare with the first, in the table and the plot
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// json, table or svg [default: json; with --compare, table]
    #[arg(
        short,
        long,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    output: Option<Output>,
}

fn variation(text: &str) -> Result<f64, String> {
    let cv = text.parse().ok().filter(|cv| (0.0..=20.0).contains(cv));
    cv.ok_or_else(|| {
        "expected a number from 0 (all tasks take the same time) to 20, such as 1".to_owned()
    })
}

/// Runs the simulation of one policy, or of two.
pub fn run(args: &Simulate, out: &Out) -> anyhow::Result<bool> {
    let output = args.output.unwrap_or(if args.compare.is_some() {
        Output::Table
    } else {
        Output::Json
    });
    let mut runs = Vec::new();
    for path in std::iter::once(&args.pool).chain(&args.compare) {
        let pool = load(out.lang, path)?;
        let comparing = args.compare.is_some();
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = match pool.name_any() {
            name if comparing => format!("{name} ({file})"),
            name => name,
        };
        let run = Run::new(&name);
        let mut policy = Policy {
            lang: out.lang,
            path,
            spec: ScheduledSpec::new(&pool).with_context(|| path.display().to_string())?,
            pool,
            label: (comparing && output == Output::Json).then_some(name),
            run,
        };
        let mut print = |line: DecisionLine| match output {
            Output::Json => Ok(out.data(&serde_json::to_string(&line)?)?),
            _ => anyhow::Ok(()),
        };
        if let Some(trace) = &args.trace {
            policy.replay(trace, &mut print)?;
        } else {
            policy.play(args, &mut print)?;
            if output == Output::Json {
                out.data(&serde_json::to_string(&policy.run.summary)?)?;
            }
        }
        runs.push(policy.run);
    }
    // Its times stay in UTC, as in the column beside it.
    let catalogue = Catalogue::new(out.lang.code(), |time| time.to_string());
    match (output, runs.as_slice()) {
        (Output::Svg, runs) => out.data(sim::plot(&runs.iter().collect::<Vec<_>>()).trim_end())?,
        (Output::Table, [first, second]) => {
            out.data(sim::compare(first, second, &catalogue).trim_end())?;
        }
        (Output::Table, [run, ..]) => out.data(sim::table(run, &catalogue).trim_end())?,
        _ => {}
    }
    Ok(true)
}

type Print<'a> = &'a mut dyn FnMut(DecisionLine) -> anyhow::Result<()>;

/// One policy, and its run.
struct Policy<'a> {
    lang: Lang,
    path: &'a Path,
    pool: WorkerPool,
    spec: ScheduledSpec,
    /// Its name in each line, where there are two.
    label: Option<String>,
    run: Run,
}

impl Policy<'_> {
    /// Decides on each line of a trace.
    fn replay(&mut self, trace: &Path, print: Print<'_>) -> anyhow::Result<()> {
        let (lang, queues) = (self.lang, &self.pool.spec.queues);
        let labels: Vec<String> = queues.iter().map(|queue| queue.label(queues)).collect();
        let names: Vec<&str> = labels.iter().map(String::as_str).collect();
        let lines = sim::parse_trace(&read(lang, trace)?, &names)
            .map_err(|error| anyhow!("{}: {error}", display_name(lang, trace)))?;
        let (label, state) = (self.label.as_deref(), sim::initial_state(&self.pool));
        let mut printed = Ok(());
        sim::replay(&mut self.spec, state, &lines, &mut |line, decision| {
            self.run.record_line(line, decision);
            if printed.is_ok() {
                printed = print(DecisionLine::new(label, line.at, decision));
            }
        });
        printed
    }

    /// Simulates a queue and the workers of the pool.
    fn play(&mut self, args: &Simulate, print: Print<'_>) -> anyhow::Result<()> {
        let (lang, spec) = (self.lang, &self.pool.spec);
        let [queue] = spec.queues.as_slice() else {
            let (file, queues) = (self.path.display(), spec.queues.len());
            bail!(tr!(lang, "cli-simulate-one-queue", file, queues));
        };
        let work = workload(lang, &self.pool, args)?;
        let polling = Polling::Push(api::interval(spec));
        let telemetry = if queue.system.reports_workers() {
            Telemetry::Everything
        } else {
            Telemetry::Length
        };
        let label = self.label.as_deref();
        let mut printed = Ok(());
        let mut record = |moment: &sim::Poll<'_>| {
            self.run.record_poll(moment);
            if printed.is_ok() && moment.decision.replicas != moment.decision.from {
                printed = print(DecisionLine::new(label, moment.at, moment.decision));
            }
        };
        let summary = sim::simulate(&mut self.spec, &work, polling, telemetry, &mut record);
        self.run.summary = Some(summary.map_err(anyhow::Error::msg)?);
        printed
    }
}

/// The arrivals and the properties of the tasks and the workers.
fn workload(lang: Lang, pool: &WorkerPool, args: &Simulate) -> anyhow::Result<Workload> {
    let source = args.arrivals.as_deref().unwrap_or_default();
    let (begin, arrivals) = if let Some(shape) = source.strip_prefix("shape:") {
        let shape: Shape = shape.parse().map_err(anyhow::Error::msg)?;
        (0, shape.arrivals(args.seed))
    } else {
        let path = Path::new(source);
        sim::parse_arrivals(&read(lang, path)?)
            .map_err(|error| anyhow!("{}: {error}", display_name(lang, path)))?
    };
    let target = pool.spec.target.as_ref();
    let deadline = target.and_then(|target| target.drain_within.or(target.max_wait));
    let slo = args.slo.or(deadline);
    let (workers, memory) = sim::initial_state(pool);
    Ok(Workload {
        start: begin,
        arrivals,
        service: Service {
            mean: args.service_time.unwrap_or_default().to_std().as_secs_f64(),
            cv: args.service_cv,
        },
        startup: args.startup.0,
        seed: args.seed,
        workers,
        memory,
        slo: slo.map_or(Millis::seconds(30), |span| span.0),
    })
}

/// Reads a pool from YAML or JSON; rejects an unknown field, since a typo would test another policy.
fn load(lang: Lang, path: &Path) -> anyhow::Result<WorkerPool> {
    let (text, file) = (read(lang, path)?, display_name(lang, path));
    let value: serde_json::Value =
        serde_saphyr::from_str(&text).with_context(|| tr!(lang, "cli-simulate-no-yaml", file))?;
    let kind = value.pointer("/kind").and_then(serde_json::Value::as_str);
    if kind != Some("WorkerPool") {
        let kind = kind.unwrap_or("-");
        bail!(tr!(lang, "cli-simulate-other-kind", file, kind));
    }
    if let Some(field) = api::unknown_field(&value) {
        bail!(tr!(lang, "cli-simulate-unknown-field", file, field));
    }
    serde_json::from_value(value).with_context(|| tr!(lang, "cli-simulate-invalid-pool", file))
}

fn display_name(lang: Lang, path: &Path) -> String {
    if path == Path::new("-") {
        tr!(lang, "cli-standard-input")
    } else {
        path.display().to_string()
    }
}

fn read(lang: Lang, path: &Path) -> anyhow::Result<String> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let file = display_name(lang, path);
    text.with_context(|| tr!(lang, "cli-cannot-read", file))
}
