//! The state of the screen, and how keys, updates and time change it. Pure: no clock, no terminal, no cluster.

use super::keys::{Action, action};
use super::pools::Pools;
use super::prompt::{Operation, Prompt};
use super::timeline::{Moment, Timeline};
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::operator_history::HistoryPoint;
use crate::text::class_format;
use crate::text::output::Out;
use api::{Change, Key, ScheduledSpec, WorkerPool, time, timestamp};
use decide::Millis;
use jiff::Timestamp;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The time ranges of the charts.
const RANGES: [Millis; 5] = [
    Millis::seconds(120),
    Millis::seconds(300),
    Millis::seconds(900),
    Millis::seconds(1800),
    Millis::seconds(3600),
];
/// How long a notice stays on the screen.
const NOTICE_TIME: Millis = Millis::seconds(10);

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppSettings {
    /// Only ASCII characters and letters, for terminals without Unicode.
    pub ascii: bool,
    /// In colours.
    pub color: bool,
}

/// What the caller has to do after a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Quit the program.
    Quit,
    /// Open this pool and follow its updates.
    Open(Key),
    /// Run a write operation on this pool.
    Run(Key, Operation),
}

/// What the keys do.
#[derive(Clone, Debug, PartialEq)]
pub enum Mode {
    /// Actions of the key table.
    Normal,
    /// Text of the filter.
    Filter,
    /// Any key closes the help.
    Help,
    /// Input and confirmation of a write operation.
    Prompt(Prompt),
}

/// Which panes are below the charts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// As many as fit.
    All,
    /// The workers.
    Workers,
    /// The steps of the decision.
    Steps,
    /// The changes.
    History,
}

/// The open pool.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Namespace and name.
    pub key: Key,
    /// What is known of its last hour.
    pub timeline: Timeline,
    /// Its last valid spec.
    pub spec: Option<ScheduledSpec>,
}

/// A text that is shown for a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    at: Timestamp,
    /// Whether it is an error.
    pub is_error: bool,
    /// The text.
    pub text: String,
}

/// The whole state.
pub struct App {
    /// Language and time zone.
    pub out: Out,
    /// How to draw.
    pub settings: AppSettings,
    /// Whether write operations are disabled.
    pub readonly: bool,
    /// Context and namespace.
    pub scope: String,
    /// The time.
    pub now: Timestamp,
    /// All pools.
    pub pools: Pools,
    /// The open pool.
    pub opened: Option<Opened>,
    /// Whether the screen shows the list of pools instead of the open pool.
    pub show_pools: bool,
    /// What the keys do.
    pub mode: Mode,
    /// The selected time and the right edge of the charts, where the screen does not follow the present.
    pub frozen: Option<(Timestamp, Timestamp)>,
    /// Which panes are below the charts.
    pub pane: Pane,
    /// How many lines the pane is scrolled.
    pub scroll: usize,
    notice: Option<Notice>,
    /// The index into `RANGES`.
    range: usize,
}

impl App {
    /// Begins with the list of pools, which is still empty.
    pub fn new(
        out: Out,
        settings: AppSettings,
        readonly: bool,
        scope: String,
        now: Timestamp,
    ) -> Self {
        Self {
            out,
            settings,
            readonly,
            scope,
            now,
            pools: Pools::default(),
            opened: None,
            show_pools: true,
            mode: Mode::Normal,
            frozen: None,
            pane: Pane::All,
            scroll: 0,
            notice: None,
            range: 0,
        }
    }

