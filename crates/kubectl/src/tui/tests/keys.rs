//! What keys and updates do to the state.

use super::super::app::{App, Effect, Mode, Pane};
use super::frames::press;
use super::stage::{Stage, at, key, list_pools};
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::scale::Pin;
use crate::text::lang::Lang;
use crate::tui::prompt::Operation;
use api::Duration;
use messages::Catalogue;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A pool 40 seconds after a burst of 25 tasks.
fn played() -> Stage {
    let mut stage = Stage::new(Lang::EN, false);
    stage.play(20).push(25);
    stage.play(60);
    stage
}

/// The effect of the last key.
fn effect(app: &mut App, keys: &str, last: KeyCode) -> Option<Effect> {
    press(app, keys);
    let now = app.now;
    app.on_key(KeyEvent::from(last), now)
}

#[test]
fn q_quits_unless_typed_and_ctrl_c_always() {
    let app = &mut played().app;
    let q = KeyCode::Char('q');
    assert_eq!(effect(app, "", q), Some(Effect::Quit));
    assert_eq!(effect(app, "/", q), None, "q is a letter of the filter");
    assert_eq!(app.pools.filter, "q");
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let quit = app.on_key(ctrl_c, at(60));
    assert_eq!(quit, Some(Effect::Quit), "also in the filter");
}

#[test]
fn a_frozen_screen_ignores_updates() {
    let mut stage = played();
    press(&mut stage.app, " ");
    let shown = |app: &App| Some(app.moment()?.metrics_at(app.at())?.ready);
    let before = shown(&stage.app);
    stage.play(75);
    assert_eq!((stage.app.at(), shown(&stage.app)), (at(60), before));
    assert_eq!(stage.app.window().1, at(60));
    press(&mut stage.app, " ");
    assert_eq!((stage.app.at(), shown(&stage.app)), (at(75), Some(0)));
}

#[test]
fn arrows_and_brackets_move_through_time() {
    let app = &mut played().app;
    for (keys, frozen) in [
        ("←←←", Some(57)), // each step is a hundredth of two minutes
        ("→→", Some(59)),
        ("→→", None), // after the present it follows again
        ("[", Some(41)),
        ("[", Some(21)),
        ("[", Some(21)), // there is no earlier change
        ("]", Some(41)),
        ("⎋", None),
    ] {
        press(app, keys);
        let frozen = frozen.map(at);
        assert_eq!(app.frozen.map(|(at, _)| at), frozen, "{keys}");
        assert_eq!(app.at(), frozen.unwrap_or(at(60)), "{keys}");
    }
}

#[test]
fn everything_shown_is_of_the_same_time() {
    let mut stage = played();
    press(&mut stage.app, "[[");
    let app = &stage.app;
    let moment = app.moment().expect("a moment");
    assert_eq!(moment.replicas, Some(3));
    let metrics = moment.metrics_at(app.at()).expect("metrics");
    assert_eq!((metrics.ready, metrics.workers.len()), (22, 3));
    let status = moment.status().expect("a status");
    let decision = status.decision.as_ref().expect("a decision");
    assert_eq!((decision.from, decision.to, decision.at), (3, 5, at(21)));
    let opened = app.opened.as_ref().expect("an open pool");
    assert_eq!(opened.timeline.changes(app.at()).len(), 1);
}

#[test]
fn a_time_before_the_left_edge_moves_the_window() {
    let mut stage = Stage::new(Lang::EN, false);
    stage.play(400);
    press(&mut stage.app, "g");
    assert_eq!((stage.app.at(), stage.app.window().0), (at(0), at(0)));
    press(&mut stage.app, "-");
    let window = stage.app.window();
    assert_eq!(window, (at(0), at(300)), "a longer range contains the time");
    press(&mut stage.app, "G----");
    assert_eq!(stage.app.window(), (at(400 - 3600), at(400)));
}

