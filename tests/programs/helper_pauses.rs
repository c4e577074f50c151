//! Pauses: a person goes past one, a rotation that lags behind the rejection is found soon, and neither makes a storm.

use claviger_tests::{
    CANARY, Home,
    ai_cli::Session,
    binary,
    stand_in::{Request, Response, StandIn},
    terminal::Terminal,
    tool, wait,
};
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// A home whose helper notes each run, and prints the content of the file `vault`, if that is there.
fn home() -> Home {
    let home = Home::new();
    let body = format!(
        "echo run >> '{}'\ncat '{}' 2>/dev/null || exit 1",
        home.path("key.runs").display(),
        home.path("vault").display()
    );
    let helper = home.script("key.sh", &body);
    home.write("home/.config/claviger/config.toml", &format!("[settings]\napiKeyHelper = {helper:?}\n"));
    let hook = format!("{} token --hook", binary("claviger").display());
    home.user_settings(hook.as_ref(), &[]);
    home
}

fn vault(home: &Home, key: u32) {
    home.replace("vault", &format!("{CANARY}key-{key}\n"));
}

/// A person asks at a terminal: the exit code, and what was on stdout.
fn person(home: &Home) -> (Option<i32>, String) {
    let (code, stdout, _) = Terminal::start(home, &["token"]).end();
    (code, stdout)
}

#[test]
fn a_person_at_a_terminal_goes_past_a_pause_and_a_hook_does_not() {
    let home = home();
    let _daemon = home.daemon();
    home.fails(6, &["token", "--hook"]);
    home.fails(6, &["token", "--hook"]);
    home.fails(6, &["token"]);
    assert_eq!(home.runs("key"), 1, "what has no terminal waits for the end of the pause");
    assert_eq!((person(&home).0, home.runs("key")), (Some(6), 2));
    for _ in 0..3 {
        assert_eq!((person(&home).0, home.runs("key")), (Some(6), 2), "a loop is not a storm");
    }
    vault(&home, 1);
    let mut tool = home.claviger(&["token"]);
    tool.env("CLAUDECODE", "1");
    assert_eq!(
        (Terminal::of(tool).end().0, home.runs("key")),
        (Some(6), 2),
        "a tool's shell is not a person"
    );
    wait::until("the person may try again", || person(&home).0 == Some(0));
    assert_eq!(home.runs("key"), 3);
}

#[test]
fn a_person_who_has_just_signed_in_gets_the_key_at_once() {
    let home = home();
    let _daemon = home.daemon();
    assert_eq!(person(&home).0, Some(6));
    vault(&home, 1);
    assert_eq!(person(&home), (Some(0), format!("{CANARY}key-1\n")));
    assert_eq!(home.runs("key"), 2);
    assert_eq!(home.ok(&["token", "--hook"]), format!("{CANARY}key-1\n"));
    fs::remove_file(home.path("vault")).expect("removed");
    assert_eq!(person(&home).0, Some(0), "a key that is there needs no run");
    assert_eq!(home.runs("key"), 2);
}

/// Twenty sessions of a tool whose key is rejected, and rotated six seconds later.
#[test]
fn a_rotation_that_lags_behind_the_rejection_is_found_soon() {
    let _turn = claviger_tests::turn::take();
    let Some(venv) = tool::venv("nothing but Python itself") else { return };
    let mut home = home();
    home.set("LANG", "C.UTF-8");
    let refused = home.path("refused");
    let api = StandIn::start(move |request: &Request| {
        let is_refused = fs::read_to_string(&refused).is_ok_and(|key| key == request.header("x-api-key"));
        Response::new(if is_refused { 401 } else { 200 }, "{}")
    });
    vault(&home, 1);
    let _daemon = home.daemon();
    let mut sessions: Vec<_> = (0..20).map(|_| Session::start(&home, &venv, &api.url, &[])).collect();
    for session in &mut sessions {
        session.read();
        assert_eq!(session.request()["status"], 200);
    }
    home.write("refused", &format!("{CANARY}key-1"));
    let rejected = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(6));
            vault(&home, 2);
        });
        sessions.iter_mut().for_each(Session::go);
        for session in &mut sessions {
            let answer = session.read();
            assert_eq!((&answer["status"], &answer["key"]), (&200.into(), &format!("{CANARY}key-2").into()));
        }
    });
    // Ten on a machine that has nothing else to do; this is the usual pause.
    assert!(rejected.elapsed() < Duration::from_secs(30), "{:?}", rejected.elapsed());
    assert!((2..=5).contains(&home.runs("key")), "{} runs", home.runs("key"));
}
