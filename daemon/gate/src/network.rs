//! How a gate reaches its API: proxies, authorities and the client certificate of its session, by the variables that name them.

use claviger::{Problem, Reason, Secret};
use claviger_proxy::{NO_PROXY, PROXY, is_covered};
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    sync::Arc,
};

/// The network of a session. Equal ones share connections.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(BTreeMap<String, String>);

// === impl Network ===

impl Network {
    pub(crate) fn of(variables: &HashMap<String, Secret>) -> Self {
        Self(variables.iter().map(|(name, secret)| (name.clone(), secret.expose().clone())).collect())
    }

    fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.0.get(*name)).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The proxy by which `uri` is reached, if there is one.
    ///
    /// # Errors
    /// `settings-invalid` for one that is not of HTTP.
    pub(crate) fn proxy(&self, uri: &Uri) -> Result<Option<Intercept>, Problem> {
        let Some(proxy) = self.first(&PROXY).filter(|_| uri.scheme_str() == Some("https")) else {
            return Ok(None);
        };
        if self.first(&NO_PROXY).is_some_and(|list| is_covered(list, uri)) {
            return Ok(None);
        }
        let found = Matcher::builder().all(proxy).build().intercept(uri);
        match found.filter(|found| found.uri().scheme_str() == Some("http")) {
            Some(found) => Ok(Some(found)),
            None => Err(invalid("a gate goes by way of proxies of HTTP only", "HTTPS_PROXY")),
        }
    }

    /// What certificates are trusted, and which one is shown.
    ///
    /// # Errors
    /// `settings-invalid` if a file cannot be read, or is none of certificates.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Problem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Problem::new(Reason::Bug, format!("no version of TLS: {error}")))?
            .with_root_certificates(self.roots()?);
        match (self.first(&["CLAUDE_CODE_CLIENT_CERT"]), self.first(&["CLAUDE_CODE_CLIENT_KEY"])) {
            (Some(certificate), Some(key)) => {
                let key = PrivateKeyDer::from_pem_file(key).map_err(|_| {
                    invalid(
                        "the key of the client certificate cannot be read, or has a passphrase",
                        "CLAUDE_CODE_CLIENT_KEY",
                    )
                })?;
                let chain = certificates(Path::new(certificate), "CLAUDE_CODE_CLIENT_CERT")?;
                let wrong =
                    |_| invalid("certificate and key do not belong together", "CLAUDE_CODE_CLIENT_CERT");
                config.with_client_auth_cert(chain, key).map_err(wrong)
            }
            _ => Ok(config.with_no_client_auth()),
        }
    }

    fn roots(&self) -> Result<RootCertStore, Problem> {
        let (file, directory) = (self.first(&["SSL_CERT_FILE"]), self.first(&["SSL_CERT_DIR"]));
        let found = match (file, directory) {
            (None, None) => rustls_native_certs::load_native_certs(),
            _ => rustls_native_certs::load_certs_from_paths(file.map(Path::new), directory.map(Path::new)),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if let Some(more) = self.first(&["NODE_EXTRA_CA_CERTS"]) {
            roots.add_parsable_certificates(certificates(Path::new(more), "NODE_EXTRA_CA_CERTS")?);
        }
        match roots.is_empty() {
            true => Err(invalid("there is no certificate of an authority", "SSL_CERT_FILE")),
            false => Ok(roots),
        }
    }
}

fn certificates(path: &Path, variable: &str) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| invalid("the file of certificates cannot be read, or has none", variable))
}

fn invalid(what: &str, variable: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, what).hint(format!("check {variable}"))
}
