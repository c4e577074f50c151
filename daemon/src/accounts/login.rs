//! Signing in, on the daemon's side: a child does it, and reports events for the person in lines of JSON.

use super::{
    Account, Accounts, Index, Kind, LOGIN_SLACK, Storage, Store, check_name, client_secret, network,
    registration::Registration,
};
use crate::host::Host;
use claviger::{
    backend::ANTHROPIC_BASE_URL,
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
};
pub use claviger_child::account::{Code, Event, Flow};
use claviger_child::{
    Request, Text,
    account::{Pasted, Save, SignedIn},
    is_token,
};
use std::{collections::BTreeMap, sync::Arc, time::SystemTime};
use tokio::sync::mpsc;

/// A requested login.
#[derive(Debug)]
pub struct Login {
    /// Name of the account; empty: the name of the registration.
    pub name: String,
    /// Name of the registration; empty: the account's name, or the only one.
    pub registration: String,
    /// Flow to use.
    pub flow: Flow,
    /// Where to keep it.
    pub place: Option<Storage>,
    /// Environment of the session's commands.
    pub environment: BTreeMap<String, String>,
}

/// A secret to save.
#[derive(Debug)]
pub struct Saved {
    /// Name of the account.
    pub name: String,
    /// Token or API key.
    pub kind: Kind,
    /// The secret.
    pub secret: Secret<String>,
    /// URL of the API it may be sent to; empty: Anthropic's.
    pub audience: String,
    /// Where to keep it.
    pub place: Option<Storage>,
}

/// Signs a person in, and adds the account. Returns it with messages for the person. Dropping the future ends the
/// login.
///
/// # Errors
/// `settings-invalid` without a registration, or the child's problem.
pub async fn login(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    login: Login,
    pasted: mpsc::Receiver<Secret<String>>,
    events: &mpsc::UnboundedSender<Event>,
) -> Result<(Account, Vec<String>), Problem> {
    let (registration_name, registration) = find(store, &login)?;
    let name = if login.name.is_empty() { &registration_name } else { &login.name }.clone();
    check_name(&name)?;
    accounts.make_sure().await?;
    let client_secret =
        client_secret::of_registration(host, &registration, &login.environment).await?.map(Text);
    let request = Request::Login(claviger_child::account::Login {
        record: store.record(&name),
        place: store.choice(login.place),
        flow: login.flow,
        registration: Box::new(registration.clone()),
        client_secret,
    });
    let spec = store.spec(request, network(&login.environment), login.flow.patience() + LOGIN_SLACK);
    let on_line = |line: String| {
        // Other lines of a child are not events.
        if let Ok(event) = serde_json::from_str(&line) {
            drop(events.send(event));
        }
    };
    let signed_in = store.call_fed(host, &spec, pasted, on_line).await?;
    let (account, notices) = account(name, Kind::Oauth, registration.audience, signed_in, host.clock.now());
    let (registration, method) = (Some(registration_name), registration.method);
    add(accounts, Account { registration, method, ..account }, notices).await
}

/// Saves a secret, and adds the account. Returns it with messages for the person.
///
/// # Errors
/// `malformed-request` if it cannot be a secret, or the child's problem.
pub async fn save(
    host: &Host,
    store: &Store,
    accounts: &Arc<Accounts>,
    saved: Saved,
) -> Result<(Account, Vec<String>), Problem> {
    let Saved { name, kind, secret, audience, place } = saved;
    check_name(&name)?;
    let malformed = |message: String| Problem::new(Reason::MalformedRequest, message);
    let audience = if audience.is_empty() { ANTHROPIC_BASE_URL } else { &audience };
    let audience = super::registration::origin("the audience", audience).map_err(malformed)?;
    if !is_token(secret.expose()) {
        return Err(malformed("the secret is empty, too long, or has a character that no key has".into())
            .hint("give only the key, in one line"));
    }
    accounts.make_sure().await?;
    let request = Request::Save(Save {
        record: store.record(&name),
        place: store.choice(place),
        kind,
        secret: Text(secret),
    });
    let spec = store.spec(request, BTreeMap::new(), super::DEADLINE);
    let signed_in = store.call(host, &spec).await?;
    let (account, notices) = account(name, kind, audience, signed_in, host.clock.now());
    add(accounts, account, notices).await
}

/// The person's input, in the child's format.
pub fn pasted(redirect: &str) -> Secret<String> {
    let pasted = Pasted { redirect: Text(Secret::new(redirect.to_owned())) };
    Secret::new(serde_json::to_string(&pasted).unwrap_or_default() + "\n")
}

/// The list entry of an account that a child has saved, with messages for the person.
fn account(
    name: String,
    kind: Kind,
    audience: String,
    signed_in: SignedIn,
    now: SystemTime,
) -> (Account, Vec<String>) {
    let SignedIn { login, place, issuer, subject, organization, notices } = signed_in;
    let account = Account {
        name,
        login,
        first_login: None,
        kind,
        audience,
        registration: None,
        issuer,
        method: None,
        organization,
        subject,
        place,
        signed_in_at: now,
        login_required: None,
        signing_out: None,
    };
    (account, notices)
}

/// Adds the account. If it replaces another one, that is the first message.
async fn add(
    accounts: &Arc<Accounts>,
    account: Account,
    notices: Vec<String>,
) -> Result<(Account, Vec<String>), Problem> {
    let add = move |index: &mut Index| {
        let replaced = index.find(&account.name).and_then(|before| replaced(before, &account));
        index.put(account.clone());
        Ok((account, replaced.into_iter().chain(notices).collect()))
    };
    accounts.change(add).await
}

fn replaced(before: &Account, now: &Account) -> Option<String> {
    let what = match before.kind {
        Kind::Oauth => "a login",
        Kind::Token => "a token",
        Kind::ApiKey => "an API key",
    };
    let Account { name, audience, .. } = before;
    let differs = before.kind != now.kind || *audience != now.audience;
    differs.then(|| {
        format!("{name} was {what} for {audience}, which is not kept any more; give a NAME to keep several accounts")
    })
}

/// The registration of a login, and its name.
fn find(store: &Store, login: &Login) -> Result<(String, Registration), Problem> {
    let mut all = store.registrations()?;
    let at = claviger::reason::Location::of_file(&store.config);
    if all.is_empty() {
        return Err(Problem::new(
            Reason::SettingsInvalid,
            "there is no [oauth.NAME] section, so there is no server to sign in to",
        )
        .hint("the help shows a complete section; an API key is saved with --api-key")
        .remedy(Remedy::claviger(&["login", "--help"]))
        .at(&at));
    }
    let wanted = [&login.registration, &login.name].into_iter().find(|name| !name.is_empty());
    let only = || (all.len() == 1).then(|| all.keys().next().cloned()).flatten();
    let name = match wanted {
        Some(name) if all.contains_key(name) || !login.registration.is_empty() => Some(name.clone()),
        _ => only(),
    };
    let names: Vec<_> = all.keys().cloned().collect();
    let unknown = |what: String| {
        let hint = format!("there is {}; choose one with --registration", names.join(", "));
        Problem::new(Reason::SettingsInvalid, what).hint(hint).at(&at)
    };
    let Some(name) = name else { return Err(unknown("several [oauth.NAME] sections are possible".into())) };
    let found = all.remove(&name);
    found
        .map(|found| (name.clone(), found))
        .ok_or_else(|| unknown(format!("there is no section [oauth.{name}]")))
}
