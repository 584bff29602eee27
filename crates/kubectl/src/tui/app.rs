//! What the screen shows, and what becomes of it by keys, news and time. Pure: no clock, no terminal, no cluster.

use super::keys::{Action, action};
use super::pools::Pools;
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::operator_history::HistoryPoint as Remembered;
use crate::text::class_format;
use crate::text::lang::Lang;
use crate::text::output::Out;
use crate::tui::prompt::{Operation, Prompt};
use crate::tui::timeline::{Moment, Timeline};
use api::{Key, ScheduledSpec, WorkerPool, time, timestamp};
use decide::Millis;
use jiff::Timestamp;
use kube::ResourceExt;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// How much time the charts may show.
const RANGES: [Millis; 5] = [
    Millis::seconds(120),
    Millis::seconds(300),
    Millis::seconds(900),
    Millis::seconds(1800),
    Millis::seconds(3600),
];
/// How long something that was said stays.
const NOTICE: Millis = Millis::seconds(10);

/// How it is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// Without emoji, and with marks that every terminal has.
    pub ascii: bool,
    /// In colours; nothing is said by a colour alone.
    pub color: bool,
}

/// What shall be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// End.
    Quit,
    /// Listen to this pool.
    Open(Key),
    /// Write.
    Do(Key, Operation),
}

/// Where the keys go.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// To the table of keys.
    Normal,
    /// Into the filter.
    Filter,
    /// Anything closes the help.
    Help,
    /// Into the answer to a question before a write.
    Ask(Prompt),
}

/// Which panes are shown below the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// As many as there is room for.
    All,
    /// Who works.
    Workers,
    /// How it was decided.
    Trail,
    /// The changes.
    History,
}

/// One pool and what was seen of it.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Which one.
    pub key: Key,
    /// What was seen.
    pub past: Timeline,
    /// Its rules; of a spec that cannot work those before it.
    pub wishes: Option<ScheduledSpec>,
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    at: Timestamp,
    /// Whether it is bad news.
    pub bad: bool,
    /// The words.
    pub text: String,
}

/// The whole state.
pub struct App {
    /// Language and time zone.
    pub out: Out,
    /// How it is drawn.
    pub look: AppSettings,
    /// Whether nothing may be written.
    pub readonly: bool,
    /// Context and namespace.
    pub place: String,
    /// The time.
    pub now: Timestamp,
    /// All pools.
    pub pools: Pools,
    /// The one that is listened to.
    pub opened: Option<Opened>,
    /// Whether all pools are shown.
    pub listing: bool,
    /// Where the keys go.
    pub mode: Mode,
    /// The moment that is shown, and the right edge of the charts; `None`: now.
    pub frozen: Option<(Timestamp, Timestamp)>,
    /// Which panes.
    pub pane: Pane,
    /// How far a pane is scrolled.
    pub scroll: usize,
    notice: Option<Notice>,
    range: usize,
}

impl App {
    /// Begins with all pools and none of them known.
    #[must_use]
    pub fn new(out: Out, look: AppSettings, readonly: bool, place: String, now: Timestamp) -> Self {
        Self {
            out,
            look,
            readonly,
            place,
            now,
            pools: Pools::default(),
            opened: None,
            listing: true,
            mode: Mode::Normal,
            frozen: None,
            pane: Pane::All,
            scroll: 0,
            notice: None,
            range: 0,
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.pools.settle();
        self.notice = self
            .notice
            .take()
            .filter(|notice| time(notice.at) + NOTICE > time(now));
    }

    /// From now on news are of this pool.
    pub fn open(&mut self, pool: &WorkerPool) {
        let key = Key::of(pool);
        if self.opened.as_ref().is_none_or(|opened| opened.key != key) {
            let (past, wishes) = (Timeline::new(pool, self.now), ScheduledSpec::new(pool).ok());
            self.opened = Some(Opened {
                key: key.clone(),
                past,
                wishes,
            });
        }
        self.pools.chosen = Some(key);
        (self.listing, self.frozen, self.scroll) = (false, None, 0);
    }

    /// Takes in news of the pool that is listened to.
    pub fn apply(&mut self, news: Update, now: Timestamp) {
        self.now = now;
        match &news {
            Update::Warning(what) => self.notify(true, what.clone()),
            Update::Burst(tasks) => self.notify(false, class_format::stress(*tasks)),
            _ => {}
        }
        let Some(opened) = &mut self.opened else {
            return;
        };
        if let Update::Pool(pool) = &news
            && let Ok(wishes) = ScheduledSpec::new(pool)
        {
            opened.wishes = Some(wishes);
        }
        opened.past.apply(news, now);
    }

    /// Takes in what the operator remembers of the pool `key`.
    pub fn remember(&mut self, key: &Key, looks: Vec<Remembered>) {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.key == *key) {
            opened.past.remember(looks);
        }
    }

    /// Takes in news of all pools.
    pub fn list(&mut self, news: PoolUpdate) {
        self.pools.apply(news);
    }

    /// Something was done, or could not be.
    pub fn done(&mut self, result: Result<String, String>) {
        match result {
            Ok(said) => self.notify(false, said),
            Err(why) => self.notify(true, why),
        }
    }

    /// Something is said for a while.
    pub fn notify(&mut self, bad: bool, text: String) {
        self.notice = Some(Notice {
            at: self.now,
            bad,
            text,
        });
    }

    /// What was said lately.
    #[must_use]
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The instant that is shown.
    #[must_use]
    pub fn at(&self) -> Timestamp {
        self.frozen.map_or(self.now, |(at, _)| at)
    }

