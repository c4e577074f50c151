//! The question that a person at a terminal is asked, on a real one.

#![allow(clippy::disallowed_methods, reason = "tests prepare the world that the daemon looks at")]

mod support;

use nix::pty::openpty;
use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Child, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};
use support::{CANARY, Home, text, wait};

const PROJECT: &str = "work/.claude/settings.json";

/// A client on a terminal: stdin and stderr are one, stdout is a pipe.
struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    fn start(home: &Home, arguments: &[&str]) -> Self {
        let pty = openpty(None, None).expect("a terminal");
        let mut command = home.claviger(arguments);
        command.env("NO_COLOR", "1").env("TERM", "xterm").stdout(Stdio::piped());
        command.stdin(pty.slave.try_clone().expect("clone")).stderr(pty.slave);
        let child = command.spawn().expect("claviger runs");
        let keys = File::from(pty.master);
        let (mut output, screen) = (keys.try_clone().expect("clone"), Arc::new(Mutex::new(Vec::new())));
        let shown = screen.clone();
        thread::spawn(move || {
            let mut chunk = [0; 1024];
            // It ends with an error when the last process has left the terminal.
            while let Ok(count @ 1..) = output.read(&mut chunk) {
                shown.lock().expect("lock").extend_from_slice(&chunk[..count]);
            }
        });
        Self { child, keys, screen }
    }

    fn screen(&self) -> String {
        text(&self.screen.lock().expect("lock"))
    }

    /// Waits for the question and answers it.
    fn answer(&mut self, keys: &str) {
        let asks = wait::holds_within(wait::BOUND, || self.screen().contains("(default: n): "));
        assert!(asks, "no question: {:?}", self.screen());
        // What is typed before the question counts for nothing, so it has to be ready to read.
        wait::until("it is answered", || {
            drop(self.keys.write_all(keys.as_bytes()));
            wait::holds_within(Duration::from_millis(300), || {
                self.child.try_wait().expect("status").is_some()
            })
        });
    }

    /// Exit code, stdout and what was on the screen.
    fn end(self) -> (Option<i32>, String, String) {
        let screen = self.screen.clone();
        let output = self.child.wait_with_output().expect("output");
        (output.status.code(), text(&output.stdout), text(&screen.lock().expect("lock")))
    }
}

fn plant(home: &Home) -> String {
    let helper = home.counting_helper("project", 0.0);
    home.write(PROJECT, &support::settings(&helper, &[("ANTHROPIC_BASE_URL", "https://gw.example")]));
    helper.display().to_string()
}

#[test]
fn the_question_shows_command_and_place_and_t_trusts() {
    let home = Home::new();
    let helper = plant(&home);
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer("t\n");
    let (code, stdout, screen) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), format!("{CANARY}project-1\n").as_str()), "{screen}");
    // Long lines are wrapped behind a bar.
    let flat: String = screen.replace("\r\n      | ", "");
    for part in ["apiKeyHelper", &helper, "work/.claude/settings.json:2", "https://gw.example"] {
        assert!(flat.contains(part), "no {part} in {screen}");
    }
    assert!(!screen.contains(CANARY), "{screen}");
    home.ok(&["token"]);
}

#[test]
fn anything_but_a_clear_answer_does_nothing() {
    let home = Home::new();
    plant(&home);
    let _daemon = home.daemon();
    for keys in ["\n", "n\n", "y\n", "yes\n", "trust me\n", "\u{4}"] {
        let mut terminal = Terminal::start(&home, &["token"]);
        terminal.answer(keys);
        let (code, stdout, screen) = terminal.end();
        assert_eq!((code, stdout.as_str()), (Some(4), ""), "{keys:?}: {screen}");
    }
    assert_eq!(home.runs("project"), 0);
    assert!(home.ok(&["trust", "list"]).contains("nothing has been decided"));
}

#[test]
fn i_leaves_the_project_out() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("user", 0.0), &[]);
    plant(&home);
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer("i\n");
    let (code, stdout, screen) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), format!("{CANARY}user-1\n").as_str()), "{screen}");
    assert_eq!(home.runs("project"), 0);
}

#[test]
fn what_a_repository_writes_cannot_move_the_cursor() {
    let home = Home::new();
    let command = "evil\u{1b}[2K\u{1b}[1A\r\n\u{202e}\u{9b}31m\u{7}claviger: trusted already";
    home.write(PROJECT, &serde_json::json!({"apiKeyHelper": command, "env": {"B": command}}).to_string());
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer("n\n");
    let (_, _, screen) = terminal.end();
    let shown = [screen, home.ok(&["trust", "show"]), home.ok(&["explain"]), home.fails(4, &["token"])];
    for (number, shown) in shown.iter().enumerate() {
        let bad = |c: char| (c.is_control() && !"\r\n\t".contains(c)) || c == '\u{202e}';
        assert!(!shown.contains(bad), "{number}: {shown:?}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("claviger: trusted")), "{shown}");
    }
    assert!(shown[0].contains("\\u{1b}[2K"), "{}", shown[0]);
}
