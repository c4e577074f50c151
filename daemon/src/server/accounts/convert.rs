//! Converts accounts to messages of the API, and back.

use super::super::Context;
use crate::accounts::{
    self, Account, Kind, Storage,
    login::{Code, Event, Flow},
    registration::Registration,
};
use claviger::{
    proto::v1::{self, login_response},
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    wire,
};
use claviger_child::account::SignedOut;
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

impl Context {
    /// An account, encoded.
    pub(super) fn account(&self, account: &Account) -> v1::Account {
        let index = self.broker.resolver.accounts.current();
        let problem = problem(account).map(|problem| wire::problem(&problem, self.broker.host.clock.now()));
        v1::Account {
            name: account.name.clone(),
            kind: kind(account.kind).into(),
            audience: account.audience.clone(),
            registration: account.registration.clone().unwrap_or_default(),
            issuer: account.issuer.clone().unwrap_or_default(),
            method: account.method.clone().unwrap_or_default(),
            organization: account.organization.clone().unwrap_or_default(),
            subject: account.subject.clone().unwrap_or_default(),
            place: stored_in(account.place).into(),
            signed_in_at: Some(wire::timestamp(account.signed_in_at)),
            in_use: index.is_in_use(account),
            used: index.is_used(account),
            signing_out: account.signing_out.is_some(),
            problem,
        }
    }
}

fn problem(account: &Account) -> Option<Problem> {
    if let Some(why) = &account.signing_out {
        let problem = Problem::new(Reason::SourceUnavailable, format!("its secret is still there: {why}"))
            .hint("it is removed once its store can be reached: unlock the keyring")
            .remedy(Remedy::claviger(&["logout", &account.name]));
        return Some(problem);
    }
    let why = account.login_required.as_ref()?;
    let remedy = accounts::anew(&account.name, account.kind);
    Some(Problem::new(Reason::LoginRequired, why.clone()).remedy(remedy))
}

/// Result of a sign-out for an account.
pub(super) fn logged_out(account: &Account, gone: SignedOut, now: SystemTime) -> v1::LoggedOut {
    v1::LoggedOut {
        name: account.name.clone(),
        revoked: gone.revoked,
        not_revoked: gone.not_revoked.unwrap_or_default(),
        left_behind: gone.left_behind.map(|problem| wire::problem(&problem, now)),
    }
}

/// A section of the file `config`, encoded.
pub(super) fn registration(name: String, registration: Registration, config: &Path) -> v1::Registration {
    v1::Registration {
        name,
        issuer: registration.issuer.or(registration.authorization_endpoint).unwrap_or_default(),
        location: Some(wire::location(&Location::of_file(config))),
    }
}

fn kind(kind: Kind) -> v1::AccountKind {
    match kind {
        Kind::Oauth => v1::AccountKind::Oauth,
        Kind::Token => v1::AccountKind::Token,
        Kind::ApiKey => v1::AccountKind::ApiKey,
    }
}

/// The kinds that a user can save; `None` for one that only a login provides.
pub(super) fn kind_of_secret(kind: v1::AccountKind) -> Option<Kind> {
    match kind {
        v1::AccountKind::Token => Some(Kind::Token),
        v1::AccountKind::ApiKey => Some(Kind::ApiKey),
        v1::AccountKind::Unspecified | v1::AccountKind::Oauth => None,
    }
}

fn stored_in(place: Storage) -> v1::StorePlace {
    match place {
        Storage::Keyring => v1::StorePlace::Keyring,
        Storage::File => v1::StorePlace::File,
    }
}

/// The store that a caller chose for a secret; `None` leaves it to the configuration.
pub(super) fn place(place: v1::StorePlace) -> Option<Storage> {
    match place {
        v1::StorePlace::Unspecified => None,
        v1::StorePlace::Keyring => Some(Storage::Keyring),
        v1::StorePlace::File => Some(Storage::File),
    }
}

/// The flow that a caller chose.
pub(super) fn flow(flow: v1::LoginFlow) -> Flow {
    match flow {
        v1::LoginFlow::Device => Flow::Device,
        v1::LoginFlow::Unspecified | v1::LoginFlow::Browser => Flow::Browser,
    }
}

/// An event for the person.
pub(super) fn told(event: Event) -> login_response::Event {
    match event {
        Event::Url(url) => login_response::Event::Url(url),
        Event::Notice(line) => login_response::Event::Notice(line),
        Event::Code(Code { verification_uri, verification_uri_complete, user_code, expires_in_seconds }) => {
            login_response::Event::Code(v1::DeviceCode {
                verification_uri,
                verification_uri_complete: verification_uri_complete.unwrap_or_default(),
                user_code,
                expires_in: Some(wire::duration(Duration::from_secs(expires_in_seconds))),
            })
        }
    }
}
