//! Requests, and their equality.

use super::Subject;
use crate::settings::{File, FileState, Layer, Script, Workspace, parse};
use claviger::reason::{Location, Problem, Reason};
use std::{path::PathBuf, sync::Arc};

fn workspace() -> Workspace {
    Workspace { root: PathBuf::from("/w"), device: 1, inode: 2 }
}

fn file(layer: Layer, text: &str) -> File {
    let content = Arc::new(parse::json(layer, "/w/.claude/s.json", text.as_bytes()).expect("valid"));
    File { layer, path: "/w/.claude/s.json".into(), state: FileState::Loaded, content }
}

fn digest(workspace: &Workspace, files: &[(Layer, &str)]) -> String {
    let files: Vec<_> = files.iter().map(|(layer, text)| file(*layer, text)).collect();
    Subject::of(workspace, &files, &[]).expect("items").digest
}

#[test]
fn items_are_commands_and_variables_of_the_workspace_only() {
    let files = [
        file(Layer::Managed, r#"{"apiKeyHelper":"m"}"#),
        file(Layer::Local, r#"{"apiKeyHelper":"claviger token","awsAuthRefresh":"l"}"#),
        file(
            Layer::Project,
            r#"{"apiKeyHelper":"p","env":{"UNLISTED":"1","PATH":"/x"},"forceLoginMethod":"c"}"#,
        ),
        file(Layer::User, r#"{"apiKeyHelper":"u"}"#),
    ];
    let subject = Subject::of(&workspace(), &files, &[]).expect("items");
    let items: Vec<_> =
        subject.items.iter().map(|item| (item.name.as_str(), item.value.as_str(), item.command)).collect();
    let expected = [
        ("awsAuthRefresh", "l", true),
        ("apiKeyHelper", "p", true),
        ("env.PATH", "/x", false),
        ("env.UNLISTED", "1", false),
    ];
    assert_eq!(items, expected);
    assert_eq!(subject.items[1].at.to_string(), "/w/.claude/s.json:1:2");
}

#[test]
fn nothing_asked_for_is_no_subject() {
    let harmless = [file(Layer::Project, r#"{"apiKeyHelper":"claviger token","forceLoginMethod":"c"}"#)];
    assert_eq!(Subject::of(&workspace(), &harmless, &[]), None);
    assert_eq!(Subject::of(&workspace(), &[file(Layer::User, r#"{"apiKeyHelper":"u"}"#)], &[]), None);
}

#[test]
fn any_difference_is_another_digest() {
    let text = r#"{"apiKeyHelper":"get ab","env":{"A":"bc","TOKEN":"x"}}"#;
    let same = digest(&workspace(), &[(Layer::Project, text)]);
    assert_eq!(same, digest(&workspace(), &[(Layer::Project, &format!("  {text}\n"))]));
    assert_eq!(same.len(), 64);
    for other in [
        r#"{"apiKeyHelper":"get ac","env":{"A":"bc","TOKEN":"x"}}"#,
        r#"{"apiKeyHelper":"get ab ","env":{"A":"bc","TOKEN":"x"}}"#,
        r#"{"apiKeyHelper":"get ab","env":{"A":"bc","TOKEN":"y"}}"#,
        r#"{"apiKeyHelper":"get ab","env":{"Ab":"c","TOKEN":"x"}}"#,
        r#"{"apiKeyHelper":"get ab","env":{"A":"bc"}}"#,
        r#"{"awsAuthRefresh":"get ab","env":{"A":"bc","TOKEN":"x"}}"#,
    ] {
        assert_ne!(same, digest(&workspace(), &[(Layer::Project, other)]), "{other}");
    }
    assert_ne!(same, digest(&workspace(), &[(Layer::Local, text)]));
    assert_ne!(
        same,
        digest(&workspace(), &[(Layer::Project, text), (Layer::Local, r#"{"apiKeyHelper":"x"}"#)])
    );
    for moved in [
        Workspace { root: PathBuf::from("/w2"), ..workspace() },
        Workspace { device: 9, ..workspace() },
        Workspace { inode: 9, ..workspace() },
    ] {
        assert_ne!(same, digest(&moved, &[(Layer::Project, text)]));
    }
}

#[test]
fn secrets_are_not_shown_but_count() {
    for name in ["ANTHROPIC_API_KEY", "ANTHROPIC_CUSTOM_HEADERS", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"] {
        let one =
            file(Layer::Local, &format!(r#"{{"env":{{"{name}":"X:canary"}}}}"#).replace("X:", prefix(name)));
        let two =
            file(Layer::Local, &format!(r#"{{"env":{{"{name}":"X:canarx"}}}}"#).replace("X:", prefix(name)));
        let [one, two] = [one, two].map(|file| Subject::of(&workspace(), &[file], &[]).expect("items"));
        assert!(!format!("{one:?}").contains("canary"), "{name}");
        assert_eq!(one.items[0].value, two.items[0].value);
        assert_ne!(one.items[0].fingerprint, two.items[0].fingerprint);
        assert_ne!(one.digest, two.digest);
    }
}

fn prefix(name: &str) -> &'static str {
    if name == "ANTHROPIC_CUSTOM_HEADERS" { "X:" } else { "" }
}

#[test]
fn a_script_counts_with_what_it_has_inside() {
    let files = [file(Layer::Project, r#"{"apiKeyHelper":"./key.sh"}"#)];
    let subject = |scripts: &[Script]| Subject::of(&workspace(), &files, scripts).expect("items");
    let script =
        |name: &str, state: &str| Script { name: name.into(), state: state.into(), at: Location::default() };
    let one = subject(&[script("key.sh", "sha256 1")]);
    let shown: Vec<_> = one.items.iter().map(|item| (item.name.as_str(), item.value.as_str())).collect();
    assert_eq!(shown, [("apiKeyHelper", "./key.sh"), ("file key.sh", "sha256 1")]);
    for other in [vec![], vec![script("key.sh", "sha256 2")], vec![script("kei.sh", "sha256 1")]] {
        assert_ne!(one.digest, subject(&other).digest, "{other:?}");
    }
}

#[test]
fn a_file_that_cannot_be_used_can_be_told_and_not_trusted() {
    let broken = |message: &str| {
        let mut file = file(Layer::Project, "{}");
        file.state = FileState::Invalid(Problem::new(Reason::SettingsInvalid, message));
        Subject::of(&workspace(), &[file], &[]).expect("an item")
    };
    let subject = broken("not valid JSON");
    let item = subject.hidden().expect("it cannot be trusted");
    assert_eq!(
        (item.name.as_str(), item.value.as_str()),
        ("file .claude/s.json", "cannot be used: not valid JSON")
    );
    assert_ne!(subject.digest, broken("belongs to another user").digest);
    let good = Subject::of(&workspace(), &[file(Layer::Project, r#"{"apiKeyHelper":"x"}"#)], &[]);
    assert_eq!(good.expect("items").hidden(), None);
}
