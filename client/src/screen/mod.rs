//! The live screen of `claviger status --watch`: [`model`] decides, [`view`] draws. This module has the effects: it
//! reads keys, follows the daemon and sends it requests.

mod model;
mod terminal;
mod view;

use crate::{
    daemon::follow::{self, Update},
    failure::Failure,
    output::{self, Style},
    render,
    session::context::Context,
    text::escape,
};
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{ExplainRequest, RefreshRequest},
    reason::{Problem, Reason},
};
use model::{End, Message, Model, Wish, update};
use std::{
    io::{self, IsTerminal as _},
    path::Path,
    process,
    time::{Duration, SystemTime},
};
use terminal::Terminal;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    time::{MissedTickBehavior, interval},
};

/// How often the remaining time is redrawn.
const SECOND: Duration = Duration::from_secs(1);

/// Whether there is a terminal for display and input.
pub(crate) fn is_possible() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stdout().is_terminal() && io::stdin().is_terminal() && !is_dumb
}

/// Shows the screen until it is closed.
///
/// # Errors
/// If no daemon runs, or the terminal cannot be used.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let socket = context.socket()?;
    let mut seen = follow::follow(context).await?;
    let (sender, mut messages) = mpsc::unbounded_channel();
    signals(&sender).map_err(|error| Failure::Setup(error.to_string()))?;
    let mut terminal = Terminal::enter()?;
    terminal::listen(sender.clone());
    let colour = Style::stdout().has_colour();
    let mut model = Model::new(colour, output::glyphs(), SystemTime::now());
    let mut tick = interval(SECOND);
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let end = loop {
        let message = tokio::select! {
            Some(message) = messages.recv() => message,
            Some(seen) = seen.recv() => match seen {
                Update::State(state) => Message::State(state),
                Update::Lost => Message::Lost,
                Update::Refused(problem) => return Err((*problem).into()),
            },
            _ = tick.tick() => Message::Tick,
        };
        model = all(model, message, &mut messages);
        for wish in std::mem::take(&mut model.wishes) {
            match wish {
                Wish::StartOver => terminal.start_over()?,
                Wish::Refresh(key) => ask(&socket, &sender, move |client| refresh(client, key)),
                Wish::Explain(key) => ask(&socket, &sender, move |client| explain(client, key)),
            }
        }
        if let Some(end) = model.end {
            break end;
        }
        terminal.draw(|frame| view::view(&model, frame))?;
    };
    drop(terminal);
    match end {
        End::Quit => Ok(()),
        End::Code(code) => process::exit(code.into()),
    }
}

/// A message and all queued ones: a held key causes one redraw.
fn all(model: Model, first: Message, messages: &mut UnboundedReceiver<Message>) -> Model {
    let now = SystemTime::now();
    let mut model = update(model, first, now);
    while let Ok(message) = messages.try_recv() {
        model = update(model, message, now);
    }
    model
}

/// Signals that would end the process without restoring the terminal.
fn signals(sender: &UnboundedSender<Message>) -> io::Result<()> {
    for kind in [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()] {
        let mut signals = signal(kind)?;
        let code = u8::try_from(128 + kind.as_raw_value()).unwrap_or(crate::failure::exit::OTHER);
        let sender = sender.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() && sender.send(Message::Signal(code)).is_ok() {}
        });
    }
    Ok(())
}

/// Sends a request to the daemon, in parallel to the screen.
fn ask<F>(
    socket: &Path,
    sender: &UnboundedSender<Message>,
    question: impl FnOnce(Client) -> F + Send + 'static,
) where
    F: Future<Output = Result<Option<String>, Problem>> + Send,
{
    let (socket, sender) = (socket.to_owned(), sender.clone());
    tokio::spawn(async move {
        let answer = match Client::connect(&socket).await {
            Ok(client) => question(client).await.map_err(|problem| escape::line(&problem.to_string())),
            Err(error) => Err(escape::line(&error.to_string())),
        };
        let message = match answer {
            Ok(Some(text)) => Message::Explained(text),
            // The result appears in the state.
            Ok(None) => return,
            Err(text) => Message::Trouble(text),
        };
        drop(sender.send(message));
    });
}

async fn refresh(client: Client, key: String) -> Result<Option<String>, Problem> {
    let message = RefreshRequest { session: None, key };
    match unwrap(client.inspect().refresh(request(message)).await) {
        Err(problem) if !is_of_refresh(problem.reason) => Err(problem),
        _ => Ok(None),
    }
}

/// Whether a problem is that of the refresh itself. The state shows it already.
fn is_of_refresh(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CommandFailed
            | Reason::CommandOutputInvalid
            | Reason::SourceTimeout
            | Reason::SourceUnavailable
            | Reason::LoginRequired
            | Reason::KeyringLocked
            | Reason::UpstreamDenied
            | Reason::Cancelled
    )
}

async fn explain(client: Client, key: String) -> Result<Option<String>, Problem> {
    let message = ExplainRequest { session: None, key, trial: false };
    let answer = unwrap(client.inspect().explain(request(message)).await)?;
    Ok(Some(render::explain::render(&answer, SystemTime::now(), Style::default())))
}
