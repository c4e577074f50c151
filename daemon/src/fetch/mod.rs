//! What runs in `clavigerd fetch …` children, and nowhere else: the SDKs of the clouds.
//!
//! A child has exactly its session's environment, lives for one answer, and says it as one JSON object on stdout
//! ([`answer`]). It holds no state: the next one starts from nothing. The daemon links all this and never calls it.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment, files and clock of this process are the session's"
)]

pub mod answer;
mod aws;
mod azure;
mod file;
mod gcp;
mod guard;
mod http;
mod links;
mod text;

use crate::host::memory;
use answer::{Answer, Trouble};
use clap::Subcommand;
use links::Links;
use std::{
    error::Error,
    io::{self, StdoutLock, Write as _},
};
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
}

/// Fetches, and prints the answer on stdout.
///
/// # Errors
/// If the process cannot be protected or the answer not written. That there is no credential is an answer.
pub fn run(fetch: &Fetch) -> Result<(), Box<dyn Error>> {
    memory::protect_process()?;
    guard::start();
    // The daemon built neither with aws-lc nor with OpenSSL: one provider, and it is chosen here for all SDKs.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(answer(fetch));
    // A name server that is silent may hold up a thread for much longer than any answer may take.
    runtime.shutdown_background();
    Ok(say(&answer, &mut std::io::stdout().lock())?)
}

fn say(answer: &Answer, stdout: &mut StdoutLock<'_>) -> io::Result<()> {
    let text = Zeroizing::new(serde_json::to_string(answer)?);
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

async fn answer(fetch: &Fetch) -> Answer {
    match fetch {
        Fetch::Aws { check } => aws::fetch(*check).await,
        Fetch::AwsCheck => aws::check_keys().await,
        Fetch::Gcp { keeps_aws_keys } => gcp::fetch(gcp::Session { keeps_aws_keys: *keeps_aws_keys }).await,
        Fetch::Azure { scope } => azure::fetch(scope).await,
    }
}