    /// What was known then.
    #[must_use]
    pub fn moment(&self) -> Option<&Moment> {
        let past = &self.opened.as_ref()?.past;
        past.at(self.at()).or(past.last())
    }

    /// From when to when the charts go.
    #[must_use]
    pub fn window(&self) -> (Timestamp, Timestamp) {
        let span = RANGES[self.range];
        let to = match self.frozen {
            // Who goes back beyond the left edge takes it along.
            Some((at, edge)) => time(edge).min(time(at) + span),
            None => time(self.now),
        };
        (timestamp(to + Millis(-span.0)), timestamp(to))
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent, now: Timestamp) -> Option<Effect> {
        self.tick(now);
        let found = action(key);
        if found == Some(Action::Quit)
            && (key.modifiers == KeyModifiers::CONTROL || self.mode == Mode::Normal)
        {
            return Some(Effect::Quit);
        }
        match &mut self.mode {
            Mode::Normal => return self.act(found?),
            Mode::Help => self.mode = Mode::Normal,
            Mode::Filter => self.type_filter(key.code),
            Mode::Ask(_) => return self.answer(key.code),
        }
        None
    }

    fn act(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Help => self.mode = Mode::Help,
            Action::Language => {
                self.out.lang = if self.out.lang == Lang::En {
                    Lang::Es
                } else {
                    Lang::En
                };
            }
            Action::Filter => (self.listing, self.mode) = (true, Mode::Filter),
            Action::Pools => self.listing = true,
            Action::Back if self.frozen.is_some() && !self.listing => self.frozen = None,
            Action::Back if !self.listing => self.listing = true,
            Action::Back => self.pools.filter(String::new()),
            Action::Stress | Action::Scale | Action::Pause | Action::Resume => self.ask(action),
            Action::Open if self.listing => {
                let chosen = self.pools.chosen.clone()?;
                if self
                    .opened
                    .as_ref()
                    .is_none_or(|opened| opened.key != chosen)
                {
                    return Some(Effect::Open(chosen));
                }
                self.listing = false;
            }
            Action::Move(by) if self.listing => self.pools.step(by),
            Action::First if self.listing => self.pools.step(isize::MIN),
            Action::Last if self.listing => self.pools.step(isize::MAX),
            Action::Move(by) => self.scroll = self.scroll.saturating_add_signed(by),
            Action::Pane => {
                self.scroll = 0;
                self.pane = match self.pane {
                    Pane::All => Pane::Workers,
                    Pane::Workers => Pane::Trail,
                    Pane::Trail => Pane::History,
                    Pane::History => Pane::All,
                };
            }
            Action::Range(by) => {
                self.range = self.range.saturating_add_signed(by).min(RANGES.len() - 1);
            }
            Action::Freeze => self.frozen = self.frozen.is_none().then_some((self.now, self.now)),
            Action::First => {
                let begin = self.opened.as_ref().and_then(|opened| opened.past.begin());
                self.frozen = begin.map(|begin| (begin, self.edge()));
            }
            Action::Last => self.frozen = None,
            Action::Time(steps) => {
                self.scrub(timestamp(time(self.at()) + Millis(self.step().0 * steps)))
            }
            Action::Decision(by) => {
                let changes = self
                    .opened
                    .as_ref()
                    .map_or(&[][..], |opened| opened.past.changes(self.now));
                let at = self.at();
                let next = match by {
                    1.. => changes.iter().find(|change| change.at > at),
                    _ => changes.iter().rev().find(|change| change.at < at),
                };
                match next.map(|change| change.at) {
                    Some(at) => self.scrub(at),
                    None if by > 0 => self.frozen = None,
                    None => {}
                }
            }
            Action::Open => {}
        }
        None
    }

    fn edge(&self) -> Timestamp {
        self.frozen.map_or(self.now, |(_, edge)| edge)
    }

    /// A hundredth of what the charts show, in whole seconds.
    fn step(&self) -> Millis {
        Millis((RANGES[self.range].0 / 100 / 1000).max(1) * 1000)
    }

    /// Goes to `at`, if something is known of it; who goes beyond now follows again.
    fn scrub(&mut self, at: Timestamp) {
        let Some(opened) = &self.opened else { return };
        let first = opened
            .past
            .changes(self.now)
            .first()
            .map(|change| change.at);
        let begin = opened
            .past
            .begin()
            .into_iter()
            .chain(first)
            .min()
            .unwrap_or(self.now);
        self.frozen = (at < self.now).then(|| (at.max(begin), self.edge()));
    }

    fn type_filter(&mut self, key: KeyCode) {
        let mut filter = self.pools.filter.clone();
        match key {
            KeyCode::Char(letter) => filter.push(letter),
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Esc => {
                filter.clear();
                self.mode = Mode::Normal;
            }
            KeyCode::Enter => self.mode = Mode::Normal,
            KeyCode::Up => self.pools.step(-1),
            KeyCode::Down => self.pools.step(1),
            _ => {}
        }
        if filter != self.pools.filter {
            self.pools.filter(filter);
        }
    }

    /// The pool that a write would be about.
    #[must_use]
    pub fn subject(&self) -> Option<Key> {
        match &self.opened {
            Some(opened) if !self.listing => Some(opened.key.clone()),
            _ => self.pools.chosen.clone(),
        }
    }

    /// The name of the pool that is shown.
    #[must_use]
    pub fn title(&self) -> Option<(&Opened, &Moment, String)> {
        let (opened, moment) = (self.opened.as_ref()?, self.moment()?);
        Some((opened, moment, moment.pool.name_any()))
    }
}
