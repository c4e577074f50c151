//! `claviger use`: which account sessions use that name none.

use super::accounts;
use crate::{context::Context, escape, failure::Failure, json, output, wait};
use clap::builder::NonEmptyStringValueParser;
use claviger::{
    client::{request, unwrap},
    proto::v1::{Account, UseAccountRequest},
};
use serde_json::json;

/// Arguments of `use`.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Arguments {
    /// The account
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    name: Option<String>,
    /// None in particular: each session uses the first one for the address it talks to
    #[arg(long)]
    none: bool,
}

/// Names the account, or none.
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
        true => output::json(&json!({ "account": account.as_ref().map(json::account) }))?,
        false => output::data(&sentence(account.as_ref()))?,
    }
    let own = accounts::own().filter(|own| account.as_ref().is_none_or(|account| account.name != *own));
    if let Some(own) = own.filter(|_| !context.options.quiet && !context.options.json) {
        output::talk(&format!("claviger: here $CLAVIGER_ACCOUNT comes first: {}\n", escape::line(&own)));
    }
    Ok(())
}

fn sentence(account: Option<&Account>) -> String {
    match account {
        Some(account) => {
            format!("{} is in use, for {}\n", escape::line(&account.name), escape::line(&account.audience))
        }
        None => "none is in use: each session uses the first account for the address it talks to\n".into(),
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
        assert!(sentence(None).starts_with("none is in use: "));
    }
}
