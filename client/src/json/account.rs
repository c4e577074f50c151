//! Accounts of the local store, and events of a sign-in.

use super::parts::{instant, location, problem, seconds, text};
use crate::text::words;
use claviger::proto::v1::{
    Account, ListAccountsResponse, LoggedOut, Registration, ResetResponse, login_response::Event,
};
use serde_json::{Value, json};

/// An account. It has no secret.
pub(crate) fn account(account: &Account) -> Value {
    json!({
        "name": account.name,
        "kind": words::kind(account),
        "audience": account.audience,
        "registration": text(&account.registration),
        "issuer": text(&account.issuer),
        "method": text(&account.method),
        "organization": text(&account.organization),
        "subject": text(&account.subject),
        "place": words::store(account.place()),
        "signed_in_at": instant(account.signed_in_at.as_ref()),
        "in_use": account.in_use,
        "used": account.used,
        "signing_out": account.signing_out,
        "problem": problem(account.problem.as_ref()),
    })
}

/// The list. `here` is the account that this session uses; empty if it uses none.
pub(crate) fn accounts(answer: &ListAccountsResponse, here: &str) -> Value {
    let registration = |one: &Registration| {
        json!({
            "name": one.name,
            "issuer": text(&one.issuer),
            "location": location(one.location.as_ref()),
        })
    };
    json!({
        "accounts": answer.accounts.iter().map(account).collect::<Vec<_>>(),
        "registrations": answer.registrations.iter().map(registration).collect::<Vec<_>>(),
        "used_here": text(here),
        "store": answer.store,
    })
}

/// An event of a login.
pub(crate) fn login(event: &Event) -> Value {
    match event {
        Event::Url(url) => json!({"event": "url", "url": url}),
        Event::Code(code) => json!({
            "event": "code",
            "verification_uri": code.verification_uri,
            "verification_uri_complete": text(&code.verification_uri_complete),
            "user_code": code.user_code,
            "expires_in_seconds": seconds(code.expires_in.as_ref()),
        }),
        Event::Notice(line) => json!({"event": "notice", "notice": line}),
        Event::SignedIn(signed_in) => json!({"event": "signed-in", "account": account(signed_in)}),
    }
}

/// Accounts that were removed.
pub(crate) fn left(accounts: &[LoggedOut]) -> Value {
    let one = |one: &LoggedOut| {
        json!({
            "name": one.name,
            "revoked": one.revoked,
            "not_revoked": text(&one.not_revoked),
            "left_behind": problem(one.left_behind.as_ref()),
        })
    };
    accounts.iter().map(one).collect()
}

/// Result of a reset.
pub(crate) fn reset(answer: &ResetResponse) -> Value {
    json!({
        "accounts": left(&answer.accounts),
        "trust_decisions": answer.trust_decisions,
        "entries": answer.entries,
    })
}
