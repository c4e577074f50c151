//! Accounts of the local store, and the keyring that keeps them.

use crate::doctor::{
    facts::{Credential, Facts},
    finding::{Finding, command_in},
};
use claviger::proto::v1::StorePlace;
use claviger_child::Sight;

/// Judges every account that is not the one in use here, and the keyring.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let told = match &facts.credential {
        Some(Credential::Failed { problem, .. }) => problem.message.as_str(),
        _ => "",
    };
    let accounts = facts.accounts.iter().filter_map(|account| {
        let problem = account.problem.as_ref().filter(|problem| problem.message != told)?;
        let what = format!("the account {} cannot be used: {}", account.name, problem.message);
        let mend = command_in(&problem.hint).unwrap_or_else(|| format!("claviger login {}", account.name));
        Some(Finding::warning("account-unusable", what).because(problem.hint.clone()).mend(mend))
    });
    accounts.chain(keyring(facts)).collect()
}

fn keyring(facts: &Facts) -> Option<Finding> {
    let seen = facts.keyring.as_ref()?;
    let names: Vec<_> =
        facts.accounts.iter().filter(|account| account.place() == StorePlace::Keyring).collect();
    let names = names.iter().map(|account| account.name.as_str()).collect::<Vec<_>>().join(", ");
    let cause = format!("it keeps the secrets of: {names}");
    let is_told = matches!(&facts.credential, Some(Credential::Failed { problem, .. }) if problem.reason == "keyring-locked");
    let problem = seen.problem.as_ref()?;
    match seen.sight {
        Sight::Locked if is_told => None,
        Sight::Locked => Some(
            Finding::error("keyring-locked", problem.message.clone())
                .because(format!("{cause}; {}", problem.hint.as_deref().unwrap_or_default()))
                .mend("claviger accounts move --to file"),
        ),
        _ => Some(
            Finding::error("keyring-silent", problem.message.clone())
                .because(cause)
                .mend("systemctl --user restart gnome-keyring-daemon.service"),
        ),
    }
}
