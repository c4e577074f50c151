//! What a person is told on stderr while the answer takes its time.
//!
//! A terminal shows a spinner, and what the running command says: it may ask to open a page or to touch a key. Anything
//! else, such as a log, gets one line after ten seconds.

use crate::{escape, output, render};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, step::Outcome, watch_credential_response::Event},
    session::SessionContext,
};
use std::{
    io::{self, IsTerminal as _},
    time::Duration,
};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// From here on a person wonders (`spec/behaviour.md` A7, "slow notice").
const SLOW: Duration = Duration::from_secs(10);
/// From here on a terminal shows that something is going on.
const SPIN: Duration = Duration::from_secs(2);
/// Pace of the spinner.
const TURN: Duration = Duration::from_millis(120);
/// How long finding out what is waited for may take.
const LOOKUP: Duration = Duration::from_secs(1);
/// What the spinner looks like.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];
/// Longest subject of a spinner: its line must fit the terminal, or it could not be erased.
const MAX_SUBJECT: usize = 50;
/// Erases the line of the spinner.
const ERASE: &str = "\r\x1b[K";

/// Ends when dropped.
pub(super) struct Company {
    tasks: Vec<JoinHandle<()>>,
    start: Instant,
    terminal: bool,
}

impl Company {
    /// Starts telling.
    pub(super) fn keep(client: &Client, session: &SessionContext) -> Self {
        let (start, terminal) = (Instant::now(), io::stderr().is_terminal());
        let subject = || (client.clone(), session.clone());
        let tasks = match terminal {
            true => vec![tokio::spawn(spin(subject(), start)), tokio::spawn(listen(subject()))],
            false => vec![tokio::spawn(notify(subject(), start))],
        };
        Self { tasks, start, terminal }
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        if self.terminal && self.start.elapsed() >= SPIN {
            output::talk(ERASE);
        }
    }
}

/// One line, once.
async fn notify((client, session): (Client, SessionContext), start: Instant) {
    sleep(SLOW).await;
    output::talk(&notice(&subject(&client, &session).await, start.elapsed()));
}

async fn spin((client, session): (Client, SessionContext), start: Instant) {
    sleep(SPIN).await;
    let subject = shorten(&subject(&client, &session).await);
    for frame in FRAMES.iter().cycle() {
        output::talk(&format!("{ERASE}{frame} waiting for {subject}, {} s ", start.elapsed().as_secs()));
        sleep(TURN).await;
    }
}

/// Passes on what the command says that is waited for.
async fn listen((mut client, session): (Client, SessionContext)) {
    let Ok(mut events) = client.watch(&session).await else { return };
    while let Ok(Some(event)) = events.next().await {
        match event {
            Event::Progress(progress) if !progress.line.is_empty() => {
                let (source, line) = (escape::line(&progress.source), escape::line(&progress.line));
                output::talk(&format!("{ERASE}{source}: {line}\n"));
            }
            _ => {}
        }
    }
}

/// The source that wins for this session and where it is configured. The daemon runs nothing to say so.
async fn subject(client: &Client, session: &SessionContext) -> String {
    let message = ExplainRequest { session: Some(session.to_proto()) };
    let mut service = client.inspect();
    let asked = timeout(LOOKUP, service.explain(request(message))).await;
    let answer = asked.ok().and_then(|answer| unwrap(answer).ok()).unwrap_or_default();
    let Some(step) = answer.steps.iter().find(|step| step.outcome() == Outcome::Chosen) else {
        return "the daemon".into();
    };
    let place = step.location.as_ref().map(|location| format!(" ({})", render::place(location)));
    format!("{}{}", escape::line(&step.source), place.unwrap_or_default())
}

fn notice(subject: &str, waited: Duration) -> String {
    let seconds = waited.as_secs();
    format!("claviger: still waiting for {subject}, {seconds} s so far; `claviger status` shows more\n")
}

/// Keeps both ends: the name of the source and the name of the file.
fn shorten(subject: &str) -> String {
    let count = subject.chars().count();
    if count <= MAX_SUBJECT {
        return subject.to_owned();
    }
    let half = (MAX_SUBJECT - 3) / 2;
    let head: String = subject.chars().take(half).collect();
    let tail: String = subject.chars().skip(count - half).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::{MAX_SUBJECT, notice, shorten};
    use std::time::Duration;

    #[test]
    fn the_notice_names_source_and_place() {
        assert_eq!(
            notice("api-key-helper (/h/settings.json:3)", Duration::from_millis(10_020)),
            "claviger: still waiting for api-key-helper (/h/settings.json:3), 10 s so far; `claviger status` shows more\n"
        );
    }

    #[test]
    fn a_long_subject_keeps_both_ends() {
        let subject = format!("api-key-helper (/{}/settings.json:3)", "x".repeat(100));
        let short = shorten(&subject);
        assert!(short.starts_with("api-key-helper (/x") && short.ends_with("/settings.json:3)"), "{short}");
        assert!(short.len() <= MAX_SUBJECT);
        assert_eq!(shorten("short"), "short");
    }
}
