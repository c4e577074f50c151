//! A person's sign-in at AWS is one file for all sessions, and its refresh token is taken once: one of them renews it, the others
//! find it renewed.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use claviger_tests::{
    CANARY,
    aws::{Bedrock, keys},
    aws_sign_in::{SignInServer, Way, portal, signs_in},
    disk::Disk,
    stand_in::{Request, Response, StandIn},
    text, wait,
};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// Long enough for all sessions to come while one renews.
const RENEWAL: Duration = Duration::from_millis(500);

/// `claviger aws` in a terminal of its own, whose region makes it a key of its own.
fn terminal(session: &Bedrock, number: usize, profile: &str) -> Child {
    let own = |what: &str| session.home.path(format!("terminal/{number}/{what}"));
    fs::create_dir_all(own("venv/bin")).expect("directory");
    let mut command = session.home.claviger(&["aws"]);
    command.envs(session.variables.iter().map(|(name, value)| (name, value)));
    command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", own("venv/bin").display()));
    command.env("SSH_AUTH_SOCK", own("agent")).env("DISPLAY", format!(":{number}"));
    command.env("AWS_REGION", format!("eu-west-{number}")).env("AWS_PROFILE", profile);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

#[track_caller]
fn all_answered(way: Way, sessions: Vec<Child>) {
    for session in sessions {
        let output = session.wait_with_output().expect("it ends");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(stdout.contains(way.keys()), "{way:?}: {stdout}{stderr}");
    }
}

#[test]
fn one_session_renews_for_all() {
    let _turn = claviger_tests::turn::take();
    for (way, count, profiles) in [
        (Way::Session, 8, ["dev", "dev"]),
        (Way::Session, 24, ["dev", "dev"]),
        (Way::Session, 8, ["dev", "ops"]),
        (Way::Login, 24, ["dev", "ops"]),
    ] {
        // Over already, and about to be.
        for seconds in [-60, 120] {
            let server = SignInServer::start(RENEWAL);
            let session = way.session(&server.service);
            session.home.write(&way.file(), &way.sign_in(seconds, 0).to_string());
            let _daemon = session.daemon();
            let started = Instant::now();
            all_answered(way, (0..count).map(|at| terminal(&session, at, profiles[at % 2])).collect());
            let what = format!("{way:?} {count} {profiles:?} {seconds}");
            assert_eq!((server.renewals(), server.reused()), (1, 0), "{what}");
            assert_eq!(session.home.status()["entries"].as_array().map(Vec::len), Some(count), "{what}");
            println!("{what}: {} ms", started.elapsed().as_millis());
        }
    }
}

#[test]
fn what_was_renewed_is_written_as_a_whole_and_the_rest_stays() {
    for way in [Way::Session, Way::Login] {
        let server = SignInServer::start(Duration::ZERO);
        let session = way.session(&server.service);
        let mut expected = way.sign_in(-60, 0);
        let path = session.home.write(&way.file(), &expected.to_string());
        let before = fs::metadata(&path).expect("a file");
        let _daemon = session.daemon();
        assert_eq!(keys(&session.lease()).0, way.keys());
        let mut kept: Value = serde_json::from_str(&session.home.read(&way.file())).expect("JSON");
        let expires_at = match way {
            Way::Login => kept["accessToken"]["expiresAt"].take(),
            _ => kept["expiresAt"].take(),
        };
        assert!(
            expires_at.as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')),
            "{expires_at}"
        );
        expected["refreshToken"] = format!("{CANARY}refresh-1").into();
        match way {
            Way::Login => expected["accessToken"]["expiresAt"] = json!(null),
            _ => {
                expected["accessToken"] = "fresh-1".into();
                expected["expiresAt"] = json!(null);
            }
        }
        assert_eq!(kept, expected);
        let after = fs::metadata(&path).expect("a file");
        assert_eq!(after.permissions().mode() & 0o777, 0o600);
        let inode = std::os::unix::fs::MetadataExt::ino;
        assert_ne!(inode(&before), inode(&after), "it was replaced, not written over");
        assert_eq!(fs::read_dir(path.parent().expect("a directory")).expect("read").count(), 1);
    }
}

#[test]
fn a_login_proves_that_it_has_the_key() {
    let server = SignInServer::start(Duration::ZERO);
    let session = Way::Login.session(&server.service);
    session.home.write(&Way::Login.file(), &Way::Login.sign_in(-60, 0).to_string());
    let _daemon = session.daemon();
    session.lease();
    let requests = server.service.requests();
    let proof = requests.iter().find(|request| request.path == "/v1/token").expect("asked").header("dpop");
    let (message, signature) = proof.rsplit_once('.').expect("three parts");
    let (header, claims) = message.split_once('.').expect("three parts");
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("Base64");
    let value = |part: &str| serde_json::from_slice::<Value>(&bytes(part)).expect("JSON");
    let (header, claims) = (value(header), value(claims));
    let coordinate = |name: &str| bytes(header["jwk"][name].as_str().expect("text"));
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(message.as_bytes(), &bytes(signature)).expect("signed with that key");
    assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
    let place = format!("{}/v1/token", server.service.url);
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(place)));
}

