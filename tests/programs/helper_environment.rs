//! What an apiKeyHelper gets to see of the world: what is on the list, and nothing of the session's secrets, of the
//! daemon's own environment, or of its open files.

use claviger_tests::{CANARY, Home, text};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

/// A helper that writes down what it sees.
const WITNESS: &str = r#"
out="$(dirname "$0")/seen"
env > "$out.env"
pwd > "$out.cwd"
umask > "$out.umask"
ulimit -c > "$out.core"
ulimit -Sn > "$out.files"
ls /proc/self/fd > "$out.fds"
cut -d' ' -f5 < /proc/$$/stat > "$out.group"
cut -d' ' -f6 < /proc/$$/stat > "$out.session"
echo $$ > "$out.pid"
"#;

fn witness(home: &Home) -> std::path::PathBuf {
    home.script("key.sh", &format!("{WITNESS}\necho {CANARY}key"))
}

/// What the witness wrote about `what`.
fn seen(home: &Home, what: &str) -> String {
    home.read(&format!("seen.{what}")).trim_end().to_owned()
}

/// Its environment, without what the shell itself adds.
fn environment(home: &Home) -> BTreeMap<String, String> {
    let split = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    let mut all: BTreeMap<_, _> = seen(home, "env").lines().filter_map(split).collect();
    for name in ["PWD", "OLDPWD", "SHLVL", "_"] {
        all.remove(name);
    }
    all
}

/// The `PATH` of a command whose words name no program, in a home without programs.
fn places_of_the_system() -> String {
    let mut path: Vec<String> = Vec::new();
    for place in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin"]
    {
        if let Ok(real) = fs::canonicalize(place) {
            path.extend(Some(real.display().to_string()).filter(|real| !path.contains(real)));
        }
    }
    path.join(":")
}

#[test]
fn the_environment_is_the_list_and_the_settings_and_nothing_else() {
    let mut home = Home::new();
    home.user_settings(&witness(&home), &[("MINE", "from settings"), ("TZ", "Settings/Win")]);
    // The daemon was started by another session: nothing of that one's environment may show.
    for name in ["LANG", "HTTPS_PROXY", "AWS_PROFILE", "GNUPGHOME", "DAEMON_MARKER"] {
        home.set(name, "/daemon's-own");
    }
    home.write("home/.config/claviger/config.toml", "[settings]\naudience = \"https://gw.example\"\n");
    let _daemon = home.daemon();
    let mut client = home.claviger(&["--mode", "homespace", "token"]);
    for name in ["HTTPS_PROXY", "AWS_PROFILE", "GNUPGHOME", "DAEMON_MARKER"] {
        client.env_remove(name);
    }
    let secrets =
        ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN", "AWS_SECRET_ACCESS_KEY"];
    let loaders = ["LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "NODE_OPTIONS", "PYTHONPATH", "IFS"];
    for name in secrets.into_iter().chain(loaders) {
        client.env(name, format!("{CANARY}{name}"));
    }
    client.env("LANG", "C.UTF-8").env("TZ", "Session/Loses").env("ANTHROPIC_BASE_URL", "https://gw.example");
    client.env("PATH", "bin:.::/usr/bin:./x:/bin:");
    let output = client.output().expect("claviger runs");
    assert_eq!(text(&output.stdout), format!("{CANARY}key\n"), "{}", text(&output.stderr));

    let mut found = environment(&home);
    let flight = found.remove("CLAVIGER_FLIGHT").expect("CLAVIGER_FLIGHT");
    assert!(!flight.is_empty());
    let path = |below: &str| home.path(below).display().to_string();
    let expected = [
        ("HOME", path("home")),
        ("LANG", "C.UTF-8".into()),
        ("MINE", "from settings".into()),
        ("PATH", places_of_the_system()),
        ("TZ", "Settings/Win".into()),
        ("USER", "tester".into()),
        ("XDG_RUNTIME_DIR", path("run")),
    ];
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    assert_eq!(found, expected);
}

#[test]
fn it_runs_in_a_group_of_its_own_with_tight_limits_and_no_foreign_files() {
    let home = Home::new();
    home.user_settings(&witness(&home), &[]);
    let daemon = home.daemon();
    home.ok(&["token"]);
    let group = seen(&home, "group");
    assert_ne!(group, daemon.pid().to_string());
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.pid())).expect("stat");
    let daemons: Vec<_> = stat.rsplit(')').next().expect("fields").split_whitespace().collect();
    assert_ne!(group, daemons[2], "it shares the daemon's process group");
    // `/bin/sh -c` may run the helper in its own place or as a child.
    assert!(!group.is_empty());
    assert_eq!(seen(&home, "umask"), "0077");
    assert_eq!(seen(&home, "core"), "0");
    // 3 is the directory that `ls` itself has open.
    let fds: BTreeSet<_> = seen(&home, "fds").lines().map(str::to_owned).collect();
    assert_eq!(fds, ["0", "1", "2", "3"].map(str::to_owned).into());
}

#[test]
fn a_daemon_started_on_demand_keeps_no_file_of_the_session_open() {
    let home = Home::new();
    home.user_settings(&witness(&home), &[]);
    let mut shell = Command::new("sh");
    let token = home.claviger(&["token"]);
    shell.args(["-c", "exec 9>inherited; exec \"$0\" token"]).arg(token.get_program());
    shell.env_clear().current_dir(home.path("work"));
    shell.envs(token.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shell.output().expect("sh runs");
    assert_eq!(text(&output.stdout), format!("{CANARY}key\n"), "{}", text(&output.stderr));
    let fds = fs::read_dir(format!("/proc/{}/fd", home.status()["pid"]));
    let Ok(fds) = fds else { return claviger_tests::skipped("root: the daemon hides its open files") };
    let files: Vec<_> = fds.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    assert!(!files.contains(&home.path("work/inherited")), "{files:?}");
    assert!(!files.is_empty());
}

#[test]
fn it_may_open_no_fewer_files_than_in_the_users_shell() {
    let home = Home::new();
    home.user_settings(&witness(&home), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let ours = Command::new("sh").args(["-c", "ulimit -Sn"]).output().expect("sh runs");
    let number = |text: &str| text.trim().parse().unwrap_or(u64::MAX); // or "unlimited"
    assert!(number(&seen(&home, "files")) >= number(&text(&ours.stdout)));
}

#[test]
fn a_users_helper_runs_in_the_configuration_directory() {
    let home = Home::new();
    home.user_settings(&witness(&home), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    assert_eq!(seen(&home, "cwd"), home.path("home/.claude").display().to_string());
}

#[test]
fn a_trusted_projects_helper_runs_in_the_root_of_the_workspace() {
    let home = Home::new();
    fs::create_dir_all(home.path("work/.git")).expect("directory");
    fs::create_dir_all(home.path("work/deep/down")).expect("directory");
    home.write(
        "work/.claude/settings.local.json",
        &claviger_tests::settings(&witness(&home), &[("MINE", "project")]),
    );
    let _daemon = home.daemon();
    let deep = home.path("work/deep/down");
    let deep = deep.to_str().expect("path");
    home.fails(4, &["--cwd", deep, "token"]);
    assert_eq!(seen(&home, "env"), "", "it ran before trust");
    home.grant(&["--cwd", deep]);
    home.ok(&["--cwd", deep, "token"]);
    assert_eq!(seen(&home, "cwd"), home.path("work").display().to_string());
    assert_eq!(environment(&home).get("MINE").map(String::as_str), Some("project"));
}
