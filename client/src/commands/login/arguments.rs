//! Arguments of `claviger login`.

use crate::complete;
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCandidates;
use claviger::proto::v1::StorePlace;

/// Arguments of `login`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Name of the account [default: that of the section [oauth.NAME], or "default" for keys and tokens]
    #[arg(value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::registrations))]
    pub(crate) name: Option<String>,
    /// Section [oauth.NAME] to sign in with [default: the account's name, or the only one]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["api_key", "token"], value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::registrations))]
    pub(crate) registration: Option<String>,
    /// Show a code to type in on another device
    #[arg(long, conflicts_with_all = ["api_key", "token", "no_browser"])]
    pub(crate) device: bool,
    /// Open no browser: paste the address it ends at, or pass it as a line on stdin
    #[arg(long, conflicts_with_all = ["api_key", "token"])]
    pub(crate) no_browser: bool,
    /// Keep an API key, which is asked for or read from stdin
    #[arg(long, conflicts_with = "token")]
    pub(crate) api_key: bool,
    /// Keep a long-lived OAuth token, which is asked for or read from stdin
    #[arg(long)]
    pub(crate) token: bool,
    /// The only API to send a key or token to [default: Anthropic's]
    #[arg(long, value_name = "URL", conflicts_with_all = ["registration", "device", "no_browser"])]
    pub(crate) audience: Option<String>,
    /// Where to keep it [default: as configured]
    #[arg(long, value_enum)]
    pub(crate) store: Option<Storage>,
}

/// Where secrets are kept.
#[derive(Clone, Copy, clap::ValueEnum)]
pub(crate) enum Storage {
    /// Secret Service or Keychain
    Keyring,
    /// Sealed files in the state directory
    File,
}

impl From<Storage> for StorePlace {
    fn from(place: Storage) -> Self {
        match place {
            Storage::Keyring => Self::Keyring,
            Storage::File => Self::File,
        }
    }
}