#[test]
fn without_room_for_the_next_refresh_token_none_is_spent() {
    let server = SignInServer::start(Duration::ZERO);
    let session = Way::Session.session(&server.service);
    let cache = session.home.path(Way::Session.file());
    fs::create_dir_all(cache.parent().expect("a directory")).expect("directory");
    let Some(disk) = Disk::mount(cache.parent().expect("a directory"), 1) else { return };
    session.home.write(&Way::Session.file(), &Way::Session.sign_in(-60, 0).to_string());
    let daemon = session.daemon();
    disk.fill();
    let problem = session.refused("source-unavailable");
    assert!(problem.message.contains("cannot be written"), "{problem:?}");
    assert_eq!(server.renewals(), 0);
    disk.fix();
    let refreshed = session.run(&["refresh"]);
    assert!(refreshed.status.success(), "{}", text(&refreshed.stderr));
    assert_eq!((server.renewals(), server.reused()), (1, 0));
    drop(daemon);
}

#[test]
fn profiles_of_one_sign_in_wait_for_one_command() {
    for way in Way::ALL {
        let service = StandIn::start(portal);
        let session = way.session(&service);
        let file = session.home.path(way.file());
        fs::create_dir_all(file.parent().expect("a directory")).expect("directory");
        signs_in(&session, &file, &way.sign_in(3600, 0));
        let _daemon = session.daemon();
        let sessions = (0..8).map(|at| terminal(&session, at, ["dev", "ops"][at % 2])).collect();
        wait::until("it runs", || session.home.runs("signin") > 0);
        wait::until("all wait", || session.home.status()["counters"]["waits"].as_u64() == Some(8));
        session.home.write("go", "");
        all_answered(way, sessions);
        assert_eq!(session.home.runs("signin"), 1, "{way:?}");
    }
}

/// A service that refuses what it is asked for, after another tool has left `sign_in` in the file of `way`.
fn refusing_after(way: Way, refusal: fn(&Request) -> Response, late: Duration) -> (StandIn, Bedrock) {
    let place = std::sync::Arc::new(std::sync::OnceLock::<std::path::PathBuf>::new());
    let of_service = place.clone();
    let service = StandIn::start(move |request: &Request| {
        let answer = refusal(request);
        if answer.status >= 400 {
            let file = of_service.get().expect("a file").clone();
            let write = move || {
                std::thread::sleep(late);
                fs::write(file, way.sign_in(3600, 7).to_string()).expect("written");
            };
            match late.is_zero() {
                true => write(),
                false => drop(std::thread::spawn(write)),
            }
        }
        answer
    });
    let session = way.session(&service);
    // Over, or taken back, where it is not renewed.
    let first = match way {
        Way::StartUrl => way.sign_in(3600, 0).to_string().replace("fresh", "stale"),
        _ => way.sign_in(-60, 0).to_string(),
    };
    place.set(session.home.write(&way.file(), &first)).expect("once");
    session.home.write("go", "");
    signs_in(&session, &session.home.path("nowhere"), &json!({}));
    (service, session)
}

#[test]
fn another_tool_that_was_quicker_is_no_reason_to_sign_in() {
    let renewal = |request: &Request| match request.path.as_str() {
        "/federation/credentials" => portal(request),
        _ => claviger_tests::aws_sign_in::invalid_grant(),
    };
    for (way, refusal, late) in [
        // It has renewed: before we were told no, and a moment later.
        (Way::Session, renewal as fn(&Request) -> Response, Duration::ZERO),
        (Way::Session, renewal, Duration::from_millis(60)),
        (Way::Login, renewal, Duration::ZERO),
        (Way::Login, renewal, Duration::from_millis(60)),
        // A person has signed in there.
        (Way::StartUrl, portal, Duration::ZERO),
    ] {
        let (service, session) = refusing_after(way, refusal, late);
        let _daemon = session.daemon();
        assert_eq!(keys(&session.lease()).0, way.keys(), "{way:?}");
        assert_eq!(session.home.runs("signin"), 0, "{way:?} {late:?}");
        let renewals = service.count("/token") + service.count("/v1/token");
        assert_eq!(renewals, usize::from(way != Way::StartUrl), "{way:?}");
    }
}

#[test]
fn a_sign_in_that_is_over_is_one_and_a_server_that_is_busy_is_none() {
    for (answer, reason, runs) in [
        (claviger_tests::aws_sign_in::invalid_grant as fn() -> Response, "login-required", 1),
        (|| Response::new(503, ""), "source-unavailable", 0),
        (|| Response::new(429, ""), "source-unavailable", 0),
        (|| Response::json(json!({})), "source-unavailable", 0),
    ] {
        for way in [Way::Session, Way::Login] {
            let service = StandIn::start(move |_| answer());
            let session = way.session(&service);
            session.home.write(&way.file(), &way.sign_in(-60, 0).to_string());
            session.home.write("go", "");
            signs_in(&session, &session.home.path("nowhere"), &json!({}));
            let _daemon = session.daemon();
            session.refused(reason);
            assert_eq!(session.home.runs("signin"), runs, "{way:?} {reason}");
            let kept: Value = serde_json::from_str(&session.home.read(&way.file())).expect("JSON");
            assert_eq!(kept["refreshToken"], json!(format!("{CANARY}refresh-0")));
        }
    }
}
