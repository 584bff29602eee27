//! The thin loop around it: keys, news, time and signals go in, frames and writes come out.

use super::super::cluster::Cluster;
use super::app::{App, Effect};
use super::draw::draw;
use crate::cluster::events;
use crate::cluster::events::{Events, PoolUpdate};
use crate::cluster::operator_history::{HistoryPoint, load};
use crate::cluster::redis::RedisClient;
use crate::cluster::replay::Replay;
use crate::commands::pause;
use crate::commands::scale;
use crate::commands::stress::{Burst, TASK_SECONDS, push_burst, queue};
use crate::tui::prompt::Operation;
use anyhow::Context;
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

/// How often time is let pass when nothing happens.
const TICK: Duration = Duration::from_millis(250);

/// What comes of what was begun outside.
enum Outcome {
    /// A pool that news are wanted of.
    Opened(Box<anyhow::Result<(Cluster, WorkerPool)>>),
    /// What the operator remembers of it.
    Remembered(Key, Vec<HistoryPoint>),
    /// A write.
    Done(Result<String, String>),
}

/// All that the loop listens to.
pub struct Sources {
    /// None behind a replay.
    cluster: Option<Cluster>,
    feed: Option<Events>,
    listed: UnboundedReceiver<PoolUpdate>,
    outcomes: (UnboundedSender<Outcome>, UnboundedReceiver<Outcome>),
    tasks: JoinSet<()>,
}

impl Sources {
    /// Listens to all pools of the namespace, or `everywhere`.
    #[must_use]
    pub fn new(cluster: Cluster, everywhere: bool) -> Self {
        let (sender, listed) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(events::list(cluster.clone(), everywhere, sender));
        Self {
            cluster: Some(cluster),
            feed: None,
            listed,
            outcomes: mpsc::unbounded_channel(),
            tasks,
        }
    }

    /// Listens to what happened once, and to nothing else.
    #[must_use]
    pub fn replaying(app: &mut App, replay: Replay) -> Self {
        let (sender, listed) = mpsc::unbounded_channel();
        // The receiver is right here.
        for news in [
            PoolUpdate::Init,
            PoolUpdate::Apply(Box::new(replay.pool().clone())),
            PoolUpdate::InitDone,
        ] {
            let _ = sender.send(news);
        }
        app.tick(replay.now());
        app.open(replay.pool());
        app.remember(&Key::of(replay.pool()), Vec::new());
        let feed = Some(Events::Replay(Box::new(replay)));
        Self {
            cluster: None,
            feed,
            listed,
            outcomes: mpsc::unbounded_channel(),
            tasks: JoinSet::new(),
        }
    }

    /// The time by which all happens.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.feed.as_ref().map_or_else(Timestamp::now, Events::now)
    }

    /// Waits until something is heard, or a little time has passed, and takes in all there is.
    pub async fn poll(&mut self, app: &mut App) {
        tokio::select! {
            biased;
            Some(outcome) = self.outcomes.1.recv() => self.outcome(app, outcome),
            news = next(&mut self.feed) => {
                if let Some(news) = news {
                    app.apply(news, self.now());
                }
            }
            Some(listed) = self.listed.recv() => app.list(listed),
        }
        while let Ok(listed) = self.listed.try_recv() {
            app.list(listed);
        }
        while let Some(Some(news)) = self
            .feed
            .as_mut()
            .and_then(|feed| feed.next().now_or_never())
        {
            app.apply(news, self.now());
        }
    }

    fn outcome(&mut self, app: &mut App, outcome: Outcome) {
        app.tick(self.now());
        match outcome {
            Outcome::Done(result) => app.done(result),
            Outcome::Remembered(key, looks) => app.remember(&key, looks),
            Outcome::Opened(opened) => match *opened {
                Ok((cluster, pool)) => self.open(app, &cluster, &pool),
                Err(error) => app.done(Err(format!("{error:#}"))),
            },
        }
    }

    /// Listens to this pool from now on; who is listened to already goes on.
    pub fn open(&mut self, app: &mut App, cluster: &Cluster, pool: &WorkerPool) {
        if app
            .opened
            .as_ref()
            .is_none_or(|opened| opened.key != Key::of(pool))
        {
            self.feed = Some(Events::open(cluster, pool));
            let (cluster, key, sender) = (cluster.clone(), Key::of(pool), self.outcomes.0.clone());
            self.tasks.spawn(async move {
                // Without an operator, or a way to its page, the past begins now.
                let looks = load(&cluster, &key).await.unwrap_or_default();
                let _ = sender.send(Outcome::Remembered(key, looks));
            });
        }
        app.open(pool);
    }

    /// Begins what a key asked for.
    pub fn begin(&mut self, effect: Effect) {
        let (sender, Some(cluster)) = (self.outcomes.0.clone(), &self.cluster) else {
            return;
        };
        let within = |key: &Key| cluster.within(&key.namespace);
        match effect {
            Effect::Quit => {}
            Effect::Open(key) => {
                let cluster = within(&key);
                self.tasks.spawn(async move {
                    let pool = cluster.pool(Some(&key.name)).await;
                    // Nobody listens any more only when the program ends.
                    let _ =
                        sender.send(Outcome::Opened(Box::new(pool.map(|pool| (cluster, pool)))));
                });
            }
            Effect::Do(key, deed) => {
                let mut cluster = within(&key);
                cluster.out = cluster.out.captured();
                self.tasks.spawn(async move {
                    let done = perform(&cluster, &key.name, deed).await;
                    let said = cluster.out.take_captured().join(" · ");
                    let _ = sender.send(Outcome::Done(match done {
                        Ok(_) => Ok(said),
                        Err(error) => Err(format!("{error:#}")),
                    }));
                });
            }
        }
    }
}

