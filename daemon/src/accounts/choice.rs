//! Chooses the account that a session uses. Pure.

use super::index::{Account, Index};
use claviger::reason::Problem;

/// The account of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// This one.
    Account(&'a Account),
    /// The requested account does not exist, or a person has signed out of it.
    Unusable(Box<Problem>),
    /// There is none.
    Nothing,
}

/// A session's requirements for its account.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The account it names.
    pub name: Option<&'a str>,
    /// Origin that the secret is sent to.
    pub origin: &'a str,
    /// Whether saved API keys are excluded.
    pub logins_only: bool,
    /// Whether an account satisfies the login policies.
    pub suits: &'a dyn Fn(&Account) -> bool,
}

// === impl Index ===

impl Index {
    /// Whether sessions that talk to the audience of `account`, and name none, use it.
    pub fn is_used(&self, account: &Account) -> bool {
        let wish = Wish { name: None, origin: &account.audience, logins_only: false, suits: &|_| true };
        // An account that was just signed in to again may not have its first login recorded yet.
        matches!(self.choose(&wish), Choice::Account(chosen) if chosen.login == account.login)
    }

    /// The account of a session: the one it names; else the one in use for its origin; else the first that satisfies
    /// the policies and may be sent there, logins before keys; else the first that may be sent there; else the first of
    /// all, so that the error explains why it cannot be used.
    pub fn choose<'a>(&'a self, wish: &Wish<'a>) -> Choice<'a> {
        let counts = |account: &&Account| {
            account.signing_out.is_none() && (!wish.logins_only || account.kind.is_oauth())
        };
        let unusable = |problem| Choice::Unusable(Box::new(problem));
        if let Some(name) = wish.name {
            return self.usable(name).map_or_else(unusable, Choice::Account);
        }
        if let Some(name) = self.in_use.get(wish.origin) {
            match self.usable(name) {
                Err(problem) => return unusable(problem),
                Ok(account) if counts(&account) => return Choice::Account(account),
                Ok(_) => {}
            }
        }
        let rank = |account: &&Account| {
            let fits = account.audience == wish.origin;
            (!(fits && (wish.suits)(account)), !fits, !self.is_in_use(account), !account.kind.is_oauth())
        };
        let chosen = self.accounts.iter().filter(counts).min_by_key(rank);
        chosen.map_or(Choice::Nothing, Choice::Account)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Kind,
            index::tests::{account, index},
        },
        Account, Choice, Index, Wish,
    };

    fn chosen<'a>(index: &'a Index, name: Option<&'a str>, origin: &'a str) -> &'a str {
        wished(index, &Wish { name, origin, logins_only: false, suits: &|_| true })
    }

    fn wished<'a>(index: &'a Index, wish: &Wish<'a>) -> &'a str {
        match index.choose(wish) {
            Choice::Account(account) => &account.name,
            Choice::Unusable(_) => "unusable",
            Choice::Nothing => "nothing",
        }
    }

    #[test]
    fn who_is_named_comes_first_then_who_fits() {
        let mut index = index();
        for (origin, expected) in [("https://a", "two"), ("https://b", "one"), ("https://c", "one")] {
            assert_eq!(chosen(&index, None, origin), expected, "{origin}");
        }
        assert_eq!(chosen(&index, Some("none"), "https://a"), "unusable");
        index.use_account("key").expect("an account");
        // In use for another address, it changes nothing here; where no account fits, it is the one that is told about.
        for (origin, expected) in [("https://a", "key"), ("https://b", "one"), ("https://c", "key")] {
            assert_eq!(chosen(&index, None, origin), expected, "{origin}");
        }
        assert_eq!(chosen(&index, Some("one"), "https://a"), "one");
        index.sign_out("key-1", Some("locked".into()));
        assert_eq!(chosen(&index, Some("key"), "https://a"), "unusable");
        assert_eq!(chosen(&index, None, "https://a"), "two");
        index.sign_out("key-1", None);
        assert_eq!(index.find("key"), None);
        assert_eq!((index.in_use.len(), chosen(&Index::default(), None, "https://a")), (0, "nothing"));
    }

    #[test]
    fn who_satisfies_the_policies_comes_before_who_does_not() {
        let mut index = index();
        index.put(account("three", Kind::Oauth, "https://a"));
        let suits = |account: &Account| account.name != "two";
        let wish = Wish { name: None, origin: "https://a", logins_only: false, suits: &suits };
        assert_eq!(wished(&index, &wish), "three");
        assert_eq!(wished(&index, &Wish { suits: &|_| false, ..wish }), "two");
        assert_eq!(wished(&index, &Wish { name: Some("two"), ..wish }), "two");
        index.use_account("two").expect("an account");
        assert_eq!(wished(&index, &wish), "two");
    }

    #[test]
    fn keys_are_left_out_where_only_logins_count() {
        let mut index = index();
        index.use_account("key").expect("an account");
        let wish = Wish { name: None, origin: "https://a", logins_only: true, suits: &|_| true };
        assert_eq!(wished(&index, &wish), "two");
        index.accounts.truncate(1);
        assert_eq!(wished(&index, &wish), "nothing");
        assert_eq!(wished(&index, &Wish { name: Some("key"), ..wish }), "key");
    }
}
