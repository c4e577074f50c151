//! Options of every verb.

use crate::output::Colour;
use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use claviger::session::SessionMode;
use std::{ffi::OsString, path::PathBuf, time::Duration};

/// Default timeout: as long as the slowest command may run (`spec/behaviour.md` A7).
const TIMEOUT: u64 = 180;

/// Options that every verb takes, before or after its name.
#[derive(Args, Debug, Default, PartialEq)]
#[command(next_help_heading = "Options of every verb")]
pub(crate) struct Options {
    /// Act for a session in this directory
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) cwd: Option<PathBuf>,
    /// Add settings: a file, or JSON if it starts with `{` (visible to other processes: no secrets there)
    #[arg(long, global = true, value_name = "FILE|JSON")]
    pub(crate) settings: Option<OsString>,
    /// Hermetic session: ANTHROPIC_API_KEY and --settings only
    #[arg(long, global = true, conflicts_with = "mode")]
    pub(crate) bare: bool,
    /// Kind of session; overrides the environment
    #[arg(long, global = true, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Socket of the daemon, instead of $CLAVIGER_SOCK or the one in $XDG_RUNTIME_DIR
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Refresh first if the credential is valid for less than this
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds())]
    pub(crate) min_validity: Option<u64>,
    /// Timeout in seconds [default: 180; for a person who signs in: as long as the server allows]
    #[arg(long, global = true, value_name = "SECONDS", value_parser = seconds())]
    pub(crate) timeout: Option<u64>,
    /// Do not start a daemon
    #[arg(long, global = true)]
    pub(crate) no_start: bool,
    /// Print JSON, errors included
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to use colours [default: auto]
    #[arg(long, global = true, value_enum, value_name = "WHEN", hide_possible_values = true)]
    pub(crate) color: Option<Colour>,
    /// Print no questions and no notices on stderr, only errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
}

/// Values of `--mode`.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub(crate) enum Mode {
    /// An ordinary terminal session
    Standard,
    /// Keys from the environment are ignored
    Homespace,
    /// Same as --bare
    Bare,
    /// Remote container or desktop host: login only
    Managed,
}

impl From<Mode> for SessionMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Standard => Self::Standard,
            Mode::Homespace => Self::Homespace,
            Mode::Bare => Self::Bare,
            Mode::Managed => Self::Managed,
        }
    }
}

impl Options {
    /// Timeout for an answer.
    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.unwrap_or(TIMEOUT))
    }

    /// The mode that the options select.
    pub(crate) fn mode(&self) -> Option<SessionMode> {
        match self.bare {
            true => Some(SessionMode::Bare),
            false => self.mode.map(SessionMode::from),
        }
    }
}

// 100 years, so that deadlines cannot overflow.
fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(1..=3_155_760_000)
}
