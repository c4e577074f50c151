//! The merging of layers.

use super::{File, FileState, Layer, Lookup, Settings, Snapshot, Workspace, parse};
use crate::trust::Decision;
use std::sync::Arc;

fn file(layer: Layer, text: &str) -> File {
    let content = Arc::new(parse::json(layer, layer.name(), text.as_bytes()).expect("valid"));
    File { layer, path: layer.name().into(), state: FileState::Loaded, content }
}

fn settings(files: &[(Layer, &str)], decision: Decision, hermetic: bool) -> Settings {
    let (explicit, files): (Vec<_>, Vec<_>) =
        files.iter().map(|(layer, text)| file(*layer, text)).partition(|file| file.layer == Layer::Explicit);
    let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
    let snapshot = Arc::new(Snapshot { workspace, files, subject: None });
    Settings { snapshot, explicit: explicit.into_iter().next().map(Arc::new), decision, hermetic }
}

const ALL: [Layer; 6] =
    [Layer::Managed, Layer::Explicit, Layer::Local, Layer::Project, Layer::User, Layer::Config];

fn helper(settings: &Settings) -> (&'static str, Option<Layer>) {
    match settings.command("apiKeyHelper") {
        Lookup::Unset => ("unset", None),
        Lookup::Set(value) => ("set", Some(value.layer)),
        Lookup::Untrusted(value) => ("untrusted", Some(value.layer)),
    }
}

#[test]
fn each_layer_yields_to_those_above() {
    let text = r#"{"apiKeyHelper":"x"}"#;
    for first in 0..ALL.len() {
        let files: Vec<_> = ALL[first..].iter().map(|layer| (*layer, text)).collect();
        assert_eq!(helper(&settings(&files, Decision::Trusted, false)), ("set", Some(ALL[first])));
    }
    assert_eq!(helper(&settings(&[], Decision::Trusted, false)), ("unset", None));
}

#[test]
fn a_hook_or_blank_command_lets_the_layer_below_speak() {
    for nothing in [r#"{"apiKeyHelper":"claviger token"}"#, r#"{"apiKeyHelper":" "}"#, "{}", ""] {
        let files =
            [(Layer::Managed, nothing), (Layer::User, nothing), (Layer::Config, r#"{"apiKeyHelper":"x"}"#)];
        assert_eq!(
            helper(&settings(&files, Decision::Undecided, false)),
            ("set", Some(Layer::Config)),
            "{nothing}"
        );
    }
}

#[test]
fn a_workspace_counts_as_decided() {
    let text = r#"{"apiKeyHelper":"x","env":{"A":"1"}}"#;
    let files = [
        (Layer::Local, text),
        (Layer::Project, text),
        (Layer::User, r#"{"apiKeyHelper":"u","env":{"A":"2"}}"#),
    ];
    for (decision, expected, variable) in [
        (Decision::Undecided, ("untrusted", Some(Layer::Local)), "2"),
        (Decision::Trusted, ("set", Some(Layer::Local)), "1"),
        (Decision::Ignored, ("set", Some(Layer::User)), "2"),
    ] {
        let settings = settings(&files, decision, false);
        assert_eq!(helper(&settings), expected, "{decision:?}");
        assert_eq!(settings.environment().get("A"), Some(&variable), "{decision:?}");
    }
}

#[test]
fn a_hermetic_session_sees_managed_and_explicit_settings_only() {
    let text = r#"{"apiKeyHelper":"x"}"#;
    let files: Vec<_> = ALL.iter().map(|layer| (*layer, text)).collect();
    let settings = settings(&files, Decision::Trusted, true);
    assert_eq!(
        settings.files().map(|file| file.layer).collect::<Vec<_>>(),
        [Layer::Managed, Layer::Explicit]
    );
}

#[test]
fn only_managed_settings_set_policy() {
    let text = r#"{"forceLoginMethod":"console"}"#;
    for layer in ALL {
        let settings = settings(&[(layer, text)], Decision::Trusted, false);
        assert_eq!(settings.policy("forceLoginMethod").is_some(), layer == Layer::Managed, "{layer:?}");
    }
}
