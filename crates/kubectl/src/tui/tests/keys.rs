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
    let mut stage = played();
    assert_eq!(
        effect(&mut stage.app, "", KeyCode::Char('q')),
        Some(Effect::Quit)
    );
    assert_eq!(
        effect(&mut stage.app, "/", KeyCode::Char('q')),
        None,
        "q is a letter of the filter"
    );
    assert_eq!(stage.app.pools.filter, "q");
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(
        stage.app.on_key(ctrl_c, at(60)),
        Some(Effect::Quit),
        "also in the filter"
    );
}

#[test]
fn a_frozen_screen_ignores_updates() {
    let mut stage = played();
    press(&mut stage.app, " ");
    let shown = |app: &App| {
        app.moment()
            .and_then(|moment| moment.metrics_at(app.at()).map(|metrics| metrics.ready))
    };
    let before = shown(&stage.app);
    stage.play(75);
    assert_eq!((stage.app.at(), shown(&stage.app)), (at(60), before));
    assert_eq!(stage.app.window().1, at(60));
    press(&mut stage.app, " ");
    assert_eq!((stage.app.at(), shown(&stage.app)), (at(75), Some(0)));
}

#[test]
fn arrows_and_brackets_move_through_time() {
    let mut stage = played();
    press(&mut stage.app, "←←←");
    assert_eq!(
        stage.app.at(),
        at(57),
        "each step is a hundredth of two minutes"
    );
    press(&mut stage.app, "→→");
    assert_eq!(stage.app.at(), at(59));
    press(&mut stage.app, "→→");
    assert_eq!(stage.app.frozen, None, "after the present it follows again");
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(41), "the previous change");
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(21));
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(21), "there is no earlier change");
    press(&mut stage.app, "]");
    assert_eq!(stage.app.at(), at(41));
    press(&mut stage.app, "⎋");
    assert_eq!(stage.app.frozen, None);
}

#[test]
fn everything_shown_is_of_the_same_time() {
    let mut stage = played();
    press(&mut stage.app, "[[");
    let app = &stage.app;
    let moment = app.moment().expect("a moment");
    assert_eq!(moment.replicas, Some(3));
    assert_eq!(
        moment
            .metrics_at(app.at())
            .map(|metrics| (metrics.ready, metrics.workers.len())),
        Some((22, 3))
    );
    let decision = moment
        .status()
        .and_then(|status| status.decision.clone())
        .expect("a decision");
    assert_eq!((decision.from, decision.to, decision.at), (3, 5, at(21)));
    assert_eq!(
        app.opened
            .as_ref()
            .map(|opened| opened.timeline.changes(app.at()).len()),
        Some(1)
    );
}

#[test]
fn a_time_before_the_left_edge_moves_the_window() {
    let mut stage = Stage::new(Lang::EN, false);
    stage.play(400);
    press(&mut stage.app, "g");
    assert_eq!((stage.app.at(), stage.app.window().0), (at(0), at(0)));
    press(&mut stage.app, "-");
    assert_eq!(
        stage.app.window(),
        (at(0), at(300)),
        "a longer range still contains the time"
    );
    press(&mut stage.app, "G----");
    assert_eq!(stage.app.window(), (at(400 - 3600), at(400)));
}

#[test]
fn only_y_confirms_a_write_operation() {
    let mut stage = played();
    let app = &mut stage.app;
    let filters = key("filters");
    assert_eq!(
        effect(app, "s⏎", KeyCode::Char('y')),
        Some(Effect::Run(filters.clone(), Operation::Stress(25)))
    );
    assert_eq!(app.mode, Mode::Normal);
    let pin = Operation::Scale(Pin::To(9), Some(Duration::seconds(1800)));
    assert_eq!(
        effect(app, "n9 30m⏎", KeyCode::Char('y')),
        Some(Effect::Run(filters.clone(), pin))
    );
    let auto = Operation::Scale(Pin::Auto, None);
    assert_eq!(
        effect(app, "nauto⏎", KeyCode::Char('y')),
        Some(Effect::Run(filters.clone(), auto))
    );
    let pause = Operation::Pause(Some(Duration::seconds(90)), Some("exam of today".into()));
    assert_eq!(
        effect(app, "p90s exam of today⏎", KeyCode::Char('y')),
        Some(Effect::Run(filters.clone(), pause))
    );
    assert_eq!(
        effect(app, "r", KeyCode::Char('y')),
        Some(Effect::Run(filters, Operation::Resume))
    );
    for no in [
        KeyCode::Enter,
        KeyCode::Char('n'),
        KeyCode::Esc,
        KeyCode::Char('q'),
    ] {
        assert_eq!(effect(app, "s⏎", no), None, "{no}");
        assert_eq!(app.mode, Mode::Normal, "{no}");
    }
}