#[test]
fn only_y_confirms_a_write_operation() {
    let app = &mut played().app;
    let pin = Operation::Scale(Pin::To(9), Some(Duration::seconds(1800)));
    let pause = Operation::Pause(Some(Duration::seconds(90)), Some("exam of today".into()));
    for (keys, operation) in [
        ("s⏎", Operation::Stress(25)),
        ("n9 30m⏎", pin),
        ("nauto⏎", Operation::Scale(Pin::Auto, None)),
        ("p90s exam of today⏎", pause),
        ("r", Operation::Resume),
    ] {
        let run = Some(Effect::Run(key("filters"), operation));
        assert_eq!(effect(app, keys, KeyCode::Char('y')), run, "{keys}");
        assert_eq!(app.mode, Mode::Normal, "{keys}");
    }
    let letters = ['n', 'q'].map(KeyCode::Char);
    for no in [KeyCode::Enter, KeyCode::Esc].into_iter().chain(letters) {
        assert_eq!(effect(app, "s⏎", no), None, "{no}");
        assert_eq!(app.mode, Mode::Normal, "{no}");
    }
}

#[test]
fn invalid_input_shows_an_error() {
    let app = &mut played().app;
    press(app, "nmany⏎");
    let Mode::Prompt(prompt) = &app.mode else {
        panic!("{:?}", app.mode)
    };
    let error = prompt.error.as_deref();
    assert_eq!(error, Some("such as 5, or 5 30m, or auto"));
    assert_eq!(prompt.operation, None);
    let run = effect(app, "", KeyCode::Char('y'));
    assert_eq!(run, None, "y is part of the input");
}

#[test]
fn readonly_disables_write_operations() {
    let app = &mut played().app;
    app.readonly = true;
    for write in ["s", "n", "p", "r"] {
        press(app, write);
        assert_eq!(app.mode, Mode::Normal, "{write}");
        let notice = app.notice().expect(write);
        assert!(notice.text.starts_with("--readonly"), "{write}");
    }
}

#[test]
fn opening_the_same_pool_keeps_its_timeline() {
    let mut stage = played();
    let app = &mut stage.app;
    list_pools(app, 60);
    app.apply_to_list(PoolUpdate::InitDone);
    press(app, "b/unknown⏎");
    assert_eq!(app.pools.shown(0).count(), 2);
    for (keys, name) in [("", "pool-0007"), ("↓", "pool-0057")] {
        let open = Some(Effect::Open(key(name)));
        assert_eq!(effect(app, keys, KeyCode::Enter), open);
    }
    app.apply_to_list(PoolUpdate::Apply(Box::new(super::stage::pool("filters"))));
    press(app, "⎋/filters⏎");
    assert_eq!(effect(app, "", KeyCode::Enter), None, "it is open already");
    assert!(!app.show_pools);
    assert_eq!(app.begin(), Some(at(0)));
    app.open(&super::stage::pool("pool-0057"));
    assert_eq!(app.begin(), Some(at(60)));
}

#[test]
fn pools_missing_after_a_relist_are_removed() {
    let mut stage = played();
    let app = &mut stage.app;
    for n in [3, 2] {
        list_pools(app, n);
        let known: usize = app.pools.totals().iter().sum();
        assert_eq!(known, 3, "none is removed before all are listed");
        app.apply_to_list(PoolUpdate::InitDone);
    }
    app.apply_to_list(PoolUpdate::Delete(key("pool-0001")));
    app.tick(at(61));
    let shown: Vec<_> = app.pools.shown(0).map(|row| &row.key).collect();
    assert_eq!(shown, [&key("pool-0000")]);
}

#[test]
fn tab_cycles_panes_and_l_switches_the_language() {
    let mut stage = played();
    let app = &mut stage.app;
    for pane in [Pane::Workers, Pane::Steps, Pane::History, Pane::All] {
        press(app, "⇥");
        assert_eq!(app.pane, pane);
    }
    press(app, "L");
    let next = Lang::EN.next();
    assert_eq!(app.out.lang, next);
    let texts = Catalogue::new(next.code(), |time| time.to_string());
    assert_eq!(app.out.condition("Scaling"), texts.condition("Scaling"));
}

#[test]
fn the_timeline_keeps_one_hour() {
    let mut stage = Stage::new(Lang::EN, false);
    for second in 1..=4000 {
        let metrics = Update::Metrics(QueueSummary::of_counts(1, 1, 3));
        stage.app.apply(metrics, at(second));
    }
    let begin = stage.app.begin().expect("a moment");
    assert!(begin >= at(395) && begin <= at(400), "{begin}");
}
