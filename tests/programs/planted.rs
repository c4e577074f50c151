//! A wrong identity is lent to no session, and no session can plant a credential in another's cache.

use claviger_tests::{CANARY, Home, is_root, text, wait};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, chown, lchown, symlink},
    path::Path,
    process::{Output, Stdio},
};

/// Another user.
const OTHER: u32 = 4242;

type Variables<'a> = &'a [(&'a str, &'a str)];

fn at(home: &Home, below: &str) -> String {
    home.path(below).display().to_string()
}

/// `claviger ARGUMENTS` in the directory `below`, with `variables` besides.
fn run(home: &Home, below: &str, arguments: &[&str], variables: Variables<'_>) -> Output {
    let mut command = home.claviger(arguments);
    command.current_dir(home.path(below)).envs(variables.iter().copied());
    command.output().expect("claviger runs")
}

/// The key that such a session is lent, without the canary.
fn key(home: &Home, below: &str, variables: Variables<'_>) -> String {
    let output = run(home, below, &["token"], variables);
    assert!(output.status.success(), "{variables:?}: {}", text(&output.stderr));
    text(&output.stdout).trim_end().strip_prefix(CANARY).expect("a canary").to_owned()
}

fn directory(home: &Home, below: &str) {
    fs::create_dir_all(home.path(below)).expect("directory");
}

fn open_to_all(home: &Home, below: &str) {
    fs::set_permissions(home.path(below), fs::Permissions::from_mode(0o777)).expect("opened");
}

fn helper(home: &Home, below: &str, command: &str) {
    home.write(
        &format!("{below}/settings.json"),
        &serde_json::json!({ "apiKeyHelper": command }).to_string(),
    );
}

#[test]
fn an_agent_that_others_could_stand_behind_answers_no_other_terminal() {
    let home = Home::new();
    home.script("key.sh", &format!("echo {CANARY}$SSH_AUTH_SOCK"));
    for below in ["repo/.git", "repo/sub/.git", "plain", "real", "others"] {
        directory(&home, below);
    }
    for below in ["repo/sock", "real/sock"] {
        home.write(below, "");
    }
    let link = |target: &str, link: &str| symlink(home.path(target), home.path(link)).expect("linked");
    open_to_all(&home, "others");
    link("others/none", "dangling");
    link("others/none", "dangling-directory");
    link("repo/later", "plain/into");
    link("real/sock", "others/open");
    link("others/open", "hop");
    let mut cases = vec![
        ("work", at(&home, "others/sock")),
        ("work", at(&home, "dangling")),
        ("work", at(&home, "dangling-directory/sock")),
        ("work", at(&home, "others/open")),
        ("work", at(&home, "hop")),
        ("work", at(&home, "real/../others/sock")),
        ("repo/sub", at(&home, "repo/sock")),
        ("plain", at(&home, "repo/sock")),
        ("plain", at(&home, "plain/into")),
        ("work", format!("/proc/self/root{}", at(&home, "real/sock"))),
        ("work", "/dev/fd/7".to_owned()),
    ];
    if is_root() {
        // Its owner can point it elsewhere, though no other user can.
        directory(&home, "sticky");
        fs::set_permissions(home.path("sticky"), fs::Permissions::from_mode(0o1777)).expect("mode");
        link("real/sock", "sticky/theirs");
        lchown(home.path("sticky/theirs"), Some(OTHER), Some(OTHER)).expect("given away");
        cases.push(("work", at(&home, "sticky/theirs")));
    }
    let _daemon = home.daemon();
    let own = at(&home, "run/agent");
    for (number, (below, planted)) in cases.iter().enumerate() {
        helper(&home, "home/.claude", &format!("{} {number}", at(&home, "key.sh")));
        assert_eq!(key(&home, below, &[("SSH_AUTH_SOCK", planted)]), *planted);
        assert_eq!(key(&home, "work", &[("SSH_AUTH_SOCK", &own)]), own, "{planted} from {below}");
    }
    // A link of one's own to a place of one's own is shared, as any other agent.
    link("real/sock", "plain/own");
    helper(&home, "home/.claude", &at(&home, "key.sh"));
    let linked = at(&home, "plain/own");
    for agent in [&linked, &own] {
        assert_eq!(key(&home, "work", &[("SSH_AUTH_SOCK", agent)]), linked);
    }
}

