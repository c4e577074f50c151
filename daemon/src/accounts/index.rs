//! The list of accounts as data, and the format of its file. Pure.

use claviger::{
    reason::{Location, Problem, Reason},
    remedy::Remedy,
};
use claviger_child::account::{Kind, Storage, check_name};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, time::SystemTime};

/// Version of the format that this code writes and reads.
const VERSION: u32 = 1;
/// Largest list, in bytes.
pub(super) const MAX_FILE: usize = 1024 * 1024;
/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Name that the user gave it.
    pub name: String,
    /// Random identity of the login. A record of another login does not belong to this account.
    pub login: String,
    /// Identity of its first login, if that was another one: [`Account::id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_login: Option<String>,
    /// Kind of its secret.
    pub kind: Kind,
    /// Origin (`scheme://host[:port]`) that the secret may be sent to.
    pub audience: String,
    /// Section `[oauth.NAME]`.
    #[serde(default)]
    pub registration: Option<String>,
    /// Its issuer.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Its login method for `forceLoginMethod`.
    #[serde(default)]
    pub method: Option<String>,
    /// Organisation named by the issuer.
    #[serde(default)]
    pub organization: Option<String>,
    /// Person, as named by the issuer.
    #[serde(default)]
    pub subject: Option<String>,
    /// Where new secrets of it are kept.
    pub place: Storage,
    /// When it was signed in.
    pub signed_in_at: SystemTime,
    /// Why a new login is needed.
    #[serde(default)]
    pub login_required: Option<String>,
    /// Why the record still exists although a person has signed out. Such an account is never used, and removed as soon
    /// as possible.
    #[serde(default)]
    pub signing_out: Option<String>,
}

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Accounts in the order of their first sign-in.
    pub accounts: Vec<Account>,
    /// Accounts chosen by `claviger use`: at most one per audience, keyed by it.
    pub in_use: BTreeMap<String, String>,
    /// Why the list could not be read.
    pub fault: Option<Problem>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: u32,
    in_use: &'a BTreeMap<String, String>,
    accounts: &'a [Account],
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    in_use: Option<InUse>,
    accounts: Vec<Account>,
}

/// The accounts in use. Lists of earlier releases have one for all audiences.
#[derive(Deserialize)]
#[serde(untagged)]
enum InUse {
    One(String),
    OfEach(BTreeMap<String, String>),
}

// === impl Account ===

impl Account {
    /// Identity that stays the same when a person signs in to it again, and differs from another account of the same
    /// name: its first login.
    pub fn id(&self) -> &str {
        self.first_login.as_deref().unwrap_or(&self.login)
    }

    /// Whether `other`, of the same name, is the same account after another login. An account that a person has signed
    /// out of has ended.
    fn is_again(&self, other: &Self) -> bool {
        let of = |account: &Self| {
            let Self { kind, audience, registration, issuer, subject, .. } = account.clone();
            (kind.is_oauth(), audience, registration, issuer, subject)
        };
        self.signing_out.is_none() && of(self) == of(other)
    }
}

// === impl Index ===

impl Index {
    /// The account `name`.
    pub fn find(&self, name: &str) -> Option<&Account> {
        self.accounts.iter().find(|account| account.name == name)
    }

    /// Whether `account` is the one in use for its audience.
    pub fn is_in_use(&self, account: &Account) -> bool {
        self.in_use.get(&account.audience) == Some(&account.name)
    }

    /// Takes `name` into use for its audience, and returns that account.
    ///
    /// # Errors
    /// As [`Index::usable`].
    pub fn use_account(&mut self, name: &str) -> Result<Account, Problem> {
        let account = self.usable(name)?.clone();
        self.in_use.insert(account.audience.clone(), account.name.clone());
        Ok(account)
    }

    /// The account `name`, for use.
    ///
    /// # Errors
    /// `login-required` if there is none, or a person has signed out of it.
    pub fn usable(&self, name: &str) -> Result<&Account, Problem> {
        let account = self.find(name).ok_or_else(|| unknown(name))?;
        match account.signing_out {
            None => Ok(account),
            Some(_) => Err(signed_out(name)),
        }
    }

    /// Adds an account, or replaces the one of its name in place. It stays in use for its audience, if that is still
    /// the same.
    pub fn put(&mut self, account: Account) {
        self.in_use.retain(|audience, name| *name != account.name || *audience == account.audience);
        match self.accounts.iter_mut().find(|known| known.name == account.name) {
            Some(known) if known.is_again(&account) => {
                let first_login = Some(known.id().to_owned());
                *known = Account { first_login, ..account };
            }
            Some(known) => *known = account,
            None => self.accounts.push(account),
        }
    }

    /// Records that a person has signed out of `login`: it is removed, or, if its record is left behind, never used
    /// from now on.
    pub fn sign_out(&mut self, login: &str, left_behind: Option<String>) {
        let Some(at) = self.accounts.iter().position(|account| account.login == login) else { return };
        let name = self.accounts[at].name.clone();
        self.in_use.retain(|_, used| *used != name);
        match left_behind {
            Some(why) => self.accounts[at].signing_out = Some(why),
            None => drop(self.accounts.remove(at)),
        }
    }
}

