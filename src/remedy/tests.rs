use super::{Command, Remedy, usual};
use crate::cause::{Location, REASONS, Reason};
use std::{path::Path, process};

fn at(layer: &str, file: &str, line: u32) -> Location {
    Location { layer: layer.into(), file: file.into(), line, column: 2 }
}

#[test]
fn only_what_depends_on_a_session_names_a_directory() {
    let line = |remedy: Remedy| remedy.within("/my dir").line().expect("a command");
    assert_eq!(line(Remedy::refresh()), "claviger --cwd '/my dir' refresh");
    assert_eq!(line(Remedy::trust()), "claviger --cwd '/my dir' trust grant");
    assert_eq!(line(Remedy::login(Some("me@work"))), "claviger login me@work");
    assert_eq!(line(Remedy::claviger(&["unlock"])), "claviger unlock");
    assert_eq!(line(Remedy::run(&["aws", "sso", "login"])), "aws sso login");
    assert_eq!(line(Remedy::refresh().within("/first")), "claviger --cwd /first refresh");
}

#[test]
fn a_shell_reads_back_the_words() {
    for word in ["it's", "a b", "$(id)", "`id`", "", "-n", "a\nb", "é\"\\!"] {
        let argv = ["printf", "%s|%s", word, word].map(str::to_owned).to_vec();
        for directory in [None, Some("/".to_owned())] {
            let line = Remedy::Run(Command { argv: argv.clone(), directory }).line().expect("a command");
            let output = process::Command::new("/bin/sh").args(["-c", &line]).output().expect("a shell");
            assert_eq!(String::from_utf8(output.stdout).expect("text"), format!("{word}|{word}"), "{line}");
        }
    }
}

#[test]
fn text_is_edited_where_it_stands_and_by_whom_it_belongs_to() {
    let invalid = |at: &Location| usual(Reason::SettingsInvalid, Some(at));
    let mine = at("user", "/h/it's.json", 3);
    assert_eq!(invalid(&mine), Some(Remedy::Edit(mine.clone())));
    assert_eq!(Remedy::Edit(mine).line().as_deref(), Some("${EDITOR:-vi} +3 \"/h/it's.json\""));
    for layer in ["managed", "config"] {
        let correct = Remedy::Administrator("correct /etc/x.json:3".into());
        assert_eq!(invalid(&at(layer, "/etc/x.json", 3)), Some(correct), "{layer}");
    }
    for nothing in [at("user", "/h/directory", 0), at("explicit", "inline", 3)] {
        assert_eq!(invalid(&nothing), None, "{nothing}");
    }
}

#[test]
fn advice_is_words_then_what_to_do() {
    let advice = |remedy: Remedy, words| Remedy::advice(Some(&remedy), words);
    assert_eq!(advice(Remedy::login(None), None).as_deref(), Some("run `claviger login`"));
    assert_eq!(
        advice(Remedy::login(None), Some("it has ended")).as_deref(),
        Some("it has ended; run `claviger login`")
    );
    assert_eq!(advice(Remedy::Edit(at("user", "/f", 3)), None).as_deref(), Some("correct /f:3:2"));
    assert_eq!(advice(Remedy::Edit(at("user", "/f", 3)), Some("close it")).as_deref(), Some("close it"));
    assert_eq!(
        advice(Remedy::Administrator("allow it".into()), None).as_deref(),
        Some("ask your administrator to allow it")
    );
    let write = Remedy::write(Path::new("/h/c.toml"), "settings", "audience = [\"https://gw\"]");
    assert_eq!(
        advice(write, Some("allow it")).as_deref(),
        Some("allow it; write `audience = [\"https://gw\"]` into [settings] of /h/c.toml")
    );
    assert_eq!(Remedy::advice(None, None), None);
}

#[test]
fn what_needs_a_person_has_a_remedy() {
    let place = at("user", "/f", 1);
    for reason in REASONS.into_iter().filter(|reason| reason.needs_human()) {
        // No command unlocks every keyring.
        assert!(usual(reason, Some(&place)).is_some() || reason == Reason::KeyringLocked, "{reason}");
    }
}
