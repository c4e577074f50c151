//! An app's certificate, and the assertion signed with its key (RFC 7523; Microsoft Entra documentation, "Certificate
//! credentials").

use super::{
    Declined,
    file::{self, read},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::{
    digest,
    rand::{SecureRandom as _, SystemRandom},
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::json;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// Lifetime of an assertion; Entra accepts up to ten minutes.
const LIFE: Duration = Duration::from_secs(600);
const CONVERT: &str = "convert it to PEM without a password (AZURE_CLIENT_CERTIFICATE_PASSWORD is not read): openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem, and keep it readable for you alone";

/// A certificate and its key.
pub(crate) struct Identity {
    key: RsaKeyPair,
    certificate: CertificateDer<'static>,
    /// The other certificates of the file: those of its issuers.
    issuers: Vec<CertificateDer<'static>>,
}

/// An assertion for `audience` that `client` holds the key in the file at `path`; with the certificates themselves if
/// the app trusts their issuer (`sends_chain`).
///
/// # Errors
/// `settings-invalid` if the file cannot be used.
pub(super) fn assertion(
    path: &str,
    client: &str,
    audience: &str,
    sends_chain: bool,
) -> Result<String, Declined> {
    let identity = Identity::parse(&read(PATH, path)?).map_err(|why| unusable(path, why))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    identity.sign(client, audience, since, sends_chain).ok_or_else(|| unusable(path, Why::Key))
}

/// Why a file is unusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    NotPem,
    Encrypted,
    NoKey,
    Key,
    NoCertificate,
}

fn unusable(path: &str, why: Why) -> Declined {
    let (what, hint) = match why {
        Why::NotPem => ("is not in PEM format", CONVERT),
        Why::Encrypted => ("holds an encrypted key", CONVERT),
        Why::NoKey => {
            ("holds no private key", "put the certificate and its private key into the same PEM file")
        }
        Why::Key => ("holds a key that cannot be used", "it must be an RSA key of 2048 to 4096 bits"),
        Why::NoCertificate => (
            "holds no certificate for its private key",
            "put the certificate and its private key into the same PEM file",
        ),
    };
    file::unusable(PATH, path, what).hint(hint)
}

impl Identity {
    pub(crate) fn parse(pem: &[u8]) -> Result<Self, Why> {
        let has = |text: &[u8]| pem.windows(text.len()).any(|window| window == text);
        // PKCS #12, as created by Azure's portal, has no such line.
        if !has(b"-----BEGIN ") {
            return Err(Why::NotPem);
        }
        if has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED") {
            return Err(Why::Encrypted);
        }
        let key = match PrivateKeyDer::from_pem_slice(pem).map_err(|_| Why::NoKey)? {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(Why::Key),
        };
        let key = key.map_err(|_| Why::Key)?;
        // A file may contain the issuers' certificates too. The right one has the public part of the key.
        let public = key.public().as_ref();
        let is_of_key = |der: &CertificateDer<'_>| der.windows(public.len()).any(|window| window == public);
        let mut issuers: Vec<_> = CertificateDer::pem_slice_iter(pem).flatten().collect();
        let at = issuers.iter().position(is_of_key).ok_or(Why::NoCertificate)?;
        Ok(Self { certificate: issuers.remove(at), issuers, key })
    }

    pub(crate) fn sign(
        &self,
        client: &str,
        audience: &str,
        since: Duration,
        sends_chain: bool,
    ) -> Option<String> {
        let random = SystemRandom::new();
        let mut id = [0; 16];
        random.fill(&mut id).ok()?;
        let thumbprint = digest::digest(&digest::SHA256, &self.certificate);
        let mut header = json!({ "typ": "JWT", "alg": "PS256", "x5t#S256": encode(thumbprint.as_ref()) });
        if sends_chain {
            // RFC 7515, section 4.1.6: the certificate of the key is the first, and this is not base64url.
            let chain = std::iter::once(&self.certificate).chain(&self.issuers);
            header["x5c"] = chain.map(|certificate| STANDARD.encode(certificate)).collect();
        }
        let claims = json!({
            "aud": audience, "iss": client, "sub": client, "jti": encode(&id),
            "nbf": since.as_secs(), "iat": since.as_secs(), "exp": (since + LIFE).as_secs(),
        });
        let text =
            format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key.sign(&RSA_PSS_SHA256, &random, text.as_bytes(), &mut signature).ok()?;
        Some(format!("{text}.{}", encode(&signature)))
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
