//! Broken settings files, and suspicious values.

use crate::doctor::{
    facts::Facts,
    finding::{Finding, place},
};
use claviger::{
    proto::v1::{ExplainResponse, SettingsFile, Warning, settings_file::State, warning::Kind},
    reason::Location,
    remedy::Remedy,
    wire,
};

/// Checks every settings file, whether session and daemon read the same ones, and every warning of the explanation.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(Ok(explained)) = &facts.explained else { return Vec::new() };
    let warnings = explained.warnings.iter().filter_map(warning);
    explained.files.iter().filter_map(file).chain(warnings).chain(elsewhere(facts)).collect()
}

/// A file written where this session's environment points would not count, and would block every session.
fn elsewhere(facts: &Facts) -> Option<Finding> {
    const DIRECTORY: &str = "XDG_CONFIG_HOME";
    let (own, daemons) = facts.other_config.as_ref()?;
    let is_named = facts.variables.get(DIRECTORY).is_some_and(|path| !path.is_empty());
    let what = format!("the daemon has another configuration than this session, {}", daemons.display());
    Some(
        Finding::warning("config-elsewhere", what)
            .at(&Location::of_file(own))
            .because(
                "one daemon serves one HOME and XDG_CONFIG_HOME; with a file there, this session would get \
                nothing",
            )
            .helped(is_named.then(|| Remedy::unset(&[DIRECTORY]))),
    )
}

/// The broken file that a problem of the credential is about, if it is listed.
pub(super) fn is_broken(explained: &ExplainResponse, file: &str) -> bool {
    explained.files.iter().any(|known| known.file == file && known.problem.is_some())
}

fn file(file: &SettingsFile) -> Option<Finding> {
    let problem = file.problem.as_ref()?;
    let at = place(problem.location.as_ref())
        .unwrap_or_else(|| Location { file: file.file.clone(), ..Location::default() });
    let finding = match file.state() {
        State::KeptLastGood => Finding::warning("settings-kept", problem.message.clone())
            .because("its previous content is used until the daemon ends"),
        _ => Finding::error("settings-invalid", problem.message.clone()).because(problem.hint.clone()),
    };
    Some(finding.at(&at).helped(problem.remedy.as_ref().and_then(wire::from_remedy)))
}

/// Problems that another check reports are left out.
fn warning(warning: &Warning) -> Option<Finding> {
    let (id, because) = match warning.kind() {
        Kind::SettingsKept => return None,
        Kind::TwoClouds => ("two-clouds", "a session has one backend, so the others are ignored"),
        Kind::PolicyIneffective => {
            ("policy-ineffective", "a policy that its user could have written protects nothing")
        }
        Kind::EndpointPlaintext => {
            ("endpoint-plaintext", "the base URL starts with http://, and it is not this machine")
        }
        Kind::VertexProjectOverridden => ("vertex-project-overridden", "Google's own variables come first"),
        Kind::OutputTrimmed => {
            ("output-trimmed", "a program that uses the output unchanged sends a broken header")
        }
        Kind::Overruled => ("overruled", "the administrator's value is used instead"),
        Kind::Unspecified => ("resolution-warning", "a daemon of a later release reports it"),
    };
    let finding = Finding::warning(id, warning.text.as_str()).at(&place(warning.location.as_ref()));
    Some(finding.because(because).helped(warning.remedy.as_ref().and_then(wire::from_remedy)))
}
