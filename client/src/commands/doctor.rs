//! `claviger doctor`: finds problems here, each with the command that fixes it. Changes nothing.

use crate::{
    doctor::{self, Finding, Severity, gather},
    failure::{Failure, exit},
    output::{self, Style},
    session::context::Context,
};

/// Additional help.
pub(crate) const HELP: &str = "\
Nothing is changed, and no sign-in is started. The credential is sent only to the endpoint it is for; --offline contacts
none. --timeout limits the wait for the credential (30 s).

Exit codes: 0 only notes, 9 warnings, 4 errors. docs/troubleshooting.md explains every finding.";

/// Arguments of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Contact no endpoint
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Runs the checks and prints the result.
///
/// # Errors
/// [`Failure::Found`] if there is a problem; another failure if the command line describes no session.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let facts = gather::gather(context, !arguments.offline).await?;
    let found = doctor::diagnose(&facts);
    match context.options.json {
        true => output::json(&doctor::json::doctor(&facts, &found))?,
        false => output::show(&doctor::text::render(&facts, &found, Style::stdout()))?,
    }
    match code(&found) {
        exit::OK => Ok(()),
        code => Err(Failure::Found(code)),
    }
}

fn code(found: &[Finding]) -> u8 {
    match found.iter().map(|finding| finding.severity).min() {
        Some(Severity::Error) => exit::NEEDS_HUMAN,
        Some(Severity::Warning) => exit::WARNINGS,
        Some(Severity::Note) | None => exit::OK,
    }
}
