//! `forceLoginMethod` and `forceLoginOrgUUID`, wherever they may be written: who gets in, in which mode. Pure.

use claviger::{reason::Reason, session::SessionMode};
use claviger_tests::walk::{CHOSEN, MODES, ORGANIZATION, ROWS, Setup, Who, ended, file, outcome, path};
use clavigerd::{
    policy::Policy,
    resolve::Outcome,
    settings::{Decision, Directories, Layer, Scope, Settings, Snapshot, Workspace},
};
use std::sync::Arc;

/// Values of a policy: key, value, whether [`Who::Login`] satisfies it, and whether any login could.
#[rustfmt::skip]
const VALUES: &[(&str, &str, bool, bool)] = &[
    ("forceLoginMethod", "\"console\"", true, true),
    ("forceLoginMethod", "\"claudeai\"", false, true),
    ("forceLoginMethod", "\"gateway\"", false, true),
    ("forceLoginMethod", "\"Console\"", false, false),
    ("forceLoginMethod", "\"\"", false, false),
    ("forceLoginMethod", "7", false, false),
    ("forceLoginMethod", "true", false, false),
    ("forceLoginMethod", "[\"console\"]", false, false),
    ("forceLoginOrgUUID", "\"11111111-1111-4111-8111-111111111111\"", true, true),
    ("forceLoginOrgUUID", "\"22222222-2222-4222-8222-222222222222\"", false, true),
    ("forceLoginOrgUUID", "[\"22222222-2222-4222-8222-222222222222\", \"11111111-1111-4111-8111-111111111111\"]", true, true),
    ("forceLoginOrgUUID", "[\"22222222-2222-4222-8222-222222222222\"]", false, true),
    ("forceLoginOrgUUID", "[]", false, false),
    ("forceLoginOrgUUID", "\"\"", false, false),
    ("forceLoginOrgUUID", "[\"11111111-1111-4111-8111-111111111111\", \"\"]", false, false),
    ("forceLoginOrgUUID", "[\"11111111-1111-4111-8111-111111111111\", 7]", false, false),
    ("forceLoginOrgUUID", "7", false, false),
    ("forceLoginOrgUUID", "\"work\"", false, false),
];

/// A file of `layer` with a policy on its second line.
fn planted(layer: Layer, key: &str, value: &str) -> String {
    match layer {
        Layer::Config => format!("[settings]\n{key} = {value}\n"),
        _ => format!("{{\n\"{key}\": {value}}}"),
    }
}

/// `spec/behaviour.md` A2, `forceLoginMethod`: enforced from managed settings, in every mode; unreadable blocks.
#[test]
fn a_managed_policy_lets_only_those_in_who_satisfy_it() {
    for &(key, value, satisfied, possible) in VALUES {
        for who in [Who::Login, Who::Stranger, Who::Token, Who::ApiKey] {
            for (mode, (name, kind, ..)) in MODES.into_iter().enumerate() {
                let text = planted(Layer::Managed, key, value);
                let files = [(Layer::Managed, text.as_str())];
                let setup = Setup { files: &files, account: Some(who), ..Setup::default() };
                let got = setup.walk(mode, Decision::Undecided);
                let expected = match (who, kind) {
                    (Who::Login, SessionMode::Bare) => Err(Reason::PolicyBlocked),
                    (Who::Login, _) if satisfied => Ok("oauth-login"),
                    // Its key is ignored, so there is no login.
                    (Who::ApiKey, SessionMode::Managed) if possible => Err(Reason::LoginRequired),
                    _ => Err(Reason::PolicyBlocked),
                };
                let what = format!("{key} {value} in {name} with {who:?}");
                assert_eq!(ended(&got), expected, "{what}");
                if let Err(problem) = &got.winner {
                    let at = problem.location.as_ref().map(ToString::to_string).unwrap_or_default();
                    assert!(at.starts_with("/etc/claude-code/managed-settings.json:2:"), "{what}: {at}");
                    assert!(problem.message.contains(key) && problem.advice().is_some(), "{what}: {problem}");
                    assert_eq!(
                        problem.message.contains("blocks every session"),
                        !possible,
                        "{what}: {problem}"
                    );
                }
            }
        }
    }
}

