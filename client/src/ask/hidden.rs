//! Reads a secret: typed without an echo, or from a pipe. Never from the command line.

use crate::{failure::Failure, output};
use claviger::Secret;
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::{
    io::{self, IsTerminal as _, Read as _},
    thread,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

/// Longest input, in bytes. Longer input is not a secret.
const MAX: u64 = 64 * 1024;

/// A terminal without echo; echo returns on drop.
struct Silence(Termios);

/// Asks for `what`. Ctrl-C cancels.
///
/// # Errors
/// `malformed-request` if the input is not exactly one non-empty line, `cancelled` after Ctrl-C.
pub(crate) async fn ask(what: &str) -> Result<Secret, Failure> {
    let is_terminal = io::stdin().is_terminal();
    // Before echo is turned off: a process killed by Ctrl-C could not turn it on again.
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| Failure::Setup(error.to_string()))?;
    let silence = if is_terminal { Silence::fall() } else { None };
    if is_terminal {
        output::talk(&format!("{what} (not shown): "));
    }
    let (sender, receiver) = oneshot::channel();
    // Reads in a thread: a terminal offers no other way to wait, and the process need not wait for the thread.
    thread::spawn(move || drop(sender.send(read(is_terminal))));
    let input = tokio::select! {
        input = receiver => input.unwrap_or_else(|_| Err(io::ErrorKind::UnexpectedEof.into())),
        _ = interrupts.recv() => Err(io::ErrorKind::Interrupted.into()),
    };
    drop(silence);
    if is_terminal {
        output::talk("\n");
    }
    match input {
        Ok(input) => one_line(input, what),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(Failure::gave_up()),
        Err(error) => Err(Failure::usage(format!("{what} cannot be read from stdin: {error}"), "")),
    }
}

fn read(one_line: bool) -> io::Result<String> {
    let mut secret = String::new();
    match one_line {
        true => drop(io::stdin().read_line(&mut secret)?),
        false => drop(io::stdin().lock().take(MAX).read_to_string(&mut secret)?),
    }
    Ok(secret)
}

fn one_line(mut input: String, what: &str) -> Result<Secret, Failure> {
    input.truncate(input.trim_end().len());
    let secret = Secret::new(input);
    match secret.expose().as_str() {
        "" => Err(Failure::usage(format!("no {what} was given"), "type it in, or pipe it to stdin")),
        text if text.contains(['\n', '\r']) => {
            Err(Failure::usage(format!("the {what} has more than one line"), "give only the {what}"))
        }
        _ => Ok(secret),
    }
}

impl Silence {
    fn fall() -> Option<Self> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut quiet = before.clone();
        quiet.local_flags.remove(LocalFlags::ECHO);
        // Input typed before the question is not an answer to it.
        tcsetattr(io::stdin(), SetArg::TCSAFLUSH, &quiet).ok()?;
        Some(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn a_secret_is_one_line() {
        let read = |text: &str| one_line(text.to_owned(), "API key");
        assert_eq!(read("sk-canary-1\r\n").expect("a secret").expose(), "sk-canary-1");
        for text in ["", " \n", "sk-canary-1\nsk-canary-2"] {
            let shown = read(text).expect_err(text).render(false);
            assert!(shown.contains("API key") && !shown.contains("canary"), "{shown}");
        }
    }
}
