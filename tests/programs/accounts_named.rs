//! Which account a session gets: the one it names or none, and the one in use for where the secret will go.

use claviger::proto::v1::StorePlace;
use claviger_tests::{CANARY, Home, accounts::save, text};
use serde_json::Value;
use std::{io::Write as _, process::Stdio};

fn said(home: &Home, arguments: &[&str]) -> (Option<i32>, String) {
    let output = home.run(arguments);
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

#[test]
fn a_named_account_is_never_exchanged_for_what_comes_first() {
    let mut home = Home::new();
    home.user_settings(&home.script("key.sh", &format!("echo {CANARY}helper")), &[]);
    let _daemon = home.daemon();
    save(&home, "work", "sk-canary-work", StorePlace::File).expect("saved");
    assert_eq!(home.ok(&["token"]), format!("{CANARY}helper\n"));
    let (_, told) = said(&home, &["use", "work"]);
    assert!(
        told.contains("claviger: here api-key-helper comes first (") && told.contains("settings.json:"),
        "{told}"
    );
    home.set("CLAVIGER_ACCOUNT", "typo");
    assert!(home.fails(4, &["token"]).contains("there is no account typo"));
    for verb in [&["aws"][..], &["env"], &["exec", "--", "true"]] {
        assert!(home.fails(4, verb).contains("there is no account typo"), "{verb:?}");
    }
    assert!(said(&home, &["doctor", "--offline"]).1.contains("there is no account typo"));
    home.set("CLAVIGER_ACCOUNT", "work");
    let (code, told) = said(&home, &["token"]);
    assert!(code == Some(4) && told.contains("CLAVIGER_ACCOUNT names work, and api-key-helper ("), "{told}");
    assert!(told.contains("settings.json:") && told.contains("unset CLAVIGER_ACCOUNT"), "{told}");
    assert!(told.contains("to use that, name no account; run `unset CLAVIGER_ACCOUNT`"), "{told}");
    let doctor = said(&home, &["doctor", "--offline"]).1;
    assert!(doctor.contains("CLAVIGER_ACCOUNT names work"), "{doctor}");
    home.set("ANTHROPIC_API_KEY", "sk-canary-own");
    assert!(
        home.fails(4, &["token"]).contains("CLAVIGER_ACCOUNT names work, and ANTHROPIC_API_KEY comes first")
    );
}

#[test]
fn each_address_has_an_account_in_use() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    for name in ["first", "second"] {
        save(&home, name, &format!("sk-canary-{name}"), StorePlace::File).expect("saved");
    }
    home.set("ANTHROPIC_BASE_URL", "https://gateway.example");
    for name in ["third", "fourth"] {
        let arguments =
            ["login", name, "--api-key", "--audience", "https://gateway.example", "--store", "file"];
        let mut command = home.claviger(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("claviger runs");
        child
            .stdin
            .take()
            .expect("stdin")
            .write_all(format!("sk-canary-{name}").as_bytes())
            .expect("written");
        assert!(child.wait().expect("wait").success());
    }
    home.ok(&["use", "second"]);
    home.ok(&["use", "fourth"]);
    assert_eq!(home.ok(&["token"]), "sk-canary-fourth\n");
    let list: Value = serde_json::from_str(&home.ok(&["accounts", "--json"])).expect("JSON");
    assert_eq!(list["used_here"], "fourth");
    home.set("ANTHROPIC_BASE_URL", "");
    assert_eq!(home.ok(&["token"]), "sk-canary-second\n");
    let (_, told) = said(&home, &["use", "third"]);
    assert!(told.contains("third is in use, for https://gateway.example"), "{told}");
    assert!(told.contains("here second is used, for https://api.anthropic.com"), "{told}");
    let shown = home.ok(&["accounts"]);
    assert!(shown.contains("second  yes, here ") && shown.contains("third   yes "), "{shown}");
    assert_eq!(home.ok(&["token"]), "sk-canary-second\n");
    home.ok(&["logout", "second"]);
    assert_eq!(home.ok(&["token"]), "sk-canary-first\n");
    assert!(home.ok(&["accounts"]).contains("first   first, here "));
}

#[test]
fn a_backend_without_a_credential_here_is_an_error() {
    let mut home = Home::new();
    let _daemon = home.daemon();
    home.set("ANTHROPIC_API_KEY", "sk-canary-own");
    for name in ["CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_NEXT_YEARS"] {
        home.set(name, "1");
        for verb in [&["token"][..], &["env"], &["get", "--headers"], &["exec", "--", "true"]] {
            let (code, told) = said(&home, verb);
            assert!(code == Some(4) && told.contains(&format!("{name} selects a backend")), "{told}");
            assert!(told.contains(&format!("unset {name}")) && !told.contains(CANARY), "{told}");
        }
        assert!(said(&home, &["doctor", "--offline"]).1.contains(name));
        home.set(name, "0");
    }
    home.set("CLAUDE_CODE_USE_POWERSHELL_TOOL", "1");
    assert_eq!(home.ok(&["token"]), "sk-canary-own\n");
}
