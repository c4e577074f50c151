//! Foundry's credentials: an app that signs in with a certificate.

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use claviger_tests::{
    CANARY,
    foundry::{Foundry, assert_problem, entra, issued, word},
    seconds,
    stand_in::{Authority, Request, StandIn},
};
use rcgen::{CertificateParams, KeyPair};
use ring::{
    digest,
    signature::{RSA_PSS_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, pem::PemObject as _};
use serde_json::Value;
use std::{fs, path::Path};

fn data(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data").join(name).to_str().expect("UTF-8").to_owned()
}

/// Checks signature, header and claims of the assertion in `request`.
fn check_assertion(request: &Request, authority: &str) {
    let assertion = request.field("client_assertion").expect("an assertion");
    let (signed, signature) = assertion.rsplit_once('.').expect("three parts");
    let (header, claims) = signed.split_once('.').expect("three parts");
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let pem = fs::read(data("TEST-ONLY-app.pem")).expect("a file");
    let key = PrivatePkcs8KeyDer::from_pem_slice(&pem).expect("a key");
    let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).expect("an RSA key");
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public().as_ref());
    public.verify(signed.as_bytes(), &decode(signature)).expect("the signature is good");
    let header: Value = serde_json::from_slice(&decode(header)).expect("JSON");
    // The file begins with the issuer's certificate, which is not the app's.
    let certificate = CertificateDer::pem_slice_iter(&pem).last().expect("one").expect("a certificate");
    let thumbprint = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &certificate));
    assert_eq!(
        (header["alg"].as_str(), header["x5t#S256"].as_str()),
        (Some("PS256"), Some(thumbprint.as_str()))
    );
    let claims: Value = serde_json::from_slice(&decode(claims)).expect("JSON");
    assert_eq!(claims["aud"], format!("{authority}/tenant-1/oauth2/v2.0/token"));
    assert_eq!((&claims["iss"], &claims["sub"]), (&"app-1".into(), &"app-1".into()));
    let (from, to) = (claims["nbf"].as_u64().expect("nbf"), claims["exp"].as_u64().expect("exp"));
    assert!(from.abs_diff(seconds()) < 60 && to - from == 600, "{claims}");
    assert!(claims["jti"].as_str().is_some_and(|id| id.len() > 20), "{claims}");
}

#[test]
fn a_certificate_signs_an_assertion() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let mut foundry = Foundry::principal(&authority, &server);
    let _daemon = foundry.home.daemon();
    let pem = fs::read_to_string(data("TEST-ONLY-app.pem")).expect("a file");
    let path = |name: &str, text: String| foundry.home.write(name, &text).to_str().expect("UTF-8").to_owned();
    let files = [
        data("TEST-ONLY-app.pem"),
        data("TEST-ONLY-app-pkcs1.pem"),
        path("crlf.pem", pem.replace('\n', "\r\n")),
        path("bag.pem", format!("\u{feff}Bag Attributes\n    localKeyID: 01\n{pem}")),
    ];
    for path in &files {
        foundry.set("AZURE_CLIENT_CERTIFICATE_PATH", path);
        assert_eq!(foundry.token(), format!("{CANARY}of-tenant-1"), "{path}");
        assert_eq!(foundry.facts().link, "environment");
    }
    let requests = server.requests();
    assert_eq!(requests.len(), files.len());
    requests.iter().for_each(|request| check_assertion(request, &server.url));
    let of = |request: &Request| request.field("client_assertion").expect("an assertion");
    assert_ne!(of(&requests[0]), of(&requests[1]), "no assertion is used twice");
}

#[test]
fn an_app_that_trusts_the_issuer_is_sent_the_certificates() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, entra);
    let mut foundry = Foundry::principal(&authority, &server);
    let _daemon = foundry.home.daemon();
    foundry.set("AZURE_CLIENT_CERTIFICATE_PATH", &data("TEST-ONLY-app.pem"));
    for value in ["1", "TRUE", "0", "yes"] {
        foundry.set("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", value);
        assert_eq!(foundry.token(), format!("{CANARY}of-tenant-1"), "{value}");
    }
    let chains = server.requests().into_iter().map(|request| {
        let assertion = request.field("client_assertion").expect("an assertion");
        let header = assertion.split('.').next().expect("a header").to_owned();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
        header.get("x5c").cloned()
    });
    let pem = fs::read(data("TEST-ONLY-app.pem")).expect("a file");
    let mut certificates: Vec<_> = CertificateDer::pem_slice_iter(&pem).flatten().collect();
    // The file begins with the issuer's; the app's own is to be the first.
    certificates.reverse();
    let expected: Value = certificates.iter().map(|certificate| STANDARD.encode(certificate)).collect();
    assert_eq!(chains.collect::<Vec<_>>(), [Some(expected.clone()), Some(expected), None, None]);
}

#[test]
fn certificates_that_cannot_be_used() {
    let authority = Authority::new();
    let server = StandIn::start_tls(&authority, |_| issued("sk-canary-x"));
    let mut foundry = Foundry::principal(&authority, &server);
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let pem = fs::read_to_string(data.join("TEST-ONLY-app.pem")).expect("a file");
    let key = KeyPair::generate().expect("a key");
    let certificate =
        CertificateParams::new(Vec::new()).expect("parameters").self_signed(&key).expect("signed");
    let write = |name: &str, text: &str| foundry.home.write(name, text);
    let wide: Vec<u8> = pem.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = {
        let path = foundry.home.path("wide.pem");
        fs::write(&path, wide).expect("written");
        path
    };
    let cases = [
        (data.join("TEST-ONLY-app.pfx"), "openssl pkcs12"),
        (data.join("TEST-ONLY-app-encrypted.pem"), "encrypted"),
        (data.join("TEST-ONLY-app-mismatched.pem"), "no certificate for its private key"),
        (write("elliptic.pem", &(key.serialize_pem() + &certificate.pem())), "RSA key"),
        (write("half.pem", &pem[pem.find("-----BEGIN CERT").expect("a certificate")..]), "no private key"),
        (write("cut.pem", &pem[..900]), "no private key"),
        (write("empty.pem", ""), "not in PEM format"),
        (write("nul.pem", "\0\0\0"), "not in PEM format"),
        // The first key counts, as with Azure's libraries.
        (write("twice.pem", &(key.serialize_pem() + &pem)), "RSA key"),
        (write("huge.pem", &"x".repeat(2_000_000)), "is larger than 1024 KiB"),
        (wide, "not in PEM format"),
        (foundry.home.path("missing.pem"), "does not exist"),
        (foundry.home.path("home"), "is not a file"),
    ];
    let _daemon = foundry.home.daemon();
    for (path, part) in cases {
        foundry.set("AZURE_CLIENT_CERTIFICATE_PATH", path.to_str().expect("UTF-8"));
        let problem = foundry.problem();
        assert_problem(&problem, "settings-invalid", part);
        assert!(word(&problem, "message").contains(path.to_str().expect("UTF-8")), "{problem}");
    }
    assert!(server.requests().is_empty());
}
