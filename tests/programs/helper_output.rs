//! Whatever an apiKeyHelper prints or does wrong: a typed error that says what, where and what next and never
//! repeats the output, a daemon that lives on, and the last good credential still served.

use claviger_tests::{CANARY, Home, processes, wait};
use serde_json::Value;
use std::{fs, path::Path};

/// A helper's misbehaviour, and the error it has to lead to.
struct Case {
    name: &'static str,
    body: String,
    code: i32,
    reason: &'static str,
    says: &'static str,
}

fn case(name: &'static str, body: &str, code: i32, reason: &'static str, says: &'static str) -> Case {
    Case { name, body: body.replace("CANARY", CANARY), code, reason, says }
}

fn invalid(name: &'static str, body: &str, says: &'static str) -> Case {
    case(name, body, 6, "command-output-invalid", says)
}

/// The error of a verb, which must end with `code`, as JSON.
fn error(home: &Home, code: i32, verb: &str) -> Value {
    let stderr = home.fails(code, &["--json", verb]);
    assert!(!stderr.contains(CANARY), "{verb}: {stderr}");
    serde_json::from_str::<Value>(&stderr).unwrap_or_else(|_| panic!("not JSON: {stderr}"))["error"].clone()
}

/// Runs the cases on one daemon: with nothing cached, then with a good credential in the cache.
fn check(home: &Home, cases: &[Case]) {
    let daemon = home.daemon();
    for case in cases {
        let good = home.path("good");
        let body =
            format!("test -e '{}' && exec echo {CANARY}good-{}\n{}", good.display(), case.name, case.body);
        home.user_settings(&home.script(&format!("{}.sh", case.name), &body), &[]);

        let cold = error(home, case.code, "get");
        assert_eq!(cold["reason"], case.reason, "{}: {cold}", case.name);
        assert!(
            cold["message"].as_str().is_some_and(|text| text.contains(case.says)),
            "{}: {cold}",
            case.name
        );
        assert!(cold["hint"].as_str().is_some_and(|hint| hint.len() > 10), "{}: {cold}", case.name);
        assert_eq!(cold["location"]["file"], *home.path("home/.claude/settings.json").to_string_lossy());
        assert_eq!(cold["location"]["line"], 2, "{}: {cold}", case.name);
        let text = home.fails(case.code, &["token"]);
        assert!(text.contains("settings.json:2") && !text.contains(CANARY), "{}: {text}", case.name);

        fs::write(&good, "").expect("file");
        home.ok(&["refresh"]);
        fs::remove_file(&good).expect("remove");
        assert_eq!(error(home, case.code, "refresh")["reason"], case.reason, "{}", case.name);
        assert_eq!(home.ok(&["token"]), format!("{CANARY}good-{}\n", case.name));
        for verb in ["status", "explain"] {
            let shown = home.ok(&[verb]) + &home.ok(&["--json", verb]);
            assert!(!shown.contains(CANARY), "{}: {verb} shows the secret: {shown}", case.name);
        }
    }
    assert_eq!(home.status()["pid"], daemon.pid(), "the daemon must survive all of it");
}

