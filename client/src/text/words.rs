//! The words of the API's enumerations, as people and JSON see them: `OUTCOME_NOT_CONFIGURED` is "not-configured".

use claviger::proto::v1::{
    Account, Backend, Lease, Reason, Scheme, SessionMode, Step, StorePlace, TrustDecision, TrustItem, issued,
    report_rejected_response, settings_file, warning,
};

/// The scheme of a lease.
pub(crate) fn scheme(scheme: Scheme) -> String {
    word(scheme.as_str_name(), "SCHEME_")
}

/// Why something went wrong.
pub(crate) fn reason(reason: Reason) -> String {
    match reason {
        // Of a later release.
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

/// What became of a source.
pub(crate) fn outcome(step: &Step) -> String {
    word(step.outcome().as_str_name(), "OUTCOME_")
}

/// What a warning is about.
pub(crate) fn warning(kind: warning::Kind) -> String {
    word(kind.as_str_name(), "KIND_")
}

/// The state of a settings file.
pub(crate) fn state(state: settings_file::State) -> String {
    word(state.as_str_name(), "STATE_")
}

/// Why a credential is sent.
pub(crate) fn issued(reason: issued::Reason) -> String {
    word(reason.as_str_name(), "REASON_")
}

/// What became of a report.
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

/// What an account holds.
pub(crate) fn kind(account: &Account) -> String {
    word(account.kind().as_str_name(), "ACCOUNT_KIND_")
}

/// Where secrets are kept.
pub(crate) fn store(place: StorePlace) -> String {
    word(place.as_str_name(), "STORE_PLACE_")
}

/// How the secret of a lease is sent, in one word.
pub(crate) fn scheme_of(lease: &Lease) -> String {
    scheme(lease.scheme())
}

fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use claviger::proto::v1::{
        Backend, Scheme, SessionMode, Step, TrustDecision, settings_file::State, step::Outcome,
    };

    #[test]
    fn words_are_short_and_dashed() {
        let step = Step { outcome: Outcome::NotConfigured.into(), ..Default::default() };
        assert_eq!(super::outcome(&step), "not-configured");
        assert_eq!(super::scheme(Scheme::ApiKeyAndBearer), "api-key-and-bearer");
        assert_eq!(super::backend(Backend::Anthropic), "anthropic");
        assert_eq!(super::mode(SessionMode::Bare), "bare");
        assert_eq!(super::state(State::KeptLastGood), "kept-last-good");
        assert_eq!(super::decision(TrustDecision::Unspecified), "undecided");
        assert_eq!(super::decision(TrustDecision::Trusted), "trusted");
    }
}
