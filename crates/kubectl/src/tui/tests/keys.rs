//! What keys do to the state.

use super::super::app::{App, Effect, Mode, Pane};
use super::frames::press;
use super::stage::{Stage, at, key, tell};
use crate::cluster::events::{PoolUpdate, Update};
use crate::cluster::queue_summary::QueueSummary;
use crate::commands::scale::Pin;
use crate::text::lang::Lang;
use crate::tui::prompt::Operation;
use api::Duration;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

fn played() -> Stage {
    let mut stage = Stage::new(Lang::En, false);
    stage.play(20).push(25);
    stage.play(60);
    stage
}

/// The last key's effect.
fn effect(app: &mut App, keys: &str, last: KeyCode) -> Option<Effect> {
    press(app, keys);
    let now = app.now;
    app.key(KeyEvent::from(last), now)
}

#[test]
fn q_and_ctrl_c_end_it_and_neither_is_typed_by_accident() {
    let mut stage = played();
    assert_eq!(
        effect(&mut stage.app, "", KeyCode::Char('q')),
        Some(Effect::Quit)
    );
    assert_eq!(
        effect(&mut stage.app, "/", KeyCode::Char('q')),
        None,
        "it is a letter of the filter"
    );
    assert_eq!(stage.app.pools.filter, "q");
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(
        stage.app.key(ctrl_c, at(60)),
        Some(Effect::Quit),
        "whatever is typed"
    );
}

#[test]
fn frozen_it_stands_still_while_news_come() {
    let mut stage = played();
    press(&mut stage.app, " ");
    let seen = |app: &App| {
        app.moment()
            .and_then(|moment| moment.facts(app.at()).map(|facts| facts.ready))
    };
    let before = seen(&stage.app);
    stage.play(75);
    assert_eq!((stage.app.at(), seen(&stage.app)), (at(60), before));
    assert_eq!(stage.app.window().1, at(60));
    press(&mut stage.app, " ");
    assert_eq!((stage.app.at(), seen(&stage.app)), (at(75), Some(0)));
}

#[test]
fn arrows_go_back_in_time_and_forth_until_now() {
    let mut stage = played();
    press(&mut stage.app, "←←←");
    assert_eq!(stage.app.at(), at(57), "three hundredths of two minutes");
    press(&mut stage.app, "→→");
    assert_eq!(stage.app.at(), at(59));
    press(&mut stage.app, "→→");
    assert_eq!(stage.app.frozen, None, "beyond now it follows again");
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(41), "the decision before");
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(21));
    press(&mut stage.app, "[");
    assert_eq!(stage.app.at(), at(21), "there is none before it");
    press(&mut stage.app, "]");
    assert_eq!(stage.app.at(), at(41));
    press(&mut stage.app, "⎋");
    assert_eq!(stage.app.frozen, None);
}

#[test]
fn all_that_is_shown_is_of_the_same_moment() {
    let mut stage = played();
    press(&mut stage.app, "[[");
    let app = &stage.app;
    let moment = app.moment().expect("it was seen");
    assert_eq!(moment.replicas, Some(3));
    assert_eq!(
        moment
            .facts(app.at())
            .map(|facts| (facts.ready, facts.workers.len())),
        Some((22, 3))
    );
    let decision = moment
        .status()
        .and_then(|status| status.decision.clone())
        .expect("it was decided");
    assert_eq!((decision.from, decision.to, decision.at), (3, 5, at(21)));
    assert_eq!(
        app.opened
            .as_ref()
            .map(|opened| opened.past.changes(app.at()).len()),
        Some(1)
    );
}

#[test]
fn who_goes_beyond_the_left_edge_takes_it_along() {
    let mut stage = Stage::new(Lang::En, false);
    stage.play(400);
    press(&mut stage.app, "g");
    assert_eq!((stage.app.at(), stage.app.window().0), (at(0), at(0)));
    press(&mut stage.app, "-");
    assert_eq!(
        stage.app.window(),
        (at(0), at(300)),
        "more time, and the moment still in it"
    );
    press(&mut stage.app, "G----");
    assert_eq!(stage.app.window(), (at(400 - 3600), at(400)));
}

