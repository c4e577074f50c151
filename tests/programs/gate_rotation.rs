//! Anthropic's own libraries and curl behind gates, while keys are replaced: they see no error, and nothing is asked for twice.
//! `CLAVIGER_SOAK=50` makes it a quarter of an hour.

use claviger_tests::{Home, gated::servers, messages::Messages, skipped, soak, text, turn, wait};
use std::{
    env,
    path::PathBuf,
    process::{Child, Stdio},
    time::Duration,
};

const ROTATIONS: usize = 45;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(400);
/// With curl: an answer, or the end.
const CURL: &str = r#"count=0
while [ ! -e "$0" ]; do
    curl --silent --show-error --fail-with-body ${ANTHROPIC_UNIX_SOCKET:+--unix-socket "$ANTHROPIC_UNIX_SOCKET"} \
        --header "x-api-key: ${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}" --data '{"stream":true}' \
        "$ANTHROPIC_BASE_URL/v1/messages" | grep --silent message_stop || exit
    count=$((count+1))
done; echo $count"#;

/// What `cargo xtask test` installed; `None`, and said so, without it.
fn installed(variable: &str) -> Option<String> {
    let found = env::var(variable).ok();
    if found.is_none() {
        skipped(&format!("${variable} (`cargo xtask test` installs it)"));
    }
    found
}

/// Commands that send messages until `end` is there, each with the kind of its gate.
fn tools(end: &str) -> Option<Vec<(&'static str, Vec<String>)>> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let script = |name: &str| root.join(name).display().to_string();
    let python = format!("{}/bin/python", installed("CLAVIGER_TEST_VENV")?);
    let npm = installed("CLAVIGER_TEST_NPM")?;
    let all = ["--gate", "--gate=tcp"].into_iter().flat_map(|kind| {
        let python = vec![python.clone(), script("python/messages.py"), end.to_owned()];
        let curl = ["sh", "-c", CURL, end].map(str::to_owned).to_vec();
        [(kind, python), (kind, curl)]
    });
    let node = vec!["node".to_owned(), script("npm/messages.mjs"), npm, end.to_owned()];
    Some(all.chain([("--gate=tcp", node)]).collect())
}

fn start(home: &Home, kind: &str, tool: &[String]) -> Child {
    let arguments: Vec<_> = ["exec", kind, "--"].into_iter().chain(tool.iter().map(String::as_str)).collect();
    let mut command = home.claviger(&arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs")
}

/// Fails if a tool has ended, with what it said.
#[track_caller]
fn all_run(tools: &mut Vec<(String, Child)>) {
    let ended = tools.iter_mut().position(|(_, child)| child.try_wait().expect("a child").is_some());
    if let Some(ended) = ended {
        let (name, child) = tools.remove(ended);
        let output = child.wait_with_output().expect("output");
        panic!("{name}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

/// Ends all, and returns how many answers they had.
fn answers(home: &Home, running: Vec<(String, Child)>) -> usize {
    home.write("end", "");
    let counts = running.into_iter().map(|(name, child)| {
        let output = child.wait_with_output().expect("output");
        let (said, errors) = (text(&output.stdout), text(&output.stderr));
        let count: usize = said.trim().parse().unwrap_or_else(|_| panic!("{name}: {said}{errors}"));
        assert!(count > 0 && errors.is_empty(), "{name}: {count} {errors}");
        count
    });
    counts.sum()
}

#[test]
fn libraries_and_curl_see_no_rotation() {
    let _turn = turn::take();
    let api = Messages::slow(Duration::from_millis(20));
    let home = api.home();
    let end = home.path("end").display().to_string();
    let Some(tools) = tools(&end) else { return };
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let mut running: Vec<_> =
        tools.iter().map(|(kind, tool)| (format!("{kind} {}", tool[0]), start(&home, kind, tool))).collect();
    wait::until("all send", || api.asked() > 10 * running.len());
    for _ in 0..ROTATIONS {
        home.ok(&["refresh"]);
        api.revoke_before(home.runs("key"));
        let before = api.asked();
        wait::holds_within(PAUSE * u32::try_from(soak()).expect("a small number"), || false);
        wait::until("they go on", || api.asked() > before);
        all_run(&mut running);
    }
    let answered = answers(&home, running);
    println!("{answered} answers, {} keys rejected on the way", api.rejected());
    assert_eq!(api.asked(), answered + api.rejected(), "nothing is sent twice but what was rejected");
    assert_eq!(home.runs("key"), 1 + ROTATIONS);
}

#[test]
fn fifty_sessions_share_each_new_key_and_one_program() {
    const SESSIONS: usize = 50;
    let _turn = turn::take();
    let api = Messages::start();
    let home = api.home();
    let end = home.path("end").display().to_string();
    let _daemon = home.daemon();
    let tool = ["sh", "-c", CURL, &end].map(str::to_owned);
    let kinds = ["--gate", "--gate=tcp"].into_iter().cycle().take(SESSIONS).enumerate();
    let mut running: Vec<_> =
        kinds.map(|(number, kind)| (format!("{number} {kind}"), start(&home, kind, &tool))).collect();
    wait::until("all send", || api.asked() > 2 * SESSIONS);
    // First the API takes the key away from all at once; then new ones come, and it takes the old ones away.
    for number in 2..=5 {
        if number > 2 {
            home.ok(&["refresh"]);
        }
        api.revoke_before(number);
        let before = api.asked();
        wait::until("they go on", || api.asked() > before + 2 * SESSIONS);
        all_run(&mut running);
    }
    assert_eq!(servers(&home).len(), 1, "one program serves all");
    let answered = answers(&home, running);
    println!("{answered} answers, {} keys rejected on the way", api.rejected());
    assert_eq!((api.asked(), home.runs("key")), (answered + api.rejected(), 5));
}
