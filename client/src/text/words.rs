//! Words for the API's enumerations, in text and JSON: `OUTCOME_NOT_CONFIGURED` is "not-configured".

use claviger::proto::v1::{
    Account, Backend, Reason, SessionMode, Step, StorePlace, TrustDecision, TrustItem,
    report_rejected_response, settings_file, warning,
};

/// The reason of a problem.
pub(crate) fn reason(reason: Reason) -> String {
    match reason {
        // From a later release.
        Reason::Unspecified => "unknown".into(),
        known => word(known.as_str_name(), "REASON_"),
    }
}

/// The backend of a lease.
pub(crate) fn backend(backend: Backend) -> String {
    word(backend.as_str_name(), "BACKEND_")
}

/// The mode of a session.
pub(crate) fn mode(mode: SessionMode) -> String {
    word(mode.as_str_name(), "SESSION_MODE_")
}

/// The result of a source.
pub(crate) fn outcome(step: &Step) -> String {
    word(step.outcome().as_str_name(), "OUTCOME_")
}

/// The kind of a warning.
pub(crate) fn warning(kind: warning::Kind) -> String {
    word(kind.as_str_name(), "KIND_")
}

/// The state of a settings file.
pub(crate) fn state(state: settings_file::State) -> String {
    word(state.as_str_name(), "STATE_")
}

/// The result of a report.
pub(crate) fn reported(outcome: report_rejected_response::Outcome) -> String {
    word(outcome.as_str_name(), "OUTCOME_")
}

/// How an item compares with the last decision.
pub(crate) fn change(item: &TrustItem) -> String {
    word(item.change().as_str_name(), "CHANGE_")
}

/// A decision; "undecided" if there is none.
pub(crate) fn decision(decision: TrustDecision) -> String {
    match decision {
        TrustDecision::Unspecified => "undecided".into(),
        other => word(other.as_str_name(), "TRUST_DECISION_"),
    }
}

/// The kind of an account.
pub(crate) fn kind(account: &Account) -> String {
    word(account.kind().as_str_name(), "ACCOUNT_KIND_")
}

/// The store of secrets.
pub(crate) fn store(place: StorePlace) -> String {
    word(place.as_str_name(), "STORE_PLACE_")
}

fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use claviger::proto::v1::{
        Backend, SessionMode, Step, TrustDecision, settings_file::State, step::Outcome,
    };

    #[test]
    fn words_are_short_and_dashed() {
        let step = Step { outcome: Outcome::NotConfigured.into(), ..Default::default() };
        assert_eq!(super::outcome(&step), "not-configured");
        assert_eq!(super::backend(Backend::Anthropic), "anthropic");
        assert_eq!(super::mode(SessionMode::Bare), "bare");
        assert_eq!(super::state(State::KeptLastGood), "kept-last-good");
        assert_eq!(super::decision(TrustDecision::Unspecified), "undecided");
        assert_eq!(super::decision(TrustDecision::Trusted), "trusted");
    }
}
