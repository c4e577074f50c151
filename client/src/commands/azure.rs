//! `claviger azure`: an access token for tools of Azure, as `az account get-access-token` prints it.

use crate::{context::Context, failure::Failure, lending, output, tool};
use claviger::{
    backend::Backend,
    proto::v1::{Lease, Scheme, Secret},
    reason::{Problem, Reason},
};
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};

/// How tools come to run it.
pub(crate) const HELP: &str = "\
Tools of Azure run `az account get-access-token`. A script of the name `az`, early in PATH, answers that with claviger
and leaves all else to the real one, also where the daemon itself looks for a token (then CLAVIGER_FLIGHT is set):

    #!/bin/sh
    [ -z \"$CLAVIGER_FLIGHT\" ] && [ \"$1 $2\" = \"account get-access-token\" ] && shift 2 && exec claviger azure \"$@\"
    exec /usr/bin/az \"$@\"";

/// Secrets of the session that come before any access token of Azure's, and are none.
const OTHERS: [&str; 2] = ["ANTHROPIC_FOUNDRY_AUTH_TOKEN", "ANTHROPIC_FOUNDRY_API_KEY"];

/// Arguments of `azure`.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// What the token is for, e.g. https://cognitiveservices.azure.com/.default
    #[arg(long, value_name = "SCOPE", conflicts_with = "resource")]
    pub(crate) scope: Option<String>,
    /// The same as a resource, e.g. https://cognitiveservices.azure.com
    #[arg(long, value_name = "URL")]
    pub(crate) resource: Option<String>,
    /// How to print it, as with `az`; `tsv` goes with --query
    #[arg(long, short, value_parser = ["json", "tsv"], value_name = "FORMAT")]
    pub(crate) output: Option<String>,
    /// Print the token alone: in quotes, or bare with `-o tsv`
    #[arg(long, value_parser = ["accessToken"], hide_possible_values = true, value_name = "accessToken")]
    pub(crate) query: Option<String>,
    /// Refused, with the reason
    #[arg(long, short, alias = "subscription", short_alias = 's', hide = true)]
    pub(crate) tenant: Option<String>,
}

/// Prints the token.
///
/// # Errors
/// Why there is none.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    arguments.check()?;
    let mut session = tool::session(context, Backend::Foundry)?;
    session.present.retain(|name| !OTHERS.contains(&name.as_str()));
    if let Some(scope) = arguments.scope() {
        let [token, key] = OTHERS.map(|name| (name, ""));
        tool::choose(&mut session, &[("CLAVIGER_AZURE_SCOPE", &scope), token, key]);
    }
    let lease = lending::borrow_for(context, &session).await?;
    lending::warn(context, &lease);
    let answer = answer(&lease.secret()?, &lease, &TimeZone::system())?;
    let token = answer["accessToken"].as_str().unwrap_or_default();
    match (arguments.query.is_some(), arguments.is_bare()) {
        (false, _) => output::json(&answer),
        (true, false) => output::json(&answer["accessToken"]),
        (true, true) => output::data(&format!("{token}\n")),
    }?;
    Ok(())
}

impl Arguments {
    /// What `az` would do, and this cannot.
    fn check(&self) -> Result<(), Problem> {
        let refuse = |what: &str, hint: &str| Err(Problem::new(Reason::MalformedRequest, what).hint(hint));
        match () {
            () if self.tenant.is_some() => refuse(
                "--tenant and --subscription cannot be had: a session has one identity",
                "leave them out, or run the real az by its path",
            ),
            () if self.is_bare() && self.query.is_none() => {
                refuse("`-o tsv` prints one value only", "add `--query accessToken`, or leave out `-o tsv`")
            }
            () => Ok(()),
        }
    }

    fn is_bare(&self) -> bool {
        self.output.as_deref() == Some("tsv")
    }

    /// The scope; that of a resource is everything that was granted for it.
    fn scope(&self) -> Option<String> {
        let of = |resource: &String| format!("{}/.default", resource.trim_end_matches('/'));
        self.scope.clone().or_else(|| self.resource.as_ref().map(of))
    }
}

fn answer(token: &Secret, lease: &Lease, zone: &TimeZone) -> Result<Value, Problem> {
    let expiry = lease.expires_at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
    let (Some(expiry), Scheme::Bearer) = (expiry, lease.scheme()) else {
        let message = format!(
            "{} provides a key, or a token of which nothing is known, and no access token",
            lease.source
        );
        return Err(Problem::new(Reason::MalformedRequest, message).hint(
            "remove ANTHROPIC_FOUNDRY_AUTH_TOKEN and ANTHROPIC_FOUNDRY_API_KEY from the env of your settings",
        ));
    };
    let mut answer = json!({
        "accessToken": token.value,
        // Local time without a zone: that is how `az` writes it.
        "expiresOn": expiry.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string(),
        "expires_on": expiry.as_second(),
        "tokenType": "Bearer",
    });
    if let Some(tenant) =
        lease.facts.as_ref().map(|facts| facts.account.as_str()).filter(|text| is_uuid(text))
    {
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
    use super::{Arguments, answer};
    use claviger::proto::v1::{Facts, Lease, Scheme, Secret};
    use jiff::tz::{TimeZone, offset};
    use prost_types::Timestamp;
    use serde_json::json;

    const TENANT: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    fn lease(account: &str) -> Lease {
        Lease {
            scheme: Scheme::Bearer.into(),
            expires_at: Some(Timestamp { seconds: 4_070_908_800, nanos: 123_456_789 }),
            facts: Some(Facts { account: account.into(), ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn it_reads_as_if_az_had_printed_it() {
        let zone = TimeZone::fixed(offset(2));
        let token = Secret { value: "t".into() };
        let expected = json!({
            "accessToken": "t", "expiresOn": "2099-01-01 02:00:00.123456", "expires_on": 4_070_908_800_u64,
            "tenant": TENANT, "tokenType": "Bearer",
        });
        assert_eq!(answer(&token, &lease(TENANT), &zone).expect("a token"), expected);
        assert_eq!(answer(&token, &lease("me@example.com"), &zone).expect("a token").get("tenant"), None);
        let key = Lease { scheme: Scheme::ApiKey.into(), ..lease("") };
        assert!(answer(&token, &key, &zone).is_err());
        assert!(answer(&token, &Lease { expires_at: None, ..lease("") }, &zone).is_err());
    }

    #[test]
    fn a_resource_is_a_scope() {
        for resource in ["https://vault.azure.net", "https://vault.azure.net/"] {
            let arguments = Arguments { resource: Some(resource.into()), ..Arguments::default() };
            assert_eq!(arguments.scope().as_deref(), Some("https://vault.azure.net/.default"));
        }
        assert_eq!(Arguments::default().scope(), None);
    }
}
