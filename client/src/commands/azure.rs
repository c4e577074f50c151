//! `claviger azure`: an access token for Azure tools, printed like `az account get-access-token`.

mod query;
mod real;
mod wanted;

use crate::{
    daemon::lending,
    failure::Failure,
    output,
    session::{context::Context, tool},
};
use claviger::{
    Lease, Scheme, Secret,
    backend::Backend,
    reason::{Problem, Reason},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use std::ffi::OsString;
use wanted::Wanted;

/// How tools run it.
pub(crate) const HELP: &str = "\
Tools of Azure run `az account get-access-token`. A script of the name `az`, early in PATH, answers that with claviger
and leaves all else to the real one, also where the daemon itself looks for a token:

    #!/bin/sh
    exec claviger azure --or az \"$@\"";

/// Secrets of the session that override any access token of Azure, and are not access tokens.
const OTHERS: [&str; 2] = ["ANTHROPIC_FOUNDRY_AUTH_TOKEN", "ANTHROPIC_FOUNDRY_API_KEY"];
/// The default scope of `az`: the management API of the public cloud. The first slash is part of the resource.
const MANAGEMENT: &str = "https://management.core.windows.net//.default";

/// Arguments of `azure`.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    #[command(flatten)]
    wanted: Wanted,
    /// Answer this command line of `az` if it asks for a token; otherwise run that program
    #[arg(
        long = "or",
        num_args = 1..,
        allow_hyphen_values = true,
        exclusive = true,
        value_names = ["AZ", "ARGS"]
    )]
    or: Vec<OsString>,
}

/// Prints the token, or is replaced by the real `az`.
///
/// # Errors
/// Why there is no token, or why that program cannot be run.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    let Some((program, words)) = arguments.or.split_first() else {
        arguments.wanted.check()?;
        let answer = borrow(context, arguments.wanted.scope()).await?;
        if !arguments.wanted.is_of(&answer) {
            return Err(wanted::other_tenant().into());
        }
        return print(&arguments.wanted, &answer);
    };
    let real = || real::run(context, program, words);
    let Some(wanted) = Wanted::of_az(words).filter(|_| !real::is_in_flight()) else { return Err(real()) };
    let answer = borrow(context, Some(wanted.scope().unwrap_or_else(|| MANAGEMENT.to_owned()))).await?;
    match wanted.is_of(&answer) {
        true => print(&wanted, &answer),
        false => Err(real()),
    }
}

async fn borrow(context: &Context, scope: Option<String>) -> Result<Value, Failure> {
    let mut session = tool::session(context, Backend::Foundry)?;
    session.present.retain(|name| !OTHERS.contains(&name.as_str()));
    if let Some(scope) = scope {
        let [token, key] = OTHERS.map(|name| (name, ""));
        tool::choose(&mut session, &[("CLAVIGER_AZURE_SCOPE", &scope), token, key]);
    }
    let lease = lending::borrow_for(context, &session).await?;
    lending::warn(context, &lease);
    Ok(answer(&lease.secret()?, &lease, &TimeZone::system())?)
}

fn print(wanted: &Wanted, answer: &Value) -> Result<(), Failure> {
    Ok(output::data(&wanted.text(answer))?)
}

fn answer(token: &Secret, lease: &Lease, zone: &TimeZone) -> Result<Value, Problem> {
    let expiry = lease.expires_at.and_then(|at| Timestamp::try_from(at).ok());
    let (Some(expiry), Scheme::Bearer) = (expiry, lease.scheme) else {
        let message = format!("{} provides a key or an opaque token, not an access token", lease.source);
        return Err(Problem::new(Reason::MalformedRequest, message).hint(
            "remove ANTHROPIC_FOUNDRY_AUTH_TOKEN and ANTHROPIC_FOUNDRY_API_KEY from the env of your settings",
        ));
    };
    let mut answer = json!({
        "accessToken": token.expose(),
        // `az` prints local time without a zone.
        "expiresOn": expiry.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
        "expires_on": expiry.as_second(),
        "tokenType": "Bearer",
    });
    if let Some(tenant) = lease.account().filter(|text| is_uuid(text)) {
        answer["tenant"] = tenant.into();
    }
    Ok(answer)
}

/// Tenants are UUIDs; an account may also be an address or a name.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.concat().bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::answer;
    use claviger::{Lease, Scheme, Secret, proto::v1::Facts};
    use jiff::tz::{TimeZone, offset};
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn lease(account: &str) -> Lease {
        Lease {
            scheme: Scheme::Bearer,
            expires_at: Some(UNIX_EPOCH + Duration::new(4_070_908_800, 123_456_789)),
            facts: Some(Facts { account: account.into(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn it_reads_as_if_az_had_printed_it() {
        let zone = TimeZone::fixed(offset(2));
        let token = Secret::from("t");
        let expected = json!({
            "accessToken": "t", "expiresOn": "2099-01-01 02:00:00.123456", "expires_on": 4_070_908_800_u64,
            "tenant": TENANT, "tokenType": "Bearer",
        });
        assert_eq!(answer(&token, &lease(TENANT), &zone).expect("a token"), expected);
        assert_eq!(answer(&token, &lease("me@example.com"), &zone).expect("a token").get("tenant"), None);
        let key = Lease { scheme: Scheme::ApiKey, ..lease("") };
        assert!(answer(&token, &key, &zone).is_err());
        assert!(answer(&token, &Lease { expires_at: None, ..lease("") }, &zone).is_err());
    }
}
