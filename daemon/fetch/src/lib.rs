//! Fetches one credential, or performs one operation of the local store: one request on stdin, one answer on stdout,
//! then it ends.
//!
//! A process has exactly its session's environment, and no secret in it: those are in the request. It has no state
//! between runs. `claviger_child` has the protocol.

#![forbid(unsafe_code)]

mod account;
mod answer;
mod aws;
mod azure;
mod busy;
mod codes;
mod environment;
mod file;
pub mod fuzz;
mod gcp;
mod guard;
mod http;
mod links;
mod notify;
mod oauth;
mod probe;
mod program;
mod proxy;
mod question;
mod store;
mod tool;
mod turn;

use answer::{Json, json, say, write};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
};
use claviger_child::{Call, Declined, FETCH_PROGRAM, MAX_CALL, Request};
use std::{
    error::Error,
    io::{self, BufRead as _, Write as _},
};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

/// The release, in one place of the program file, where tests replace it.
const VERSION_LINE: &str = concat!("clavigerd-fetch ", env!("CARGO_PKG_VERSION"), "\n");

/// Reads one call from stdin, and answers on stdout. With `--version`, prints the release instead.
///
/// # Errors
/// If the process cannot be protected, the call cannot be read, or the answer cannot be written. A missing credential
/// is an answer.
pub fn run() -> Result<(), Box<dyn Error>> {
    claviger_private::protect()?;
    if std::env::args_os().nth(1).is_some_and(|word| word == "--version") {
        return Ok(io::stdout().write_all(VERSION_LINE.as_bytes())?);
    }
    let call = call()?;
    if call.release != release() {
        return Ok(say(&Err(other_release(&call.release)), &mut io::stdout().lock())?);
    }
    busy::begin(call.busy);
    let request = call.request;
    if !request.lasts() {
        guard::start();
    }
    // Neither aws-lc nor OpenSSL is linked: one provider, chosen here for all SDKs.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async {
        if request.lasts() {
            ignore_signals()?;
        }
        io::Result::Ok(answer(request).await?)
    })?;
    // A silent name server may block a thread much longer than any answer may take.
    runtime.shutdown_background();
    Ok(write(&answer, &mut io::stdout().lock())?)
}

fn release() -> &'static str {
    VERSION_LINE.trim_end().trim_start_matches(FETCH_PROGRAM).trim_start()
}

/// The call: one line. More lines may follow it.
fn call() -> Result<Call, Box<dyn Error>> {
    let mut line = Zeroizing::new(Vec::with_capacity(8192));
    io::Read::take(io::stdin().lock(), MAX_CALL).read_until(b'\n', &mut line)?;
    // The error's own text is not used: it could quote a secret.
    serde_json::from_slice(&line)
        .map_err(|_| format!("stdin has no request; only clavigerd runs {FETCH_PROGRAM}").into())
}

fn other_release(theirs: &str) -> Declined {
    let theirs: String = theirs.chars().filter(|c| c.is_ascii_graphic()).take(40).collect();
    let message =
        format!("the daemon is release {theirs}, but {FETCH_PROGRAM} beside it is release {}", release());
    Problem::new(Reason::SourceUnavailable, message)
        .hint("a restart uses a matching pair")
        .remedy(Remedy::restart_daemon())
        .into()
}

/// A service manager that stops the daemon also signals its children, and so does a terminal that closes. SIGABRT ends
/// a daemon that hangs.
fn ignore_signals() -> io::Result<()> {
    let abort = SignalKind::from_raw(nix::libc::SIGABRT);
    let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
    for kind in [terminate, interrupt, SignalKind::hangup(), SignalKind::quit(), abort] {
        // After a listener was installed, the signal does not end the process any more, even if the listener is
        // dropped.
        drop(signal(kind)?);
    }
    Ok(())
}

async fn answer(request: Request) -> serde_json::Result<Json> {
    match request {
        Request::Aws { check, lent } => json(&busy::named(aws::fetch(check, &lent).await)),
        Request::AwsCheck(keys) => json(&busy::named(aws::check_keys(&keys).await)),
        Request::Gcp { keeps_aws_keys, lent } => {
            json(&busy::named(gcp::fetch(gcp::Session { keeps_aws_keys, lent: &lent }).await))
        }
        Request::Azure { scope, lent } => json(&busy::named(azure::fetch(&scope, &lent).await)),
        Request::Lend(lend) => json(&busy::named(account::lend(lend).await)),
        Request::Login(login) => json(&account::login(login).await),
        Request::Save(save) => json(&account::save(save)),
        Request::Logout(logout) => json(&account::logout(logout).await),
        Request::Relocate(relocate) => json(&account::relocate(&relocate)),
        Request::Probe(probe) => json(&probe::look(&probe).await),
        Request::Show(notice) => json(&notify::show(&notice).await),
        Request::Close(number) => json(&notify::close(number).await),
        Request::Ask(text) => json(&question::ask(&text).await),
    }
}
