//! Collects needs for a person from the daemon's state.

use super::decide::{Need, Subject, View};
use crate::{
    accounts::{Account, Storage},
    auth_refresh::Pending,
    broker::{
        Broker,
        entry::{Entry, HumanAction},
    },
};
use claviger::{reason::Location, remedy::Remedy};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

/// Longest place that is shown, in characters.
const MAX_PLACE: usize = 80;

/// The current state.
pub(super) fn look(broker: &Broker) -> View {
    let (now, idle) = (broker.host.clock.now(), broker.limits().idle);
    let runs = broker.auth_refreshes.pending();
    let running: BTreeSet<_> = runs.iter().map(|run| run.key).collect();
    let (mut view, mut attended) = (View::default(), BTreeMap::new());
    broker.each_entry(|_, entry| {
        let run = entry.provider().sign_in().map(|sign_in| sign_in.key).filter(|key| running.contains(key));
        if let Some(run) = run {
            let (is_seen, whose) = attended.entry(run).or_insert_with(|| (false, whose(entry)));
            *is_seen |= entry.is_attended();
            if whose.is_empty() {
                *whose = self::whose(entry);
            }
        }
        let is_idle = now.duration_since(entry.last_used()).is_ok_and(|unused| unused > idle);
        if run.is_none() && !is_idle {
            view.needs.extend(of_entry(entry, now));
        }
        if entry.state().failure.is_none() && entry.state().is_valid(now) {
            view.fine.insert(subject(entry));
            let in_keyring = |account: &Account| account.place == Storage::Keyring;
            view.fine.extend(entry.provider().account().is_some_and(in_keyring).then_some(Subject::Keyring));
        }
    });
    view.needs.extend(runs.iter().map(|run| {
        let (is_seen, whose) = attended.get(&run.key).cloned().unwrap_or_default();
        of_run(run, is_seen, &whose)
    }));
    let accounts = broker.resolver.accounts.current();
    view.accounts =
        accounts.accounts.iter().map(|account| (account.name.clone(), account.login.clone())).collect();
    view
}

fn subject(entry: &Entry) -> Subject {
    match entry.provider().account() {
        Some(Account { name, login, .. }) => Subject::Account { name: name.clone(), login: login.clone() },
        None => Subject::Source(entry.source(), entry.at().map(place).unwrap_or_default()),
    }
}

fn of_entry(entry: &Entry, now: SystemTime) -> Option<Need> {
    let is_seen = entry.is_told();
    let (subject, text) = match entry.human_action()? {
        HumanAction::Unlock => {
            (Subject::Keyring, format!("the keyring is locked. Unlock it; to see who waits: {}", pending()))
        }
        HumanAction::SignIn => (subject(entry), sign_in(entry, now)),
        // A person has seen it already.
        HumanAction::SignInAfterAll => return None,
    };
    Some(Need { subject, text, is_seen })
}

fn sign_in(entry: &Entry, now: SystemTime) -> String {
    let command = entry.problem(now).helps().and_then(|remedy| remedy.line());
    let command = command.unwrap_or_else(pending);
    if let Some(account) = entry.provider().account() {
        return format!("the account {} has to sign in again: {command}", account.name);
    }
    let place = entry.at().map(|at| format!(" ({})", place(at))).unwrap_or_default();
    format!("{}{place} needs you to sign in{}: {command}", entry.source(), whose(entry))
}

/// Directory and profile of the session that asked last.
fn whose(entry: &Entry) -> String {
    let directory =
        entry.session().map(|session| format!(" for {}", shortened(&session.cwd.display().to_string())));
    let profile = entry.profile().map(|profile| format!(", profile {}", shortened(profile)));
    directory.unwrap_or_default() + &profile.unwrap_or_default()
}

fn of_run(run: &Pending, is_seen: bool, whose: &str) -> Need {
    let text = format!("{} ({}) waits for you to sign in{whose}: {}", run.name, place(&run.at), pending());
    Need { subject: Subject::Run(run.key), text, is_seen }
}

/// The command that shows what waits.
fn pending() -> String {
    Remedy::pending().line().unwrap_or_default()
}

/// The end of it, which is more informative than its start.
fn place(at: &Location) -> String {
    shortened(&Location { column: 0, ..at.clone() }.to_string())
}

fn shortened(text: &str) -> String {
    let count = text.chars().count();
    match count > MAX_PLACE {
        true => format!("…{}", text.chars().skip(count - MAX_PLACE).collect::<String>()),
        false => text.to_owned(),
    }
}