/// The same: only from managed settings. One that is planted elsewhere changes nothing and is reported.
#[test]
fn a_policy_that_is_planted_elsewhere_changes_nothing_but_is_told() {
    for &(key, value, ..) in VALUES {
        for layer in [Layer::Explicit, Layer::Local, Layer::Project, Layer::User, Layer::Config] {
            for who in [Who::Login, Who::Stranger, Who::Token, Who::ApiKey] {
                for (mode, (name, kind, ..)) in MODES.into_iter().enumerate() {
                    let text = planted(layer, key, value);
                    let mut setup = Setup { account: Some(who), ..Setup::default() };
                    let before = setup.walk(mode, Decision::Trusted);
                    let files = [(layer, text.as_str())];
                    match layer {
                        Layer::Explicit => setup.explicit = &text,
                        _ => setup.files = &files,
                    }
                    let got = setup.walk(mode, Decision::Trusted);
                    let what = format!("{key} {value} of {layer:?} in {name} with {who:?}");
                    assert_eq!(ended(&got), ended(&before), "{what}");
                    let counts = match kind {
                        SessionMode::Standard | SessionMode::Homespace => true,
                        SessionMode::Bare => layer == Layer::Explicit,
                        SessionMode::Managed => false,
                    };
                    let told = format!("{key} in {}:2:", path(layer));
                    let warned =
                        got.warnings.iter().filter(|warning| warning.text.starts_with(&told)).count();
                    assert_eq!(
                        (warned, got.warnings.len()),
                        (usize::from(counts), usize::from(counts)),
                        "{what}"
                    );
                }
            }
        }
    }
}

/// The same: API keys, tokens and helpers are blocked while a policy is in force; clouds and their credentials are not.
#[test]
fn a_policy_blocks_every_other_source_of_anthropic_and_none_of_a_cloud() {
    for row in ROWS {
        let is_cloud = row.setup.environment.iter().any(|(name, _)| name.starts_with("CLAUDE_CODE_USE_"));
        let policy = (Layer::Managed, "{\"forceLoginMethod\": \"console\"}");
        // A file has one text: the row's own managed file gets the policy, too.
        let with_helper = (Layer::Managed, "{\"forceLoginMethod\": \"console\", \"apiKeyHelper\": \"m\"}");
        let others = row.setup.files.iter().filter(|(layer, _)| *layer != Layer::Managed);
        let own = if others.clone().count() < row.setup.files.len() { with_helper } else { policy };
        let files: Vec<_> = others.copied().chain([own]).collect();
        let setup = Setup { files: &files, ..row.setup };
        for (mode, (name, kind, ..)) in MODES.into_iter().enumerate() {
            let got = setup.walk(mode, Decision::Undecided);
            let what = format!("{} in {name}", row.source);
            let passes = row.source == "oauth-login" && row.setup.account == Some(Who::Login);
            let expected = match row.expect[mode] {
                CHOSEN if !is_cloud && !passes => Some(Outcome::Refused),
                other => other,
            };
            assert_eq!(outcome(&got, row.source), expected, "{what}");
            let reason = match (expected, kind) {
                (Some(Outcome::Refused), _) => Some(Reason::PolicyBlocked),
                (CHOSEN, _) => None,
                (_, SessionMode::Bare) if is_cloud => None,
                (_, SessionMode::Bare) => Some(Reason::PolicyBlocked),
                _ => Some(Reason::LoginRequired),
            };
            assert_eq!(ended(&got).err(), reason, "{what}");
        }
    }
}

#[test]
fn policies_are_shown_as_they_count() {
    let list = |id: &str| format!("{{\"forceLoginOrgUUID\": [\"{id}\"]}}");
    let (strong, weak) = (list("AAAAAAAA-1111-4111-8111-111111111111"), list(ORGANIZATION));
    let files = [
        (Layer::Managed, strong.as_str()),
        (Layer::Managed, weak.as_str()),
        (Layer::User, "{\"forceLoginMethod\": \"console\"}"),
    ];
    let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
    let files = files.iter().map(file).collect();
    let snapshot =
        Arc::new(Snapshot { workspace, files, subject: None, directories: Directories::default() });
    let settings = Settings { snapshot, explicit: None, decision: Decision::Undecided, scope: Scope::All };
    let policy = Policy::of(&settings);
    let [rule] = policy.rules() else { panic!("{policy:?}") };
    let words =
        format!("an OAuth login of organisation aaaaaaaa-1111-4111-8111-111111111111 or {ORGANIZATION}");
    assert_eq!((rule.key, rule.demand.words(), rule.places.len()), ("forceLoginOrgUUID", words, 2));
}
