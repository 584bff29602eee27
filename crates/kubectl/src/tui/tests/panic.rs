//! The terminal after a panic: the test program starts itself in a pseudo-terminal, and panics there.

use crate::tui::run::with_terminal;
use portable_pty::CommandBuilder;
use testkit::pty::Terminal;

/// Set in the inner program.
const INSIDE: &str = "WORKERPOOL_TEST_INSIDE";

#[test]
fn a_panic_restores_the_terminal_and_prints_its_message() {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "tui::tests::panic::inside", "--nocapture"]);
    command.env(INSIDE, "1");
    command.env("RUST_BACKTRACE", "0"); // the message must not scroll away
    let mut terminal = Terminal::start(command, (100, 30));
    assert_eq!(terminal.end(), 101);
    terminal.shows("drawing went wrong");
    assert!(
        terminal.has_sent(b"\x1b[?1049h"),
        "it was on the alternate screen"
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
    let result = runtime.block_on(with_terminal(async |mut terminal| {
        terminal.draw(|_| panic!("drawing went wrong"))?;
        Ok(())
    }));
    panic!("drawing must panic: {result:?}");
}
