//! Progress on stderr while an answer takes long.
//!
//! A terminal shows a spinner and the output of the running command: it may ask to open a page or to touch a key. Other
//! destinations, such as a log, get one line after ten seconds, and the output of a sign-in command: a person may see
//! the page to open only there.

use super::question;
use crate::{
    failure::exit,
    output, render,
    spinner::{ERASE, Spinner},
    text::escape,
};
use claviger::{
    Change, Progress,
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, ListPendingRequest, Pending, step::Outcome},
    session::SessionContext,
    wire,
};
use std::{
    io::{self, IsTerminal as _},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
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
/// Time limit for finding out what is waited for.
const LOOKUP: Duration = Duration::from_secs(1);
/// Longest subject of a spinner.
const MAX_SUBJECT: usize = 50;

/// Time limit for the last lines after the answer has arrived: they come on another stream of the same connection.
const LAST_LINES: Duration = Duration::from_millis(50);

/// What is waited for, as far as it is known.
#[derive(Default)]
struct Known {
    subject: String,
    sign_in: Option<SignIn>,
}

/// A person is expected to sign in.
struct SignIn {
    deadline: SystemTime,
    /// Whether an address to open was shown.
    has_link: bool,
}

/// Ends when dropped.
pub(super) struct Company {
    notices: JoinHandle<()>,
    listener: JoinHandle<()>,
    asker: JoinHandle<()>,
    /// Signals that the answer has arrived.
    answered: Option<oneshot::Sender<()>>,
    _spinner: Option<Spinner>,
}

impl Company {
    /// Starts showing progress.
    pub(super) fn keep(client: &Client, session: &SessionContext, can_ask: bool) -> Self {
        let (start, terminal) = (Instant::now(), io::stderr().is_terminal());
        let subject = || (client.clone(), session.clone());
        let (answered, when_answered) = oneshot::channel();
        let (asking, known) = (Arc::new(AtomicBool::new(false)), Arc::<Mutex<Known>>::default());
        let notices = tokio::spawn(find_out(subject(), start, terminal.then(|| known.clone())));
        let (open, now) = (asking.clone(), known.clone());
        // The line belongs to the person while a question is open.
        let line = move || if open.load(Relaxed) { None } else { locked(&now).line(start.elapsed()) };
        let spinner = terminal.then(|| Spinner::start(SPIN, line));
        let listener = tokio::spawn(listen(subject(), terminal.then_some(known), when_answered));
        let asker = tokio::spawn(question::answer_own(client.clone(), can_ask, asking));
        Self { notices, listener, asker, answered: Some(answered), _spinner: spinner }
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
    }
}

impl Known {
    fn line(&self, waited: Duration) -> Option<String> {
        match &self.sign_in {
            Some(sign_in) => Some(sign_in.line(SystemTime::now())),
            None if self.subject.is_empty() => None,
            None => Some(format!("waiting for {}, {} s", self.subject, waited.as_secs())),
        }
    }
}

impl SignIn {
    /// The run that printed `line`; `None` if it is over.
    fn of(pending: Vec<Pending>, line: &str) -> Option<Self> {
        let run = pending.into_iter().find(|run| run.lines.iter().any(|known| known == line))?;
        let has_link = run.lines.iter().any(|line| line.contains("://"));
        let deadline = run.deadline.as_ref().and_then(wire::system_time)?;
        Some(Self { deadline, has_link })
    }

    fn line(&self, now: SystemTime) -> String {
        let link = if self.has_link { " (link above)" } else { "" };
        format!(
            "waiting for you to sign in{link}, {} left, Ctrl-C gives up",
            render::time::span(self.left(now))
        )
    }

    /// The daemon does not end it with this session: another one may wait, or the person may sign in all the same.
    fn given_up(&self, now: SystemTime) -> String {
        let left = render::time::span(self.left(now));
        format!(
            "claviger: the sign-in goes on for {left}, for every session; `claviger pending --cancel` ends it\n"
        )
    }

    fn left(&self, now: SystemTime) -> Duration {
        Duration::from_secs(self.deadline.duration_since(now).unwrap_or_default().as_secs())
    }
}

fn locked(known: &Mutex<Known>) -> MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds out what is waited for: for the spinner, or for one line of a log.
async fn find_out(
    (client, session): (Client, SessionContext),
    start: Instant,
    known: Option<Arc<Mutex<Known>>>,
) {
    sleep(if known.is_some() { SPIN } else { SLOW }).await;
    let subject = subject(&client, &session).await;
    match known {
        Some(known) => locked(&known).subject = shorten(&subject),
        None => output::talk(&notice(&subject, start.elapsed())),
    }
}

/// Ends the process at Ctrl-C, and says what becomes of the sign-in. It outlives the wait: once the signal is caught, nothing
/// else would end this process.
fn give_up_when_interrupted(client: Client, line: String) {
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let sign_in = timeout(LOOKUP, sign_in(&client, &line)).await.ok().flatten();
            let said = sign_in.map(|sign_in| sign_in.given_up(SystemTime::now()));
            output::talk(&format!("{ERASE}{}", said.unwrap_or_default()));
            std::process::exit(exit::INTERRUPTED.into());
        }
    });
}

/// The sign-in that printed `line`.
async fn sign_in(client: &Client, line: &str) -> Option<SignIn> {
    let answer = unwrap(client.inspect().list_pending(request(ListPendingRequest {})).await).ok()?;
    SignIn::of(answer.pending, line)
}

/// Passes on the output of the command that is waited for: everything to a terminal, otherwise only messages for a
/// person. Ends after the answer has arrived and the stream has delivered the result, which follows the last line.
async fn listen(
    (mut client, session): (Client, SessionContext),
    known: Option<Arc<Mutex<Known>>>,
    mut answered: oneshot::Receiver<()>,
) {
    let Ok(mut events) = client.look_on_beside(&session).await else { return };
    let (mut is_answered, mut is_told, mut is_caught) = (false, false, false);
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
                tell(&progress, known.is_some());
                if let (true, Some(known)) = (progress.attended && !progress.line.is_empty(), &known) {
                    if !is_caught {
                        give_up_when_interrupted(client.clone(), progress.line.clone());
                    }
                    is_caught = true;
                    let sign_in = sign_in(&client, &progress.line).await;
                    locked(known).sign_in = sign_in;
                }
            }
            Ok(Some(_)) => {
                is_told = true;
                known.iter().for_each(|known| locked(known).sign_in = None);
            }
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
    use super::{MAX_SUBJECT, SignIn, notice, shorten};
    use crate::render::samples;
    use claviger::proto::v1::Pending;
    use std::time::Duration;

    #[test]
    fn a_sign_in_says_how_long_it_waits_and_what_becomes_of_it() {
        let run = |lines: &[&str]| Pending {
            deadline: samples::at(178),
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            ..Pending::default()
        };
        let sign_in =
            SignIn::of(vec![run(&["x"]), run(&["open https://x", "then"])], "then").expect("it runs");
        let expected = "waiting for you to sign in (link above), 2 min 58 s left, Ctrl-C gives up";
        assert_eq!(sign_in.line(samples::now()), expected);
        assert!(sign_in.given_up(samples::now()).contains("goes on for 2 min 58 s, for every session"));
        let alone = SignIn::of(vec![run(&["touch your key"])], "touch your key").expect("it runs");
        assert!(alone.line(samples::now()).starts_with("waiting for you to sign in, 2 min"));
        assert!(SignIn::of(Vec::new(), "x").is_none());
    }

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
