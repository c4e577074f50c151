//! `claviger use`: chooses, for each address, the account of sessions that name none.

use super::explain;
use crate::{
    complete,
    daemon::wait,
    failure::Failure,
    json, output, render,
    session::{context::Context, user},
    text::escape,
};
use clap::builder::NonEmptyStringValueParser;
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    client::{request, unwrap},
    proto::v1::{Account, ExplainResponse, Step, UseAccountRequest, step::Outcome},
};

/// Arguments of `use`.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    /// The account; it becomes the default for the address that its secret may be sent to
    #[arg(value_parser = NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::accounts))]
    name: Option<String>,
    /// Drop the choice for every address: each session uses the first account for its address
    #[arg(long)]
    none: bool,
}

/// Chooses the account, or drops the choice.
///
/// # Errors
/// `login-required` if there is no such account.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let mut client = context.connect().await?;
    let message = UseAccountRequest { name: arguments.name.unwrap_or_default() };
    let used = client.call(|client| {
        let message = message.clone();
        async move { unwrap(client.accounts().use_account(request(message)).await) }
    });
    let account = wait::answer(context, used).await?.account;
    match context.options.json {
        true => output::json(&json::used(account.as_ref()))?,
        false => output::show(&sentence(account.as_ref()))?,
    }
    let own = user::own_account().filter(|own| account.as_ref().is_none_or(|account| account.name != *own));
    if context.options.quiet || context.options.json {
        return Ok(());
    }
    if let Some(own) = own {
        output::talk(&format!("claviger: here $CLAVIGER_ACCOUNT comes first: {}\n", escape::line(&own)));
    } else if let Some(account) = account
        && let Ok(here) = explain::ask(context, &client).await
        && let Some(why) = not_here(&account, &here)
    {
        output::talk(&format!("claviger: {why}\n"));
    }
    Ok(())
}

/// Says which other source the session here uses, although `account` has just been saved.
pub(super) async fn tell_what_comes_first(context: &Context, account: &Account) -> Result<(), Failure> {
    let client = context.connect().await?;
    if let Ok(here) = explain::ask(context, &client).await
        && here.account.is_empty()
        && !here.winner.is_empty()
        && let Some(why) = not_here(account, &here)
    {
        output::talk(&format!("claviger: {why}\n"));
    }
    Ok(())
}

/// Why the session here does not use the account that is now in use; `None` if it does.
fn not_here(account: &Account, here: &ExplainResponse) -> Option<String> {
    if here.account == account.name {
        return None;
    }
    let first = here.steps.iter().find(|step| step.outcome() == Outcome::Chosen);
    let place = |step: &Step| step.location.as_ref().map(|at| format!(" ({})", render::place(at)));
    Some(match (first, &here.problem) {
        // Chosen for one address, it changes nothing for another.
        (Some(_), _) if !here.account.is_empty() => {
            format!("here {} is used, for {}", escape::line(&here.account), escape::line(&here.origin))
        }
        (Some(step), _) => {
            format!("here {} comes first{}", escape::line(&step.source), place(step).unwrap_or_default())
        }
        (None, Some(problem)) => format!("here it is not used: {}", render::problem(problem)),
        (None, None) => return None,
    })
}

fn sentence(account: Option<&Account>) -> String {
    match account {
        Some(account) => {
            format!("{} is in use, for {}\n", escape::line(&account.name), escape::line(&account.audience))
        }
        None => "none is chosen: each session uses the first account for its address\n".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::sentence;
    use claviger::proto::v1::Account;

    #[test]
    fn the_choice_is_told() {
        let account = Account { name: "work".into(), audience: "https://a".into(), ..Default::default() };
        assert_eq!(sentence(Some(&account)), "work is in use, for https://a\n");
        assert!(sentence(None).starts_with("none is chosen: "));
    }
}
