//! Whether the winning credential is available, and for how long.

use super::{accounts::without_keyring, settings::is_broken};
use crate::doctor::{
    facts::{Credential, Facts, Lent},
    finding::{Finding, of_problem, place},
};
use claviger::{
    proto::v1::{ExplainResponse, step::Outcome},
    reason::{Problem, Reason},
    remedy::Remedy,
    wire,
};

/// Links of the clouds' chains that ask a server which exists only on machines of that cloud, and how to skip each.
const METADATA: [(&str, &str); 3] = [
    ("imds", "AWS_EC2_METADATA_DISABLED=true"),
    ("metadata", "NO_GCE_CHECK=true"),
    ("managed-identity", "AZURE_TOKEN_CREDENTIALS=dev"),
];

/// Checks the result of asking for the credential.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let mut found = match &facts.credential {
        None => match &facts.explained {
            Some(Err(problem)) => vec![failed(problem, facts)],
            _ => Vec::new(),
        },
        Some(Credential::Lent(lent)) => lasts(lent, explained),
        Some(Credential::Slow(limit)) => vec![slow(limit.as_secs(), explained)],
        Some(Credential::Failed(problem)) if is_told(problem, explained) => Vec::new(),
        Some(Credential::Failed(problem)) => vec![failed(problem, facts)],
    };
    found.extend(explained.and_then(metadata));
    found
}

/// Whether the check of the settings files reports it.
fn is_told(problem: &Problem, explained: Option<&ExplainResponse>) -> bool {
    let file = problem.location.as_ref().map_or("", |at| at.file.as_str());
    problem.reason == Reason::SettingsInvalid && explained.is_some_and(|explained| is_broken(explained, file))
}

fn failed(problem: &Problem, facts: &Facts) -> Finding {
    let finding = of_problem(problem, "sessions get the same error");
    match problem.reason {
        // As configured: the doctor asks for no confirmation.
        Reason::NotConfirmed => {
            let what = "the credential was not tried: a person has to confirm each loan";
            Finding::note("not-confirmed", what).because("the configuration requires that")
        }
        // The files may be hostile: the advice is never to trust them.
        Reason::WorkspaceUntrusted => finding
            .because("these files come with the repository and could run or redirect anything as you: `claviger trust show` lists it")
            .helped(Remedy::claviger(&["trust", "ignore"]).within(&facts.directory)),
        Reason::KeyringLocked if finding.remedy.is_none() => finding.helped(without_keyring(facts)),
        _ => finding,
    }
}

fn slow(limit: u64, explained: Option<&ExplainResponse>) -> Finding {
    let source = explained.map_or("the source", |explained| explained.winner.as_str());
    let place = explained
        .and_then(|explained| explained.steps.iter().find(|step| step.outcome() == Outcome::Chosen))
        .and_then(|step| place(step.location.as_ref()));
    Finding::error("credential-slow", format!("{source} gave no credential within {limit} s"))
        .at(&place)
        .because("its command or its server hangs, or waits for a person")
        .helped(place.as_ref().and_then(Remedy::edit).unwrap_or_else(Remedy::pending))
}

fn lasts(lent: &Lent, explained: Option<&ExplainResponse>) -> Vec<Finding> {
    let over = lent.expires_at.zip(lent.now).is_some_and(|(expires, now)| expires <= now);
    let source = &lent.source;
    if over {
        let what = format!("the credential of {source} has expired already");
        let finding = Finding::error("credential-expired", what).at(&lent.at);
        return vec![
            finding
                .because("the clock of this machine is wrong, or the command prints an old credential")
                .helped(Remedy::refresh()),
        ];
    }
    if lent.stale {
        let what =
            format!("the credential of {source} is still valid, but was rejected or cannot be refreshed");
        let finding = Finding::warning("refresh-failing", what).at(&lent.at);
        let last = explained.and_then(|explained| explained.entry.as_ref()?.last_problem.as_ref());
        let remedy = last.and_then(|last| wire::from_remedy(last.remedy.as_ref()?));
        let cause = match last {
            Some(last) => format!(
                "{}; once the credential expires there is none; `claviger explain --try` runs the command and shows how it ends",
                last.message
            ),
            None => "once it expires there is none".to_owned(),
        };
        return vec![finding.because(cause).helped(remedy.unwrap_or_else(Remedy::refresh))];
    }
    Vec::new()
}

fn metadata(explained: &ExplainResponse) -> Option<Finding> {
    let links = &explained.entry.as_ref()?.facts.as_ref()?.links;
    let in_vain = links.iter().filter(|link| link.outcome() == Outcome::Unanswered);
    let (link, variable) = in_vain.into_iter().find_map(|link| {
        METADATA.into_iter().find(|(name, _)| *name == link.source).map(|(_, variable)| (link, variable))
    })?;
    let what = format!("the chain asked the metadata server ({}) without success: {}", link.source, link.why);
    let cause = "every refresh waits for it; outside that cloud it can be skipped";
    Some(
        Finding::note("metadata-unreachable", what).because(cause).helped(Remedy::run(&["export", variable])),
    )
}

#[cfg(test)]
mod tests;
