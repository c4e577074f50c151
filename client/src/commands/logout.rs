//! `claviger logout`: revokes the tokens of an account where the server can, and forgets it.

use super::accounts;
use crate::{
    complete,
    daemon::wait,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::{context::Context, user},
};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{Account, LoggedOut, LogoutRequest},
    reason::{Problem, Reason},
    remedy::Remedy,
    wire,
};
use std::time::SystemTime;

/// Arguments of `logout`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The account [default: the one in use, or the only one]
    #[arg(value_parser = NonEmptyStringValueParser::new(), conflicts_with = "all", add = ArgValueCandidates::new(complete::accounts))]
    name: Option<String>,
    /// Every account
    #[arg(long)]
    all: bool,
}

/// Signs out, and prints the result for each account.
///
/// # Errors
/// The daemon's problem, or that of a secret that could not be removed.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let session = context.session()?;
    let client = context.connect().await?;
    let name = match (arguments.all, arguments.name) {
        (true, _) => String::new(),
        (false, Some(name)) => name,
        (false, None) => the_one(context, &client).await?,
    };
    let message = LogoutRequest { session: Some(client.describe(&session)?), name, all: arguments.all };
    let mut service = client.accounts();
    let left = async { unwrap(service.logout(request(message)).await) };
    let accounts = wait::answer(context, left).await?.accounts;
    match context.options.json {
        true => output::json(&json::left(&accounts))?,
        false => output::show(&render::account::left(&accounts, Style::stdout()))?,
    }
    none_behind(&accounts)
}

/// Success: no secret was left behind.
///
/// # Errors
/// Why a secret was left behind.
pub(super) fn none_behind(accounts: &[LoggedOut]) -> Result<(), Failure> {
    let Some((account, what)) = accounts.iter().find_map(|one| Some((one, one.left_behind.as_ref()?))) else {
        return Ok(());
    };
    let mut problem = wire::from_problem(what, SystemTime::now());
    problem.message = format!("the secret of {} is still there: {}", account.name, problem.message);
    Err(problem.into())
}

async fn the_one(context: &Context, client: &Client) -> Result<String, Failure> {
    let accounts = accounts::list(context, client).await?.accounts;
    pick(&accounts, user::own_account().as_deref())
}

/// The account to use if none is named: the session's own, the one in use, or the only one.
fn pick(accounts: &[Account], own: Option<&str>) -> Result<String, Failure> {
    if let Some(own) = own {
        return Ok(own.to_owned());
    }
    let in_use: Vec<_> = accounts.iter().filter(|account| account.in_use).collect();
    // With one account in use for each address, none is the clear choice.
    let in_use = if let [one] = in_use[..] { Some(one) } else { None };
    match (in_use, accounts) {
        (Some(account), _) | (None, [account]) => Ok(account.name.clone()),
        (None, []) => {
            let problem = Problem::new(Reason::NoCredential, "there is no account to sign out of");
            Err(problem.hint("see which accounts exist").remedy(Remedy::claviger(&["accounts"])).into())
        }
        (None, several) => {
            let names: Vec<_> = several.iter().map(|account| account.name.as_str()).collect();
            let message = format!("there is more than one account: {}", names.join(", "));
            Err(Failure::usage(message, "name one, or use --all"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{none_behind, pick};
    use crate::render::samples;
    use claviger::proto::v1::{Account, LoggedOut};

    #[test]
    fn only_what_is_clear_is_signed_out_of() {
        let account = |name: &str, in_use| Account { name: name.into(), in_use, ..Default::default() };
        let (one, other) = (account("one", false), account("other", false));
        assert_eq!(pick(std::slice::from_ref(&one), None).expect("the only one"), "one");
        assert_eq!(pick(&[one.clone(), account("two", true)], None).expect("the one in use"), "two");
        assert_eq!(pick(&[one.clone(), account("two", true)], Some("one")).expect("its own"), "one");
        let failure = pick(&[one, other], None).expect_err("two");
        assert!(failure.code() == 2 && failure.render(false).contains("one, other"));
        let both = [account("a", true), account("b", true)];
        assert!(pick(&both, None).expect_err("two").render(false).contains("a, b"));
        assert_eq!(pick(&[], None).expect_err("none").code(), 3);
    }

    #[test]
    fn what_is_left_behind_is_a_failure() {
        let left_behind = samples::problem("keyring-locked", "the keyring is locked", "unlock it");
        let accounts =
            [LoggedOut::default(), LoggedOut { name: "work".into(), left_behind, ..Default::default() }];
        let failure = none_behind(&accounts).expect_err("left behind");
        let expected =
            "claviger: the secret of work is still there: the keyring is locked\nhint: unlock it\n";
        assert_eq!((failure.code(), failure.render(false).as_str()), (4, expected));
        assert!(none_behind(&accounts[..1]).is_ok());
    }
}
