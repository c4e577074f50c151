//! The SDK's network access: through the proxy of the session, with the session's certificate authorities. The SDK's
//! own client supports neither.

use super::{Declined, last_request::LastRequest};
use crate::file;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{self, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use claviger::reason::Reason;
use std::path::Path;

/// Largest file with certificates, in bytes; those of distributions have some 250 KiB.
const MAX_BUNDLE: usize = 4 * 1024 * 1024;

/// A client for services on the network.
pub(super) fn proxied(seen: &LastRequest, trusted: &TlsContext) -> SharedHttpClient {
    let past = client(trusted, ProxyConfig::disabled());
    seen.note(client(trusted, ProxyConfig::from_env()), Some(past))
}

/// A client for services of this machine: their answers stay on this machine, and a proxy could not reach them.
pub(super) fn direct(seen: &LastRequest, trusted: &TlsContext) -> SharedHttpClient {
    seen.note(client(trusted, ProxyConfig::disabled()), None)
}

fn client(trusted: &TlsContext, proxy: ProxyConfig) -> SharedHttpClient {
    let trusted = trusted.clone();
    Builder::new().build_with_connector_fn(move |settings, components| {
        let mut connector = Connector::builder()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .tls_context(trusted.clone())
            .proxy_config(proxy.clone())
            // A server may close an idle connection just when it is used again.
            .pool_max_idle_per_host(0);
        connector.set_connector_settings(settings.cloned());
        connector.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
        connector.build()
    })
}

/// The certificate authorities that the session trusts.
///
/// # Errors
/// If the file that `bundle` names cannot be used; the error begins with the setting.
pub(super) fn trusted(bundle: Option<&(&str, String)>) -> Result<TlsContext, Declined> {
    let mut trusted = TrustStore::default();
    if let Some((place, path)) = bundle {
        let unusable = |why: &str| {
            Declined::new(Reason::SettingsInvalid, format!("{place} names {path}, which {why}"))
                .hint("it must be a file with certificates in PEM format")
        };
        let pem = file::read(Path::new(path), MAX_BUNDLE).map_err(|unread| unusable(&unread.to_string()))?;
        if !pem.windows(27).any(|line| line == b"-----BEGIN CERTIFICATE-----") {
            return Err(unusable("contains no certificate"));
        }
        trusted = trusted.with_pem_certificate(pem.to_vec());
    }
    let context = TlsContext::builder().with_trust_store(trusted).build();
    context.map_err(|_| Declined::new(Reason::SettingsInvalid, "the certificates to trust cannot be used"))
}
