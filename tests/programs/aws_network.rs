//! How the SDK's children reach the network: proxies, certificate authorities, servers that never answer, and the
//! question whether AWS takes the credentials.

use claviger_tests::{
    CANARY,
    aws::{Bedrock, about, keys},
    stand_in::{Authority, Request, Response, StandIn},
};
use serde_json::json;
use std::{
    io::{self, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
    time::Instant,
};

/// A session whose profile assumes a role with static keys.
fn with_role() -> Bedrock {
    let mut session = Bedrock::new();
    session.config("[profile dev]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n");
    let keys = format!("[base]\naws_access_key_id = AKIABASE\naws_secret_access_key = {CANARY}b\n");
    session.home.write("home/.aws/credentials", &keys);
    session.set("AWS_PROFILE", "dev");
    session
}

/// STS: gives every role, knows everybody.
fn sts(request: &Request) -> Response {
    let keys = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIAROLE</AccessKeyId>\
         <SecretAccessKey>{CANARY}s</SecretAccessKey><SessionToken>{CANARY}t</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    match request.field("Action").as_deref() {
        Some("AssumeRole") => Response::new(200, keys),
        _ => Response::new(
            200,
            "<GetCallerIdentityResponse><GetCallerIdentityResult/></GetCallerIdentityResponse>",
        ),
    }
}

/// An error as STS tells it.
fn no(status: u16, code: &str) -> Response {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{CANARY}</Message></Error></ErrorResponse>"
    );
    Response::new(status, body)
}

#[test]
fn the_sessions_authority_is_trusted_and_no_other() {
    let authority = Authority::new();
    let service = StandIn::start_tls(&authority, sts);
    let mut session = with_role();
    let bundle = session.home.write("ca.pem", &authority.pem());
    session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
    let _daemon = session.daemon();
    session.refused("source-unavailable");
    assert_eq!(service.requests().len(), 0, "keys went to a server without a trusted certificate");
    session.set("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8"));
    let lease = session.lease();
    assert_eq!((keys(&lease).0, about(&lease).0), ("AKIAROLE", "profile".to_owned()));
}

#[test]
fn a_bundle_that_cannot_be_used_is_named() {
    let mut session = with_role();
    let empty = session.home.write("empty.pem", "canary");
    let _daemon = session.daemon();
    for (path, what) in [
        ("/nonexistent.pem", "does not exist"),
        ("/dev/zero", "is not a file"),
        (empty.to_str().expect("UTF-8"), "no certificate"),
    ] {
        session.set("AWS_CA_BUNDLE", path);
        let problem = session.refused("settings-invalid");
        assert!(problem.message.contains(path) && problem.message.contains(what), "{problem:?}");
    }
}

/// A proxy that takes CONNECT only and connects to `port`, whatever it is asked for. Remembers what that was.
fn proxy(port: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = Arc::<Mutex<Vec<String>>>::default();
    let seen = asked.clone();
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && client.read(&mut byte).is_ok_and(|count| count == 1) {
                head.push(byte[0]);
            }
            let line = claviger_tests::text(&head).lines().next().unwrap_or_default().to_owned();
            seen.lock().expect("lines").push(line);
            let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
            drop(client.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
            for (mut from, mut to) in [(&client, &server), (&server, &client)]
                .map(|(from, to)| (from.try_clone().expect("a copy"), to.try_clone().expect("a copy")))
            {
                thread::spawn(move || drop(io::copy(&mut from, &mut to)));
            }
        }
    });
    (format!("http://{address}"), asked)
}

#[test]
fn the_sessions_proxy_is_used() {
    let authority = Authority::new();
    let service = StandIn::start_tls(&authority, sts);
    let (url, asked) = proxy(service.port());
    let mut session = with_role();
    let bundle = session.home.write("ca.pem", &authority.pem());
    session.set("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8"));
    // Nothing but the proxy knows where this is.
    session.set("AWS_ENDPOINT_URL_STS", "https://localhost:1");
    session.set("HTTPS_PROXY", url);
    session.set("NO_PROXY", "elsewhere.example");
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIAROLE");
    assert_eq!(*asked.lock().expect("lines"), ["CONNECT localhost:1 HTTP/1.1"]);
}

#[test]
fn instance_metadata_that_never_answers_ends_in_seconds() {
    let service = StandIn::start(|_| Response::never());
    let mut session = Bedrock::new();
    session.unset("AWS_EC2_METADATA_DISABLED");
    session.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", service.url.clone());
    let _daemon = session.daemon();
    let problem = session.refused("login-required");
    let hint = problem.advice().expect("advice");
    assert!(hint.contains("AWS_EC2_METADATA_DISABLED=true") && hint.contains("aws sso login"), "{hint}");
    assert!(
        problem.trail.last().expect("a link").contains("no metadata service answers"),
        "{:?}",
        problem.trail
    );
}

