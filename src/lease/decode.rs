//! A lease from the wire.

use super::{Lease, Material, own};
use crate::{
    backend::{API_TIMEOUT, Backend},
    credential::{AWS_KEYS, AwsKeys, Scheme},
    proto::v1::{self, lease},
    reason::{Problem, Reason},
    wire,
};
use std::time::Duration;

impl Lease {
    /// Decodes what the daemon sent.
    ///
    /// # Errors
    /// `bug` if it does not name the scheme of its secret; `malformed-request` for the backend of a later release.
    #[doc(hidden)]
    pub fn from_proto(message: v1::Lease) -> Result<Self, Problem> {
        let scheme = scheme(message.scheme());
        if scheme.is_none() && message.material.is_some() {
            return Err(Problem::new(
                Reason::Bug,
                "the daemon does not name the scheme to send the credential with",
            ));
        }
        let at = |instant: Option<prost_types::Timestamp>| instant.as_ref().and_then(wire::system_time);
        let material = message.material.map(material);
        let is_own_keys = matches!(&material, Some(Material::OwnVariable(name)) if name == AWS_KEYS[0]);
        let expires_at = if is_own_keys { own::expiry().ok().flatten() } else { at(message.expires_at) };
        let timeout = message.api_timeout.and_then(|of| Duration::try_from(of).ok());
        let header = |header: v1::Header| (header.name, header.value.unwrap_or_default());
        Ok(Self {
            material,
            scheme: scheme.unwrap_or_default(),
            backend: Backend::from_proto(message.backend)?.unwrap_or_default(),
            base_url: message.base_url,
            origin: message.origin,
            api_timeout: timeout.unwrap_or(API_TIMEOUT),
            source: message.source,
            location: message.location.as_ref().map(wire::from_location),
            key: message.key,
            generation: message.generation,
            fetched_at: at(message.fetched_at),
            expires_at,
            refresh_at: at(message.refresh_at),
            stale: message.stale,
            region: message.region,
            project: message.project,
            own_headers: message.headers.into_iter().map(header).collect(),
            own_headers_variable: message.own_headers_variable,
            warnings: message.warnings,
            facts: message.facts,
        })
    }
}

fn scheme(scheme: v1::Scheme) -> Option<Scheme> {
    Some(match scheme {
        v1::Scheme::ApiKey => Scheme::ApiKey,
        v1::Scheme::Bearer => Scheme::Bearer,
        v1::Scheme::ApiKeyAndBearer => Scheme::ApiKeyAndBearer,
        v1::Scheme::Sigv4 => Scheme::SigV4,
        v1::Scheme::Unspecified => return None,
    })
}

fn material(material: lease::Material) -> Material {
    match material {
        lease::Material::Secret(secret) => Material::Secret(secret),
        lease::Material::OwnVariable(name) => Material::OwnVariable(name),
        lease::Material::AwsKeys(v1::AwsKeys { access_key_id, secret_access_key, session_token }) => {
            let secret_access_key = secret_access_key.unwrap_or_default();
            Material::Keys(AwsKeys { access_key_id, secret_access_key, session_token })
        }
    }
}
