//! Signs a person in: passes messages from the daemon to the person, and pasted input to the daemon.

use super::{
    arguments::Arguments,
    browser,
    events::{line, tell},
};
use crate::{
    daemon::wait,
    failure::Failure,
    output::{self, Style},
    render::{self, login::Way},
    session::context::Context,
    text::escape,
};
use claviger::{
    client::{self, request, unwrap},
    proto::v1::{
        Account, LoginFlow, LoginRequest, LoginResponse, LoginStart, StorePlace, login_request::Message,
        login_response::Event,
    },
    reason::{Problem, Reason},
};
use nix::unistd::{getpgrp, tcgetpgrp};
use std::{
    io::{self, BufRead as _, IsTerminal as _, Read as _},
    thread,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time,
};
use tokio_stream::wrappers::ReceiverStream;

/// Most bytes of pasted lines.
const MAX_PASTED: u64 = 1024 * 1024;

/// A running login.
struct Flow<'a> {
    context: &'a Context,
    no_browser: bool,
    requests: mpsc::Sender<LoginRequest>,
    /// The person's input, once it is read.
    pasted: Option<mpsc::Receiver<String>>,
    /// Whether the person has been asked for input.
    asks: bool,
    /// Whether the cursor is behind the question.
    asked: bool,
}

/// Signs in.
///
/// # Errors
/// The daemon's problem, `cancelled` after Ctrl-C, or [`Failure`] after `--timeout`.
pub(super) async fn run(context: &Context, arguments: &Arguments) -> Result<Account, Failure> {
    let mut interrupts =
        signal(SignalKind::interrupt()).map_err(|error| Failure::Setup(error.to_string()))?;
    let session = context.session()?;
    let mut client = context.connect().await?;
    let start = LoginStart {
        session: Some(client.describe(&session)?),
        name: arguments.name.clone().unwrap_or_default(),
        registration: arguments.registration.clone().unwrap_or_default(),
        flow: if arguments.device { LoginFlow::Device } else { LoginFlow::Browser }.into(),
        place: arguments.store.map_or(StorePlace::Unspecified, StorePlace::from).into(),
    };
    // Until the daemon answers, no login has begun, and another daemon may be asked.
    let started = client.call(|client| {
        let (requests, receiver) = mpsc::channel(1);
        let start = message(Message::Start(start.clone()));
        async move {
            drop(requests.send(start).await);
            let responses = client.accounts().login(request(ReceiverStream::new(receiver))).await;
            Ok((requests, unwrap(responses)?))
        }
    });
    let (requests, mut responses) = tokio::select! {
        started = wait::answer(context, started) => started?,
        _ = interrupts.recv() => return Err(Failure::gave_up()),
    };
    let mut flow =
        Flow { context, no_browser: arguments.no_browser, requests, pasted: None, asks: false, asked: false };
    tokio::select! {
        ended = flow.follow(&mut responses) => ended,
        _ = interrupts.recv() => Err(Failure::gave_up()),
        () = too_long(context) => Err(Failure::login_took(context.options.timeout())),
    }
}

/// The server limits the time, unless the command line sets a limit.
async fn too_long(context: &Context) {
    match context.options.timeout {
        Some(_) => time::sleep(context.options.timeout()).await,
        None => std::future::pending().await,
    }
}

fn message(message: Message) -> LoginRequest {
    LoginRequest { message: Some(message) }
}

impl Flow<'_> {
    async fn follow(&mut self, responses: &mut client::Streaming<LoginResponse>) -> Result<Account, Failure> {
        loop {
            tokio::select! {
                response = client::next(responses) => {
                    let LoginResponse { event, notices } = response?.unwrap_or_default();
                    match event.ok_or_else(|| Problem::new(Reason::ShuttingDown, "the daemon went away during the login"))? {
                        Event::SignedIn(account) => {
                            self.end_line();
                            tell(self.context, notices)?;
                            return Ok(account);
                        }
                        event => self.happened(event)?,
                    }
                }
                line = next_line(&mut self.pasted) => match line {
                    Some(line) => self.paste(line).await,
                    // The browser may still be redirected to the daemon.
                    None => self.pasted = None,
                },
            }
        }
    }

    fn happened(&mut self, event: Event) -> Result<(), Failure> {
        if self.context.options.json {
            line(&event)?;
        }
        match event {
            Event::Url(url) => self.show(url),
            Event::Code(code) => self.say(&render::login::code(&code, Style::stderr())),
            Event::Notice(line) => self.say(&format!("claviger: {}\n", escape::line(&line))),
            Event::SignedIn(_) => {}
        }
        Ok(())
    }

    /// Printed even with --quiet: without it no sign-in is possible.
    fn say(&mut self, text: &str) {
        if !self.context.options.json {
            self.end_line();
            output::talk(text);
            self.ask();
        }
    }

    fn show(&mut self, url: String) {
        let way = browser::way(self.no_browser);
        if !self.context.options.json {
            output::talk(&render::login::url(&url, way, Style::stderr()));
        }
        if way == Way::Opened {
            drop(tokio::spawn(browser::open(url)));
        }
        let terminal = io::stdin().is_terminal();
        // In the background, a process that reads from its terminal is stopped.
        if !tcgetpgrp(io::stdin()).is_ok_and(|group| group != getpgrp()) {
            self.pasted = Some(lines());
        }
        self.asks = way == Way::Anywhere && terminal && !self.context.options.json;
        self.ask();
    }

    fn ask(&mut self) {
        if self.asks {
            self.asked = true;
            output::talk(render::login::PASTE);
        }
    }

    /// Ends the line of an unanswered question.
    fn end_line(&mut self) {
        if std::mem::take(&mut self.asked) {
            output::talk("\n");
        }
    }

    async fn paste(&mut self, line: String) {
        self.asked = false;
        match line.trim().is_empty() {
            true => self.ask(),
            // Fails when the login has ended: its result is on its way.
            false => drop(self.requests.send(message(Message::Redirect(claviger::Secret::new(line)))).await),
        }
    }
}

async fn next_line(pasted: &mut Option<mpsc::Receiver<String>>) -> Option<String> {
    match pasted {
        Some(lines) => lines.recv().await,
        None => std::future::pending().await,
    }
}

/// Reads lines of stdin in a thread: a terminal offers no other way to wait, and the process need not wait for the
/// thread.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        let lines = io::stdin().lock().take(MAX_PASTED).lines();
        for line in lines.map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
