//! The file of a person's sign-in while another tool writes it, and after one has left it damaged: it is never taken for the
//! absence of a sign-in.

use claviger_tests::{
    aws::keys,
    aws_sign_in::{SignInServer, Way, signs_in, write_slowly},
    tool,
};
use serde_json::json;
use std::{
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

#[test]
fn a_file_that_is_being_written_is_read_again() {
    for way in Way::ALL {
        let server = SignInServer::start(Duration::ZERO);
        let session = way.session(&server.service);
        let good = way.sign_in(3600, 0).to_string();
        let path = session.home.write(&way.file(), &good[..good.len() / 2]);
        session.home.write("go", "");
        signs_in(&session, &session.home.path("nowhere"), &json!({}));
        let _daemon = session.daemon();
        let ended = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !ended.load(SeqCst) {
                    write_slowly(&path, &good, Duration::from_millis(100));
                    thread::sleep(Duration::from_millis(100));
                }
            });
            for _ in 0..15 {
                let refreshed = session.run(&["refresh"]);
                let stderr = claviger_tests::text(&refreshed.stderr);
                if !refreshed.status.success() {
                    ended.store(true, SeqCst);
                    panic!("{way:?}: {stderr}");
                }
            }
            ended.store(true, SeqCst);
        });
        assert_eq!((keys(&session.lease()).0, session.home.runs("signin")), (way.keys(), 0), "{way:?}");
        assert_eq!(server.renewals(), 0, "{way:?}");
    }
}

#[test]
fn a_damaged_file_is_named_and_starts_no_sign_in() {
    for way in Way::ALL {
        let server = SignInServer::start(Duration::ZERO);
        let good = way.sign_in(3600, 0).to_string();
        let wrong = good.replace("T", "?");
        let twice = format!("{good}{good}");
        for damaged in ["", &good[..good.len() / 2], &good[..good.len() - 1], &twice, "[]", "\"x\"", &wrong] {
            let session = way.session(&server.service);
            let path = session.home.write(&way.file(), damaged);
            session.home.write("go", "");
            signs_in(&session, &path, &way.sign_in(3600, 0));
            let _daemon = session.daemon();
            let problem = session.refused("settings-invalid");
            let words = &problem.message;
            let names_it = words.contains("damaged") && words.contains(path.to_str().expect("UTF-8"));
            assert!(names_it && words.contains("profile dev"), "{way:?} {damaged:?}: {problem:?}");
            assert!(problem.advice().expect("advice").contains("new sign-in"), "{problem:?}");
            assert_eq!(session.home.runs("signin"), 0, "{way:?} {damaged:?}");
        }
        assert!(server.service.requests().is_empty());
    }
}

#[test]
fn a_file_that_is_none_keeps_no_session_waiting() {
    for way in Way::ALL {
        let server = SignInServer::start(Duration::ZERO);
        let session = way.session(&server.service);
        let path = session.home.path(way.file());
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("directory");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("pipe");
        let _daemon = session.daemon();
        let problem = session.refused("settings-invalid");
        assert!(problem.message.contains("is not a file"), "{way:?}: {problem:?}");
    }
}

#[test]
fn botocore_and_claviger_use_what_the_other_has_renewed() {
    let Some(venv) = tool::venv("botocore") else { return };
    let way = Way::Session;
    let server = SignInServer::start(Duration::ZERO);
    let session = way.session(&server.service);
    session.home.write(&way.file(), &way.sign_in(-60, 0).to_string());
    let _daemon = session.daemon();
    let ask = || {
        let script = "import botocore.session as s, json\n\
                      print(json.dumps(s.Session(profile='dev').get_credentials().get_frozen_credentials().access_key))";
        let variables: Vec<_> = session.variables.iter().map(|(name, value)| (&**name, &**value)).collect();
        let command = tool::python(&session.home, &venv, &["-c", script], &variables);
        assert_eq!(tool::json(command), json!(way.keys()));
    };
    assert_eq!(keys(&session.lease()).0, way.keys());
    ask();
    assert_eq!((server.renewals(), server.reused()), (1, 0), "botocore uses what claviger has renewed");
    session.home.write(&way.file(), &way.sign_in(-60, 1).to_string());
    ask();
    assert_eq!((server.renewals(), server.reused()), (2, 0), "botocore has renewed");
    let refreshed = session.run(&["refresh"]);
    assert!(refreshed.status.success(), "{}", claviger_tests::text(&refreshed.stderr));
    assert_eq!((server.renewals(), server.reused()), (2, 0), "and claviger uses that");
}