async fn next(feed: &mut Option<Events>) -> Option<crate::cluster::events::Update> {
    let Some(feed) = feed.as_mut().filter(|feed| !feed.is_over()) else {
        tokio::time::sleep(TICK).await;
        return None;
    };
    feed.next().await
}

async fn perform(cluster: &Cluster, name: &str, deed: Operation) -> anyhow::Result<bool> {
    match deed {
        Operation::Stress(tasks) => {
            let pool = cluster.pool(Some(name)).await?;
            let mut link = RedisClient::new(cluster, &pool).await?;
            push_burst(
                &mut link,
                &queue(&pool)?,
                Burst {
                    tasks,
                    task_seconds: TASK_SECONDS,
                },
            )
            .await?;
            cluster
                .out
                .data_at(Timestamp::now(), &crate::text::class_format::stress(tasks))?;
            Ok(true)
        }
        Operation::Scale(pin, span) => Box::pin(scale::run(cluster, Some(name), pin, span)).await,
        Operation::Pause(span, reason) => {
            pause::pause(cluster, Some(name), pause::PauseArgs { span, reason }).await
        }
        Operation::Resume => pause::resume(cluster, Some(name)).await,
    }
}

/// Shows the screen until a key or a signal ends it; the terminal is as it was afterwards, even after a panic.
pub async fn run(mut ears: Sources, mut app: App) -> anyhow::Result<bool> {
    guarded(async |terminal| show(terminal, &mut ears, &mut app).await)
        .await
        .map(|()| true)
}

/// Takes the terminal and gives it back as it was.
pub async fn guarded(
    show: impl AsyncFnOnce(DefaultTerminal) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    // This sets the panic's hook, too.
    let terminal = ratatui::try_init().context("the terminal cannot be used")?;
    let ended = show(terminal).await;
    ratatui::restore();
    ended
}

async fn show(
    mut terminal: DefaultTerminal,
    ears: &mut Sources,
    app: &mut App,
) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    tokio::spawn(stop_on_signal(stop.clone()));
    let (sender, mut events) = mpsc::unbounded_channel();
    // Reading blocks; the thread ends with the program, or when the terminal is gone.
    std::thread::spawn(move || {
        while let Ok(event) = read() {
            if sender.send(event).is_err() {
                return;
            }
        }
    });
    loop {
        app.tick(ears.now());
        terminal.draw(|frame| draw(frame, app))?;
        let event = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            event = events.recv() => event,
            () = ears.poll(app) => continue,
        };
        let mut event = match event {
            Some(event) => Some(event),
            None => return Ok(()),
        };
        // Keys that wait already need no frame in between.
        while let Some(Event::Key(key)) = event {
            match app.key(key, ears.now()) {
                Some(Effect::Quit) => return Ok(()),
                Some(effect) => ears.begin(effect),
                None => {}
            }
            event = events.try_recv().ok();
        }
    }
}