#[test]
fn a_service_that_is_not_there_is_no_reason_to_sign_in() {
    let mut session = with_role();
    let runs = session.home.path("signin.runs");
    session.settings(&json!({"awsAuthRefresh": format!("echo run >> '{}'", runs.display())}));
    session.set("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1");
    let _daemon = session.daemon();
    session.refused("source-unavailable");
    assert_eq!(session.home.runs("signin"), 0);
}

#[test]
fn what_sts_says_decides() {
    let answers = [
        (403, "AccessDenied", "upstream-denied"),
        (403, "InvalidClientTokenId", "login-required"),
        (400, "ExpiredToken", "login-required"),
        (400, "ValidationError", "settings-invalid"),
        (400, "Throttling", "source-unavailable"),
        (503, "ServiceUnavailable", "source-unavailable"),
    ];
    // Side by side: some are asked again and again.
    thread::scope(|scope| {
        for (status, code, reason) in answers {
            scope.spawn(move || {
                let service = StandIn::start(move |_| no(status, code));
                let mut session = with_role();
                session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
                let _daemon = session.daemon();
                let problem = session.refused(reason);
                assert!(
                    problem.message.contains(code) && problem.message.contains("profile dev"),
                    "{problem:?}"
                );
            });
        }
    });
}

#[test]
fn a_web_identity_that_is_turned_down_is_said_so() {
    for (code, reason) in
        [("InvalidIdentityToken", "login-required"), ("IDPCommunicationError", "source-unavailable")]
    {
        let service = StandIn::start(move |_| no(400, code));
        let mut session = Bedrock::new();
        let token = session.home.write("token", &format!("{CANARY}token"));
        session.set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().expect("UTF-8"));
        session.set("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r");
        session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
        let _daemon = session.daemon();
        let problem = session.refused(reason);
        let parts = [code, "AWS_WEB_IDENTITY_TOKEN_FILE"];
        assert!(parts.iter().all(|part| problem.message.contains(part)), "{problem:?}");
        assert_eq!(service.requests()[0].field("WebIdentityToken"), Some(format!("{CANARY}token")));
    }
}

#[test]
fn an_answer_without_credentials_is_no_reason_to_sign_in() {
    thread::scope(|scope| {
        for body in ["", "<AssumeRoleResponse/>", "{\"canary\": 1}"] {
            scope.spawn(move || {
                let service = StandIn::start(move |_| Response::new(200, body));
                let mut session = with_role();
                session.set("AWS_ENDPOINT_URL_STS", service.url.clone());
                let _daemon = session.daemon();
                session.refused("source-unavailable");
            });
        }
    });
}

/// A session with static keys and a command that signs in; the check asks `url`.
fn checked(url: &str) -> Bedrock {
    let mut session = Bedrock::new();
    let keys = format!("[default]\naws_access_key_id = AKIASTATIC\naws_secret_access_key = {CANARY}k\n");
    session.home.write("home/.aws/credentials", &keys);
    let runs = session.home.path("signin.runs");
    session.settings(&json!({"awsAuthRefresh": format!("echo run >> '{}'", runs.display())}));
    session.set("AWS_ENDPOINT_URL_STS", url);
    session
}

#[test]
fn keys_that_aws_turns_down_are_mended_by_signing_in_once() {
    let asked = Arc::new(Mutex::new(0));
    let turns = asked.clone();
    let service = StandIn::start(move |request| {
        let mut turns = turns.lock().expect("a number");
        *turns += 1;
        if *turns == 1 { no(403, "ExpiredToken") } else { sts(request) }
    });
    let session = checked(&service.url);
    let _daemon = session.daemon();
    assert_eq!(keys(&session.lease()).0, "AKIASTATIC");
    assert_eq!((session.home.runs("signin"), *asked.lock().expect("a number")), (1, 2));
}

#[test]
fn a_check_that_gets_no_clear_answer_counts_for_nothing() {
    let never = StandIn::start(|_| Response::never());
    let busy = StandIn::start(|_| no(400, "Throttling"));
    let broken = StandIn::start(|_| Response::new(500, CANARY));
    thread::scope(|scope| {
        for url in [&never.url, &busy.url, &broken.url, "http://127.0.0.1:1"] {
            scope.spawn(move || {
                let session = checked(url);
                let _daemon = session.daemon();
                let started = Instant::now();
                assert_eq!(keys(&session.lease()).0, "AKIASTATIC", "{url}");
                claviger_tests::wait::not_held_up(started);
                assert_eq!(session.home.runs("signin"), 0, "{url}");
            });
        }
    });
}
