//! Drawn frames: what a person sees.

use super::super::app::App;
use super::super::snapshot::{frame, to_json};
use super::super::svg::svg;
use super::stage::{Stage, at, tell};
use crate::cluster::events::PoolUpdate;
use crate::text::lang::Lang;
use crate::tui::style::text;
use ratatui::crossterm::event::{KeyCode, KeyEvent};
use std::path::Path;

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
        app.key(KeyEvent::from(code), now);
    }
}

/// A minute after a burst of 25.
fn after_a_burst(lang: Lang, ascii: bool) -> Stage {
    let mut stage = Stage::new(lang, ascii);
    stage.play(20).push(25);
    stage.play(55);
    stage
}

#[test]
fn a_class_sees_this() {
    let stage = after_a_burst(Lang::En, false);
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
    insta::assert_snapshot!(
        "a_class_sees_this_wide",
        text(&frame(&stage.app, (140, 40)))
    );
    insta::assert_snapshot!(
        "a_class_sees_this_huge",
        text(&frame(&stage.app, (200, 60)))
    );
}

#[test]
fn in_spanish() {
    let stage = after_a_burst(Lang::Es, false);
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
}

#[test]
fn with_ascii_alone() {
    let mut stage = after_a_burst(Lang::En, true);
    let seen = text(&frame(&stage.app, (80, 24)));
    assert!(seen.is_ascii(), "{seen}");
    insta::assert_snapshot!(seen);
    press(&mut stage.app, "?");
    let help = text(&frame(&stage.app, (80, 30)));
    assert!(
        help.chars()
            .all(|sign| sign.is_ascii() || "┌┐└┘ñ".contains(sign)),
        "{help}"
    );
}

#[test]
fn what_cannot_be_read_is_a_gap_and_no_zero() {
    let mut stage = after_a_burst(Lang::En, false);
    stage.blind = Some("Redis redis:6379: connection refused");
    stage.play(75);
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
}

#[test]
fn who_drains_stands_first() {
    let mut stage = after_a_burst(Lang::En, false);
    stage.drain();
    stage.play(58);
    let seen = text(&frame(&stage.app, (100, 30)));
    insta::assert_snapshot!(seen);
}

#[test]
fn before_anything_is_known() {
    let stage = Stage::new(Lang::En, false);
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
}

#[test]
fn a_thousand_pools_problems_first() {
    let mut stage = Stage::new(Lang::En, false);
    let app = &mut stage.app;
    tell(app, 1000);
    app.list(PoolUpdate::InitDone);
    press(app, "b");
    app.pools.chosen = None;
    app.tick(at(3));
    app.pools.step(isize::MIN);
    insta::assert_snapshot!(text(&frame(app, (80, 24))));
    press(app, "/atmax⏎");
    insta::assert_snapshot!("a_filter", text(&frame(app, (140, 24))));
    press(app, "/ nothing⏎");
    assert!(text(&frame(app, (80, 24))).contains("No pool matches the filter."));
}

#[test]
fn frozen_it_says_so_and_shows_that_moment() {
    let mut stage = after_a_burst(Lang::En, false);
    press(&mut stage.app, "[");
    stage.play(70);
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
}

#[test]
fn a_question_before_a_write() {
    let mut stage = after_a_burst(Lang::En, false);
    press(&mut stage.app, "n9 30m⏎");
    insta::assert_snapshot!(text(&frame(&stage.app, (80, 24))));
}

#[test]
fn too_small_is_said() {
    let stage = Stage::new(Lang::En, false);
    assert!(text(&frame(&stage.app, (40, 10))).starts_with("60×20 at least"));
}

#[test]
fn the_same_as_json() {
    let stage = after_a_burst(Lang::En, false);
    insta::assert_json_snapshot!(to_json(&stage.app));
}

/// The pictures of the README are frames of this very code: `UPDATE=1 cargo test pictures` draws them anew.
#[test]
fn the_pictures_are_true() {
    let mut stage = Stage::new(Lang::En, false);
    stage.play(20).push(25);
    stage.play(112);
    stage.app.look.color = true;
    picture("terminal-140x40", &stage.app, (140, 40));
    let mut stage = Stage::new(Lang::Es, false);
    stage.play(20).push(25);
    stage.play(48);
    stage.app.look.color = true;
    picture("terminal-80x24-es", &stage.app, (80, 24));
    let mut stage = Stage::new(Lang::En, false);
    stage.app.look.color = true;
    stage.play(60).push(25);
    stage.play(89);
    picture("terminal-80x24", &stage.app, (80, 24));
    stage.blind = Some("Redis redis:6379: connection refused");
    stage.play(106);
    press(&mut stage.app, "[");
    picture("terminal-frozen", &stage.app, (100, 30));
    let app = &mut stage.app;
    tell(app, 1000);
    app.list(PoolUpdate::InitDone);
    press(app, "b");
    app.tick(at(107));
    app.pools.step(isize::MIN);
    app.pools.step(2);
    picture("terminal-1000-pools", app, (120, 30));
}

fn picture(name: &str, app: &App, size: (u16, u16)) {
    let path = testkit::root().join(format!("docs/img/{name}.svg"));
    let drawn = svg(&frame(app, size));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &drawn).expect("it can be written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        there == drawn,
        "{} is out of date: UPDATE=1 cargo test --lib pictures",
        path.display()
    );
}
