//! The terminal after a panic: this very test program runs again inside one, and panics there.

use crate::tui::run::guarded;
use portable_pty::CommandBuilder;
use testkit::pty::Terminal;

const INSIDE: &str = "WORKERPOOL_TEST_INSIDE";

#[test]
fn a_panic_leaves_the_terminal_as_it_was_and_says_what_happened() {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "tui::tests::panic::inside", "--nocapture"]);
    command.env(INSIDE, "1");
    command.env("RUST_BACKTRACE", "0"); // its words would scroll off
    let mut terminal = Terminal::start(command, (100, 30));
    assert_eq!(terminal.end(), 101);
    terminal.shows("drawing went wrong");
    assert!(
        terminal.has_sent(b"\x1b[?1049h"),
        "it was on another screen"
    );
}

#[test]
fn inside() {
    if std::env::var_os(INSIDE).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let shown = runtime.block_on(guarded(async |mut terminal| {
        terminal.draw(|_| panic!("drawing went wrong"))?;
        Ok(())
    }));
    panic!("it should not come here: {shown:?}");
}
