//! TLS between a gate and the API: authorities, client certificates, and what is not the API. What fails has words, and sends nothing.

use crate::gate_net::{PASSWORD, ask, fails, home, ok, sent};
use claviger_tests::{
    CANARY,
    gated::Gated,
    stand_in::{Authority, StandIn, second},
};
use std::{fs, path::Path, process::Command};

#[test]
fn an_own_authority_is_trusted_when_its_file_is_named() {
    let authority = Authority::new();
    let api = StandIn::start_tls(&authority, ok);
    let (mut home, _daemon) = home(&api.url, &[]);
    // A relative path is that of the session, whose directory is `work`.
    home.write("work/ca.pem", &authority.pem());
    let absolute = home.path("work/ca.pem").display().to_string();
    let mut expected = 0;
    for name in ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        for path in ["ca.pem", &absolute] {
            home.set(name, path);
            assert_eq!(sent(&home).0, 200, "{name}={path}");
            expected += 1;
        }
        home.set(name, "");
    }
    let requests = api.requests();
    assert!(requests.len() == expected, "{}", requests.len());
    assert!(requests.iter().all(|request| request.header("x-api-key").starts_with(CANARY)));
    // Settings of the user set it as well.
    let helper = home.path("key.sh");
    home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", &api.url), ("NODE_EXTRA_CA_CERTS", &absolute)]);
    assert_eq!(sent(&home).0, 200);
}

#[test]
fn http_2_is_spoken_where_the_api_prefers_it() {
    let authority = Authority::new();
    let (url, versions) = second::start(&authority, r#"{"id": "msg_1"}"#.to_owned());
    let (mut home, _daemon) = home(&url, &[]);
    home.set("SSL_CERT_FILE", home.write("ca.pem", &authority.pem()).to_str().expect("UTF-8"));
    let gate = Gated::open(&home, "--gate=tcp");
    assert_eq!([ask(&gate).0, ask(&gate).0], [200, 200]);
    assert_eq!(*versions.lock().expect("versions"), [http::Version::HTTP_2; 2]);
}

#[test]
fn who_is_not_the_api_gets_nothing() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let unknown = StandIn::start_tls(&stranger, ok);
    let expired = StandIn::start_tls_expired(&authority, ok);
    let misnamed = StandIn::start_tls_as(&authority, "other.example", ok);
    let demanding = StandIn::start_tls_demanding(&authority, ok);
    let plain = StandIn::start(ok);
    let plain_url = plain.url.replace("http://127.0.0.1", "https://localhost");
    let (mut home, _daemon) = home("", &[]);
    home.set("NODE_EXTRA_CA_CERTS", home.write("ca.pem", &authority.pem()).to_str().expect("UTF-8"));
    let helper = home.path("key.sh");
    for (url, status, parts) in [
        (&unknown.url, 502, &["authority that is not trusted here", "NODE_EXTRA_CA_CERTS"][..]),
        (&expired.url, 502, &["has expired", "clock"]),
        (&misnamed.url, 502, &["is for another name", "base URL"]),
        (&demanding.url, 502, &["client certificate", "CLAUDE_CODE_CLIENT_CERT"]),
        (&plain_url, 503, &["cannot be reached: tls handshake eof"]),
        (&"https://localhost:1".to_owned(), 503, &["cannot be reached: Connection refused", "HTTPS_PROXY"]),
        (&"https://claviger.invalid".to_owned(), 503, &["claviger.invalid cannot be reached"]),
    ] {
        home.user_settings(&helper, &[("ANTHROPIC_BASE_URL", url)]);
        let host = url.trim_start_matches("https://");
        fails(&home, status, &[parts, &[host]].concat());
    }
    for server in [&unknown, &expired, &misnamed, &demanding, &plain] {
        assert!(server.requests().is_empty(), "{}", server.url);
    }
}

#[test]
fn files_of_certificates_that_cannot_be_used_are_named_by_their_variable() {
    let authority = Authority::new();
    let api = StandIn::start_tls(&authority, ok);
    let (mut home, _daemon) = home(&api.url, &[]);
    let ca = home.write("ca.pem", &authority.pem()).display().to_string();
    let [certificate, key] = authority.client();
    let [_, other] = authority.client();
    let certificate = home.write("client.pem", &certificate).display().to_string();
    let key = home.write("client.key", &key).display().to_string();
    let other = home.write("other.key", &other).display().to_string();
    let trusted = ("SSL_CERT_FILE", ca.as_str());
    for (variables, part) in [
        (&[("SSL_CERT_FILE", "/nowhere.pem")][..], "SSL_CERT_FILE"),
        (&[("SSL_CERT_FILE", "/etc/passwd")], "SSL_CERT_FILE"),
        (&[trusted, ("NODE_EXTRA_CA_CERTS", "/nowhere.pem")], "NODE_EXTRA_CA_CERTS"),
        (&[trusted, ("NODE_EXTRA_CA_CERTS", "/etc/passwd")], "NODE_EXTRA_CA_CERTS"),
        (&[trusted, ("CLAUDE_CODE_CLIENT_CERT", &certificate)], "CLAUDE_CODE_CLIENT_KEY"),
        (&[trusted, ("CLAUDE_CODE_CLIENT_KEY", &key)], "CLAUDE_CODE_CLIENT_CERT"),
        (
            &[trusted, ("CLAUDE_CODE_CLIENT_CERT", &certificate), ("CLAUDE_CODE_CLIENT_KEY", "/nowhere")],
            "CLAUDE_CODE_CLIENT_KEY",
        ),
        (
            &[trusted, ("CLAUDE_CODE_CLIENT_CERT", &certificate), ("CLAUDE_CODE_CLIENT_KEY", &certificate)],
            "openssl pkcs8",
        ),
        (
            &[trusted, ("CLAUDE_CODE_CLIENT_CERT", &certificate), ("CLAUDE_CODE_CLIENT_KEY", &other)],
            "do not belong together",
        ),
    ] {
        for name in
            ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "CLAUDE_CODE_CLIENT_CERT", "CLAUDE_CODE_CLIENT_KEY"]
        {
            home.set(name, "");
        }
        variables.iter().for_each(|(name, value)| home.set(name, value));
        fails(&home, 502, &[part, "settings-invalid"]);
    }
    assert!(api.requests().is_empty());
}