#[test]
fn output_that_is_not_one_token_is_refused_without_repeating_it() {
    let cases = [
        invalid("empty", ":", "the output is empty"),
        invalid("newline", "echo", "the output is empty"),
        invalid("two-lines", "echo CANARYa; echo CANARYb", "a second line begins"),
        invalid("json", r#"printf '{"key":"CANARYa"}'"#, "it is JSON"),
        invalid("banner", "echo Your key: CANARYa", "white space"),
        invalid("two-words", "echo 'CANARYa CANARYb'", "white space"),
        invalid("escape", r"printf 'CANARYa\033[0m\n'", "control character"),
        invalid("17-kB", "printf CANARY; head -c 17000 /dev/zero | tr '\\0' k", "longer than 16384"),
        invalid("non-ascii", r"printf 'CANARYa\303\244\n'", "outside ASCII"),
        invalid("nul", r"printf 'CANARYa\000\377\376\n'", "control character"),
        invalid("100-MB", "printf CANARY; head -c 100000000 /dev/zero | tr '\\0' k", "longer than 16384"),
    ];
    check(&Home::new(), &cases);
}

#[test]
fn an_ending_that_is_not_success_is_an_error_even_after_good_output() {
    let failed = "command-failed";
    let cases = [
        case("exit-3", "echo CANARYa; echo CANARYb >&2; exit 3", 6, failed, "exit code 3"),
        case("exit-126", "echo CANARYa; exec /etc/passwd", 6, failed, "exit code 126"),
        case("exit-127", "echo CANARYa; exec /no/such/program", 6, failed, "exit code 127"),
        // As the shell around it reports it.
        case("kill-9", "echo CANARYa; kill -9 $$", 6, failed, "exit code 137"),
        case("segfault", "echo CANARYa; kill -SEGV $$", 6, failed, "exit code 139"),
    ];
    check(&Home::new(), &cases);
}

#[test]
fn a_shell_killed_by_a_signal_is_named_as_such() {
    let home = Home::new();
    home.user_settings(Path::new(&format!("echo {CANARY}a; kill -9 $$")), &[]);
    let _daemon = home.daemon();
    let error = error(&home, 6, "get");
    assert_eq!(error["reason"], "command-failed");
    assert!(error["message"].as_str().is_some_and(|text| text.ends_with("signal 9")), "{error}");
}

#[test]
fn a_helper_that_hangs_is_ended_with_its_whole_group() {
    let home = Home::new();
    home.write("home/.config/claviger/config.toml", "[daemon]\nhelper_timeout_seconds = 1\n");
    let spin = home.path("spin").display().to_string();
    let spinning = home.script("spin", "trap '' TERM INT HUP\nwhile :; do sleep 0.1; done");
    let cases = [
        case("hang", "echo CANARYa; exec sleep 60", 7, "source-timeout", "within 1 s"),
        case(
            "deaf",
            &format!("trap '' TERM HUP; '{spin}' & exec '{spin}'"),
            7,
            "source-timeout",
            "within 1 s",
        ),
        case("silent", "exec >&- 2>&-; exec sleep 60", 7, "source-timeout", "within 1 s"),
    ];
    check(&home, &cases);
    assert!(processes(&spinning.display().to_string()).is_empty(), "the group survives its deadline");
}

#[test]
fn a_grandchild_that_keeps_stdout_open_delays_nobody_and_is_ended() {
    let home = Home::new();
    let stays = home.script("stays", "while :; do sleep 0.1; done").display().to_string();
    let helper = home.script("key.sh", &format!("'{stays}' &\necho {CANARY}key"));
    home.user_settings(&helper, &[]);
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["--timeout", "5", "token"]), format!("{CANARY}key\n"));
    wait::until("the grandchild is gone", || processes(&stays).is_empty());
}

#[test]
fn a_grandchild_in_a_session_of_its_own_delays_nobody_either() {
    let home = Home::new();
    let left = home.path("left");
    let body = format!("setsid sh -c 'echo $$ > {}; exec sleep 30' &\necho {CANARY}key", left.display());
    home.user_settings(&home.script("key.sh", &body), &[]);
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["--timeout", "5", "token"]), format!("{CANARY}key\n"));
    // It left the group, as a password manager's agent may: that one is allowed to stay.
    let pid = || fs::read_to_string(&left).ok().and_then(|text| text.trim().parse().ok());
    wait::until("it wrote its id", || pid().is_some());
    claviger_tests::signal(pid().expect("a number"), "KILL");
}

#[test]
fn a_flood_on_stderr_costs_no_memory() {
    let _turn = claviger_tests::turn::take();
    let home = Home::new();
    let body = format!("yes '{CANARY}noise' | head -c 100000000 >&2\necho {CANARY}key");
    home.user_settings(&home.script("key.sh", &body), &[]);
    let daemon = home.daemon();
    home.ok(&["status"]);
    let before = peak_kb(daemon.pid());
    assert_eq!(home.ok(&["token"]), format!("{CANARY}key\n"));
    let grown = peak_kb(daemon.pid()) - before;
    eprintln!("100 MB on stderr: the daemon's peak memory grew by {grown} kB");
    assert!(grown <= 16 * 1024, "{grown} kB");
}

#[test]
fn standard_input_is_empty() {
    let home = Home::new();
    home.user_settings(&home.script("key.sh", &format!("cat\necho {CANARY}key")), &[]);
    let _daemon = home.daemon();
    assert_eq!(home.ok(&["--timeout", "5", "token"]), format!("{CANARY}key\n"));
}

/// Most resident memory a process ever had.
fn peak_kb(pid: u32) -> u64 {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
