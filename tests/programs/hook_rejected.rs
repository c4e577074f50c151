//! A tool never says why it runs its hook: a session that asks again too soon had its key rejected.

use claviger_tests::{
    CANARY, Home,
    ai_cli::Session,
    binary,
    stand_in::{Response, StandIn},
    tool, wait,
};
use std::{
    collections::BTreeSet,
    process::Stdio,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

type Rejected = Arc<Mutex<BTreeSet<String>>>;

/// As long as a session takes at least to use a key and to be told that it is no good.
const LATER: Duration = Duration::from_millis(1_100);

/// A home whose settings have the hook, and a counting helper behind it.
fn home() -> Home {
    let mut home = Home::new();
    // Without a locale Python picks one and hands it on: then its sessions would differ from those of the shell.
    home.set("LANG", "C.UTF-8");
    let helper = home.counting_helper("key", 0.2);
    home.write("home/.config/claviger/config.toml", &format!("[settings]\napiKeyHelper = {helper:?}\n"));
    let hook = format!("{} token --hook", binary("claviger").display());
    home.user_settings(hook.as_ref(), &[]);
    home
}

/// An API that refuses some keys, and takes none that does not come in both headers.
fn api() -> (StandIn, Rejected) {
    let rejected = Rejected::default();
    let refused = rejected.clone();
    let answer = move |request: &claviger_tests::stand_in::Request| {
        let key = request.header("x-api-key");
        let both = request.header("authorization") == format!("Bearer {key}");
        let known = both && !key.is_empty() && !refused.lock().expect("keys").contains(key);
        Response::new(if known { 200 } else { 401 }, "{}")
    };
    (StandIn::start(answer), rejected)
}

fn reject(rejected: &Rejected, number: u32) {
    rejected.lock().expect("keys").insert(format!("{CANARY}key-{number}"));
}

#[test]
fn fifty_sessions_whose_key_is_rejected_cause_one_run() {
    let _turn = claviger_tests::turn::take();
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let (home, (api, rejected)) = (home(), api());
    let _daemon = home.daemon();
    let mut sessions: Vec<_> = (0..50).map(|_| Session::start(&home, &venv, &api.url, &[])).collect();
    for session in &mut sessions {
        assert_eq!(session.read()["runs"], 1);
    }
    assert_eq!(home.runs("key"), 1);
    for session in &mut sessions {
        assert_eq!(session.request()["status"], 200);
    }
    reject(&rejected, 1);
    sessions.iter_mut().for_each(Session::go);
    let answers: Vec<_> = sessions.iter_mut().map(Session::read).collect();
    for answer in &answers {
        assert_eq!((&answer["status"], &answer["key"]), (&200.into(), &format!("{CANARY}key-2").into()));
        assert_eq!(answer["runs"], 2, "the first call after the rejection brought the next key");
    }
    assert_eq!(home.runs("key"), 2, "one run for all of them");
}

#[test]
fn a_session_that_starts_means_nothing_by_it() {
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let (home, (api, _)) = (home(), api());
    let _daemon = home.daemon();
    for _ in 0..5 {
        let mut session = Session::start(&home, &venv, &api.url, &[]);
        assert_eq!(session.read()["runs"], 1);
        assert_eq!(session.request()["status"], 200);
    }
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_key_that_stays_bad_is_not_asked_for_in_a_loop() {
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let (home, (api, rejected)) = (home(), api());
    let _daemon = home.daemon();
    (1..10).for_each(|number| reject(&rejected, number));
    let mut session = Session::start(&home, &venv, &api.url, &[]);
    session.read();
    let answer = session.request();
    assert_eq!((&answer["status"], &answer["runs"]), (&401.into(), &6.into()));
    assert_eq!(home.runs("key"), 2, "the second rejection comes too soon after the first");
    assert_eq!(home.status()["counters"]["rejections"], 5);
}

/// A tool whose cache expires sends the old key and asks for the next beside: what is rejected then is the old one.
#[test]
fn a_rejection_of_the_old_key_does_not_cost_the_new_one() {
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let (home, (api, rejected)) = (home(), api());
    let ttl = [("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "60000")];
    let _daemon = home.daemon();
    let mut session = Session::start(&home, &venv, &api.url, &ttl);
    session.read();
    // Its cache is not over yet when another session has the key renewed: it cannot know.
    let mut report = home.claviger(&["refresh", "--rejected", "401"]);
    assert!(report.env(ttl[0].0, ttl[0].1).output().expect("claviger runs").status.success());
    wait::until("the key is renewed", || home.runs("key") == 2);
    reject(&rejected, 1);
    let answer = session.request();
    assert_eq!((&answer["status"], &answer["runs"]), (&200.into(), &2.into()));
    assert_eq!(home.runs("key"), 2, "the session never had the second key: it cannot have been rejected");
}

/// Runs `script` in one shell that stays the same, as a tool would: `$HOOK` is the hook.
fn in_one_shell(home: &Home, script: &str, variables: &[(&str, &str)]) {
    let mut shell = std::process::Command::new("/bin/sh");
    let environment = home.claviger(&[]);
    let variables = environment
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .chain(variables.iter().map(|(name, value)| (name.into(), value.into())));
    let file = home.script("tool.sh", script);
    shell.arg(file).env_clear().envs(variables).current_dir(home.path("work"));
    let status = shell.env("CLAVIGER", binary("claviger")).stdout(Stdio::null()).status().expect("sh runs");
    assert!(status.success());
}

#[test]
fn only_a_hook_hints_and_only_after_a_while() {
    let home = home();
    let _daemon = home.daemon();
    let plain = "for n in 1 2 3; do \"$CLAVIGER\" token; sleep 1.1; done";
    in_one_shell(&home, plain, &[]);
    assert_eq!(home.runs("key"), 1, "a script may ask as often as it likes");
    let at_once = "\"$CLAVIGER\" token --hook & \"$CLAVIGER\" token --hook & \"$CLAVIGER\" token --hook; \
        \"$CLAVIGER\" token --hook; wait";
    in_one_shell(&home, at_once, &[]);
    assert_eq!(home.runs("key"), 1, "some tools ask several times when they start");
    let again = "\"$CLAVIGER\" token --hook; sleep 1.1; sh -c '\"$CLAVIGER\" token --hook; true'";
    in_one_shell(&home, again, &[]);
    assert_eq!(home.runs("key"), 2);
}

/// Sub-agents that start one after the other, and settings that the tool has written, are no rejections; nor do they hold a real one
/// back.
#[test]
fn a_session_that_has_a_reason_to_ask_doubts_nothing() {
    let _turn = claviger_tests::turn::take();
    let home = home();
    let _daemon = home.daemon();
    let settings = home.path("home/.claude/settings.json");
    let agents = "for n in 1 2 3 4 5 6 7 8 9 10; do \"$CLAVIGER\" token --hook; sleep 0.5; done";
    let model = format!("sleep 0.6; echo ' ' >> '{}'; \"$CLAVIGER\" token --hook", settings.display());
    let counted =
        format!("cp '{}' '{}'", home.path("key.runs").display(), home.path("before.runs").display());
    let rejected = "sleep 1.1; \"$CLAVIGER\" token --hook";
    in_one_shell(&home, &[agents, &model, &counted, rejected].join("\n"), &[]);
    assert_eq!((home.runs("before"), home.runs("key")), (1, 2));
    assert_eq!(home.status()["counters"]["rejections"], 1);
}

/// A script that calls the hook in a loop costs one run at most, and a rejection in it is found by its second call.
#[test]
fn a_session_that_asks_often_doubts_once() {
    let _turn = claviger_tests::turn::take();
    let home = home();
    let _daemon = home.daemon();
    let calls = "for n in 1 2 3 4; do \"$CLAVIGER\" token --hook; sleep 3; done; \"$CLAVIGER\" token --hook";
    in_one_shell(&home, &format!("{calls}; sleep 1.1; \"$CLAVIGER\" token --hook"), &[]);
    assert_eq!(home.status()["counters"]["rejections"], 2);
    assert_eq!(home.runs("key"), 3, "the rejection was not held back for the doubt that was none");
}

#[test]
fn sessions_that_are_not_known_hint_at_nothing() {
    let home = home();
    let _daemon = home.daemon();
    // A shell that only runs a command is none; above it stands the test, which thus has asked once.
    let ask = || in_one_shell(&home, "\"$CLAVIGER\" token --hook", &[]);
    ask();
    thread::park_timeout(LATER);
    ask();
    assert_eq!(home.runs("key"), 1, "a shell each");
}
