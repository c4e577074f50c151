//! Accounts of the local store, and the keyring that keeps them.

use crate::doctor::{
    facts::{Credential, Facts},
    finding::Finding,
};
use claviger::{
    proto::v1::{Account, AccountKind, StorePlace},
    reason::Reason,
    remedy::Remedy,
    wire,
};
use claviger_child::Sight;

/// Checks every account that is not in use here, and the keyring.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let told = match &facts.credential {
        Some(Credential::Failed(problem)) => problem.message.as_str(),
        _ => "",
    };
    let accounts = facts.accounts.iter().filter_map(|account| {
        let problem = account.problem.as_ref().filter(|problem| problem.message != told)?;
        let what = format!("the account {} cannot be used: {}", account.name, problem.message);
        let remedy = problem.remedy.as_ref().and_then(wire::from_remedy);
        let remedy = remedy.unwrap_or_else(|| Remedy::login(Some(&account.name)));
        Some(Finding::warning("account-unusable", what).because(problem.hint.clone()).helped(remedy))
    });
    accounts.chain(keyring(facts)).collect()
}

fn keyring(facts: &Facts) -> Option<Finding> {
    let seen = facts.keyring.as_ref()?;
    let kept: Vec<_> =
        facts.accounts.iter().filter(|account| account.place() == StorePlace::Keyring).collect();
    let names = kept.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    let cause = format!("it keeps the secrets of: {names}");
    let is_told = matches!(&facts.credential, Some(Credential::Failed(problem)) if problem.reason == Reason::KeyringLocked);
    let problem = seen.problem.as_ref()?;
    match seen.sight {
        Sight::Locked if is_told => None,
        Sight::Locked => Some(
            Finding::error("keyring-locked", problem.message.clone())
                .because(format!(
                    "{cause}; {}; a new login keeps it in a sealed file",
                    problem.hint.as_deref().unwrap_or_default()
                ))
                .helped(without_keyring(facts)),
        ),
        _ => Some(
            Finding::error("keyring-silent", problem.message.clone())
                .because(format!("{cause}; a new login keeps it in a sealed file"))
                .helped(without_keyring(facts)),
        ),
    }
}

/// The remedy without the keyring. Its owner decides what unlocks it: no command works for all keyrings.
pub(super) fn without_keyring(facts: &Facts) -> Option<Remedy> {
    facts.accounts.iter().find(|account| account.place() == StorePlace::Keyring).map(anew)
}

/// Has the secret of an account entered again, and keeps it in a file.
fn anew(account: &Account) -> Remedy {
    let kind = match account.kind() {
        AccountKind::ApiKey => &["--api-key"][..],
        AccountKind::Token => &["--token"],
        AccountKind::Oauth | AccountKind::Unspecified => &[],
    };
    Remedy::claviger(&[&["login", &account.name, "--store", "file"], kind].concat())
}
