//! The winner of a resolution.

use crate::{
    endpoint::{Endpoint, Extras, cloud::CloudTarget},
    key::SourceKey,
    settings::{Confirm, Whose},
    sources::{Bound, CredentialProvider, Material},
};
use claviger::{backend::Backend, warning::Warning};
use std::{sync::Arc, time::Duration};

/// The winner of a resolution.
#[derive(Debug)]
pub struct Winner {
    /// The source's id.
    pub source: &'static str,
    /// The receiver of the request.
    pub backend: Backend,
    /// The workspace of the session.
    pub whose: Whose,
    /// Its bound provider.
    pub bound: Bound,
    /// Destination of the credential.
    pub endpoint: Endpoint,
    /// Region and project, for clouds.
    pub target: CloudTarget,
    /// Additional headers and timeout.
    pub extras: Extras,
    /// How long a tool keeps its hook's output (`CLAUDE_CODE_API_KEY_HELPER_TTL_MS`); `None` if unknown.
    pub hook_ttl: Option<Duration>,
    /// When a person is asked to confirm the loan.
    pub confirm: Confirm,
    /// Likely mistakes that block nothing.
    pub warnings: Vec<Warning>,
}

impl Winner {
    /// The provider of the secret, if it has to be obtained.
    pub fn provider(&self) -> Option<&Arc<dyn CredentialProvider>> {
        match &self.bound.material {
            Material::Provided(provider) => Some(provider),
            Material::OwnVariable(_) | Material::Fixed(_) => None,
        }
    }

    /// The account of the local store that it belongs to.
    pub fn account(&self) -> Option<&str> {
        Some(self.provider()?.account()?.name.as_str())
    }

    /// Whether it is lent, and not in the session's own environment.
    pub fn is_lent(&self) -> bool {
        !matches!(self.bound.material, Material::OwnVariable(_))
    }

    /// Identity of its cache entry, if it has one.
    pub fn key(&self) -> Option<SourceKey> {
        self.provider().map(|provider| provider.key())
    }
}
