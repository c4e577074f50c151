//! A link of the chain.

use super::{container::Service, plan::Plan};
use claviger::remedy::Remedy;
use claviger_child::Declined;

/// A link of the chain.
pub(super) struct Link {
    pub(super) name: &'static str,
    /// Name in a sentence.
    pub(super) what: String,
    /// How to sign in, if this link has a specific way.
    pub(super) sign_in: Option<Remedy>,
    pub(super) way: Way,
}

/// Action of a link.
pub(super) enum Way {
    /// It has no configuration for credentials.
    Nothing(String),
    /// Configured by a profile or the environment.
    Plan(Plan),
    /// It asks a service next to the program.
    Service(Service),
}

// === impl Link ===

impl Link {
    pub(super) fn new(name: &'static str, what: impl Into<String>, way: Way) -> Self {
        Self { name, what: what.into(), sign_in: None, way }
    }

    /// Adds how to sign in, if there is no more specific way.
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
}
