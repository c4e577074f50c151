//! Accounts of the local store, for people.

use super::{place, problem, table, time};
use crate::{
    output::Style,
    text::{escape, words},
};
use claviger::proto::v1::{
    Account, AccountKind, ListAccountsResponse, LoggedOut, Registration, ResetResponse, StorePlace,
};
use std::time::SystemTime;

const HEAD: [&str; 8] = ["NAME", "IN USE", "KIND", "WHO", "AUDIENCE", "KEPT IN", "SIGNED IN", "PROBLEM"];

/// A row per account with its problem below it, then other registrations. `here` is the account that this session uses;
/// empty if it uses none.
pub(crate) fn render(list: &ListAccountsResponse, here: &str, now: SystemTime, style: Style) -> String {
    let rows: Vec<_> = list.accounts.iter().map(|account| row(account, here, now)).collect();
    let mut text = String::new();
    if rows.is_empty() {
        text.push_str("there is no account; `claviger login --help` shows how to get one\n");
    } else {
        let mut lines = table::titled(HEAD, rows).into_iter();
        text.push_str(&format!("{}\n", style.bold(&lines.next().unwrap_or_default())));
        for (line, account) in lines.zip(&list.accounts) {
            text.push_str(&format!("{line}\n"));
            let wrong = account.problem.as_ref();
            text.push_str(
                &wrong.map(|wrong| format!("  {} {}\n", style.red("!"), problem(wrong))).unwrap_or_default(),
            );
        }
    }
    let known = |name: &str| list.accounts.iter().any(|account| account.registration == name);
    let rows: Vec<_> = list.registrations.iter().filter(|one| !known(&one.name)).map(registration).collect();
    if !rows.is_empty() {
        let lines: String = table::align(&rows).into_iter().map(|line| format!("  {line}\n")).collect();
        text.push_str(&format!("\n{}\n{lines}", style.bold("can sign in with")));
    }
    text
}

/// An account in a sentence, after the sign-in.
pub(crate) fn signed_in(account: &Account) -> String {
    let who = match account.subject.as_str() {
        "" => String::new(),
        subject => format!(" as {}", escape::line(subject)),
    };
    let done = match account.kind() {
        AccountKind::ApiKey | AccountKind::Token => "saved",
        AccountKind::Oauth | AccountKind::Unspecified => "signed in to",
    };
    format!(
        "{done} {}{who}; for {} only, kept in {}\n",
        escape::line(&account.name),
        escape::line(&account.audience),
        store(account.place()),
    )
}

/// Result of a sign-out for each account.
pub(crate) fn left(accounts: &[LoggedOut], style: Style) -> String {
    let one = |one: &LoggedOut| {
        let tokens = match (one.revoked, one.not_revoked.as_str()) {
            (true, _) => ", its tokens are revoked".to_owned(),
            (false, "") => String::new(),
            (false, why) => format!(", but its tokens were not revoked: {}", escape::line(why)),
        };
        let behind = one.left_behind.as_ref();
        let done = if behind.is_some() { "signing out" } else { "signed out" };
        let behind =
            behind.map(|what| format!("  {} its secret is still there: {}\n", style.red("!"), problem(what)));
        format!("{}: {done}{tokens}\n{}", escape::line(&one.name), behind.unwrap_or_default())
    };
    match accounts {
        [] => "there was no account\n".into(),
        some => some.iter().map(one).collect(),
    }
}

/// Result of a reset.
pub(crate) fn reset(answer: &ResetResponse, style: Style) -> String {
    left(&answer.accounts, style)
        + &counted(answer.trust_decisions, "trust decision", "was forgotten", "were forgotten")
        + &counted(answer.entries, "credential", "was dropped from memory", "were dropped from memory")
}

/// "1 credential was dropped", "2 credentials were dropped".
pub(crate) fn counted(count: u32, what: &str, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {what} {one}\n"),
        count => format!("{count} {what}s {many}\n"),
    }
}

/// The store of secrets, as the end of a sentence.
pub(crate) fn store(place: StorePlace) -> &'static str {
    match place {
        StorePlace::Keyring => "the keyring",
        StorePlace::File => "a sealed file",
        StorePlace::Unspecified => "an unknown place",
    }
}

fn row(account: &Account, here: &str, now: SystemTime) -> [String; 8] {
    // For sessions to its audience that name no account: "first" marks the best match as long as `claviger use` has
    // chosen none.
    let used = match (account.in_use, account.used, here == account.name) {
        _ if account.signing_out => "signing out",
        (true, _, true) => "yes, here",
        (true, _, false) => "yes",
        (false, true, true) => "first, here",
        (false, true, false) => "first",
        (false, false, true) => "here",
        (false, false, false) => "",
    };
    [
        escape::line(&account.name),
        used.into(),
        words::kind(account),
        escape::line(&account.subject),
        escape::line(&account.audience),
        words::store(account.place()),
        account.signed_in_at.as_ref().map(|at| time::relative(at, now)).unwrap_or_default(),
        account.problem.as_ref().map(|problem| words::reason(problem.reason())).unwrap_or_default(),
    ]
}

fn registration(one: &Registration) -> [String; 3] {
    let command = format!("claviger login {}", escape::line(&one.name));
    [command, escape::line(&one.issuer), one.location.as_ref().map(place).unwrap_or_default()]
}

#[cfg(test)]
mod tests;
