//! The event loop around the app: keys, updates, time and signals go in, frames and write operations come out.

use super::app::{App, Effect};
use super::draw::draw;
use super::prompt::Operation;
use crate::cluster::Cluster;
use crate::cluster::events::{self, Events, PoolUpdate, Update};
use crate::cluster::operator_history::{self, HistoryPoint};
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::stress::{Burst, Load, Work, plan, push_burst, queue};
use crate::commands::{pause, scale};
use crate::text::class_format;
use crate::text::lang::Lang;
use api::{Key, WorkerPool};
use futures::FutureExt;
use jiff::Timestamp;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, read};
use std::time::Duration;
use telemetry::stop_on_signal;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// The longest time between two frames, so that clocks and ages move.
const TICK: Duration = Duration::from_millis(250);

/// The result of a background task.
enum TaskResult {
    /// A pool was read.
    Opened(Box<anyhow::Result<(Cluster, WorkerPool)>>),
    /// The operator's history of a pool was read.
    History(Key, Vec<HistoryPoint>),
    /// A write operation has ended, with its output or its error.
    Done(Result<String, String>),
}

/// All sources of updates.
pub struct Sources {
    /// `None` for a replay.
    cluster: Option<Cluster>,
    /// Updates of the open pool.
    events: Option<Events>,
    /// Updates of the list of pools.
    pool_updates: UnboundedReceiver<PoolUpdate>,
    results: (UnboundedSender<TaskResult>, UnboundedReceiver<TaskResult>),
    tasks: JoinSet<()>,
}

impl Sources {
    /// Watches all pools of the namespace, or of all namespaces.
    pub fn new(cluster: Cluster, all_namespaces: bool) -> Self {
        let (sender, pool_updates) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(events::list(cluster.clone(), all_namespaces, sender));
        Self {
            cluster: Some(cluster),
            events: None,
            pool_updates,
            results: mpsc::unbounded_channel(),
            tasks,
        }
    }

    /// Only the events of a replay.
    pub fn from_replay(app: &mut App, replay: Replay) -> Self {
        let (sender, pool_updates) = mpsc::unbounded_channel();
        for update in [
            PoolUpdate::Init,
            PoolUpdate::Apply(Box::new(replay.pool().clone())),
            PoolUpdate::InitDone,
        ] {
            // It cannot fail: the receiver exists.
            let _ = sender.send(update);
        }
        app.tick(replay.now());
        app.open(replay.pool());
        app.add_history(&Key::of(replay.pool()), Vec::new());
        Self {
            cluster: None,
            events: Some(Events::Replay(Box::new(replay))),
            pool_updates,
            results: mpsc::unbounded_channel(),
            tasks: JoinSet::new(),
        }
    }

    /// The time of the events: that of the replay, or the present.
    pub fn now(&self) -> Timestamp {
        self.events
            .as_ref()
            .map_or_else(Timestamp::now, Events::now)
    }

    /// Waits for an update or the next tick, and applies all updates that are available.
    pub async fn poll(&mut self, app: &mut App) {
        tokio::select! {
            biased;
            Some(result) = self.results.1.recv() => self.on_result(app, result),
            update = next_update(&mut self.events) => {
                if let Some(update) = update {
                    app.apply(update, self.now());
                }
            }
            Some(update) = self.pool_updates.recv() => app.apply_to_list(update),
        }
        while let Ok(update) = self.pool_updates.try_recv() {
            app.apply_to_list(update);
        }
        while let Some(Some(update)) = self
            .events
            .as_mut()
            .and_then(|events| events.next().now_or_never())
        {
            app.apply(update, self.now());
        }
    }

    fn on_result(&mut self, app: &mut App, result: TaskResult) {
        app.tick(self.now());
        match result {
            TaskResult::Done(result) => app.show_result(result),
            TaskResult::History(key, points) => app.add_history(&key, points),
            TaskResult::Opened(opened) => match *opened {
                Ok((cluster, pool)) => self.open(app, &cluster, &pool),
                Err(error) => app.show_result(Err(format!("{error:#}"))),
            },
        }
    }

