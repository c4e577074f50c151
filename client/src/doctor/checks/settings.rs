//! Settings files that are broken, and values that look wrong.

use crate::doctor::{
    facts::Facts,
    finding::{Finding, place},
};
use claviger::{
    proto::v1::{ExplainResponse, SettingsFile, settings_file::State},
    reason::Location,
    remedy::Remedy,
    warning::Kind,
    wire,
};
use std::iter::repeat;

/// Judges every settings file and every warning of the walk.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(Ok(explained)) = &facts.explained else { return Vec::new() };
    let kinds = explained.warning_kinds.iter().map(|word| Kind::parse(word)).chain(repeat(None));
    let warnings = explained.warnings.iter().zip(kinds).filter_map(|(text, kind)| warning(kind, text));
    explained.files.iter().filter_map(file).chain(warnings).collect()
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
            .because("what the file said before still counts, until the daemon ends"),
        _ => Finding::error("settings-invalid", problem.message.clone()).because(problem.hint.clone()),
    };
    Some(finding.at(&at).helped(problem.remedy.as_ref().and_then(wire::from_remedy)))
}

/// What another check says already is left out.
fn warning(kind: Option<Kind>, text: &str) -> Option<Finding> {
    let explain = Remedy::claviger(&["explain"]);
    let (because, remedy) = match kind {
        Some(Kind::SettingsKept) => return None,
        Some(Kind::TwoClouds) => ("a session has one backend", explain),
        Some(Kind::PolicyIneffective) => {
            ("a policy that a user could set would guard against nobody", explain)
        }
        Some(Kind::EndpointPlaintext) => {
            ("the base URL starts with http://, and it is not this machine", explain)
        }
        Some(Kind::VertexProjectOverridden) => {
            ("Google's own variables come first", Remedy::unset(&["GCLOUD_PROJECT", "GOOGLE_CLOUD_PROJECT"]))
        }
        // Of a later release.
        None => ("", explain),
    };
    let id = kind.map_or("resolution-warning", Kind::as_str);
    Some(Finding::warning(id, text).because(because).helped(remedy))
}
