//! Real Claude Code behind a gate: all it has is a placeholder, and it notices nothing when keys are replaced.

use crate::hook_gate::reboot;
use claviger_tests::{
    CANARY, Home, binary,
    gated::Ended,
    messages::{GREETING, Messages},
    skipped, soak, text,
    tmux::Tmux,
    turn, wait,
};
use serde_json::{Value, json};
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// Its program as npm installs it when no scripts of packages run.
const WRAPPER: &str = "node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs";
/// New keys in a conversation.
const TURNS: usize = 45;
/// A conversation over pipes.
const JSON: [&str; 6] =
    ["-p", "--verbose", "--input-format", "stream-json", "--output-format", "stream-json"];

/// `None`, and said so, without it.
pub(crate) fn claude() -> Option<PathBuf> {
    let path = env::var_os("CLAVIGER_TEST_NPM").map(|npm| Path::new(&npm).join(WRAPPER));
    let path = path.filter(|path| path.is_file());
    if path.is_none() {
        skipped("node and the npm packages of tests/npm (`cargo xtask test` installs them)");
    }
    path
}

/// A home where Claude Code has claviger's hook, and claviger the helper.
pub(crate) fn hooked(url: &str) -> Home {
    let mut home = Home::new();
    let helper = home.counting_helper("key", 0.0);
    let config = format!("[settings]\napiKeyHelper = \"{}\"\naudience = [\"{url}\"]\n", helper.display());
    home.write("home/.config/claviger/config.toml", &config);
    let hook = format!("{} token --hook", binary("claviger").display());
    home.write("home/.claude/settings.json", &json!({ "apiKeyHelper": hook }).to_string());
    home.set("ANTHROPIC_BASE_URL", url);
    home
}

