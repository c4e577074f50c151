//! How a gate reaches its API: proxies, certificate authorities and the client certificate of its session.

use claviger::{Problem, Reason, Secret};
use claviger_proxy::{NO_PROXY, PROXY, is_covered};
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::Arc,
    time::SystemTime,
};
use zeroize::Zeroizing;

/// What Claude Code uses for https as well, before `ALL_PROXY` is looked at.
const HTTP_PROXY: [&str; 2] = ["http_proxy", "HTTP_PROXY"];
/// Names the authorities in place of the system's.
const AUTHORITIES: &str = "SSL_CERT_FILE";
/// The same, a directory.
const AUTHORITIES_DIRECTORY: &str = "SSL_CERT_DIR";
/// Names further authorities.
const MORE_AUTHORITIES: &str = "NODE_EXTRA_CA_CERTS";
const CLIENT_CERT: &str = "CLAUDE_CODE_CLIENT_CERT";
const CLIENT_KEY: &str = "CLAUDE_CODE_CLIENT_KEY";
/// Old files of OpenSSL encrypt keys in a way of their own.
const CONVERT: &str = "convert it to PKCS#8: openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem";
const PASSPHRASE: &str = "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE";

/// The variables of a session that determine its network. Equal ones share connections.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Network(Arc<BTreeMap<String, String>>);

/// Time of the last change, inode and length of a file; `None` if there is none.
pub(crate) type FileState = Option<(SystemTime, u64, u64)>;

// === impl Network ===

impl Network {
    pub(crate) fn of(variables: &HashMap<String, Secret>) -> Self {
        let pairs = variables.iter().map(|(name, secret)| (name.clone(), secret.expose().clone()));
        Self(Arc::new(pairs.collect()))
    }

    /// The first of these variables that is set, and its value.
    fn first(&self, names: &[&'static str]) -> Option<(&'static str, &str)> {
        let mut found = names.iter().filter_map(|name| Some((*name, self.0.get(*name)?.as_str())));
        found.find(|(_, value)| !value.is_empty())
    }

    fn path(&self, name: &'static str) -> Option<&Path> {
        self.first(&[name]).map(|(_, path)| Path::new(path))
    }

    /// The state of the files that [`Self::tls`] reads, as far as variables name them.
    pub(crate) fn files(&self) -> Vec<FileState> {
        let names = [AUTHORITIES, AUTHORITIES_DIRECTORY, MORE_AUTHORITIES, CLIENT_CERT, CLIENT_KEY];
        let state = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            Some((found.modified().ok()?, found.ino(), found.len()))
        };
        names.iter().filter_map(|name| self.path(name)).map(state).collect()
    }

    /// The proxy for `uri`, if there is one.
    ///
    /// # Errors
    /// `settings-invalid` if it is not an HTTP proxy.
    pub(crate) fn proxy(&self, uri: &Uri) -> Result<Option<Intercept>, Problem> {
        let proxy = self.first(&PROXY[..2]).or_else(|| self.first(&HTTP_PROXY));
        let proxy = proxy.or_else(|| self.first(&PROXY)).filter(|_| uri.scheme_str() == Some("https"));
        let Some((variable, proxy)) = proxy else { return Ok(None) };
        if self.first(&NO_PROXY).is_some_and(|(_, list)| is_covered(list, uri)) {
            return Ok(None);
        }
        let found = Matcher::builder().all(proxy).build().intercept(uri);
        match found.filter(|found| matches!(found.uri().scheme_str(), Some("http" | "https"))) {
            Some(found) => Ok(Some(found)),
            None => {
                Err(invalid("the proxy is no URL of http:// or https://, and a gate uses no other", variable))
            }
        }
    }

    /// The trusted certificates, and the own one.
    ///
    /// # Errors
    /// `settings-invalid` if a file cannot be read, or has no certificate.
    pub(crate) fn tls(&self) -> Result<ClientConfig, Problem> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Problem::new(Reason::Bug, format!("no version of TLS: {error}")))?
            .with_root_certificates(self.roots()?);
        match (self.path(CLIENT_CERT), self.path(CLIENT_KEY)) {
            (Some(certificate), Some(key)) => {
                let chain = certificates(certificate, CLIENT_CERT)?;
                let wrong = |_| invalid("certificate and key do not belong together", CLIENT_CERT);
                config.with_client_auth_cert(chain, self.key(key)?).map_err(wrong)
            }
            (None, None) => Ok(config.with_no_client_auth()),
            (Some(_), None) => Err(invalid("a client certificate needs its key", CLIENT_KEY)),
            (None, Some(_)) => Err(invalid("a key needs its client certificate", CLIENT_CERT)),
        }
    }

    /// The key of the client certificate, decrypted with its passphrase if there is one.
    fn key(&self, path: &Path) -> Result<PrivateKeyDer<'static>, Problem> {
        let text = fs::read(path).map(Zeroizing::new).map_err(|error| {
            invalid(&format!("the key of the client certificate cannot be read: {error}"), CLIENT_KEY)
        })?;
        let encrypted = std::str::from_utf8(&text).ok().and_then(|text| SecretDocument::from_pem(text).ok());
        match encrypted.filter(|(label, _)| *label == "ENCRYPTED PRIVATE KEY") {
            Some((_, document)) => {
                let passphrase = self.first(&[PASSPHRASE]).map_or("", |(_, text)| text);
                let opened = document
                    .decode_msg::<EncryptedPrivateKeyInfoRef<'_>>()
                    .ok()
                    .and_then(|key| key.decrypt(passphrase).ok());
                let opened = opened.ok_or_else(|| {
                    invalid("the passphrase does not open the key of the client certificate", PASSPHRASE)
                })?;
                Ok(PrivateKeyDer::Pkcs8(opened.as_bytes().to_vec().into()))
            }
            None => PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
                invalid("the file of the client certificate's key has none that can be used", CLIENT_KEY)
                    .hint(CONVERT)
            }),
        }
    }

    fn roots(&self) -> Result<RootCertStore, Problem> {
        let (file, directory) = (self.path(AUTHORITIES), self.path(AUTHORITIES_DIRECTORY));
        let found = match (file, directory) {
            (None, None) => rustls_native_certs::load_native_certs(),
            _ => rustls_native_certs::load_certs_from_paths(file, directory),
        };
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if let Some(more) = self.path(MORE_AUTHORITIES) {
            roots.add_parsable_certificates(certificates(more, MORE_AUTHORITIES)?);
        }
        match roots.is_empty() {
            true => Err(invalid("there is no certificate of an authority", AUTHORITIES)),
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
