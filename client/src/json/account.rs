//! Accounts of the local store, and events of a sign-in.

use super::parts::{Location, Problem, instant, location, problem, seconds, text};
use crate::text::words;
use claviger::proto::v1::{self, login_response::Event};
use serde::Serialize;

form! {
    /// An account. It has no secret.
    fn account(account: &v1::Account) -> Account {
        name: String = account.name.clone(),
        /// `login`, `api-key` or `token`.
        kind: String = words::kind(account),
        /// The origin that its secret may be sent to.
        audience: String = account.audience.clone(),
        /// The section [oauth.NAME] it signed in with.
        registration: Option<String> = text(&account.registration),
        issuer: Option<String> = text(&account.issuer),
        method: Option<String> = text(&account.method),
        organization: Option<String> = text(&account.organization),
        subject: Option<String> = text(&account.subject),
        /// The store of its secrets.
        place: String = words::store(account.place()),
        signed_in_at: Option<String> = instant(account.signed_in_at.as_ref()),
        /// Whether sessions that name none use it.
        in_use: bool = account.in_use,
        used: bool = account.used,
        signing_out: bool = account.signing_out,
        problem: Option<Problem> = problem(account.problem.as_ref()),
    }

    /// A section [oauth.NAME] of the configuration.
    fn registration(one: &v1::Registration) -> Registration {
        name: String = one.name.clone(),
        issuer: Option<String> = text(&one.issuer),
        location: Option<Location> = location(one.location.as_ref()),
    }

    /// The list. `here` is the account that this session uses; empty if it uses none.
    fn accounts(answer: &v1::ListAccountsResponse, here: &str) -> Accounts {
        accounts: Vec<Account> = answer.accounts.iter().map(account).collect(),
        registrations: Vec<Registration> = answer.registrations.iter().map(registration).collect(),
        used_here: Option<String> = text(here),
        store: String = answer.store.clone(),
    }

    /// An account that was removed.
    fn left_one(one: &v1::LoggedOut) -> Left {
        name: String = one.name.clone(),
        /// Whether the server revoked its tokens.
        revoked: bool = one.revoked,
        /// Why it did not.
        not_revoked: Option<String> = text(&one.not_revoked),
        /// Why its record could not be removed.
        left_behind: Option<Problem> = problem(one.left_behind.as_ref()),
    }

    /// Accounts that were removed.
    fn left(accounts: &[v1::LoggedOut]) -> LeftAccounts {
        accounts: Vec<Left> = accounts.iter().map(left_one).collect(),
    }

    /// Result of a reset.
    fn reset(answer: &v1::ResetResponse) -> Reset {
        accounts: Vec<Left> = answer.accounts.iter().map(left_one).collect(),
        trust_decisions: u32 = answer.trust_decisions,
        entries: u32 = answer.entries,
    }
}

/// An event of a login.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "event", rename_all = "kebab-case")]
pub(crate) enum Login {
    /// Where a browser signs in.
    Url { url: String },
    /// The code to type in at another device.
    Code {
        verification_uri: String,
        verification_uri_complete: Option<String>,
        user_code: String,
        expires_in_seconds: Option<f64>,
    },
    /// A message.
    Notice { notice: String },
    /// The end.
    SignedIn { account: Box<Account> },
}

/// An event of a login.
pub(crate) fn login(event: &Event) -> Login {
    match event {
        Event::Url(url) => Login::Url { url: url.clone() },
        Event::Code(code) => Login::Code {
            verification_uri: code.verification_uri.clone(),
            verification_uri_complete: text(&code.verification_uri_complete),
            user_code: code.user_code.clone(),
            expires_in_seconds: seconds(code.expires_in.as_ref()),
        },
        Event::Notice(notice) => Login::Notice { notice: notice.clone() },
        Event::SignedIn(signed_in) => Login::SignedIn { account: Box::new(account(signed_in)) },
    }
}