    /// Sets the time.
    pub fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.pools.refresh();
        let is_shown = |notice: &Notice| time(notice.at) + NOTICE_TIME > time(now);
        self.notice = self.notice.take().filter(is_shown);
    }

    /// Shows this pool; later updates are about it.
    pub fn open(&mut self, pool: &WorkerPool) {
        let key = Key::of(pool);
        if !self.is_open(&key) {
            self.opened = Some(Opened {
                key: key.clone(),
                timeline: Timeline::new(pool, self.now),
                spec: ScheduledSpec::new(pool).ok(),
            });
        }
        self.pools.selected = Some(key);
        self.show_pools = false;
        self.frozen = None;
        self.scroll = 0;
    }

    /// Whether this pool is the open one.
    pub fn is_open(&self, key: &Key) -> bool {
        let opened = self.opened.as_ref();
        opened.is_some_and(|opened| opened.key == *key)
    }

    /// Applies an update of the open pool.
    pub fn apply(&mut self, update: Update, now: Timestamp) {
        self.now = now;
        match &update {
            Update::Warning(warning) => self.notify(true, warning.clone()),
            Update::Burst(tasks) => self.notify(false, class_format::stress(*tasks)),
            _ => {}
        }
        let Some(opened) = &mut self.opened else {
            return;
        };
        if let Update::Pool(pool) = &update
            && let Ok(spec) = ScheduledSpec::new(pool)
        {
            opened.spec = Some(spec);
        }
        opened.timeline.apply(update, now);
    }

    /// Adds the operator's history of the pool `key`, if that is still open.
    pub fn add_history(&mut self, key: &Key, points: Vec<HistoryPoint>) {
        if let Some(opened) = self.opened.as_mut().filter(|opened| opened.key == *key) {
            opened.timeline.add_history(points, self.out.lang);
        }
    }

    /// Applies an update of the list of pools.
    pub fn apply_to_list(&mut self, update: PoolUpdate) {
        self.pools.apply(update);
    }

    /// Shows the result of a write operation.
    pub fn show_result(&mut self, result: Result<String, String>) {
        match result {
            Ok(text) => self.notify(false, text),
            Err(error) => self.notify(true, error),
        }
    }

    /// Shows a notice.
    pub fn notify(&mut self, is_error: bool, text: String) {
        self.notice = Some(Notice {
            at: self.now,
            is_error,
            text,
        });
    }

    /// The current notice.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The time that is shown.
    pub fn at(&self) -> Timestamp {
        self.frozen.map_or(self.now, |(at, _)| at)
    }

    /// What was known of the open pool at the time that is shown.
    pub fn moment(&self) -> Option<&Moment> {
        let timeline = &self.opened.as_ref()?.timeline;
        timeline.at(self.at()).or(timeline.last())
    }

    /// The open pool, if the screen shows it, at the time that is shown.
    pub fn shown_pool(&self) -> Option<(&Opened, &Moment)> {
        if self.show_pools {
            return None;
        }
        Some((self.opened.as_ref()?, self.moment()?))
    }

    /// The pool that a write operation would be about.
    pub fn subject(&self) -> Option<Key> {
        match &self.opened {
            Some(opened) if !self.show_pools => Some(opened.key.clone()),
            _ => self.pools.selected.clone(),
        }
    }

    /// The time range of the charts.
    pub fn window(&self) -> (Timestamp, Timestamp) {
        let span = RANGES[self.range];
        let to = match self.frozen {
            // A time before the left edge moves the window along.
            Some((at, edge)) => time(edge).min(time(at) + span),
            None => time(self.now),
        };
        (timestamp(to + Millis(-span.0)), timestamp(to))
    }

    /// Handles a key.
    pub fn on_key(&mut self, key: KeyEvent, now: Timestamp) -> Option<Effect> {
        self.tick(now);
        let action = action(key);
        if action == Some(Action::Quit)
            && (key.modifiers == KeyModifiers::CONTROL || self.mode == Mode::Normal)
        {
            return Some(Effect::Quit);
        }
        match &mut self.mode {
            Mode::Normal => return self.run_action(action?),
            Mode::Help => self.mode = Mode::Normal,
            Mode::Filter => self.edit_filter(key.code),
            Mode::Prompt(_) => return self.on_prompt_key(key.code),
        }
        None
    }

    fn run_action(&mut self, action: Action) -> Option<Effect> {
        match action {
            Action::Quit => return Some(Effect::Quit),
            Action::Open => return self.open_selected(),
            Action::Help => self.mode = Mode::Help,
            Action::Language => self.out.set_lang(self.out.lang.next()),
            Action::Stress | Action::Scale | Action::Pause | Action::Resume => {
                self.open_prompt(action);
            }
            Action::Filter => {
                self.show_pools = true;
                self.mode = Mode::Filter;
            }
            Action::Pools => self.show_pools = true,
            Action::Back => self.go_back(),
            Action::Move(by) if self.show_pools => self.pools.move_cursor(by),
            Action::First if self.show_pools => self.pools.move_cursor(isize::MIN),
            Action::Last if self.show_pools => self.pools.move_cursor(isize::MAX),
            Action::Move(by) => self.scroll = self.scroll.saturating_add_signed(by),
            Action::Pane => self.next_pane(),
            Action::Range(by) => {
                self.range = self.range.saturating_add_signed(by).min(RANGES.len() - 1);
            }
            Action::Freeze => self.frozen = self.frozen.is_none().then_some((self.now, self.now)),
            Action::First => {
                let begin = self.begin();
                self.frozen = begin.map(|begin| (begin, self.right_edge()));
            }
            Action::Last => self.frozen = None,
            Action::Time(steps) => {
                let by = Millis(self.time_step().0 * steps);
                self.seek(timestamp(time(self.at()) + by));
            }
            Action::Change(by) => self.seek_change(by),
        }
        None
    }

    /// Opens the selected pool; one that is open already is only shown.
    fn open_selected(&mut self) -> Option<Effect> {
        if !self.show_pools {
            return None;
        }
        let selected = self.pools.selected.clone()?;
        if !self.is_open(&selected) {
            return Some(Effect::Open(selected));
        }
        self.show_pools = false;
        None
    }

    /// Back to the present, then to the list of pools, then to the whole list.
    fn go_back(&mut self) {
        if self.show_pools {
            self.pools.set_filter(String::new());
        } else if self.frozen.is_some() {
            self.frozen = None;
        } else {
            self.show_pools = true;
        }
    }

    fn next_pane(&mut self) {
        self.scroll = 0;
        self.pane = match self.pane {
            Pane::All => Pane::Workers,
            Pane::Workers => Pane::Steps,
            Pane::Steps => Pane::History,
            Pane::History => Pane::All,
        };
    }

    /// The changes of the open pool up to now.
    fn changes(&self) -> &[Change] {
        let opened = self.opened.as_ref();
        opened.map_or(&[], |opened| opened.timeline.changes(self.now))
    }

    /// The first known time of the open pool.
    pub fn begin(&self) -> Option<Timestamp> {
        self.opened.as_ref()?.timeline.begin()
    }

    fn right_edge(&self) -> Timestamp {
        self.frozen.map_or(self.now, |(_, edge)| edge)
    }

    /// A hundredth of the time range, in whole seconds.
    fn time_step(&self) -> Millis {
        Millis((RANGES[self.range].0 / 100 / 1000).max(1) * 1000)
    }

    /// Shows the time `at`, or the first known one after it; a time after the present follows the present again.
    fn seek(&mut self, at: Timestamp) {
        if self.opened.is_none() {
            return;
        }
        let first_change = self.changes().first().map(|change| change.at);
        let begin = self.begin().into_iter().chain(first_change).min();
        let begin = begin.unwrap_or(self.now);
        self.frozen = (at < self.now).then(|| (at.max(begin), self.right_edge()));
    }

    /// Shows the time of the next change, or of the previous one; after the last one it follows the present.
    fn seek_change(&mut self, by: i64) {
        let at = self.at();
        let changes = self.changes();
        let change = if by > 0 {
            changes.iter().find(|change| change.at > at)
        } else {
            changes.iter().rev().find(|change| change.at < at)
        };
        match change.map(|change| change.at) {
            Some(at) => self.seek(at),
            None if by > 0 => self.frozen = None,
            None => {}
        }
    }

    fn edit_filter(&mut self, key: KeyCode) {
        let mut filter = self.pools.filter.clone();
        match key {
            KeyCode::Char(letter) => filter.push(letter),
            KeyCode::Backspace => drop(filter.pop()),
            KeyCode::Esc => {
                filter.clear();
                self.mode = Mode::Normal;
            }
            KeyCode::Enter => self.mode = Mode::Normal,
            KeyCode::Up => self.pools.move_cursor(-1),
            KeyCode::Down => self.pools.move_cursor(1),
            _ => {}
        }
        if filter != self.pools.filter {
            self.pools.set_filter(filter);
        }
    }
}
