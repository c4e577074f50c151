//! A person confirms what is lent: on a real desktop, in a terminal, or not at all.

#![cfg(not(target_os = "macos"))]
use claviger_tests::{
    CANARY, Home,
    audit::{decisions, field, lines, until_noted},
    desktop::Desktop,
    keyring::Keyring,
    signal,
    terminal::Terminal,
    text, wait,
};
use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const CONFIG: &str = "home/.config/claviger/config.toml";
/// The end of the question in a terminal.
const QUESTION: &str = "(default: d): ";
/// In which nothing more is shown.
const A_WHILE: Duration = Duration::from_secs(1);

/// A home whose helper's key is confirmed.
fn home(confirm: &str) -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home.write(CONFIG, &format!("[source.api-key-helper]\nconfirm = \"{confirm}\"\n"));
    home
}

/// A client whose output is a pipe.
fn start(home: &Home, arguments: &[&str]) -> Child {
    home.claviger(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("claviger runs")
}

/// Its exit code, what it printed, and what it said.
fn end(mut client: Child) -> (Option<i32>, String, String) {
    wait::until("the client ends", || client.try_wait().expect("status").is_some());
    let output = client.wait_with_output().expect("output");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn lent(client: Child) {
    let (code, printed, said) = end(client);
    assert!(code == Some(0) && printed.contains(CANARY), "{code:?} {said}");
}

#[track_caller]
fn refused(client: Child) -> String {
    let (code, printed, said) = end(client);
    assert_eq!((code, printed.as_str()), (Some(4), ""), "{said}");
    said
}

/// `claviger confirm` in a terminal, once there is something to ask.
fn asked(command: impl Fn() -> Command) -> Terminal {
    let mut terminal = Terminal::of(command());
    wait::until("there is a question", || {
        let is_asked = wait::holds_within(A_WHILE, || terminal.screen().contains(QUESTION));
        if !is_asked {
            signal(terminal.pid(), "TERM");
            std::mem::replace(&mut terminal, Terminal::of(command())).end();
        }
        is_asked
    });
    terminal
}

/// How often a question ended so.
fn count(home: &Home, decision: &str) -> usize {
    decisions(home)
        .iter()
        .filter(|(event, how)| (event.as_str(), how.as_str()) == ("confirm", decision))
        .count()
}

#[test]
fn the_desktop_is_asked_for_each_lease() {
    let mut home = home("always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    for (number, verb) in
        (1..).zip([&["token"][..], &["get"], &["get", "--headers"], &["exec", "--", "env"], &["env"]])
    {
        let client = start(&home, verb);
        desktop.shows(1);
        desktop.clicks();
        let (code, _, said) = end(client);
        assert_eq!(code, Some(0), "{verb:?}: {said}");
        desktop.shows(0);
        wait::until("it is noted", || count(&home, "allowed") == number);
    }
    let noted = lines(&home, &["--event", "confirm"]);
    assert_eq!(field(&noted[0], "about"), "desktop", "{noted:?}");
    assert_eq!(field(&noted[0], "source"), "api-key-helper");
    assert!(!home.read("state/claviger/decisions.jsonl").contains(CANARY));
}

#[test]
fn a_denial_counts_for_all_until_the_person_says_otherwise() {
    let mut home = home("always");
    let Some(mut desktop) = Desktop::start(&mut home, "deny") else { return };
    let _daemon = home.daemon();
    let client = start(&home, &["token"]);
    desktop.clicks();
    let said = refused(client);
    assert!(said.contains("claviger confirm"), "{said}");
    assert_eq!(home.runs("key"), 0);
    let error: serde_json::Value =
        serde_json::from_str(&refused(start(&home, &["get", "--json"]))).expect("JSON");
    assert_eq!(error["error"]["reason"], "not-confirmed", "{error}");
    assert!(!wait::holds_within(A_WHILE, || desktop.shown() > 0));
    assert_eq!(count(&home, "denied"), 1);
    // The very command that it names.
    let mut terminal = Terminal::start(&home, &["confirm"]);
    terminal.answer(QUESTION, "a\n");
    let (code, _, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("was denied"), "{screen}");
    until_noted(&home, "confirm", "denial-forgotten");
    desktop.restart("allow");
    let client = start(&home, &["token"]);
    desktop.clicks();
    lent(client);
    // A person who closes the question says no.
    let client = start(&home, &["token"]);
    desktop.shows(1);
    desktop.tell(&["close"]);
    refused(client);
}

#[test]
fn twenty_at_once_are_one_question() {
    let mut home = home("always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let clients: Vec<_> = (0..20).map(|_| start(&home, &["token"])).collect();
    desktop.shows(1);
    let waiting = || {
        let one = Terminal::start(&home, &["confirm"]);
        one.shows(QUESTION);
        signal(one.pid(), "TERM");
        one.end().2
    };
    wait::until("all wait", || waiting().contains("19 more wait"));
    assert_eq!(desktop.shown(), 1);
    desktop.clicks();
    clients.into_iter().for_each(lent);
    wait::until("it is noted", || count(&home, "allowed") == 1);
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn a_session_is_asked_once() {
    let mut home = home("new-session");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let client = start(&home, &["token"]);
    desktop.clicks();
    lent(client);
    home.ok(&["token"]);
    home.ok(&["get"]);
    wait::until("it is noted", || count(&home, "allowed") > 0);
    assert_eq!(count(&home, "allowed"), 1);
    // One terminal is a session of its own: a script in it asks as often as it likes.
    let command = home.claviger(&[]);
    let program = command.get_program().to_owned();
    let script = "for n in 1 2 3; do \"$0\" token || exit; done";
    let mut other = Command::new("setsid");
    other.args([
        "python3",
        "-c",
        "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))",
        "sh",
        "-c",
        script,
    ]);
    other.arg(program).env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.current_dir(command.get_current_dir().expect("a directory"));
    let other =
        other.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    desktop.clicks();
    let (code, printed, said) = end(other);
    assert_eq!((code, printed.lines().count()), (Some(0), 3), "{said}");
    wait::until("it is noted, too", || count(&home, "allowed") == 2);
}

#[test]
fn a_caller_that_goes_takes_its_question_along() {
    let mut home = home("always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let mut client = start(&home, &["token"]);
    desktop.shows(1);
    client.kill().expect("killed");
    client.wait().expect("it ends");
    desktop.shows(0);
    until_noted(&home, "confirm", "withdrawn");
    assert_eq!(home.runs("key"), 0);
    let left = lines(&home, &["--event", "get"]);
    assert!(left.iter().all(|line| field(line, "decision") != "lent"), "{left:?}");
}

#[test]
fn without_a_desktop_the_terminal_of_the_caller_asks() {
    let home = home("always");
    let _daemon = home.daemon();
    for (keys, code) in [("a\n", 0), ("allow\n", 0), ("d\n", 4)] {
        let mut terminal = Terminal::start(&home, &["token"]);
        terminal.answer(QUESTION, keys);
        let (ended, printed, screen) = terminal.end();
        assert_eq!((ended, printed.is_empty()), (Some(code), code != 0), "{keys:?}: {screen}");
        assert!(screen.contains("the credential of api-key-helper"), "{screen}");
        assert!(!screen.contains(CANARY), "{screen}");
    }
    let noted = lines(&home, &["--event", "confirm"]);
    assert!(field(&noted[0], "about").starts_with("terminal, process "), "{noted:?}");
    // It was denied, so nothing is asked.
    let terminal = Terminal::start(&home, &["token"]);
    let (ended, _, screen) = terminal.end();
    assert!(ended == Some(4) && !screen.contains(QUESTION), "{screen}");
}

#[test]
fn a_pipe_is_never_asked_but_a_person_elsewhere_can_answer() {
    let home = home("always");
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["confirm", "--watch"]);
    terminal.shows("questions are now asked here");
    let mut client = start(&home, &["token"]);
    terminal.shows(QUESTION);
    let mut stderr = BufReader::new(client.stderr.take().expect("a pipe"));
    let mut said = String::new();
    // It ends with the client, which does not wait for ever.
    while !said.contains("claviger confirm") && stderr.read_line(&mut said).expect("text") > 0 {}
    assert!(said.contains("claviger confirm"), "{said}");
    wait::until("it is answered", || {
        terminal.types("a\n");
        wait::holds_within(A_WHILE, || client.try_wait().expect("status").is_some())
    });
    let (code, printed, _) = end(client);
    stderr.read_to_string(&mut said).expect("text");
    assert!(code == Some(0) && printed.contains(CANARY), "{said}");
    assert!(!said.contains(QUESTION), "{said}");
    signal(terminal.pid(), "TERM");
    terminal.end();
    // An agent's terminal is none of a person.
    let client = start(&home, &["token"]);
    let mut terminal = asked(|| {
        let mut agent = home.claviger(&["confirm"]);
        agent.env("CLAUDECODE", "1");
        agent
    });
    terminal.answer(QUESTION, "a\n");
    let (code, _, screen) = terminal.end();
    assert!(code == Some(5) && screen.contains("agent"), "{code:?} {screen}");
    let mut person = asked(|| home.claviger(&["confirm"]));
    person.answer(QUESTION, "n\n");
    person.end();
    refused(client);
}

#[test]
fn a_desktop_that_hangs_or_dies_gives_way_to_the_terminal() {
    let mut home = home("always");
    let Some(mut desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    // It ends while the question is shown.
    let mut terminal = Terminal::start(&home, &["token"]);
    desktop.shows(1);
    desktop.end();
    terminal.answer(QUESTION, "a\n");
    assert_eq!(terminal.end().0, Some(0));
    // None is there.
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "a\n");
    assert_eq!(terminal.end().0, Some(0));
    desktop.restart("allow");
    desktop.hang(true);
    let asked = Instant::now();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "a\n");
    assert_eq!(terminal.end().0, Some(0));
    wait::not_held_up(asked);
    desktop.hang(false);
    desktop.hang_bus();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "a\n");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn a_share_asks_for_each_lease_and_those_behind_it_cannot_answer() {
    let mut home = home("never");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let socket = home.ok(&["share", "box", "--confirm"]).trim_end().to_owned();
    assert!(home.ok(&["share", "list"]).contains("each time"));
    for number in 1..=2 {
        let client = start(&home, &["--socket", &socket, "token"]);
        desktop.clicks();
        lent(client);
        wait::until("it is noted", || count(&home, "allowed") == number);
    }
    assert_eq!(field(&lines(&home, &["--event", "confirm"])[0], "via"), "share box");
    desktop.hang(true);
    let mut terminal = Terminal::start(&home, &["--socket", &socket, "token"]);
    let mut person = asked(|| home.claviger(&["confirm"]));
    person.answer(QUESTION, "d\n");
    assert!(person.end().2.contains("through the share box"));
    terminal.types("a\n");
    let (code, _, screen) = terminal.end();
    assert!(code == Some(4) && !screen.contains(QUESTION), "{screen}");
    // That was about the share, and nothing else.
    home.ok(&["token"]);
}

#[test]
fn a_foreign_caller_is_asked_about_and_told_no_path() {
    let mut home = home("always");
    let Some(desktop) = Desktop::start(&mut home, "deny") else { return };
    let _daemon = home.daemon();
    let passed = home.path("passed.sock");
    std::fs::hard_link(home.socket(), &passed).expect("linked");
    let client = start(&home, &["--socket", &passed.display().to_string(), "token"]);
    desktop.clicks();
    let said = refused(client);
    assert!(!said.contains(&home.path("home").display().to_string()), "{said}");
    until_noted(&home, "confirm", "denied");
}

#[test]
fn a_handover_asks_again_and_lends_what_was_allowed_then() {
    let mut home = home("always");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let client = start(&home, &["token"]);
    desktop.shows(1);
    home.ok(&["daemon", "restart"]);
    let person = Terminal::start(&home, &["confirm", "--watch"]);
    person.shows(QUESTION);
    signal(person.pid(), "TERM");
    person.end();
    desktop.clicks();
    lent(client);
}

#[test]
fn who_only_looks_asks_nothing_and_neither_does_a_refresh() {
    let mut home = home("always");
    home.set("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", "2500");
    let Some(desktop) = Desktop::start(&mut home, "allow") else { return };
    let _daemon = home.daemon();
    let watch = start(&home, &["get", "--watch", "--json"]);
    let found = home.run(&["doctor", "--offline", "--json"]);
    assert!(text(&found.stdout).contains("not-confirmed"), "{found:?}");
    signal(watch.id(), "INT");
    let (_, printed, _) = end(watch);
    assert!(printed.contains("not-confirmed"), "{printed}");
    assert_eq!((home.runs("key"), desktop.shown()), (0, 0));
    let client = start(&home, &["token"]);
    desktop.clicks();
    lent(client);
    wait::until("it is refreshed ahead", || home.runs("key") >= 2);
    home.ok(&["refresh"]);
    home.ok(&["explain"]);
    let watch = start(&home, &["get", "--watch", "--json"]);
    wait::until("it is watched", || home.status()["watchers"] == 1);
    home.run(&["doctor", "--offline"]);
    assert!(!wait::holds_within(A_WHILE, || desktop.shown() > 0));
    signal(watch.id(), "INT");
    let (_, printed, _) = end(watch);
    assert!(printed.contains("api-key-helper") && !printed.contains(CANARY), "{printed}");
    assert_eq!(count(&home, "allowed"), 1);
    // A stream with secrets asks.
    let watch = start(&home, &["get", "--watch", "--json", "--show-secret"]);
    desktop.clicks();
    until_noted(&home, "watch", "lent");
    signal(watch.id(), "INT");
    assert!(end(watch).1.contains(CANARY));
}

#[test]
fn what_cannot_be_understood_lends_nothing_in_any_mode() {
    let home = home("sometimes");
    let settings = home.path("home/.claude/settings.json").display().to_string();
    home.write(CONFIG, "");
    let _daemon = home.daemon();
    home.ok(&["token"]);
    home.write(
        CONFIG,
        "[account.work]\nconfirm = \"always\"\n[source.api-key-helper]\nconfirm = \"sometimes\"\n",
    );
    let said = home.ok(&["explain"]);
    assert!(said.contains("kept last good"), "{said}");
    home.ok(&["daemon", "stop"]);
    drop(_daemon);
    let _daemon = home.daemon();
    for arguments in [&["token"][..], &["token", "--bare", "--settings", &settings]] {
        let said = home.fails(4, arguments);
        assert!(said.contains("config.toml:4:11") && said.contains("confirm"), "{said}");
    }
    assert_eq!(home.runs("key"), 1);
}

#[test]
fn an_account_has_its_own_answer() {
    let mut home = Home::new();
    home.write(CONFIG, "[account.work]\nconfirm = \"never\"\n[source.saved-api-key]\nconfirm = \"always\"\n[daemon]\nstore = \"file\"\n");
    let Some(_bus) = Keyring::absent(&mut home) else { return };
    let _daemon = home.daemon();
    for name in ["work", "play"] {
        let mut login = home.claviger(&["login", name, "--api-key"]);
        let mut login = login.stdin(Stdio::piped()).spawn().expect("it runs");
        std::io::Write::write_all(
            &mut login.stdin.take().expect("stdin"),
            claviger_tests::secret(name).as_bytes(),
        )
        .expect("written");
        assert!(login.wait().expect("it ends").success());
    }
    home.ok(&["use", "work"]);
    home.ok(&["token"]);
    home.ok(&["use", "play"]);
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "a\n");
    let (code, printed, screen) = terminal.end();
    assert!(code == Some(0) && printed.contains("play"), "{screen}");
    assert!(screen.contains("asks for the account play"), "{screen}");
}
