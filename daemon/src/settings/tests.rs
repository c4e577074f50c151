//! The merging of layers.

use super::{
    Decision, Directories, File, FileState, Layer, Lookup, Scope, Settings, Snapshot, Workspace, parse,
};

use std::sync::Arc;

fn file(layer: Layer, text: &str) -> File {
    let content = Arc::new(parse::json(layer, layer.name(), text.as_bytes()).expect("valid"));
    File { layer, path: layer.name().into(), state: FileState::Loaded, content }
}

fn settings(files: &[(Layer, &str)], decision: Decision, scope: Scope) -> Settings {
    let (explicit, files): (Vec<_>, Vec<_>) =
        files.iter().map(|(layer, text)| file(*layer, text)).partition(|file| file.layer == Layer::Explicit);
    let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
    let snapshot =
        Arc::new(Snapshot { workspace, files, subject: None, directories: Directories::default() });
    Settings { snapshot, explicit: explicit.into_iter().next().map(Arc::new), decision, scope }
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
        assert_eq!(helper(&settings(&files, Decision::Trusted, Scope::All)), ("set", Some(ALL[first])));
    }
    assert_eq!(helper(&settings(&[], Decision::Trusted, Scope::All)), ("unset", None));
}

#[test]
fn a_hook_or_blank_command_lets_the_layer_below_speak() {
    for nothing in [r#"{"apiKeyHelper":"claviger token"}"#, r#"{"apiKeyHelper":" "}"#, "{}", ""] {
        let files =
            [(Layer::Managed, nothing), (Layer::User, nothing), (Layer::Config, r#"{"apiKeyHelper":"x"}"#)];
        assert_eq!(
            helper(&settings(&files, Decision::Undecided, Scope::All)),
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
        let settings = settings(&files, decision, Scope::All);
        assert_eq!(helper(&settings), expected, "{decision:?}");
        assert_eq!(settings.environment().get("A"), Some(&variable), "{decision:?}");
    }
}

#[test]
fn bare_sessions_see_explicit_settings_and_managed_ones_policy_only() {
    let text = r#"{"apiKeyHelper":"x"}"#;
    let files: Vec<_> = ALL.iter().map(|layer| (*layer, text)).collect();
    for (scope, expected, sources) in [
        (Scope::All, &ALL[..], &ALL[..]),
        (Scope::Explicit, &[Layer::Managed, Layer::Explicit], &[Layer::Explicit]),
        (Scope::Policy, &[Layer::Managed], &[]),
    ] {
        let settings = settings(&files, Decision::Trusted, scope);
        assert_eq!(settings.files().map(|file| file.layer).collect::<Vec<_>>(), expected);
        assert_eq!(settings.sources().map(|file| file.layer).collect::<Vec<_>>(), sources);
    }
}

#[test]
fn only_managed_settings_set_policy() {
    let text = r#"{"forceLoginMethod":"console"}"#;
    for layer in ALL {
        let settings = settings(&[(layer, text)], Decision::Trusted, Scope::All);
        let count = |managed| settings.demands("forceLoginMethod", managed).count();
        let is_managed = layer == Layer::Managed;
        assert_eq!(
            (count(true), count(false)),
            (usize::from(is_managed), usize::from(!is_managed)),
            "{layer:?}"
        );
    }
}
