//! Arguments of `claviger hook`.

use crate::{complete, hook::google, session::context::Context};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCandidates;
use std::path::PathBuf;

/// Verbs below `hook`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Point a tool's own hook at claviger; the change is shown first
    #[command(subcommand)]
    Install(Install),
    /// Undo that, byte for byte
    #[command(subcommand)]
    Remove(Remove),
    /// Show which tools have such a hook, and in which file
    List,
}

/// Tools that can have a hook.
#[derive(clap::Subcommand)]
pub(crate) enum Install {
    /// Claude Code: apiKeyHelper and awsCredentialExport of your settings.json
    Claude {
        /// Send all its requests through a standing gate: no session has the credential
        #[arg(long)]
        gate: bool,
        /// The account whose credential the gate uses [default: what this session borrows]
        #[arg(long, value_name = "NAME", requires = "gate", value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::accounts))]
        account: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of AWS: a profile of ~/.aws/config
    Aws {
        /// The profile that tools use
        #[arg(long, value_name = "NAME", default_value = "claviger")]
        profile: String,
        /// The profile that claviger gets its keys from [default: $AWS_PROFILE, or "default"]
        #[arg(long, value_name = "OTHER")]
        from: Option<String>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Google: a credentials file that runs claviger
    Google {
        /// Provider of the workforce or workload pool, //iam.googleapis.com/…
        #[arg(long, value_name = "NAME")]
        audience: String,
        /// Token exchange endpoint
        #[arg(long, value_name = "URL", default_value = google::TOKEN_URL)]
        token_url: String,
        /// The credentials that claviger itself signs in with [default: those of gcloud]
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
        /// The file to create [default: ~/.config/claviger/google.json]
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Azure: prints what to set; there is no file to change
    Azure(How),
}

/// Tools whose hook can be undone.
#[derive(clap::Subcommand)]
pub(crate) enum Remove {
    /// Claude Code
    Claude(How),
    /// Tools of AWS
    Aws {
        /// The profile that tools used
        #[arg(long, value_name = "NAME", default_value = "claviger")]
        profile: String,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Google
    Google {
        /// The created file [default: ~/.config/claviger/google.json]
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Azure: there is nothing to undo
    Azure(How),
}

/// Options for changing files.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct How {
    /// Only show the change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Do not ask for confirmation
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Also change files that are read-only, have hard links, or belong to another user
    #[arg(long)]
    pub(super) force: bool,
}

impl How {
    /// Whether files may be written: a person has agreed, or can be asked.
    pub(super) fn may_write(self, context: &Context) -> bool {
        !self.dry_run && (self.yes || context.interactive)
    }
}
