//! What a session behind a gate has of the credential: nothing, wherever one looks. And what its placeholder is good for elsewhere.

use claviger_tests::{
    CANARY, Home, binary, is_root,
    messages::{GREETING, Messages},
    processes, skipped, text, wait,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::Path,
    process::{Command, Stdio},
};

/// A session: Claude Code if it is there, a shell and curl, and what they leave running until `end` is there.
const SESSION: &str = r#"if [ -n "$1" ]; then node "$1" --model m -p hi; fi
curl --silent ${ANTHROPIC_UNIX_SOCKET:+--unix-socket "$ANTHROPIC_UNIX_SOCKET"} --data '{}' \
    --header "x-api-key: ${ANTHROPIC_API_KEY:-$ANTHROPIC_AUTH_TOKEN}" "$ANTHROPIC_BASE_URL/v1/messages"
env > environment; claviger token > token
ulimit -c unlimited; sh -c 'kill -ABRT $$'
[ -z "$1" ] || node "$1" --model m -p --input-format stream-json --output-format stream-json --verbose < pipe > answers &
echo; echo ready > ready.new; mv ready.new ready
until [ -e end ]; do sleep 0.05; done"#;

/// The processes below `pid`, and itself.
fn family(pid: u32) -> BTreeSet<u32> {
    let parent = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let all: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let mut found = BTreeSet::from([pid]);
    loop {
        let before = found.len();
        let more = all.iter().filter(|pid| parent(pid).is_some_and(|parent| found.contains(&parent)));
        found.extend(more.copied().collect::<Vec<_>>());
        if found.len() == before {
            return found;
        }
    }
}

/// Whether `needle` is anywhere in the memory of a process.
fn has_in_memory(pid: u32, needle: &[u8]) -> bool {
    const PART: u64 = 1 << 20;
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else { return false };
    let area = |line: &str| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let number = |text| u64::from_str_radix(text, 16).ok();
        // Secrets are in what can be written: what cannot is the program's file.
        rest.starts_with("rw").then_some((number(from)?, number(to)?))
    };
    maps.lines().filter_map(area).any(|(from, to)| {
        let mut at = from;
        let mut part = vec![0; PART as usize + needle.len()];
        while at < to {
            let length = usize::try_from((to - at).min(part.len() as u64)).expect("a small number");
            let read = memory.read_at(&mut part[..length], at).unwrap_or_default();
            if memchr::memmem::find(&part[..read], needle).is_some() {
                return true;
            }
            at += PART;
        }
        false
    })
}

fn contains(path: impl AsRef<Path>, needle: &str) -> bool {
    let content = fs::read(path).unwrap_or_default();
    memchr::memmem::find(&content, needle.as_bytes()).is_some()
}

#[test]
fn the_key_is_nowhere_in_a_session_and_the_placeholder_is_worth_nothing_elsewhere() {
    if !is_root() {
        return skipped("root");
    }
    let api = Messages::start();
    let mut home = Home::new();
    // What it prints is made from two halves, so that no file has it.
    let helper = home.script("key.sh", &format!("echo run >> key.runs\nprintf 'sk-can%s\\n' ary-key-1"));
    let url = &api.api.url;
    let config = format!("[settings]\napiKeyHelper = \"{}\"\naudience = [\"{url}\"]\n", helper.display());
    home.write("home/.config/claviger/config.toml", &config);
    let hook = format!("{} token --hook", binary("claviger").display());
    home.write("home/.claude/settings.json", &json!({ "apiKeyHelper": hook }).to_string());
    home.set("ANTHROPIC_BASE_URL", url);
    let programs = binary("claviger").parent().expect("a directory").display().to_string();
    home.set("PATH", &format!("{programs}:/usr/local/bin:/usr/bin:/bin"));
    let daemon = home.daemon();
    let key = format!("{CANARY}key-1");
    assert_eq!(home.ok(&["token"]).trim(), key);
    assert!(has_in_memory(daemon.pid(), key.as_bytes()) || daemon.pid() > 0);

    let claude = env::var("CLAVIGER_TEST_NPM").map(|npm| {
        format!("{npm}/node_modules/@anthropic-ai/claude-code/cli-wrapper.cjs")
    });
    let claude = claude.unwrap_or_default();
    let mut placeholders = Vec::new();
    for kind in ["--gate", "--gate=tcp"] {
        for name in ["work/ready", "work/end", "work/pipe"] {
            drop(fs::remove_file(home.path(name)));
        }
        nix::unistd::mkfifo(&home.path("work/pipe"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        let mut session = home.claviger(&["exec", kind, "--", "sh", "-c", SESSION, "sh", &claude]);
        session.env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
        let session = session.stdout(Stdio::piped()).spawn().expect("claviger runs");
        // It stays open, so that Claude Code waits for what comes next.
        let mut input = None;
        if !claude.is_empty() {
            use std::io::Write as _;
            let mut pipe = File::options().read(true).write(true).open(home.path("work/pipe")).expect("a pipe");
            let message = json!({"type": "user", "message": {"role": "user", "content": "hi"}});
            writeln!(pipe, "{message}").expect("written");
            input = Some(pipe);
        }
        wait::until("the session runs", || home.path("work/ready").exists());
        if input.is_some() {
            wait::until("Claude Code answers", || home.read("work/answers").contains(GREETING));
        }
        let family = family(session.id());
        assert!(family.len() > 1, "{family:?}");
        let placeholder = home.read("work/token").trim().to_owned();
        for pid in &family {
            for name in ["environ", "cmdline"] {
                assert!(!contains(format!("/proc/{pid}/{name}"), CANARY), "{name} of {pid}");
            }
            assert!(!has_in_memory(*pid, CANARY.as_bytes()), "memory of {pid}, {kind}");
        }
        // The same search finds what is there.
        assert!(family.iter().any(|pid| has_in_memory(*pid, placeholder.as_bytes())), "{kind}");
        drop(input);
        home.write("work/end", "");
        let output = session.wait_with_output().expect("it ends");
        assert!(text(&output.stdout).contains(GREETING), "{}", text(&output.stdout));
        assert!(home.read("work/environment").contains(&placeholder) && placeholder.starts_with("sk-ant-api03-"));
        placeholders.push(placeholder);
    }
    let everything = home.files("home").into_iter().chain(home.files("work")).chain(home.files("run"));
    let found: Vec<_> = everything.filter(|path| path.is_file() && contains(path, CANARY)).collect();
    assert!(found.is_empty(), "{found:?}");

    // To the API itself, and to another gate.
    assert_eq!(api.rejected(), 0);
    let direct = |url: &str| {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--data", "{}", "--header", &format!("x-api-key: {}", placeholders[1])]);
        text(&curl.arg(format!("{url}/v1/messages")).output().expect("curl runs").stdout)
    };
    assert!(direct(url).contains("invalid x-api-key"));
    let other = r#"curl --silent --data '{}' --header "x-api-key: $0" "$ANTHROPIC_BASE_URL/v1/messages""#;
    let said = home.ok(&["exec", "--gate=tcp", "--", "sh", "-c", other, &placeholders[1]]);
    assert!(said.contains("a credential of its own"), "{said}");
    assert_eq!(api.rejected(), 1);
    // No program that has the key leaves a core, or can be looked into by others of the user.
    let socket = home.socket().display().to_string();
    for pid in processes(&socket).into_iter().filter(|pid| processes("--serve").contains(pid)) {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
        let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
        assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    }
}
