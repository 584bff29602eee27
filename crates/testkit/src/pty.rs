//! A program in a real pseudo-terminal, and what a terminal would show of it.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything that should happen may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A terminal with a program in it; the program ends with the value.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept, or the settings of the terminal would go with its last user.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    bytes: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    sent: Vec<u8>,
}

impl Terminal {
    /// Starts the program in a terminal of so many columns and rows.
    pub fn start(command: CommandBuilder, (cols, rows): (u16, u16)) -> Self {
        let size = PtySize {
            rows,
            cols,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system()
            .openpty(size)
            .expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program runs");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let (sender, bytes) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    return;
                }
            }
        });
        let writer = pair.master.take_writer().expect("a writer");
        let side = |n| NonZero::new(n).expect("some");
        let parser = vt100::Parser::new(side(rows), side(cols), 0);
        Self {
            master: pair.master,
            _slave: pair.slave,
            writer,
            child,
            bytes,
            parser,
            sent: Vec::new(),
        }
    }

    /// Types.
    pub fn press(&mut self, keys: &str) {
        self.writer
            .write_all(keys.as_bytes())
            .and_then(|()| self.writer.flush())
            .expect("it is there");
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen is as wanted, and says when the bytes came that made it so.
    pub fn until(&mut self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) -> Instant {
        let end = Instant::now() + PATIENCE;
        let mut at = Instant::now();
        while !holds(self.parser.screen()) {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((when, bytes)) = self.bytes.recv_timeout(left) else {
                panic!("{what}: not on the screen:\n{}", self.text());
            };
            at = when;
            self.parser.process(&bytes);
            self.sent.extend(bytes);
        }
        at
    }

    /// Waits until these words are on the screen.
    pub fn shows(&mut self, words: &str) -> Instant {
        self.until(words, |screen| screen.contents().contains(words))
    }

    /// Whether the program has sent these bytes, whatever came after them.
    pub fn has_sent(&self, bytes: &[u8]) -> bool {
        self.sent.windows(bytes.len()).any(|part| part == bytes)
    }

    /// The program's id.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("an id")
    }

    /// Whether lines are edited and shown by the terminal itself, as a shell needs it.
    pub fn is_cooked(&self) -> bool {
        let flags = format!(
            "{:?}",
            self.master.get_termios().expect("its settings").local_flags
        );
        flags.contains("ICANON") && flags.contains("ECHO")
    }

    /// Waits for the end, and until the terminal is as a shell needs it; gives the exit code.
    pub fn end(&mut self) -> u32 {
        let code = self.child.wait().expect("an end").exit_code();
        self.until("the main screen and a cursor", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
        assert!(self.is_cooked(), "the terminal stays raw");
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
