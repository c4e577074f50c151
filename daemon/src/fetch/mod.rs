//! What runs in `clavigerd fetch …` children, and nowhere else: the SDKs of the clouds, and the local store.
//!
//! A child has exactly its session's environment, lives for one answer, and says it as one JSON object on stdout
//! ([`answer`]). It holds no state: the next one starts from nothing. The daemon links all this and never calls it.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment, files and clock of this process are the session's"
)]

mod account;
pub mod answer;
mod aws;
mod azure;
mod file;
mod gcp;
mod guard;
mod http;
mod links;
pub mod notify;
mod oauth;
mod probe;
pub mod secret;
mod store;
mod text;

use crate::{accounts::Reply, host::memory};
use answer::{Answer, Trouble};
use clap::Subcommand;
use links::Links;
use serde::Serialize;
use std::{
    error::Error,
    io::{self, StdoutLock, Write as _},
};
pub use text::is_token;
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// What to fetch.
#[derive(Debug, Subcommand)]
pub enum Fetch {
    /// Credentials of the AWS default chain
    Aws {
        /// Ask AWS whether they are good
        #[arg(long)]
        check: bool,
    },
    /// Whether AWS takes the keys of the environment
    AwsCheck,
    /// A token of Google's Application Default Credentials
    Gcp {
        /// The session has AWS keys, which it keeps to itself
        #[arg(long)]
        keeps_aws_keys: bool,
    },
    /// A token of the DefaultAzureCredential order
    Azure {
        /// OAuth scope
        #[arg(long)]
        scope: String,
    },
    /// The secret of an account of the local store
    Account(account::Lend),
    /// Sign a person in
    Login(account::Login),
    /// Keep a secret that the user brings
    Save(account::Save),
    /// Sign out
    Logout(account::Logout),
    /// Move a secret between keyring and file
    Relocate(account::Relocate),
    /// Look at an endpoint or the keyring, for `claviger doctor`
    #[command(subcommand)]
    Probe(probe::Probe),
    /// Show a notification on the desktop
    Notify,
}

/// Fetches, and prints the answer on stdout.
///
/// # Errors
/// If the process cannot be protected or the answer not written. That there is no credential is an answer.
pub fn run(fetch: &Fetch) -> Result<(), Box<dyn Error>> {
    memory::protect_process()?;
    if !fetch.lasts() {
        guard::start();
    }
    // The daemon built neither with aws-lc nor with OpenSSL: one provider, and it is chosen here for all SDKs.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        if fetch.lasts() {
            ignore_signals()?;
        }
        io::Result::Ok(answer(fetch).await?)
    })?;
    // A name server that is silent may hold up a thread for much longer than any answer may take.
    runtime.shutdown_background();
    Ok(write(&answer, &mut std::io::stdout().lock())?)
}

/// A service manager that stops the daemon signals its children too, and so does a terminal that closes. With SIGABRT it
/// ends a daemon that is wedged.
fn ignore_signals() -> io::Result<()> {
    let abort = SignalKind::from_raw(nix::libc::SIGABRT);
    let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
    for kind in [terminate, interrupt, SignalKind::hangup(), SignalKind::quit(), abort] {
        // Once somebody listens, it ends the process no more, also when nobody does any longer.
        drop(signal(kind)?);
    }
    Ok(())
}

/// An answer as JSON.
type Text = Zeroizing<String>;

fn text(answer: &impl Serialize) -> serde_json::Result<Text> {
    serde_json::to_string(answer).map(Zeroizing::new)
}

/// The answer of a verb that is no source.
fn reply<T: Serialize>(result: Result<T, Trouble>) -> serde_json::Result<Text> {
    text(&Reply::from(result))
}

fn say(answer: &Answer, stdout: &mut StdoutLock<'_>) -> io::Result<()> {
    write(&text(answer)?, stdout)
}

fn write(text: &Text, stdout: &mut StdoutLock<'_>) -> io::Result<()> {
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

impl Fetch {
    /// Whether it goes on when the daemon ends: to cut it off could lose what a server gives only once.
    fn lasts(&self) -> bool {
        matches!(self, Self::Account(_) | Self::Save(_) | Self::Logout(_) | Self::Relocate(_))
    }
}

async fn answer(fetch: &Fetch) -> serde_json::Result<Text> {
    let answer = match fetch {
        Fetch::Aws { check } => aws::fetch(*check).await,
        Fetch::AwsCheck => aws::check_keys().await,
        Fetch::Gcp { keeps_aws_keys } => gcp::fetch(gcp::Session { keeps_aws_keys: *keeps_aws_keys }).await,
        Fetch::Azure { scope } => azure::fetch(scope).await,
        Fetch::Account(arguments) => account::lend(arguments).await,
        Fetch::Login(arguments) => return reply(account::login(arguments).await),
        Fetch::Save(arguments) => return reply(account::save(arguments)),
        Fetch::Logout(arguments) => return reply(account::logout(arguments).await),
        Fetch::Relocate(arguments) => return reply(account::relocate(arguments)),
        Fetch::Probe(probe) => return text(&probe::look(probe).await),
        Fetch::Notify => return reply(notify::notify().await),
    };
    text(&answer)
}