#[test]
fn a_program_that_is_put_into_one_sessions_way_reaches_no_other() {
    let home = Home::new();
    home.script("tools/vault", &format!("echo {CANARY}real"));
    for place in ["first", "open/bin", "repo/bin", "stranger/bin"] {
        home.script(&format!("{place}/vault"), &format!("echo {CANARY}planted"));
    }
    fs::remove_file(home.path("first/vault")).expect("removed");
    open_to_all(&home, "open");
    directory(&home, "repo/.git");
    directory(&home, "repo/sub/.git");
    helper(&home, "home/.claude", "vault");
    let _daemon = home.daemon();
    let path = |first: &str| format!("{}:{}:/usr/bin:/bin", at(&home, first), at(&home, "tools"));
    let through = |below: &str, first: &str| key(&home, below, &[("PATH", &path(first))]);
    let mut refused = vec![("work", "open/bin"), ("repo", "repo/bin"), ("repo/sub", "repo/bin")];
    if is_root() {
        // uid 65534 is a user like others, but in a namespace that has no name for root.
        chown(home.path("stranger"), Some(65534), Some(65534)).expect("given away");
        refused.push(("work", "stranger/bin"));
    }
    for (below, first) in refused {
        assert_eq!(through(below, first), "real", "{first} from {below}");
    }
    assert_eq!(through("work", "first"), "real");
    home.script("first/vault", &format!("echo {CANARY}first"));
    wait::until("the new program is found", || through("work", "first") == "first");
    assert_eq!(through("work", "tools"), "real", "and by no other session");
    open_to_all(&home, "first");
    wait::until("the open directory is left out", || through("work", "first") == "real");
}

#[test]
fn a_path_that_leads_elsewhere_is_another_identity() {
    let home = Home::new();
    for name in ["a", "b"] {
        helper(&home, &format!("{name}/.claude"), "cat ./key");
        home.write(&format!("{name}/.claude/key"), &format!("{CANARY}{name}\n"));
        helper(&home, &format!("own/{name}"), "cat \"$HOME/key\"");
        home.write(&format!("{name}/key"), &format!("{CANARY}{name}\n"));
    }
    let _daemon = home.daemon();
    let (link, config) = (at(&home, "link"), at(&home, "own/a"));
    for (what, of, variables) in [
        ("HOME", "", &[("HOME", link.as_str())][..]),
        ("CLAUDE_CONFIG_DIR", "/.claude", &[("CLAUDE_CONFIG_DIR", &link)]),
        ("HOME alone", "", &[("HOME", &link), ("CLAUDE_CONFIG_DIR", &config)]),
    ] {
        for name in ["a", "b", "a"] {
            drop(fs::remove_file(&link));
            symlink(home.path(format!("{name}{of}")), &link).expect("linked");
            assert_eq!(key(&home, "work", variables), name, "{what}");
        }
    }
    helper(&home, "home/.claude", "cat \"$PASSWORD_STORE_DIR/key\"");
    for name in ["a", "b", "a"] {
        fs::remove_file(&link).expect("removed");
        symlink(home.path(name), &link).expect("linked");
        assert_eq!(key(&home, "work", &[("PASSWORD_STORE_DIR", &link)]), name);
    }
    let moved = at(&home, "a/.claude");
    assert_eq!(key(&home, "work", &[("CLAUDE_CONFIG_DIR", &moved)]), "a");
    fs::rename(&moved, home.path("a/old")).expect("moved");
    fs::rename(home.path("b/.claude"), &moved).expect("moved");
    assert_eq!(key(&home, "work", &[("CLAUDE_CONFIG_DIR", &moved)]), "b", "renamed");
}

