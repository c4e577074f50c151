//! Whether the credential that wins can be had, and for how long.

use super::settings::is_broken;
use crate::doctor::{
    facts::{Credential, Facts, Lent},
    finding::{Finding, command_in, edit, id_of, place},
};
use claviger::{
    proto::v1::{ExplainResponse, Problem, step::Outcome},
    reason::Reason,
};

/// Links of the clouds' chains that ask a server which only a machine of that cloud has, and how to leave each out.
const METADATA: [(&str, &str); 3] = [
    ("imds", "export AWS_EC2_METADATA_DISABLED=true"),
    ("metadata", "export NO_GCE_CHECK=true"),
    ("managed-identity", "export AZURE_TOKEN_CREDENTIALS=dev"),
];

/// Judges what asking for the credential came to.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let mut found = match &facts.credential {
        None => match &facts.explained {
            Some(Err(problem)) => vec![failed(problem, "")],
            _ => Vec::new(),
        },
        Some(Credential::Lent(lent)) => lasts(lent),
        Some(Credential::Slow(limit)) => vec![slow(limit.as_secs(), explained)],
        Some(Credential::Failed { problem, .. }) if is_told(problem, explained) => Vec::new(),
        Some(Credential::Failed { problem, command }) => vec![failed(problem, command)],
    };
    found.extend(explained.and_then(metadata));
    found
}

/// Whether the check of the settings files says it.
fn is_told(problem: &Problem, explained: Option<&ExplainResponse>) -> bool {
    let file = problem.location.as_ref().map_or("", |at| at.file.as_str());
    problem.reason == Reason::SettingsInvalid.as_str()
        && explained.is_some_and(|explained| is_broken(explained, file))
}

fn failed(problem: &Problem, command: &str) -> Finding {
    let at = place(problem.location.as_ref());
    let id = id_of(&problem.reason);
    let mend = Some(command.to_owned()).filter(|command| !command.is_empty());
    let mend = match (id, &at) {
        ("workspace-untrusted", _) => "claviger trust show".into(),
        ("locked", _) => "claviger unlock".into(),
        ("settings-invalid", Some(at)) => edit(at),
        ("no-credential", _) => "claviger login --api-key".into(),
        _ => mend.or_else(|| command_in(&problem.hint)).unwrap_or_else(|| "claviger refresh".into()),
    };
    let cause = match problem.hint.as_str() {
        "" if id == "workspace-untrusted" => "nobody has decided about the files of this workspace",
        "" => "this is what a session is told, too",
        hint => hint,
    };
    Finding::error(id, problem.message.clone()).at(&at).because(cause).mend(mend)
}

fn slow(limit: u64, explained: Option<&ExplainResponse>) -> Finding {
    let source = explained.map_or("the source", |explained| explained.winner.as_str());
    let place = explained
        .and_then(|explained| explained.steps.iter().find(|step| step.outcome() == Outcome::Chosen))
        .and_then(|step| place(step.location.as_ref()));
    Finding::error("credential-slow", format!("{source} gave no credential within {limit} s"))
        .at(&place)
        .because("its command or its server hangs, or waits for a person")
        .mend("claviger pending")
}

fn lasts(lent: &Lent) -> Vec<Finding> {
    let over = lent.expires_at.zip(lent.now).is_some_and(|(expires, now)| expires <= now);
    let source = &lent.source;
    if over {
        let what = format!("the credential of {source} has expired already");
        let finding = Finding::error("credential-expired", what).at(&lent.at);
        return vec![
            finding
                .because("the clock of this machine is wrong, or the command prints an old one")
                .mend("claviger refresh"),
        ];
    }
    if lent.stale {
        let what =
            format!("the credential of {source} is still valid, but was rejected or cannot be refreshed");
        let finding = Finding::warning("refresh-failing", what).at(&lent.at);
        return vec![finding.because("once it expires there will be none").mend("claviger refresh")];
    }
    Vec::new()
}

fn metadata(explained: &ExplainResponse) -> Option<Finding> {
    let links = &explained.slot.as_ref()?.facts.as_ref()?.links;
    let in_vain = links.iter().filter(|link| {
        // One that is switched off, or only half configured, is not asked; one that answers costs no time.
        let is_asked = !["incomplete", "disabled", "DISABLED", "no service account"]
            .iter()
            .any(|why| link.why.contains(why));
        link.outcome() == Outcome::NotConfigured && is_asked
    });
    let (link, command) = in_vain.into_iter().find_map(|link| {
        METADATA.into_iter().find(|(name, _)| *name == link.source).map(|(_, command)| (link, command))
    })?;
    let what = format!("the chain asked the metadata server ({}) in vain: {}", link.source, link.why);
    let cause = "every refresh waits for it; outside that cloud it can be left out";
    Some(Finding::note("metadata-unreachable", what).because(cause).mend(command))
}

#[cfg(test)]
mod tests;