    /// Opens this pool and follows its updates, unless it is open already.
    pub fn open(&mut self, app: &mut App, cluster: &Cluster, pool: &WorkerPool) {
        let key = Key::of(pool);
        if !app.is_open(&key) {
            self.events = Some(Events::open(cluster, pool));
            let (cluster, sender) = (cluster.clone(), self.results.0.clone());
            self.tasks.spawn(async move {
                // Without the operator's history the timeline begins now.
                let points = operator_history::load(&cluster, &key)
                    .await
                    .unwrap_or_default();
                let _ = sender.send(TaskResult::History(key, points));
            });
        }
        app.open(pool);
    }

    /// Starts the task of an effect; a replay has none.
    pub fn start(&mut self, effect: Effect, lang: Lang) {
        let Some(cluster) = &mut self.cluster else {
            return;
        };
        // A key may have changed it.
        cluster.out.set_lang(lang);
        // Sending fails only while the program ends.
        let sender = self.results.0.clone();
        match effect {
            Effect::Quit => {}
            Effect::Open(key) => {
                let cluster = cluster.within(&key.namespace);
                self.tasks.spawn(async move {
                    let pool = cluster.pool(Some(&key.name)).await;
                    let opened = pool.map(|pool| (cluster, pool));
                    let _ = sender.send(TaskResult::Opened(Box::new(opened)));
                });
            }
            Effect::Run(key, operation) => {
                let mut cluster = cluster.within(&key.namespace);
                cluster.out = cluster.out.captured();
                self.tasks.spawn(async move {
                    let result = run_operation(&cluster, &key.name, operation).await;
                    let output = cluster.out.take_captured().join(" · ");
                    let result = result.map(|_| output).map_err(|error| format!("{error:#}"));
                    let _ = sender.send(TaskResult::Done(result));
                });
            }
        }
    }
}

/// The next update of the open pool, or `None` after a tick where there are no more.
async fn next_update(events: &mut Option<Events>) -> Option<Update> {
    let Some(events) = events.as_mut().filter(|events| !events.is_over()) else {
        tokio::time::sleep(TICK).await;
        return None;
    };
    events.next().await
}

async fn run_operation(
    cluster: &Cluster,
    name: &str,
    operation: Operation,
) -> anyhow::Result<bool> {
    match operation {
        Operation::Stress(tasks) => {
            let pool = cluster.pool(Some(name)).await?;
            let mut redis = RedisClient::new(cluster, &pool).await?;
            let seconds = plan::choose(&pool, Load::Mix, Some(tasks), None)?.task_seconds;
            let burst = Burst::new(cluster.out.lang, tasks, seconds, &Work::default())?;
            push_burst(&mut redis, &queue(cluster.out.lang, &pool)?, &burst).await?;
            let text = class_format::stress(tasks);
            cluster.out.data_at(Timestamp::now(), &text)?;
            Ok(true)
        }
        Operation::Scale(pin, span) => scale::run(cluster, Some(name), pin, span).await,
        Operation::Pause(span, reason) => {
            pause::pause(cluster, Some(name), pause::PauseArgs { span, reason }).await
        }
        Operation::Resume => pause::resume(cluster, Some(name)).await,
    }
}

/// Shows the screen until a key or a signal ends it.
pub async fn run(mut sources: Sources, mut app: App) -> anyhow::Result<bool> {
    with_terminal(async |terminal| event_loop(terminal, &mut sources, &mut app).await)
        .await
        .map(|()| true)
}

/// Switches the terminal to the screen and restores it afterwards, also after a panic.
pub async fn with_terminal(
    show: impl AsyncFnOnce(DefaultTerminal) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // This also sets a panic hook that restores the terminal.
    let terminal = ratatui::try_init()?;
    let result = show(terminal).await;
    ratatui::restore();
    result
}

async fn event_loop(
    mut terminal: DefaultTerminal,
    sources: &mut Sources,
    app: &mut App,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let (sender, mut events) = mpsc::unbounded_channel();
    // `read` blocks, so it has a thread, which ends with the program or with the terminal.
    std::thread::spawn(move || {
        while let Ok(event) = read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    loop {
        app.tick(sources.now());
        terminal.draw(|frame| draw(frame, app))?;
        let mut event = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            event = events.recv() => event,
            () = sources.poll(app) => continue,
        };
        if event.is_none() {
            return Ok(());
        }
        // Keys that are waiting already need no frame in between.
        while let Some(Event::Key(key)) = event {
            match app.on_key(key, sources.now()) {
                Some(Effect::Quit) => return Ok(()),
                Some(effect) => sources.start(effect, app.out.lang),
                None => {}
            }
            event = events.try_recv().ok();
        }
    }
}
