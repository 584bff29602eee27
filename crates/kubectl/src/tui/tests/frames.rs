//! Frames of the screen as text, JSON and pictures.

use super::super::app::App;
use super::super::snapshot::{render, to_json};
use super::super::svg::svg;
use super::stage::{Stage, at, list_pools};
use crate::cluster::events::PoolUpdate;
use crate::text::lang::Lang;
use crate::tui::style::text;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

/// Presses these keys.
pub fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '←' => KeyCode::Left,
            '→' => KeyCode::Right,
            '⏎' => KeyCode::Enter,
            '⎋' => KeyCode::Esc,
            '⇥' => KeyCode::Tab,
            '↓' => KeyCode::Down,
            key => KeyCode::Char(key),
        };
        let now = app.now;
        app.on_key(KeyEvent::from(code), now);
    }
}

/// Half a minute after a burst of 25 tasks.
fn after_a_burst(lang: Lang, ascii: bool) -> Stage {
    let mut stage = Stage::new(lang, ascii);
    stage.play(20).push(25);
    stage.play(55);
    stage
}

#[test]
fn a_pool_after_a_burst() {
    let stage = after_a_burst(Lang::EN, false);
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
    insta::assert_snapshot!(
        "a_pool_after_a_burst_wide",
        text(&render(&stage.app, (140, 40)))
    );
    insta::assert_snapshot!(
        "a_pool_after_a_burst_huge",
        text(&render(&stage.app, (200, 60)))
    );
}

#[test]
fn in_spanish() {
    let stage = after_a_burst(Lang::of("es").expect("Spanish"), false);
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
}

#[test]
fn in_ascii() {
    let mut stage = after_a_burst(Lang::EN, true);
    let screen = text(&render(&stage.app, (80, 24)));
    assert!(screen.is_ascii(), "{screen}");
    insta::assert_snapshot!(screen);
    press(&mut stage.app, "?");
    let help = text(&render(&stage.app, (80, 30)));
    assert!(
        help.chars()
            .all(|symbol| symbol.is_ascii() || "┌┐└┘ñ".contains(symbol)),
        "{help}"
    );
}

#[test]
fn unavailable_metrics_are_a_gap_and_not_zero() {
    let mut stage = after_a_burst(Lang::EN, false);
    stage.unavailable_reason = Some("connection refused");
    stage.play(75);
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
}

#[test]
fn draining_workers_come_first() {
    let mut stage = after_a_burst(Lang::EN, false);
    stage.drain();
    stage.play(58);
    let screen = text(&render(&stage.app, (100, 30)));
    insta::assert_snapshot!(screen);
}

#[test]
fn before_the_first_metrics() {
    let stage = Stage::new(Lang::EN, false);
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
}

#[test]
fn a_thousand_pools_with_problems_first() {
    let mut stage = Stage::new(Lang::EN, false);
    let app = &mut stage.app;
    list_pools(app, 1000);
    app.apply_to_list(PoolUpdate::InitDone);
    press(app, "b");
    app.pools.selected = None;
    app.tick(at(3));
    app.pools.move_cursor(isize::MIN);
    insta::assert_snapshot!(text(&render(app, (80, 24))));
    press(app, "/atmax⏎");
    insta::assert_snapshot!("a_filter", text(&render(app, (140, 24))));
    press(app, "/ nothing⏎");
    assert!(text(&render(app, (80, 24))).contains("No pool matches the filter."));
}

#[test]
fn frozen_at_an_earlier_change() {
    let mut stage = after_a_burst(Lang::EN, false);
    press(&mut stage.app, "[");
    stage.play(70);
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
}

#[test]
fn a_write_operation_asks_for_confirmation() {
    let mut stage = after_a_burst(Lang::EN, false);
    press(&mut stage.app, "n9 30m⏎");
    insta::assert_snapshot!(text(&render(&stage.app, (80, 24))));
}

#[test]
fn a_small_terminal_gets_the_required_size() {
    let stage = Stage::new(Lang::EN, false);
    assert!(text(&render(&stage.app, (40, 10))).starts_with("60×20 at least"));
}

#[test]
fn the_data_as_json() {
    let stage = after_a_burst(Lang::EN, false);
    insta::assert_json_snapshot!(to_json(&stage.app));
}

/// The pictures of the documentation are frames of this code: `UPDATE=1 cargo test --lib pictures` draws them again.
#[test]
fn the_pictures_are_up_to_date() {
    let mut stage = Stage::new(Lang::EN, false);
    stage.play(20).push(25);
    stage.play(112);
    stage.app.settings.color = true;
    check_picture("terminal-140x40", &stage.app, (140, 40));
    let mut stage = Stage::new(Lang::of("es").expect("Spanish"), false);
    stage.play(20).push(25);
    stage.play(48);
    stage.app.settings.color = true;
    check_picture("terminal-80x24-es", &stage.app, (80, 24));
    let mut stage = Stage::new(Lang::EN, false);
    stage.app.settings.color = true;
    stage.play(60).push(25);
    stage.play(89);
    check_picture("terminal-80x24", &stage.app, (80, 24));
    stage.unavailable_reason = Some("connection refused");
    stage.play(106);
    press(&mut stage.app, "[");
    check_picture("terminal-frozen", &stage.app, (100, 30));
    let app = &mut stage.app;
    list_pools(app, 1000);
    app.apply_to_list(PoolUpdate::InitDone);
    press(app, "b");
    app.tick(at(107));
    app.pools.move_cursor(isize::MIN);
    app.pools.move_cursor(2);
    check_picture("terminal-1000-pools", app, (120, 30));
}

fn check_picture(name: &str, app: &App, size: (u16, u16)) {
    let path = testkit::root().join(format!("docs/img/{name}.svg"));
    let expected = svg(&render(app, size));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &expected).expect("the picture is writable");
    }
    let actual = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        actual == expected,
        "{} is out of date: UPDATE=1 cargo test --lib pictures",
        path.display()
    );
}
