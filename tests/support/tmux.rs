//! A client in a real terminal emulator: what is on the screen is what a person sees.

use super::{Home, text, wait};
use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

static STARTED: AtomicU32 = AtomicU32::new(0);

/// A terminal with one program in it; ends with this value.
pub struct Tmux {
    socket: PathBuf,
    pid: PathBuf,
}

impl Tmux {
    /// Starts `claviger ARGUMENTS` in a terminal of `size` (columns, rows). `None` where tmux is missing.
    pub fn start(home: &Home, size: (u16, u16), arguments: &[&str]) -> Option<Self> {
        Self::of(home, size, &home.claviger(arguments))
    }

    /// As [`Tmux::start`], with any program: its arguments and its environment are the command's.
    pub fn of(home: &Home, (columns, rows): (u16, u16), program: &Command) -> Option<Self> {
        // A server that was told to end may still have its socket.
        let number = STARTED.fetch_add(1, Relaxed);
        let tmux = Self {
            socket: home.path(format!("run/tmux-{number}")),
            pid: home.path(format!("client-{number}.pid")),
        };
        let mut command = Command::new("tmux");
        command.env_clear().current_dir(home.path("work"));
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env("LANG", "C.UTF-8").env("TERM", "xterm-256color").env_remove("NO_COLOR");
        let words = [program.get_program()].into_iter().chain(program.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.to_string_lossy())).collect();
        let script = format!(
            "trap : INT; echo before; sh -c 'echo $$ >{}; exec \"$@\"' sh {}; code=$?; echo; echo \"ended with $code\"; stty -a | tr ';' '\\n' | grep icanon; exec cat",
            tmux.pid.display(),
            words.join(" ")
        );
        command.args(["-u", "-f", "/dev/null", "-S"]).arg(&tmux.socket).args(["new-session", "-d"]);
        command.args(["-x", &columns.to_string(), "-y", &rows.to_string(), &script]);
        let output = command.output().ok()?;
        assert!(output.status.success(), "{}", text(&output.stderr));
        Some(tmux)
    }

    /// Process id of the client.
    pub fn pid(&self) -> u32 {
        let read = || std::fs::read_to_string(&self.pid).ok()?.trim().parse().ok();
        wait::until("the client runs", || read().is_some());
        read().expect("a number")
    }

    /// What is on the screen.
    pub fn screen(&self) -> String {
        text(&self.run(&["capture-pane", "-p"]).stdout)
    }

    /// The same with the lines of the program: those that the terminal broke are whole.
    pub fn lines(&self) -> String {
        text(&self.run(&["capture-pane", "-p", "-J"]).stdout)
    }

    /// What is on the screen with its colours, as escape sequences.
    pub fn colours(&self) -> String {
        text(&self.run(&["capture-pane", "-p", "-e"]).stdout)
    }

    /// Waits until `part` is on the screen.
    #[track_caller]
    pub fn shows(&self, part: &str) {
        self.shows_that(part, |screen| screen.contains(part));
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    pub fn shows_that(&self, what: &str, holds: impl Fn(&str) -> bool) {
        let shows = wait::holds_within(wait::BOUND, || holds(&self.screen()));
        assert!(shows, "no {what:?}:\n{}", self.screen());
    }

    /// Presses keys, as tmux names them: "q", "Down", "C-c".
    pub fn press(&self, keys: &[&str]) {
        assert!(self.run(&[&["send-keys"], keys].concat()).status.success());
    }

    /// Makes the terminal another size.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = ["resize-window", "-x", &columns.to_string(), "-y", &rows.to_string()];
        assert!(self.run(&size).status.success());
    }

    /// As [`Tmux::ended`], and what was on the screen before is there again.
    #[track_caller]
    pub fn restored(&self, code: u8) {
        self.ended(code);
        self.shows_that("what was there before", |screen| screen.starts_with("before"));
    }

    /// Waits until the client has ended with `code`, and the terminal works as before.
    #[track_caller]
    pub fn ended(&self, code: u8) {
        self.shows(&format!("ended with {code}"));
        self.shows("icanon");
        assert!(!self.screen().contains("-icanon"), "{}", self.screen());
        let flags = self.run(&["display-message", "-p", "#{alternate_on}#{cursor_flag}"]);
        assert_eq!(text(&flags.stdout).trim(), "01", "no other screen, and a cursor");
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new("tmux").arg("-S").arg(&self.socket).args(arguments).output().expect("tmux runs")
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // Of this socket only.
        drop(self.run(&["kill-server"]));
    }
}