#[test]
fn nothing_is_lent_in_the_place_of_what_was_meant() {
    let home = Home::new();
    let config = |name: &str| format!("[settings]\napiKeyHelper = \"echo {CANARY}{name}\"\n");
    home.write("home/.config/claviger/config.toml", &config("default"));
    home.write("other/.config/claviger/config.toml", &config("other"));
    home.write("other/state/claviger/accounts.json", "{}");
    helper(&home, "work/relative", &format!("echo {CANARY}relative"));
    let keys =
        |name: &str| format!("[{name}]\naws_access_key_id = AKIAX\naws_secret_access_key = {CANARY}s\n");
    home.write("home/.aws/credentials", &(keys("default") + &keys("work")));
    let _daemon = home.daemon();
    assert_eq!(key(&home, "work", &[]), "default");
    let (other, config, state) = (at(&home, "other"), at(&home, "other/.config"), at(&home, "other/state"));
    let profile = "which does not exist";
    for (verb, variable, value, code, words) in [
        ("token", "CLAUDE_CONFIG_DIR", "relative", 2, "CLAUDE_CONFIG_DIR is not an absolute path"),
        ("token", "CLAUDE_CONFIG_DIR", "~/.claude", 2, "CLAUDE_CONFIG_DIR is not an absolute path"),
        ("token", "HOME", &other, 4, "the configuration of this session, and the daemon uses another"),
        ("token", "XDG_CONFIG_HOME", &config, 4, "the configuration of this session"),
        ("token", "XDG_STATE_HOME", &state, 4, "the list of accounts of this session"),
        ("token", "CLAVIGER_ACCOUNT", "wo\u{440}k", 4, "there is no account"),
        ("aws", "AWS_PROFILE", "WORK", 4, profile),
        ("aws", "AWS_PROFILE", "work ", 4, profile),
        ("aws", "AWS_PROFILE", "w\u{43e}rk", 4, profile),
        ("aws", "AWS_PROFILE", "profile work", 4, profile),
        ("aws", "AWS_SHARED_CREDENTIALS_FILE", &other, 4, "is not a file"),
        ("aws", "AWS_ACCESS_KEY_ID", "AKIAHALF", 4, "AWS_SECRET_ACCESS_KEY is not set"),
    ] {
        let output = run(&home, "work", &[verb], &[(variable, value)]);
        let stderr = text(&output.stderr);
        assert_eq!(
            (output.status.code(), text(&output.stdout).as_str()),
            (Some(code), ""),
            "{variable}={value}: {stderr}"
        );
        assert!(stderr.contains(words), "{variable}={value}: {stderr}");
    }
    let mut login = home.claviger(&["login", "--api-key", "mine"]);
    let mut login = login
        .env("XDG_STATE_HOME", &state)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("runs");
    writeln!(login.stdin.take().expect("a pipe"), "{CANARY}{}", "x".repeat(20)).expect("written");
    assert_eq!(login.wait().expect("it ends").code(), Some(4), "nor is a key kept elsewhere");
    let many: Vec<_> = (0..64).map(|number| format!("VAULT_A{number}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    many.push(("VAULT_NAMESPACE", "mine"));
    let output = run(&home, "work", &["token"], &many);
    assert_eq!(output.status.code(), Some(6), "none of them is left out: {}", text(&output.stdout));
}

#[test]
fn a_repository_starts_no_daemon_of_its_own() {
    let home = Home::new();
    directory(&home, "repo/.git");
    let evil = format!("touch {}; echo {CANARY}evil", at(&home, "ran"));
    helper(&home, "repo/.claude", &evil);
    let config = format!("[settings]\napiKeyHelper = {evil:?}\n");
    home.write("repo/config/claviger/config.toml", &config);
    home.write("home/.claude/settings.json", &format!("{{\"apiKeyHelper\": \"echo {CANARY}mine\"}}"));
    symlink(home.path("repo/config"), home.path("linked")).expect("linked");
    for (variable, below) in [
        ("HOME", "repo"),
        ("XDG_CONFIG_HOME", "repo/config"),
        ("XDG_CONFIG_HOME", "linked"),
        ("XDG_STATE_HOME", "repo/state"),
    ] {
        let output = run(&home, "work", &["token"], &[(variable, &at(&home, below))]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{variable}: {stderr}");
        assert!(stderr.contains(&format!("{variable} leads into the repository")), "{stderr}");
    }
    // What a person links from the usual place is theirs.
    fs::remove_dir(home.path("home/.config/claviger")).expect("removed");
    home.write("repo/config/claviger/config.toml", "[daemon]\nidle_seconds = 60\n");
    symlink(home.path("repo/config/claviger"), home.path("home/.config/claviger")).expect("linked");
    assert_eq!(key(&home, "work", &[]), "mine");
    assert!(!home.path("ran").exists());
}

#[test]
fn what_is_decided_while_a_helper_runs_counts() {
    let home = Home::new();
    directory(&home, "work/.git");
    let (runs, go) = (at(&home, "runs"), at(&home, "go"));
    let slow = format!("touch {runs}; while [ ! -e {go} ]; do sleep 0.02; done; echo {CANARY}project");
    helper(&home, "work/.claude", &slow);
    let _daemon = home.daemon();
    home.grant(&[]);
    let mut waiting = home.claviger(&["token"]);
    let waiting = waiting.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("claviger runs");
    wait::until("it runs", || Path::new(&runs).exists());
    home.ok(&["trust", "revoke"]);
    home.write("go", "");
    let output = waiting.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), text(&output.stdout).as_str()),
        (Some(4), ""),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_name_that_is_used_again_lends_the_new_key() {
    let home = Home::new();
    let _daemon = home.daemon();
    let login = |key: &str| {
        let mut command = home.claviger(&["login", "--api-key", "again"]);
        let mut child =
            command.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().expect("runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        writeln!(stdin, "{CANARY}{key}{}", "x".repeat(20)).expect("written");
        drop(stdin);
        assert!(child.wait().expect("it ends").success());
    };
    for (number, first) in ["one", "two", "three"].into_iter().enumerate() {
        login(first);
        let lent = key(&home, "work", &[("CLAVIGER_ACCOUNT", "again")]);
        assert!(lent.starts_with(first), "{lent}");
        if number == 1 {
            home.ok(&["logout", "again"]);
            home.fails(3, &["token"]);
        }
    }
}
