//! The local store: an OAuth login, or a saved API key (guide, "Advanced Configuration & Priority", item 4).
//!
//! A `fetch` child returns the secret. It refreshes it first if that is due, and saves the server's answer before it
//! returns. This module only decides who may have the secret.

use super::{
    Ask, Binding, Bound, CredentialProvider, CredentialSource, Facts, Material, Provided, Providing, sdk,
};
use crate::key::Identity;
use crate::{
    accounts::{self, Account, Choice, Kind, Wish},
    sources::{Environment, View},
};
use claviger::{
    backend::{ANTHROPIC_BASE_URL, Backend},
    credential::Scheme,
    reason::{Problem, Reason},
    session::{ACCOUNT, SessionMode},
    source,
};
use claviger_child::{Declined, Request, Text, account::Lend};
use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A kind of account as a source.
pub struct LocalStore {
    id: &'static str,
    is_oauth: bool,
    scheme: Scheme,
}

/// An OAuth login, or an OAuth token that the user saved.
pub const OAUTH_LOGIN: LocalStore =
    LocalStore { id: source::OAUTH_LOGIN, is_oauth: true, scheme: Scheme::Bearer };

/// An API key that the user saved.
pub const SAVED_KEY: LocalStore =
    LocalStore { id: source::SAVED_API_KEY, is_oauth: false, scheme: Scheme::ApiKey };

/// Lifetime of a token whose server sends none; it is refreshed then (`spec/behaviour.md` A7, "AWS cache").
const WITHOUT_EXPIRY: Duration = sdk::WITHOUT_EXPIRY;

impl CredentialSource for LocalStore {
    fn id(&self) -> &'static str {
        self.id
    }

    fn backend(&self) -> Backend {
        Backend::Anthropic
    }

    fn is_login(&self) -> bool {
        self.is_oauth
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        if view.session.mode == SessionMode::Bare {
            return Binding::Ignored("bare sessions never use the local store".into());
        }
        self.choose(view).unwrap_or_else(Binding::Refused)
    }
}

impl LocalStore {
    fn choose(&self, view: &View<'_>) -> Result<Binding, Problem> {
        if let Some(fault) = &view.accounts.fault {
            return Err(fault.clone());
        }
        let wanted = view.variable(ACCOUNT)?;
        let wish = Wish {
            name: wanted.map(|(name, _)| name),
            origin: &view.endpoint.origin,
            logins_only: view.session.mode == SessionMode::Managed,
            suits: &|account| view.policy.refuses(account).is_none(),
        };
        let account = match view.accounts.choose(&wish) {
            Choice::Account(account) => account,
            Choice::Unusable(problem) => return Err(problem.at(wanted.and_then(|(_, at)| at))),
            Choice::Nothing => return Ok(Binding::NotConfigured("not logged in".into())),
        };
        if wish.logins_only && !account.kind.is_oauth() {
            return Err(no_login(account).at(wanted.and_then(|(_, at)| at)));
        }
        if account.kind.is_oauth() != self.is_oauth {
            let what = if self.is_oauth { "an API key" } else { "a login" };
            return Ok(Binding::NotConfigured(format!("the account {} is {what}", account.name).into()));
        }
        if account.audience != view.endpoint.origin {
            return Err(wrong_destination(account, view));
        }
        if let Some(problem) = view.policy.refuses(account).filter(|_| self.is_oauth) {
            return Err(problem);
        }
        Ok(Binding::Bound(Bound {
            scheme: self.scheme,
            at: None,
            material: Material::Provided(Arc::new(Stored::new(self.id, account, view))),
        }))
    }
}

fn no_login(account: &Account) -> Problem {
    let message =
        format!("managed sessions use an OAuth login only, and the account {} is an API key", account.name);
    Problem::new(Reason::PolicyBlocked, message)
        .hint(format!("unset {ACCOUNT}, or name an account that is signed in"))
}

/// A gateway once got a login that was meant for another server (`spec/behaviour.md` C, "OAuth to wrong gateway").
fn wrong_destination(account: &Account, view: &View<'_>) -> Problem {
    let Account { name, audience, .. } = account;
    let message =
        format!("the account {name} may only be sent to {audience}, not to {}", view.endpoint.origin);
    let back = match audience == ANTHROPIC_BASE_URL {
        true => "unset ANTHROPIC_BASE_URL".to_owned(),
        false => format!("set ANTHROPIC_BASE_URL to {audience}"),
    };
    Problem::new(Reason::PolicyBlocked, message)
        .hint(format!("{back}, name another account with {ACCOUNT}, or sign in to one for that address"))
        .at(&view.endpoint.at)
}

/// An account, bound.
#[derive(Debug)]
struct Stored {
    identity: Identity,
    account: Account,
    /// Environment of the session's commands, for a command that prints a client secret.
    environment: Environment,
    network: BTreeMap<String, String>,
}

impl Stored {
    fn new(id: &str, account: &Account, view: &View<'_>) -> Self {
        let environment = view.command_environment("");
        let network = accounts::network(&environment.own);
        let Account { name, login, audience, .. } = account;
        let inputs = [("the account", name), ("its login", login), ("its audience", audience)];
        let variables = network.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.as_str()));
        let inputs = inputs.map(|(name, value)| (name.into(), value.as_str())).into_iter().chain(variables);
        let identity = Identity::of(id, inputs);
        Self { identity, account: account.clone(), environment, network }
    }

    async fn obtain(&self, ask: &mut Ask<'_>) -> Result<Provided, Declined> {
        let environment = self.environment.clone().whole();
        let secret = ask.store.client_secret(ask.host, &self.account, &environment).await;
        let client_secret = secret.map_err(Declined::from)?.map(Text);
        let Account { name, login, place, .. } = &self.account;
        let request = Request::Lend(Lend {
            record: ask.store.record(name),
            login: login.clone(),
            held: ask.held,
            rejected: ask.rejected,
            kept: *place,
            client_secret,
        });
        let spec = ask.store.spec(request, self.network.clone(), accounts::DEADLINE);
        match sdk::fetch(ask, &spec, "`claviger accounts` shows where the secret is kept").await? {
            Ok(provided) => {
                ask.accounts.note_trouble(name, login, None).await;
                Ok(self.provided(ask.host.clock.now(), provided))
            }
            Err(Declined { problem, is_over, .. }) => {
                if problem.reason != Reason::LoginRequired {
                    return Err(problem.into());
                }
                ask.accounts.note_trouble(name, login, Some(&problem.message)).await;
                // The store does not distinguish kinds.
                let problem = problem.remedy(accounts::anew(name, self.account.kind));
                Err(Declined { is_over, ..problem.into() })
            }
        }
    }

    fn provided(&self, now: SystemTime, provided: Provided) -> Provided {
        let expires_at = match self.account.kind {
            Kind::Oauth => provided.expires_at.or(Some(now + WITHOUT_EXPIRY)),
            Kind::Token | Kind::ApiKey => provided.expires_at,
        };
        let Facts { stored, issued_at, .. } = provided.facts;
        let facts = Facts { account: Some(self.account.name.clone()), stored, issued_at, ..Facts::default() };
        Provided { expires_at, facts, ..provided }
    }
}

impl CredentialProvider for Stored {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(self.obtain(ask))
    }

    fn recursion_hint(&self) -> &'static str {
        "client_secret_command must print the client secret itself, without asking claviger"
    }

    fn account(&self) -> Option<&Account> {
        Some(&self.account)
    }
}
