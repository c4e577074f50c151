//! The secret is nowhere in a session behind a gate: not in its memory, environment, arguments, files or core dumps. The same search
//! finds it in a session without a gate.

use crate::gate_tools::{claude, hooked};
use claviger_tests::{
    Home,
    by_hand::{Api, STREAM, Wire, chunk, length},
    memory::{family, files, places},
    messages::{GREETING, events},
    secret,
    tool::venv,
    turn, wait,
};
use std::{collections::BTreeSet, fs::File, time::Duration};

/// A session: it leaves its environment and a core dump below its home, and runs the tool.
const SESSION: &str = r#"env > environment
ulimit -c unlimited
(cd "$HOME" && sh -c 'kill -ABRT $$')
"$@""#;
const CURL: &str = r#"curl --silent --show-error --no-buffer ${ANTHROPIC_UNIX_SOCKET:+--unix-socket "$ANTHROPIC_UNIX_SOCKET"} \
    --header "x-api-key: ${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}" --data '{"stream":true}' "$ANTHROPIC_BASE_URL/v1/messages""#;

/// Generous: a tool in Python or Node may start beside many others.
const LONG: Duration = Duration::from_secs(120);

/// In how much of a session something was found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    arguments: usize,
    environments: usize,
    memories: usize,
    files: BTreeSet<String>,
}

/// The next request for a message. Whatever else a tool asks for is not there.
fn asked(api: &Api) -> Wire {
    loop {
        let mut next = None;
        let has_come = wait::holds_within(LONG, || {
            next = api.try_accept();
            next.is_some()
        });
        let mut wire = next.filter(|_| has_come).expect("the tool asks");
        let head = wire.head();
        wire.take(length(&head));
        if head.starts_with("post /v1/messages") {
            return wire;
        }
        wire.say("HTTP/1.1 404 X\r\ncontent-length: 0\r\n\r\n");
    }
}

/// Looks for `needles` in a session, and counts its processes.
fn look(home: &Home, session: u32, needles: [&str; 2]) -> ([Found; 2], usize) {
    let mut found = needles.map(|needle| Found { files: files(home, needle), ..Found::default() });
    let family = family(session);
    for pid in &family {
        for (found, places) in found.iter_mut().zip(places(*pid, needles)) {
            found.arguments += usize::from(places.contains("cmdline"));
            found.environments += usize::from(places.contains("environ"));
            let is_memory = |place: &String| place != "cmdline" && place != "environ";
            found.memories += usize::from(places.iter().any(is_memory));
        }
    }
    (found, family.len())
}

/// Runs `tool` with `options` of `claviger exec`. While its answer is in progress, looks for the secret and for the credential that the
/// session has, and counts its processes.
fn search(options: &[&str], tool: &[String]) -> ([Found; 2], usize) {
    let api = Api::start();
    let home = hooked(&api.url);
    let _daemon = home.daemon();
    let tool = tool.iter().map(String::as_str);
    let arguments = [&["exec"], options, &["--", "sh", "-c", SESSION, "sh"]].concat();
    let mut session = home.claviger(&arguments.into_iter().chain(tool).collect::<Vec<_>>());
    session.env("DISABLE_TELEMETRY", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    let file = |name: &str| File::create(home.path(name)).expect("a file");
    session.stdout(file("work/said")).stderr(file("work/errors"));
    let mut session = session.spawn().expect("claviger runs");
    let mut upstream = asked(&api);
    let events = events("m");
    let (first, last) = events.split_at(3);
    upstream.say(STREAM);
    first.iter().for_each(|event| upstream.say(chunk(event)));
    let said = || home.read("work/said") + &home.read("work/errors");
    wait::until("the tool has the first part of its answer", || said().contains(GREETING));
    let environment = home.read("work/environment");
    let credentials = ["ANTHROPIC_API_KEY=", "ANTHROPIC_AUTH_TOKEN="];
    let own =
        environment.lines().find_map(|line| credentials.iter().find_map(|name| line.strip_prefix(name)));
    let found = look(&home, session.id(), [&secret("key-1"), own.expect("a credential")]);
    last.iter().for_each(|event| upstream.say(chunk(event)));
    upstream.say("0\r\n\r\n");
    // Whatever else it asks for is not answered any more.
    drop((upstream, api));
    assert!(session.wait().expect("it ends").success(), "{}", said());
    assert_eq!(home.runs("key"), 1);
    found
}

/// Fails if the secret is in a session of `tool` behind a gate, or if what is there is not found.
fn holds_no_secret(tool: &[String]) {
    let _turn = turn::take();
    let (has_core, left) = (
        |found: &Found| found.files.iter().any(|name| name.starts_with("home/core")),
        |found: &Found| found.files.contains("work/environment"),
    );
    // Where the kernel writes a core dump, and whether it does, is a matter of the machine: it shows without a gate.
    let mut writes_core = false;
    for options in [&[][..], &["--gate"], &["--gate=tcp"]] {
        let ([hidden, own], processes) = search(options, tool);
        let what = format!("{options:?} {tool:?}: {hidden:?} {own:?} of {processes}");
        // The search finds what is there: the placeholder, or the key without a gate.
        assert!(
            processes > 1 && own.environments == processes && own.memories == processes && left(&own),
            "{what}"
        );
        writes_core |= options.is_empty() && has_core(&hidden);
        assert_eq!(has_core(&own), writes_core, "{what}");
        match options.is_empty() {
            true => assert!(
                hidden.environments == processes && hidden.memories == processes && left(&hidden),
                "{what}"
            ),
            false => assert!(hidden == Found::default(), "{what}"),
        }
    }
    if !writes_core {
        println!("no core dump was looked at: kernel.core_pattern leads them elsewhere");
    }
}

#[test]
fn curl_holds_no_secret_behind_a_gate() {
    holds_no_secret(&["sh", "-c", CURL].map(str::to_owned));
}

#[test]
fn pythons_library_holds_no_secret_behind_a_gate() {
    let Some(venv) = venv("anthropic") else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/python/ask.py");
    holds_no_secret(&[venv.join("bin/python").display().to_string(), script.to_owned()]);
}

#[test]
fn claude_code_holds_no_secret_behind_a_gate() {
    let Some(claude) = claude() else { return };
    let arguments = "--model m -p hi --verbose --output-format stream-json --include-partial-messages";
    let arguments = arguments.split(' ').map(str::to_owned);
    let words = ["node".to_owned(), claude.display().to_string()].into_iter().chain(arguments);
    holds_no_secret(&words.collect::<Vec<_>>());
}
