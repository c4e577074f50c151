//! What `claviger hook` can be given.

use crate::{hook::google, session::context::Context};
use std::path::PathBuf;

/// Verbs below `hook`.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Point a tool's own hook at claviger; the change is shown first
    #[command(subcommand)]
    Install(Install),
    /// Take that back, byte for byte
    #[command(subcommand)]
    Remove(Remove),
    /// Show which tools have such a hook, and where
    List,
}

/// Tools that can have a hook.
#[derive(clap::Subcommand)]
pub(crate) enum Install {
    /// Claude Code: apiKeyHelper and awsCredentialExport of your settings.json
    Claude(How),
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
        /// Where the token is exchanged
        #[arg(long, value_name = "URL", default_value = google::TOKEN_URL)]
        token_url: String,
        /// The credentials that claviger itself signs in with [default: those of gcloud]
        #[arg(long, value_name = "FILE")]
        credentials: Option<PathBuf>,
        /// The file to make [default: ~/.config/claviger/google.json]
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Azure: prints what to set; there is no file to change
    Azure(How),
}

/// Tools whose hook can be taken back.
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
        /// The file that was made [default: ~/.config/claviger/google.json]
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
        #[command(flatten)]
        how: How,
    },
    /// Tools of Azure: there is nothing to take back
    Azure(How),
}

/// How to change files.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct How {
    /// Only show the change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Ask nothing
    #[arg(long, short)]
    pub(super) yes: bool,
    /// Change files, too, that are read-only, have hard links, or belong to another user
    #[arg(long)]
    pub(super) force: bool,
}

impl How {
    /// Whether anything may be written: a person has agreed, or can be asked.
    pub(super) fn may_write(self, context: &Context) -> bool {
        !self.dry_run && (self.yes || context.interactive)
    }
}