/// Encrypts the key in the file `from` with the passphrase.
fn encrypt(from: &Path, to: &Path, form: &[&str]) {
    let mut openssl = Command::new("openssl");
    openssl
        .args(form)
        .arg("-in")
        .arg(from)
        .arg("-out")
        .arg(to)
        .args(["-passout", &format!("pass:{PASSWORD}")]);
    let output = openssl.output().expect("openssl runs");
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_client_certificate_is_shown_and_its_key_may_have_a_passphrase() {
    let authority = Authority::new();
    let api = StandIn::start_tls_demanding(&authority, ok);
    let (mut home, _daemon) = home(&api.url, &[]);
    let [certificate, key] = authority.client();
    let plain = home.write("work/client.key", &key);
    home.write("work/client.pem", &certificate);
    home.set("NODE_EXTRA_CA_CERTS", home.write("ca.pem", &authority.pem()).to_str().expect("UTF-8"));
    home.set("CLAUDE_CODE_CLIENT_CERT", "client.pem");
    home.set("CLAUDE_CODE_CLIENT_KEY", "client.key");
    assert_eq!(sent(&home), (200, String::new()));
    let aes = ["pkcs8", "-topk8", "-v2", "aes-256-cbc"];
    encrypt(&plain, &home.path("work/aes.key"), &aes);
    encrypt(&plain, &home.path("work/scrypt.key"), &["pkcs8", "-topk8", "-scrypt"]);
    encrypt(&plain, &home.path("work/old.key"), &["ec", "-aes256"]);
    for (file, passphrase, expected) in [
        ("aes.key", PASSWORD, None),
        ("scrypt.key", PASSWORD, None),
        ("aes.key", "sk-canary-wrong", Some("CLAUDE_CODE_CLIENT_KEY_PASSPHRASE")),
        ("aes.key", "", Some("CLAUDE_CODE_CLIENT_KEY_PASSPHRASE")),
        ("old.key", PASSWORD, Some("openssl pkcs8 -topk8")),
    ] {
        home.set("CLAUDE_CODE_CLIENT_KEY", file);
        home.set("CLAUDE_CODE_CLIENT_KEY_PASSPHRASE", passphrase);
        match expected {
            None => assert_eq!(sent(&home), (200, String::new()), "{file}"),
            Some(part) => fails(&home, 502, &[part]),
        }
    }
    assert_eq!(api.requests().len(), 3);
}

#[test]
fn files_that_are_renewed_while_a_gate_is_open_count_for_its_next_request() {
    let [authority, stranger] = [Authority::new(), Authority::new()];
    let api = StandIn::start_tls_demanding(&authority, ok);
    let (mut home, _daemon) = home(&api.url, &[]);
    let write = |file: &str, text: &str| fs::write(home.path("work").join(file), text).expect("written");
    let [old, old_key] = stranger.client();
    write("ca.pem", &stranger.pem());
    write("client.pem", &old);
    write("client.key", &old_key);
    home.set("NODE_EXTRA_CA_CERTS", "ca.pem");
    home.set("CLAUDE_CODE_CLIENT_CERT", "client.pem");
    home.set("CLAUDE_CODE_CLIENT_KEY", "client.key");
    let gate = Gated::open(&home, "--gate");
    let (status, message) = ask(&gate);
    assert!(status == 502 && message.contains("authority that is not trusted here"), "{message}");
    let write = |file: &str, text: &str| fs::write(home.path("work").join(file), text).expect("written");
    write("ca.pem", &authority.pem());
    let (status, message) = ask(&gate);
    assert!(status == 502 && message.contains("client certificate"), "{message}");
    let [certificate, key] = authority.client();
    write("client.key", &key);
    // The certificate does not belong to the key yet.
    assert_eq!(ask(&gate).0, 502);
    write("client.pem", &certificate);
    assert_eq!(ask(&gate), (200, String::new()));
    // The next pair, half of it.
    let [next, _] = authority.client();
    write("client.pem", &next);
    assert_eq!(ask(&gate), (200, String::new()));
    assert_eq!(api.requests().len(), 2);
}
