//! `claviger doctor`: what is wrong here, and the command that fixes it. Changes nothing.

use crate::{
    doctor::{self, Finding, Severity, gather},
    failure::Failure,
    failure::exit,
    output::{self, Style},
    session::context::Context,
};

/// What the help adds.
pub(crate) const HELP: &str = "\
Nothing is changed, and no sign-in is started. The credential is shown to the endpoint it is for, and to no other;
--offline contacts none. --timeout says how long the credential may take (30 s).

Exit codes: 0 nothing but notes, 9 warnings, 4 errors. docs/troubleshooting.md explains every finding.";

/// Arguments of `doctor`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Contact no endpoint
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Looks, and tells.
///
/// # Errors
/// [`Failure::Found`] if something is wrong; a failure of its own if the command line describes no session.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let facts = gather::gather(context, !arguments.offline).await?;
    let found = doctor::diagnose(&facts);
    match context.options.json {
        true => output::json(&doctor::json::doctor(&facts, &found))?,
        false => output::data(&doctor::text::render(&facts, &found, Style::stdout()))?,
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
