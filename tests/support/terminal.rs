//! A client on a real terminal: stdin and stderr are one, stdout is a pipe.

use super::{Home, text, wait};
use nix::{
    pty::{Winsize, openpty},
    sys::termios::{LocalFlags, tcgetattr},
};
use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

/// The client.
pub struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: thread::JoinHandle<()>,
}

impl Terminal {
    pub fn start(home: &Home, arguments: &[&str]) -> Self {
        Self::of(home.claviger(arguments))
    }

    /// Runs `command`.
    pub fn of(mut command: Command) -> Self {
        // So wide that no text is broken: how it is, is what `screens` looks at.
        let size = Winsize { ws_row: 24, ws_col: 1000, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None).expect("a terminal");
        command.env("NO_COLOR", "1").env("TERM", "xterm").stdout(Stdio::piped());
        command.stdin(pty.slave.try_clone().expect("clone")).stderr(pty.slave);
        let child = command.spawn().expect("claviger runs");
        let keys = File::from(pty.master);
        let (mut output, screen) = (keys.try_clone().expect("clone"), Arc::new(Mutex::new(Vec::new())));
        let shown = screen.clone();
        let reader = thread::spawn(move || {
            let mut chunk = [0; 1024];
            // It ends with an error when the last process has left the terminal.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                shown.lock().expect("lock").extend_from_slice(&chunk[..count]);
            }
        });
        Self { child, keys, screen, reader }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn screen(&self) -> String {
        text(&self.screen.lock().expect("lock"))
    }

    /// Waits until `part` is on the screen.
    #[track_caller]
    pub fn shows(&self, part: &str) {
        let shows = wait::holds_within(wait::BOUND, || self.screen().contains(part));
        assert!(shows, "no {part:?}: {:?}", self.screen());
    }

    /// Types, once.
    pub fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("typed");
    }

    /// Whether it shows what is typed.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.keys).expect("a terminal").local_flags.contains(LocalFlags::ECHO)
    }

    /// Waits for a question and answers it.
    pub fn answer(&mut self, question: &str, keys: &str) {
        self.shows(question);
        // What is typed before the question counts for nothing, so it has to be ready to read.
        wait::until("it is answered", || {
            drop(self.keys.write_all(keys.as_bytes()));
            wait::holds_within(Duration::from_millis(300), || {
                self.child.try_wait().expect("status").is_some()
            })
        });
    }

    /// Exit code, stdout and what was on the screen.
    pub fn end(self) -> (Option<i32>, String, String) {
        let Self { mut child, screen, reader, keys: _keys } = self;
        wait::until("it ends", || child.try_wait().expect("status").is_some());
        let output = child.wait_with_output().expect("output");
        // What it wrote last may still be on its way.
        reader.join().expect("the screen is read");
        (output.status.code(), text(&output.stdout), text(&screen.lock().expect("lock")))
    }
}