/// The problem of an account that does not exist.
pub fn unknown(name: &str) -> Problem {
    Problem::new(Reason::LoginRequired, format!("there is no account {name}"))
        .hint("it may have another name; a login adds this one")
        .remedy(Remedy::login(Some(name)))
}

/// The problem of an account that is still listed because its record still exists.
fn signed_out(name: &str) -> Problem {
    Problem::new(Reason::LoginRequired, format!("the account {name} is signed out"))
        .hint("its secret is removed once the keyring can be reached; a login replaces it")
        .remedy(Remedy::login(Some(name)))
}

/// The list in its file format.
///
/// # Errors
/// Can only fail by a bug.
pub(super) fn encode(index: &Index) -> Result<Vec<u8>, Problem> {
    let written = Written { version: VERSION, in_use: &index.in_use, accounts: &index.accounts };
    serde_json::to_vec_pretty(&written).map_err(|error| {
        Problem::new(Reason::Bug, format!("the list of accounts cannot be written: {error}"))
    })
}

/// The list in a file.
///
/// # Errors
/// `settings-invalid` if it is damaged, or newer than this daemon.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Index, Problem> {
    let damaged = |error: serde_json::Error| {
        let at = Location {
            line: u32::try_from(error.line()).unwrap_or(0),
            column: u32::try_from(error.column()).unwrap_or(0),
            ..Location::of_file(path)
        };
        Problem::new(Reason::SettingsInvalid, "the list of accounts is damaged")
            .hint("the secrets are kept elsewhere and are safe; restore the file, or move it away and log in again")
            .at(&at)
    };
    let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version != VERSION {
        return Err(Problem::new(
            Reason::SettingsInvalid,
            format!("the list of accounts has version {version}; this daemon supports version {VERSION}"),
        )
        .hint("update claviger, or move the file away and log in again")
        .at(&Location::of_file(path)));
    }
    let Stored { in_use, accounts } = serde_json::from_slice(bytes).map_err(damaged)?;
    for account in &accounts {
        check_name(&account.name).map_err(|problem| problem.at(&Location::of_file(path)))?;
    }
    let mut index = Index { accounts, ..Index::default() };
    match in_use {
        None => {}
        Some(InUse::One(name)) => drop(index.use_account(&name)),
        Some(InUse::OfEach(in_use)) => index.in_use = in_use,
    }
    Ok(index)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Account, Index, Kind, Storage, check_name, decode, encode};
    use std::{path::Path, time::UNIX_EPOCH};

    /// An account with a valid login.
    pub(in crate::accounts) fn account(name: &str, kind: Kind, audience: &str) -> Account {
        Account {
            name: name.into(),
            login: format!("{name}-1"),
            first_login: None,
            kind,
            audience: audience.into(),
            registration: None,
            issuer: None,
            method: None,
            organization: None,
            subject: None,
            place: Storage::File,
            signed_in_at: UNIX_EPOCH,
            login_required: None,
            signing_out: None,
        }
    }

    /// Three accounts, one of each kind.
    pub(in crate::accounts) fn index() -> Index {
        let accounts = vec![
            account("key", Kind::ApiKey, "https://a"),
            account("one", Kind::Oauth, "https://b"),
            account("two", Kind::Token, "https://a"),
        ];
        Index { accounts, ..Index::default() }
    }

    #[test]
    fn a_list_survives_its_file() {
        let mut index = index();
        index.use_account("one").expect("an account");
        index.use_account("two").expect("an account");
        index.put(account("one", Kind::Oauth, "https://new"));
        assert_eq!(index.in_use, [("https://a".to_owned(), "two".to_owned())].into());
        let path = Path::new("/accounts.json");
        assert_eq!(decode(path, &encode(&index).expect("text")), Ok(index));
        for bad in ["", "{", "{\"version\":2,\"accounts\":[]}", "{\"version\":1}"] {
            let problem = decode(path, bad.as_bytes()).expect_err(bad);
            assert_eq!(problem.location.map(|at| at.file), Some("/accounts.json".into()), "{bad}");
        }
    }

    #[test]
    fn the_one_account_in_use_of_an_earlier_release_is_that_of_its_audience() {
        let text = encode(&index()).expect("text");
        let text = String::from_utf8(text).expect("text").replace("\"in_use\": {}", "\"in_use\": \"one\"");
        let index = decode(Path::new("/accounts.json"), text.as_bytes()).expect("read");
        assert_eq!(index.in_use, [("https://b".to_owned(), "one".to_owned())].into());
        let text = text.replace("\"one\",\n  \"accounts\"", "null,\n  \"accounts\"");
        assert!(decode(Path::new("/accounts.json"), text.as_bytes()).expect("read").in_use.is_empty());
    }

    #[test]
    fn names_are_file_names() {
        for good in ["work", "me@example.com", "a", "2nd.one_x-y+z"] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "-x", "a/b", "a b", "ä", "a\n", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }
}
