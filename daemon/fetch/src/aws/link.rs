//! A link of the chain.

use super::{cache::Cache, profile::Kind};
use aws_credential_types::provider::ProvideCredentials;
use claviger::remedy::Remedy;
use claviger_child::Declined;

/// A link of the chain.
pub(super) struct Link {
    pub(super) name: &'static str,
    /// In a sentence.
    pub(super) what: String,
    pub(super) kind: Kind,
    /// Whether somebody asked for this link. One that is configured, and has nothing, does not make way for another.
    pub(super) is_wanted: bool,
    /// How to sign in, if that is known better than for any link.
    pub(super) sign_in: Option<Remedy>,
    /// Where the sign-in of a person is kept.
    pub(super) cache: Option<Cache>,
    pub(super) provider: Box<dyn ProvideCredentials>,
}

// === impl Link ===

impl Link {
    pub(super) fn new(
        name: &'static str,
        what: impl Into<String>,
        kind: Kind,
        provider: impl ProvideCredentials + 'static,
    ) -> Self {
        let (what, provider) = (what.into(), Box::new(provider));
        Self { name, what, kind, is_wanted: false, sign_in: None, cache: None, provider }
    }

    pub(super) fn wanted(self, is_wanted: bool) -> Self {
        Self { is_wanted, ..self }
    }

    /// Adds how to sign in where nothing better is known.
    pub(super) fn tell(&self, trouble: Declined) -> Declined {
        match &self.sign_in {
            Some(sign_in) if trouble.sign_in_helps && trouble.problem.hint.is_none() => {
                trouble.hint("sign in, or set awsAuthRefresh to this command").remedy(sign_in.clone())
            }
            _ => trouble,
        }
    }

    pub(super) fn sign_in(self, sign_in: Option<Remedy>) -> Self {
        Self { sign_in, ..self }
    }

    pub(super) fn kept(self, cache: Option<Cache>) -> Self {
        Self { cache, ..self }
    }
}
