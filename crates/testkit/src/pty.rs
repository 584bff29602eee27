//! A program in a real pseudo-terminal, and the screen that it draws.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, SlavePty, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long to wait for anything that should happen.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A terminal with a program in it. The program is killed when the terminal is dropped.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    /// Kept open, because the terminal's settings are lost with its last user.
    _slave: Box<dyn SlavePty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    bytes: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    sent: Vec<u8>,
}

impl Terminal {
    /// Starts the program in a terminal of `cols` columns and `rows` rows.
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

    /// Types `keys`.
    pub fn press(&mut self, keys: &str) {
        self.writer
            .write_all(keys.as_bytes())
            .and_then(|()| self.writer.flush())
            .expect("the terminal is open");
    }

    /// The text on the screen.
    pub fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until `condition` holds for the screen. Returns when the bytes arrived that made it hold.
    pub fn until(&mut self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) -> Instant {
        let end = Instant::now() + TIMEOUT;
        let mut arrived = Instant::now();
        while !condition(self.parser.screen()) {
            let remaining = end.saturating_duration_since(Instant::now());
            let Ok((when, bytes)) = self.bytes.recv_timeout(remaining) else {
                panic!("{what}: not on the screen:\n{}", self.text());
            };
            arrived = when;
            self.parser.process(&bytes);
            self.sent.extend(bytes);
        }
        arrived
    }

    /// Waits until `text` is on the screen. Returns when its last bytes arrived.
    pub fn shows(&mut self, text: &str) -> Instant {
        self.until(text, |screen| screen.contents().contains(text))
    }

    /// Whether the program has ever sent these bytes.
    pub fn has_sent(&self, bytes: &[u8]) -> bool {
        self.sent.windows(bytes.len()).any(|part| part == bytes)
    }

    /// The process ID of the program.
    pub fn id(&self) -> u32 {
        self.child.process_id().expect("an id")
    }

    /// Whether the terminal itself edits and echoes lines, as a shell needs it.
    pub fn is_cooked(&self) -> bool {
        let flags = format!(
            "{:?}",
            self.master.get_termios().expect("its settings").local_flags
        );
        flags.contains("ICANON") && flags.contains("ECHO")
    }

    /// Waits until the program has ended and the terminal is as a shell needs it. Returns the exit code.
    pub fn end(&mut self) -> u32 {
        let code = self.child.wait().expect("an end").exit_code();
        self.until("the main screen and a cursor", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor()
        });
        assert!(self.is_cooked(), "the terminal is still in raw mode");
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
