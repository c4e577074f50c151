//! Progress on stderr while an answer takes long.
//!
//! A terminal shows a spinner and the output of the running command: it may ask to open a page or to touch a key. Other
//! destinations, such as a log, get one line after ten seconds, and the output of a sign-in command: a person may see
//! the page to open only there.

use super::question;
use crate::{output, render, text::escape};
use claviger::{
    Change, Progress,
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, step::Outcome},
    session::SessionContext,
};
use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// From here on a person expects a notice (`spec/behaviour.md` A7, "slow notice").
const SLOW: Duration = Duration::from_secs(10);
/// From here on a terminal shows a spinner.
const SPIN: Duration = Duration::from_secs(2);
/// Pace of the spinner.
const TURN: Duration = Duration::from_millis(120);
/// Time limit for finding out what is waited for.
const LOOKUP: Duration = Duration::from_secs(1);
/// Frames of the spinner.
const FRAMES: [char; 4] = ['|', '/', '-', '\\'];
/// Longest subject of a spinner: its line must fit the terminal, or it could not be erased.
const MAX_SUBJECT: usize = 50;
/// Erases the spinner's line.
const ERASE: &str = "\r\x1b[K";

/// Time limit for the last lines after the answer has arrived: they come on another stream of the same connection.
const LAST_LINES: Duration = Duration::from_millis(50);

/// Ends when dropped.
pub(super) struct Company {
    notices: JoinHandle<()>,
    listener: JoinHandle<()>,
    asker: JoinHandle<()>,
    /// Signals that the answer has arrived.
    answered: Option<oneshot::Sender<()>>,
    start: Instant,
    terminal: bool,
}

impl Company {
    /// Starts showing progress.
    pub(super) fn keep(client: &Client, session: &SessionContext, can_ask: bool) -> Self {
        let (start, terminal) = (Instant::now(), io::stderr().is_terminal());
        let subject = || (client.clone(), session.clone());
        let (answered, when_answered) = oneshot::channel();
        let asking = Arc::new(AtomicBool::new(false));
        let notices = match terminal {
            true => tokio::spawn(spin(subject(), start, asking.clone())),
            false => tokio::spawn(notify(subject(), start)),
        };
        let listener = tokio::spawn(listen(subject(), terminal, when_answered));
        let asker = tokio::spawn(question::answer_own(client.clone(), can_ask, asking));
        Self { notices, listener, asker, answered: Some(answered), start, terminal }
    }

    /// Shows lines that arrived before the answer.
    pub(super) async fn end(mut self) {
        self.notices.abort();
        drop(self.answered.take());
        drop(timeout(LAST_LINES, &mut self.listener).await);
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.notices.abort();
        self.listener.abort();
        self.asker.abort();
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

async fn spin((client, session): (Client, SessionContext), start: Instant, asking: Arc<AtomicBool>) {
    sleep(SPIN).await;
    let subject = shorten(&subject(&client, &session).await);
    for frame in FRAMES.iter().cycle() {
        // The line belongs to the person while a question is open.
        if asking.load(Relaxed) {
            sleep(TURN).await;
            continue;
        }
        output::talk(&format!("{ERASE}{frame} waiting for {subject}, {} s ", start.elapsed().as_secs()));
        sleep(TURN).await;
    }
}

/// Passes on the output of the command that is waited for: everything to a terminal, otherwise only messages for a
/// person. Ends after the answer has arrived and the stream has delivered the result, which follows the last line.
async fn listen(
    (mut client, session): (Client, SessionContext),
    terminal: bool,
    mut answered: oneshot::Receiver<()>,
) {
    let Ok(mut events) = client.look_on_beside(&session).await else { return };
    let (mut is_answered, mut is_told) = (false, false);
    while !(is_answered && is_told) {
        let event = tokio::select! {
            biased;
            event = events.next() => event,
            _ = &mut answered, if !is_answered => {
                is_answered = true;
                continue;
            }
        };
        match event {
            Ok(Some(Change::Progress(progress))) => {
                is_told = false;
                tell(&progress, terminal);
            }
            Ok(Some(_)) => is_told = true,
            Ok(None) | Err(_) => return,
        }
    }
}

fn tell(progress: &Progress, terminal: bool) {
    if !progress.line.is_empty() && (terminal || progress.attended) {
        let (source, line) = (escape::line(&progress.source), escape::line(&progress.line));
        let erase = if terminal { ERASE } else { "" };
        output::talk(&format!("{erase}{source}: {line}\n"));
    }
}

/// The winning source of this session and where it is configured. The daemon runs nothing for this.
async fn subject(client: &Client, session: &SessionContext) -> String {
    let message = ExplainRequest { session: client.describe(session).ok(), ..Default::default() };
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
