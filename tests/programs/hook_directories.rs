//! `claviger hook` in several configuration directories, and after the command behind it was edited.

use claviger_tests::{
    Home,
    hook::{bare, everything},
};
use serde_json::{Value, json};

const CONFIG: &str = "home/.config/claviger/config.toml";
const INSTALL: [&str; 4] = ["hook", "install", "claude", "--yes"];
const REMOVE: [&str; 4] = ["hook", "remove", "claude", "--yes"];
/// Directories below the home; the first needs no variable.
const DIRECTORIES: [&str; 3] = [".claude", ".claude-work", "other dir/\"x\""];

fn enter(home: &mut Home, directory: &str) {
    home.set("CLAUDE_CONFIG_DIR", &home.path("home").join(directory).display().to_string());
}

fn key(directory: &str) -> String {
    format!("key-{}", directory.len())
}

/// Each directory has a command of its own, but for the last that is named.
fn homes(count: usize) -> Home {
    let home = bare();
    for directory in &DIRECTORIES[..count] {
        let settings = json!({ "model": "m", "apiKeyHelper": format!("echo {}", key(directory)), "awsCredentialExport": "same" });
        home.write(&format!("home/{directory}/settings.json"), &format!("{settings:#}\n"));
    }
    home
}

#[test]
fn each_directory_keeps_its_own_command() {
    let mut home = homes(3);
    for directory in DIRECTORIES {
        enter(&mut home, directory);
        home.ok(&INSTALL);
        let installed = everything(&home);
        assert!(home.ok(&INSTALL).contains("nothing to change"), "installed twice");
        assert_eq!(everything(&home), installed);
    }
    // The first one again changes nothing either.
    enter(&mut home, DIRECTORIES[0]);
    let installed = everything(&home);
    assert!(home.ok(&INSTALL).contains("nothing to change"));
    assert_eq!(everything(&home), installed);
    let _daemon = home.daemon();
    for _ in 0..2 {
        for directory in DIRECTORIES {
            enter(&mut home, directory);
            assert_eq!(home.ok(&["token"]), format!("{}\n", key(directory)), "{directory}");
        }
    }
    // Wherever it is asked, the list has all of them, each with what it runs.
    let listed: Value = serde_json::from_str(&home.ok(&["--json", "hook", "list"])).expect("JSON");
    let helpers: Vec<_> =
        listed.as_array().expect("hooks").iter().filter(|hook| hook["setting"] == "apiKeyHelper").collect();
    assert_eq!((helpers.len(), listed.as_array().map(Vec::len)), (3, Some(6)), "{listed:#}");
    for directory in DIRECTORIES {
        let file = home.path("home").join(directory).join("settings.json").display().to_string();
        let hook = helpers.iter().find(|hook| hook["file"] == file).expect("listed");
        assert_eq!(hook["behind"], format!("echo {}", key(directory)), "{hook}");
    }
    assert_eq!(home.ok(&["hook", "list"]).lines().count(), 6);
    // A link to a directory is that directory; a spelling is none of its own either.
    std::os::unix::fs::symlink(home.path("home").join(DIRECTORIES[1]), home.path("home/link"))
        .expect("a link");
    for name in ["link", ".claude-work/", "./x/../.claude-work"] {
        std::fs::create_dir_all(home.path("home/x")).expect("a directory");
        enter(&mut home, name);
        assert_eq!(home.ok(&["token"]), format!("{}\n", key(DIRECTORIES[1])), "{name}");
    }
}

/// A directory that has no command of its own does not get that of another one.
#[test]
fn a_directory_without_a_command_gets_none() {
    let mut home = homes(2);
    for directory in DIRECTORIES {
        enter(&mut home, directory);
        home.ok(&INSTALL);
    }
    let _daemon = home.daemon();
    assert!(home.fails(3, &["token"]).contains("no real command"));
    // What stands for all directories counts for it, and for those with a command of their own it does not.
    home.replace(CONFIG, &format!("[settings]\napiKeyHelper = 'echo all'\n{}", home.read(CONFIG)));
    assert_eq!(home.ok(&["token"]), "all\n");
    enter(&mut home, DIRECTORIES[0]);
    assert_eq!(home.ok(&["token"]), format!("{}\n", key(DIRECTORIES[0])));
}

#[test]
fn removal_in_any_order_leaves_nothing() {
    for config in
        [None, Some("[daemon]\nlog = \"info\"\n"), Some("# mine\n[settings]\napiKeyHelper = 'mine'")]
    {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut home = homes(3);
            config.map(|text| home.write(CONFIG, text));
            let before = everything(&home);
            for directory in DIRECTORIES {
                enter(&mut home, directory);
                home.ok(&INSTALL);
            }
            for number in order {
                enter(&mut home, DIRECTORIES[number]);
                let said = home.ok(&REMOVE);
                assert!(!said.contains("note:"), "{order:?}: {said}");
            }
            assert_eq!(everything(&home), before, "{order:?} {config:?}");
            assert!(!home.path("home/.local/state/claviger/hooks.json").exists());
        }
    }
}

/// What a person made of the command in config.toml is the command, with and without another `hook install`.
#[test]
fn an_edited_command_goes_back_as_it_stands() {
    for (installs, others) in [(0, false), (1, false), (2, true)] {
        let mut home = homes(2);
        let settings = home.read("home/.claude/settings.json");
        if others {
            enter(&mut home, DIRECTORIES[1]);
            home.ok(&INSTALL);
        }
        enter(&mut home, DIRECTORIES[0]);
        let config = others.then(|| home.read(CONFIG));
        home.ok(&INSTALL);
        let (old, new) = (format!("echo {}", key(DIRECTORIES[0])), "op read \"op://x/y\"");
        home.replace(CONFIG, &home.read(CONFIG).replace(&format!("\"{old}\""), &format!("'{new}' # now")));
        let edited = home.read(CONFIG);
        for _ in 0..installs {
            let said = home.ok(&INSTALL);
            assert!(said.contains("nothing to change") && !said.contains("left alone"), "{said}");
            assert_eq!(home.read(CONFIG), edited);
        }
        let said = home.ok(&REMOVE);
        assert!(!said.contains("left alone"), "{said}");
        let expected = settings.replace(&json!(old).to_string(), &json!(new).to_string());
        assert_eq!(home.read("home/.claude/settings.json"), expected);
        assert_eq!(home.path(CONFIG).exists().then(|| home.read(CONFIG)), config, "{installs}");
    }
}

/// A command that the person gave the tool itself, after the hook was installed, is the newest.
#[test]
fn a_command_in_the_settings_themselves_is_the_newest() {
    let home = homes(1);
    home.ok(&INSTALL);
    home.replace("home/.claude/settings.json", "{\"apiKeyHelper\": \"newest\"}\n");
    home.ok(&INSTALL);
    assert!(home.read(CONFIG).contains("apiKeyHelper = \"newest\""));
    home.ok(&REMOVE);
    assert!(home.read("home/.claude/settings.json").contains("{\"apiKeyHelper\": \"newest\""));
    assert!(!home.path(CONFIG).exists());
}
