//! The thin loop around it: keys, news, time and signals go in, frames and writes come out.

use super::super::cluster::Cluster;
use super::super::feed::{self, Feed, Listed};
use super::super::hour::{Look, remembered};
use super::super::pause;
use super::super::redis::Link;
use super::super::replay::Replay;
use super::super::scale;
use super::super::stress::{Burst, TASK_SECONDS, push_burst, queue};
use super::app::{App, Effect};
use super::ask::Deed;
use super::draw::draw;
use crate::api::{Key, WorkerPool};
use crate::telemetry::stop_on_signal;
use anyhow::Context;
use futures::FutureExt;
use jiff::Timestamp;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, read};
use std::time::Duration;
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
    Remembered(Key, Vec<Look>),
    /// A write.
    Done(Result<String, String>),
}

/// All that the loop listens to.
pub struct Ears {
    /// None behind a replay.
    cluster: Option<Cluster>,
    feed: Option<Feed>,
    listed: UnboundedReceiver<Listed>,
    outcomes: (UnboundedSender<Outcome>, UnboundedReceiver<Outcome>),
    tasks: JoinSet<()>,
}

impl Ears {
    /// Listens to all pools of the namespace, or `everywhere`.
    #[must_use]
    pub fn new(cluster: Cluster, everywhere: bool) -> Self {
        let (sender, listed) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        tasks.spawn(feed::list(cluster.clone(), everywhere, sender));
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
            Listed::Begin,
            Listed::Pool(Box::new(replay.pool().clone())),
            Listed::Whole,
        ] {
            let _ = sender.send(news);
        }
        app.tick(replay.now());
        app.open(replay.pool());
        app.remember(&Key::of(replay.pool()), Vec::new());
        let feed = Some(Feed::Replay(Box::new(replay)));
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
        self.feed.as_ref().map_or_else(Timestamp::now, Feed::now)
    }

    /// Waits until something is heard, or a little time has passed, and takes in all there is.
    pub async fn hear(&mut self, app: &mut App) {
        tokio::select! {
            biased;
            Some(outcome) = self.outcomes.1.recv() => self.outcome(app, outcome),
            news = next(&mut self.feed) => {
                if let Some(news) = news {
                    app.hear(news, self.now());
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
            app.hear(news, self.now());
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
            self.feed = Some(Feed::open(cluster, pool));
            let (cluster, key, sender) = (cluster.clone(), Key::of(pool), self.outcomes.0.clone());
            self.tasks.spawn(async move {
                // Without an operator, or a way to its page, the past begins now.
                let looks = remembered(&cluster, &key).await.unwrap_or_default();
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
                cluster.out = cluster.out.keeping();
                self.tasks.spawn(async move {
                    let done = perform(&cluster, &key.name, deed).await;
                    let said = cluster.out.kept().join(" · ");
                    let _ = sender.send(Outcome::Done(match done {
                        Ok(_) => Ok(said),
                        Err(error) => Err(format!("{error:#}")),
                    }));
                });
            }
        }
    }
}

async fn next(feed: &mut Option<Feed>) -> Option<super::super::feed::News> {
    let Some(feed) = feed.as_mut().filter(|feed| !feed.is_over()) else {
        tokio::time::sleep(TICK).await;
        return None;
    };
    feed.next().await
}

async fn perform(cluster: &Cluster, name: &str, deed: Deed) -> anyhow::Result<bool> {
    match deed {
        Deed::Stress(tasks) => {
            let pool = cluster.pool(Some(name)).await?;
            let mut link = Link::new(cluster, &pool).await?;
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
                .data_at(Timestamp::now(), &super::super::line::stress(tasks))?;
            Ok(true)
        }
        Deed::Scale(pin, span) => Box::pin(scale::run(cluster, Some(name), pin, span)).await,
        Deed::Pause(span, reason) => {
            pause::pause(cluster, Some(name), pause::Terms { span, reason }).await
        }
        Deed::Resume => pause::resume(cluster, Some(name)).await,
    }
}

/// Shows the screen until a key or a signal ends it; the terminal is as it was afterwards, even after a panic.
pub async fn run(mut ears: Ears, mut app: App) -> anyhow::Result<bool> {
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

async fn show(mut terminal: DefaultTerminal, ears: &mut Ears, app: &mut App) -> anyhow::Result<()> {
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
            () = ears.hear(app) => continue,
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