#[test]
fn a_write_is_confirmed_with_y_alone() {
    let mut stage = played();
    let app = &mut stage.app;
    let mine = key("filters");
    assert_eq!(
        effect(app, "s⏎", KeyCode::Char('y')),
        Some(Effect::Do(mine.clone(), Operation::Stress(25)))
    );
    assert_eq!(app.mode, Mode::Normal);
    let pin = Operation::Scale(Pin::To(9), Some(Duration::seconds(1800)));
    assert_eq!(
        effect(app, "n9 30m⏎", KeyCode::Char('y')),
        Some(Effect::Do(mine.clone(), pin))
    );
    let auto = Operation::Scale(Pin::Auto, None);
    assert_eq!(
        effect(app, "nauto⏎", KeyCode::Char('y')),
        Some(Effect::Do(mine.clone(), auto))
    );
    let pause = Operation::Pause(Some(Duration::seconds(90)), Some("exam of today".into()));
    assert_eq!(
        effect(app, "p90s exam of today⏎", KeyCode::Char('y')),
        Some(Effect::Do(mine.clone(), pause))
    );
    assert_eq!(
        effect(app, "r", KeyCode::Char('y')),
        Some(Effect::Do(mine, Operation::Resume))
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
fn what_makes_no_sense_is_said_and_not_done() {
    let mut stage = played();
    let app = &mut stage.app;
    press(app, "nmany⏎");
    let Mode::Ask(ask) = &app.mode else {
        panic!("{:?}", app.mode)
    };
    assert_eq!(
        (ask.wrong.as_deref(), &ask.deed),
        (Some("such as 5, or 5 30m, or auto"), &None)
    );
    assert_eq!(effect(app, "", KeyCode::Char('y')), None, "it is typed");
}

#[test]
fn readonly_asks_nothing() {
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
fn the_list_opens_another_pool_and_forgets_nothing_of_the_same() {
    let mut stage = played();
    let app = &mut stage.app;
    tell(app, 60);
    app.list(PoolUpdate::InitDone);
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
    app.list(PoolUpdate::Apply(Box::new(super::stage::pool("filters"))));
    press(app, "⎋/filters⏎");
    assert_eq!(
        effect(app, "", KeyCode::Enter),
        None,
        "it is listened to already"
    );
    assert!(
        !app.listing
            && app
                .opened
                .as_ref()
                .is_some_and(|opened| opened.past.begin() == Some(at(0)))
    );
    app.open(&super::stage::pool("pool-0057"));
    assert_eq!(
        app.opened.as_ref().and_then(|opened| opened.past.begin()),
        Some(at(60))
    );
}

#[test]
fn what_the_watch_no_longer_tells_of_is_gone() {
    let mut stage = played();
    let app = &mut stage.app;
    for n in [3, 2] {
        tell(app, n);
        assert_eq!(
            app.pools.totals().iter().sum::<usize>(),
            3,
            "none goes before all are told"
        );
        app.list(PoolUpdate::InitDone);
    }
    app.list(PoolUpdate::Delete(key("pool-0001")));
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
fn tab_goes_round_and_the_language_changes_at_once() {
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
        [Pane::Workers, Pane::Trail, Pane::History, Pane::All]
    );
    press(app, "L");
    assert_eq!(app.out.lang, Lang::Es);
}

#[test]
fn an_hour_is_kept_and_no_more() {
    let mut stage = Stage::new(Lang::En, false);
    (1..=4000).for_each(|second| {
        stage.app.apply(
            Update::Metrics(QueueSummary::of_counts(1, 1, 3)),
            at(second),
        )
    });
    let begin = stage
        .app
        .opened
        .as_ref()
        .and_then(|opened| opened.past.begin())
        .expect("a beginning");
    assert!(begin >= at(395) && begin <= at(400), "{begin}");
}
