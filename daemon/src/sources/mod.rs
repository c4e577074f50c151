//! The sources of credentials, and their order.
//!
//! Binding is pure: a source reads session and settings and returns its offer. Providing has effects and is done by the
//! broker's flights. ARCHITECTURE.md lists what a new source takes.

pub mod api_key_helper;
mod ask;
pub mod aws_chain;
pub mod aws_export;
pub mod aws_keys;
pub mod azure_default;
pub mod chain;
pub mod env_token;
pub mod google_adc;
pub mod local_store;
mod sdk;
mod sign_in;
mod turns;
mod view;

pub use ask::{Ask, Line};
pub use claviger_child::{Declined, Facts, Link, Outcome, Provided};
pub use turns::Turns;
pub use view::{Environment, View};

use crate::{
    accounts::Account,
    auth_refresh::SignIn,
    host::command::{CommandSpec, Surroundings},
    key::{Identity, SourceKey},
    settings::Refresh,
};
use claviger::{
    backend::Backend,
    credential::Scheme,
    reason::{Location, Problem},
    secret::Secret,
};
use std::{borrow::Cow, fmt, future::Future, path::PathBuf, pin::Pin, sync::Arc};

/// A source of credentials.
pub trait CredentialSource: Sync {
    /// Stable name.
    fn id(&self) -> &'static str;
    /// Its backend.
    fn backend(&self) -> Backend;
    /// Whether its credential is an OAuth login, the only kind that managed sessions and login policies permit.
    fn is_login(&self) -> bool {
        false
    }
    /// Its offer for a session. Pure.
    fn bind(&self, view: &View<'_>) -> Binding;
}

/// Offer of a source.
#[derive(Debug)]
pub enum Binding {
    /// Nothing configures it: ask the next.
    NotConfigured(Cow<'static, str>),
    /// The session's mode excludes it: ask the next.
    Ignored(Cow<'static, str>),
    /// Configured, but forbidden or unusable: stop.
    Refused(Problem),
    /// It provides the credential.
    Bound(Bound),
}

/// A source bound to concrete inputs.
#[derive(Debug)]
pub struct Bound {
    /// How the secret is sent in a request.
    pub scheme: Scheme,
    /// Place of its configuration; `None` if in the session's environment.
    pub at: Option<Location>,
    /// Place of the secret.
    pub material: Material,
}

impl Bound {
    /// Whether it is the account `name` of the local store.
    pub fn is_of(&self, name: &str) -> bool {
        match &self.material {
            Material::Provided(provider) => provider.account().is_some_and(|account| account.name == name),
            Material::OwnVariable(_) | Material::Fixed(_) => false,
        }
    }
}

/// Place of a bound source's secret.
#[derive(Debug)]
pub enum Material {
    /// In the session's own environment, under this name.
    OwnVariable(&'static str),
    /// In a settings file, in plain text.
    Fixed(Secret<String>),
    /// To be obtained, and cached.
    Provided(Arc<dyn CredentialProvider>),
}

/// The future of [`CredentialProvider::provide`].
pub type Providing<'a> = Pin<Box<dyn Future<Output = Result<Provided, Declined>> + Send + 'a>>;

/// A command that prints a secret, and the check of its output, which is never repeated.
pub type HelperRun<'a> = (&'a CommandSpec, fn(&[u8]) -> Result<(), String>);

/// Hint for a command that fails here.
const TRY: &str = "it may fail here only: it sees fewer variables than your terminal, and no terminal; `claviger explain --try` runs it as the daemon does";

/// A source bound to inputs whose secret has to be obtained.
pub trait CredentialProvider: fmt::Debug + Send + Sync {
    /// Identity in the cache, input by input.
    fn identity(&self) -> &Identity;
    /// Identity in the cache.
    fn key(&self) -> SourceKey {
        self.identity().key
    }
    /// Surroundings that its session lends to its commands, if any.
    fn surroundings(&self) -> Option<&Surroundings> {
        None
    }
    /// Obtains the credential, once. It has its own deadline, and leaves nothing running when dropped.
    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a>;
    /// Files that determine the identity. When one of them changes, the credential does not match them any more.
    fn files(&self) -> &[PathBuf] {
        &[]
    }
    /// Files that other programs update with new tokens. After a failed refresh, their change ends the pause.
    fn awaited(&self) -> &[PathBuf] {
        &[]
    }
    /// The command that prints the secret, if it is one of the settings; for trying it without any effect on the cache.
    fn helper(&self) -> Option<HelperRun<'_>> {
        None
    }
    /// When it may be asked.
    fn refresh(&self) -> Refresh {
        Refresh::Ahead
    }
    /// Hint if its command asks claviger in turn.
    fn recursion_hint(&self) -> &'static str {
        "let the command print the key itself; if a settings file only points at claviger, write \
            `claviger token` there and the real command into [settings] of ~/.config/claviger/config.toml"
    }
    /// Its account of the local store.
    fn account(&self) -> Option<&Account> {
        None
    }
    /// Its sign-in command, if one is configured.
    fn sign_in(&self) -> Option<&SignIn> {
        None
    }
}
