//! Settings files that are broken, and values that look wrong.

use crate::doctor::{
    facts::Facts,
    finding::{Finding, edit, place},
};
use claviger::{
    proto::v1::{ExplainResponse, SettingsFile, settings_file::State},
    reason::Location,
};

/// Judges every settings file and every warning of the walk.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let Some(Ok(explained)) = &facts.explained else { return Vec::new() };
    let warnings = explained.warnings.iter().filter_map(|text| warning(text));
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
    Some(finding.at(&at).mend(edit(&at)))
}

/// Texts of the daemon that have an id of their own. What another check says already is left out.
fn warning(text: &str) -> Option<Finding> {
    let about = |part: &str| text.contains(part);
    if about("what the file said before still counts") {
        return None;
    }
    let finding = if about("enabled; ") && about(" comes first") {
        Finding::warning("two-clouds", text).because("a session has one backend").mend(
            "unset the CLAUDE_CODE_USE_… variable you do not mean; `claviger explain` shows where it stands",
        )
    } else if about("has no effect: only managed settings") {
        Finding::warning("policy-ineffective", text)
            .because("a policy that a user could set would guard against nobody")
            .mend("claviger explain")
    } else if about("is not encrypted") {
        Finding::warning("endpoint-plaintext", text)
            .because("the base URL starts with http://, and it is not this machine")
            .mend("claviger explain")
    } else if about("comes before ANTHROPIC_VERTEX_PROJECT_ID") {
        Finding::warning("vertex-project-overridden", text)
            .because("Google's own variables come first")
            .mend("unset GCLOUD_PROJECT GOOGLE_CLOUD_PROJECT")
    } else {
        Finding::warning("resolution-warning", text).mend("claviger explain")
    };
    Some(finding)
}