#[test]
fn invalid_input_shows_an_error() {
    let mut stage = played();
    let app = &mut stage.app;
    press(app, "nmany⏎");
    let Mode::Prompt(prompt) = &app.mode else {
        panic!("{:?}", app.mode)
    };
    assert_eq!(
        (prompt.error.as_deref(), &prompt.operation),
        (Some("such as 5, or 5 30m, or auto"), &None)
    );
    assert_eq!(
        effect(app, "", KeyCode::Char('y')),
        None,
        "y is part of the input"
    );
}

#[test]
fn readonly_disables_write_operations() {
    let mut stage = played();
    stage.app.readonly = true;
    for write in ["s", "n", "p", "r"] {
        press(&mut stage.app, write);
        assert_eq!(stage.app.mode, Mode::Normal, "{write}");
        assert!(
            stage
                .app
                .notice()
                .is_some_and(|notice| notice.text.starts_with("--readonly"))
        );
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
    assert_eq!(
        effect(app, "", KeyCode::Enter),
        Some(Effect::Open(key("pool-0007")))
    );
    assert_eq!(
        effect(app, "↓", KeyCode::Enter),
        Some(Effect::Open(key("pool-0057")))
    );
    app.apply_to_list(PoolUpdate::Apply(Box::new(super::stage::pool("filters"))));
    press(app, "⎋/filters⏎");
    assert_eq!(effect(app, "", KeyCode::Enter), None, "it is open already");
    assert!(
        !app.show_pools
            && app
                .opened
                .as_ref()
                .is_some_and(|opened| opened.timeline.begin() == Some(at(0)))
    );
    app.open(&super::stage::pool("pool-0057"));
    assert_eq!(
        app.opened
            .as_ref()
            .and_then(|opened| opened.timeline.begin()),
        Some(at(60))
    );
}

#[test]
fn pools_missing_after_a_relist_are_removed() {
    let mut stage = played();
    let app = &mut stage.app;
    for n in [3, 2] {
        list_pools(app, n);
        assert_eq!(
            app.pools.totals().iter().sum::<usize>(),
            3,
            "none is removed before all are listed"
        );
        app.apply_to_list(PoolUpdate::InitDone);
    }
    app.apply_to_list(PoolUpdate::Delete(key("pool-0001")));
    app.tick(at(61));
    assert_eq!(
        app.pools
            .shown(0)
            .map(|row| row.key.name.to_string())
            .collect::<Vec<_>>(),
        ["pool-0000"]
    );
}

#[test]
fn tab_cycles_panes_and_l_switches_the_language() {
    let mut stage = played();
    let app = &mut stage.app;
    let panes: Vec<Pane> = (0..4)
        .map(|_| {
            press(app, "⇥");
            app.pane
        })
        .collect();
    assert_eq!(
        panes,
        [Pane::Workers, Pane::Steps, Pane::History, Pane::All]
    );
    press(app, "L");
    let next = Lang::EN.next();
    assert_eq!(app.out.lang, next);
    let texts = Catalogue::new(next.code(), |time| time.to_string());
    assert_eq!(app.out.condition("Scaling"), texts.condition("Scaling"));
}

#[test]
fn the_timeline_keeps_one_hour() {
    let mut stage = Stage::new(Lang::EN, false);
    (1..=4000).for_each(|second| {
        stage.app.apply(
            Update::Metrics(QueueSummary::of_counts(1, 1, 3)),
            at(second),
        );
    });
    let begin = stage
        .app
        .opened
        .as_ref()
        .and_then(|opened| opened.timeline.begin())
        .expect("a moment");
    assert!(begin >= at(395) && begin <= at(400), "{begin}");
}
