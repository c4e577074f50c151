//! Certificates for servers of a test.

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};
use rustls::{
    ConfigBuilder, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{ClientHello, ResolvesServerCert, WantsServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use std::{fmt, sync::Arc};

/// A certificate authority of one test.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "claviger test authority");
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        Self { issuer }
    }

    /// The certificate to trust, in PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server with a certificate for `name`.
    pub(super) fn server(&self, name: &str) -> Arc<ServerConfig> {
        self.server_with(CertificateParams::new(vec![name.to_owned()]).expect("parameters"))
    }

    /// A server with a certificate for whatever name it is called by.
    pub(super) fn any_server(self: &Arc<Self>) -> Arc<ServerConfig> {
        Arc::new(configuration().with_cert_resolver(Arc::new(ForAll(self.clone()))))
    }

    /// A server with a certificate for `name` that was not renewed.
    pub(super) fn expired(&self, name: &str) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.server_with(params)
    }

    /// A server with a certificate for `localhost` that wants one of this authority from its clients.
    pub(super) fn demanding(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("a certificate");
        let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build();
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("versions").with_client_cert_verifier(clients.expect("a verifier"));
        let (certificate, key) =
            self.certificate(CertificateParams::new(vec!["localhost".to_owned()]).expect("parameters"));
        Arc::new(config.with_single_cert(vec![certificate], key).expect("a certificate"))
    }

    /// Certificate and key of a client, in PEM.
    pub fn client(&self) -> [String; 2] {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec!["client.example".to_owned()]).expect("parameters");
        [params.signed_by(&key, &self.issuer).expect("signed").pem(), key.serialize_pem()]
    }

    fn server_with(&self, params: CertificateParams) -> Arc<ServerConfig> {
        let (certificate, key) = self.certificate(params);
        Arc::new(configuration().with_single_cert(vec![certificate], key).expect("a certificate"))
    }

    fn certificate(&self, params: CertificateParams) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("signed");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (certificate.der().clone(), key)
    }
}

/// Makes a certificate for each name that a client asks for.
struct ForAll(Arc<Authority>);

impl fmt::Debug for ForAll {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ForAll")
    }
}

impl ResolvesServerCert for ForAll {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().unwrap_or("127.0.0.1").to_owned();
        let (certificate, key) = self.0.certificate(CertificateParams::new(vec![name]).ok()?);
        let key = rustls::crypto::ring::sign::any_supported_type(&key).ok()?;
        Some(Arc::new(CertifiedKey::new(vec![certificate], key)))
    }
}

fn configuration() -> ConfigBuilder<ServerConfig, WantsServerCert> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    config.expect("versions").with_no_client_auth()
}
