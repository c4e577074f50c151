use super::{left, render, reset, signed_in};
use crate::{output::Style, render::samples};
use claviger::{
    proto::v1::{
        Account, AccountKind, ListAccountsResponse, LoggedOut, Registration, ResetResponse, StorePlace,
    },
    remedy::Remedy,
};

fn work() -> Account {
    Account {
        name: "work".into(),
        kind: AccountKind::Oauth.into(),
        audience: "https://gateway.example".into(),
        registration: "work".into(),
        subject: "me@example.com".into(),
        place: StorePlace::Keyring.into(),
        signed_in_at: samples::at(-7500),
        in_use: true,
        ..Default::default()
    }
}

fn key() -> Account {
    Account {
        name: "default".into(),
        kind: AccountKind::ApiKey.into(),
        audience: "https://api.anthropic.com".into(),
        place: StorePlace::File.into(),
        signed_in_at: samples::at(-60),
        ..Default::default()
    }
}

fn list(accounts: Vec<Account>) -> ListAccountsResponse {
    let registration = |name: &str| Registration {
        name: name.into(),
        issuer: format!("https://{name}.example"),
        location: samples::location("/h/config.toml", 0, "config"),
    };
    let registrations = vec![registration("other"), registration("work")];
    ListAccountsResponse { accounts, registrations, store: "auto".into() }
}

fn text(list: &ListAccountsResponse, here: &str) -> String {
    render(list, here, samples::now(), Style::default())
}

#[test]
fn a_row_per_account_then_what_else_there_is() {
    let expected = "\
NAME     IN USE  KIND     WHO             AUDIENCE                   KEPT IN  SIGNED IN
default          api-key                  https://api.anthropic.com  file     1 min ago
work     yes     oauth    me@example.com  https://gateway.example    keyring  2 h 5 min ago

can sign in with
  claviger login other  https://other.example  /h/config.toml
";
    assert_eq!(text(&list(vec![key(), work()]), ""), expected);
}

#[test]
fn what_is_wrong_stands_below_its_account() {
    let problem = samples::helped("login-required", "it was revoked\x1b[2J", "", Remedy::login(Some("work")));
    let expected = "\
NAME  IN USE  KIND   WHO             AUDIENCE                 KEPT IN  SIGNED IN      PROBLEM
work  yes     oauth  me@example.com  https://gateway.example  keyring  2 h 5 min ago  login-required
  ! it was revoked\\u{1b}[2J (login-required); run: claviger login work
";
    assert!(text(&list(vec![Account { problem, ..work() }]), "").starts_with(expected));
}

#[test]
fn which_account_is_used_where_is_shown() {
    let used = |used, in_use, key: Account| Account { used, in_use, ..key };
    for (in_use, is_used, here, expected) in [
        (false, false, "work", "default  "),
        (false, false, "default", "default  here "),
        (false, true, "", "default  first "),
        (false, true, "default", "default  first, here "),
        (true, true, "", "default  yes "),
        (true, true, "default", "default  yes, here "),
    ] {
        let shown = text(&list(vec![used(is_used, in_use, key()), work()]), here);
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn without_accounts_the_way_to_one_is_told() {
    let shown = text(&list(Vec::new()), "");
    assert!(shown.starts_with("there is no account; `claviger login --help` shows how"), "{shown}");
    assert!(shown.contains("claviger login other") && shown.contains("claviger login work"), "{shown}");
}

#[test]
fn signing_in_ends_with_who_where_and_for_whom() {
    assert_eq!(
        signed_in(&work()),
        "signed in to work as me@example.com; for https://gateway.example only, kept in the keyring\n"
    );
    assert_eq!(
        signed_in(&key()),
        "saved default; for https://api.anthropic.com only, kept in a sealed file\n"
    );
}

#[test]
fn signing_out_says_what_the_server_did() {
    let one = |name: &str| LoggedOut { name: name.into(), ..Default::default() };
    let accounts = [
        LoggedOut { revoked: true, ..one("work") },
        LoggedOut { not_revoked: "the server has no revocation endpoint".into(), ..one("old") },
        LoggedOut {
            left_behind: samples::problem("keyring-locked", "the keyring is locked", "unlock it"),
            ..one("key")
        },
    ];
    let expected = "\
work: signed out, its tokens are revoked
old: signed out, but its tokens were not revoked: the server has no revocation endpoint
key: signing out
  ! its secret is still there: the keyring is locked (keyring-locked); unlock it
";
    assert_eq!(left(&accounts, Style::default()), expected);
    let answer = ResetResponse { accounts: Vec::new(), trust_decisions: 1, entries: 0 };
    let expected =
        "there was no account\n1 trust decision was forgotten\n0 credentials were dropped from memory\n";
    assert_eq!(reset(&answer, Style::default()), expected);
}