/// Claude Code with `arguments` behind a gate; it reports to no server.
pub(crate) fn gated(home: &Home, kind: &str, claude: &Path, arguments: &[&str]) -> Command {
    let mut command = home.claviger(&["exec", kind, "--", "node"]);
    command.arg(claude).args(["--model", "m"]).args(arguments);
    command.env("DISABLE_TELEMETRY", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    command
}

fn said(mut command: Command) -> String {
    let output = command.output().expect("claviger runs");
    text(&output.stdout) + &text(&output.stderr)
}

/// A new key, after which the API takes no older one. In a soak, it comes later: with `CLAVIGER_SOAK=50`, 45 of them take a quarter of
/// an hour.
fn rotate(home: &Home, api: &Messages) {
    thread::sleep(Duration::from_millis(400) * u32::try_from(soak() - 1).expect("a small number"));
    home.ok(&["refresh"]);
    api.revoke_before(home.runs("key"));
}

#[test]
fn claude_code_answers_with_a_placeholder_of_the_hook_or_in_the_place_of_its_own_helper() {
    let Some(claude) = claude() else { return };
    let _turn = turn::take();
    let api = Messages::start();
    for (home, kinds) in [(hooked(&api.api.url), &["--gate", "--gate=tcp"][..]), (api.home(), &["--gate"])] {
        let _daemon = home.daemon();
        for kind in kinds {
            let said = said(gated(&home, kind, &claude, &["-p", "hi"]));
            assert_eq!(said.trim(), GREETING, "{kind}");
            // As often as wanted in one session.
            let script = r#"node "$0" --model m -p one && node "$0" --model m -p two"#;
            let mut twice = home.claviger(&["exec", kind, "--", "sh", "-c", script]);
            twice.arg(&claude).env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
            let output = twice.output().expect("claviger runs");
            assert_eq!(text(&output.stdout).matches(GREETING).count(), 2, "{}", text(&output.stderr));
        }
    }
    let home = hooked(&api.api.url);
    let _daemon = home.daemon();
    for _ in 1..soak().min(TURNS) {
        rotate(&home, &api);
        assert_eq!(said(gated(&home, "--gate", &claude, &["-p", "hi"])).trim(), GREETING);
    }
    assert_eq!(api.rejected(), 0);
}

#[test]
fn a_conversation_in_json_goes_on_through_new_keys() {
    let Some(claude) = claude() else { return };
    let _turn = turn::take();
    let api = Messages::start();
    let home = hooked(&api.api.url);
    let _daemon = home.daemon();
    let mut command = gated(&home, "--gate", &claude, &JSON);
    let mut session = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("claviger runs");
    let mut input = session.stdin.take().expect("a pipe");
    let mut lines = BufReader::new(session.stdout.take().expect("a pipe")).lines();
    home.ok(&["token"]);
    for turn in 0..TURNS {
        rotate(&home, &api);
        let message = json!({"type": "user", "message": {"role": "user", "content": format!("hi {turn}")}});
        writeln!(input, "{message}").expect("written");
        let result = loop {
            let line: Value =
                serde_json::from_str(&lines.next().expect("a line").expect("text")).expect("JSON");
            assert_ne!(line["subtype"], "api_retry", "{line}");
            if line["type"] == "result" {
                break line;
            }
        };
        assert!(result["is_error"] == false && result["result"] == GREETING, "{result}");
    }
    drop(input);
    assert!(session.wait().expect("it ends").success());
    // It may ask for more than the turns, as for a title.
    assert!(home.runs("key") == 1 + TURNS && api.asked() >= TURNS);
}

#[test]
fn a_window_goes_on_through_new_keys() {
    let Some(claude) = claude() else { return };
    let _turn = turn::take();
    for kind in ["--gate", "--gate=tcp"] {
        let api = Messages::start();
        let home = hooked(&api.api.url);
        // The questions of a first start have been answered.
        let known = json!({
            "hasCompletedOnboarding": true, "theme": "dark",
            "projects": {home.path("work").to_string_lossy(): {"hasTrustDialogAccepted": true}},
        });
        home.write("home/.claude.json", &known.to_string());
        let _daemon = home.daemon();
        let Some(tmux) = Tmux::of(&home, (100, 40), &gated(&home, kind, &claude, &[])) else {
            return skipped("tmux");
        };
        if kind == "--gate=tcp" {
            // No, which is what it proposes: then it asks its hook, which has the same placeholder.
            tmux.shows("Do you want to use this API key?");
            tmux.press(&["Enter"]);
        }
        tmux.shows("? for shortcuts");
        for turn in 1..=(3 * soak()).min(TURNS) {
            rotate(&home, &api);
            let before = api.asked();
            let said = format!("hi{turn}");
            tmux.press(&[&said]);
            // A key that follows a text at once counts as pasted with it.
            wait::until("it asks", || {
                tmux.press(&["Enter"]);
                api.asked() > before
            });
            tmux.shows_that("the answer", |screen| {
                screen.rsplit_once(&said).is_some_and(|(_, below)| below.contains(GREETING))
            });
        }
        assert!(!tmux.screen().contains("401") && !tmux.screen().contains(CANARY), "{}", tmux.screen());
        assert_eq!(api.rejected(), 0);
    }
}

/// Nothing of claviger's is in front of it: the settings lead it to the standing gate, and its hook opens that after a reboot.
#[test]
fn a_plain_claude_goes_through_the_standing_gate_and_has_no_key() {
    let Some(claude) = claude() else { return };
    let _turn = turn::take();
    let api = Messages::start();
    let home = api.home();
    let _ended = Ended::with(&home);
    let daemon = home.daemon();
    home.ok(&["hook", "install", "claude", "--gate", "--yes"]);
    let plain = |prompt: &str| {
        let mut command = home.command(Path::new("node"));
        command.arg(&claude).args(["--model", "m", "-p", prompt]);
        command.env("DISABLE_TELEMETRY", "1").env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        said(command)
    };
    // What every command of the session sees.
    let seen = home.path("environment");
    let dump = format!("env > {}; tr '\\0' '\\n' < /proc/$PPID/environ >> {0}", seen.display());
    let mut settings: Value = serde_json::from_str(&home.read("home/.claude/settings.json")).expect("JSON");
    settings["hooks"] = json!({"UserPromptSubmit": [{"hooks": [{"type": "command", "command": dump}]}]});
    home.replace("home/.claude/settings.json", &settings.to_string());
    assert_eq!(plain("one").trim(), GREETING);
    let environment = home.read("environment");
    assert!(environment.contains("CLAVIGER_GATE=claude") && !environment.contains(CANARY), "{environment}");

    daemon.kill();
    assert_eq!(plain("two").trim(), GREETING);
    rotate(&home, &api);
    assert_eq!(plain("three").trim(), GREETING);
    home.ok(&["daemon", "stop"]);
    reboot(&home);
    assert_eq!(plain("four").trim(), GREETING);
    assert_eq!((api.asked(), api.rejected()), (4, 0));
    home.ok(&["hook", "remove", "claude", "--yes"]);
    home.ok(&["daemon", "stop"]);
}
