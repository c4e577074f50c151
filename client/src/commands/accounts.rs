//! `claviger accounts`: the accounts of the local store, and where their secrets are kept.

use super::{explain, login::Storage};
use crate::{
    complete,
    daemon::wait,
    failure::Failure,
    json,
    output::{self, Style},
    render,
    session::context::Context,
};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    client::{Client, request, unwrap},
    proto::v1::{Account, ListAccountsRequest, ListAccountsResponse, MoveAccountsRequest, StorePlace},
};
use std::time::SystemTime;

/// Arguments of `accounts`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Verbs below `accounts`.
#[derive(clap::Subcommand)]
enum Verb {
    /// Move secrets between keyring and files
    Move(Move),
}

/// Arguments of `accounts move`.
#[derive(clap::Args)]
struct Move {
    /// The account to move [default: all]
    #[arg(value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::accounts))]
    name: Option<String>,
    /// The store to move to
    #[arg(long, value_enum)]
    to: Storage,
}

/// Lists or moves.
///
/// # Errors
/// The daemon's problem.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let client = context.connect().await?;
    match arguments.verb {
        None => {
            let list = list(context, &client).await?;
            // Without a session, or with one that is refused, no account is in use here.
            let here = explain::ask(context, &client).await.map(|explained| explained.account);
            show(context, &list, &here.unwrap_or_default())
        }
        Some(Verb::Move(arguments)) => relocate(context, &client, arguments).await,
    }
}

/// The accounts.
///
/// # Errors
/// The daemon's problem.
pub(super) async fn list(context: &Context, client: &Client) -> Result<ListAccountsResponse, Failure> {
    let mut client = client.clone();
    let asked = client.call(|client| async move {
        unwrap(client.accounts().list_accounts(request(ListAccountsRequest {})).await)
    });
    wait::answer(context, asked).await
}

fn show(context: &Context, list: &ListAccountsResponse, here: &str) -> Result<(), Failure> {
    let shown = || render::account::render(list, here, SystemTime::now(), Style::stdout());
    match context.options.json {
        true => output::json(&json::accounts(list, here))?,
        false => output::show(&shown())?,
    }
    Ok(())
}

async fn relocate(context: &Context, client: &Client, arguments: Move) -> Result<(), Failure> {
    let place = StorePlace::from(arguments.to);
    let message = MoveAccountsRequest { place: place.into(), name: arguments.name.unwrap_or_default() };
    let mut service = client.accounts();
    let moved = async { unwrap(service.move_accounts(request(message)).await) };
    let accounts = wait::answer(context, moved).await?.accounts;
    match context.options.json {
        true => output::json(&accounts.iter().map(json::account).collect::<Vec<_>>())?,
        false => output::show(&kept(&accounts, place))?,
    }
    Ok(())
}

fn kept(accounts: &[Account], place: StorePlace) -> String {
    let line = |account: &Account| {
        let name = crate::text::escape::line(&account.name);
        format!("{name} is kept in {}\n", render::account::store(account.place()))
    };
    match accounts {
        [] => format!("there is no account to move to {}\n", render::account::store(place)),
        some => some.iter().map(line).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::kept;
    use claviger::proto::v1::{Account, StorePlace};

    #[test]
    fn what_was_moved_is_told() {
        let account =
            Account { name: "work".into(), place: StorePlace::Keyring.into(), ..Default::default() };
        assert_eq!(kept(&[account], StorePlace::Keyring), "work is kept in the keyring\n");
        assert_eq!(kept(&[], StorePlace::File), "there is no account to move to a sealed file\n");
    }
}
