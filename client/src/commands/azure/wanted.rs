//! The requested token, from the options of `az account get-access-token`. Pure.

use super::query::Query;
use crate::text::escape;
use clap::Parser as _;
use claviger::reason::{Problem, Reason};
use serde_json::Value;
use std::ffi::OsString;

/// The token, and its output format.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(super) struct Wanted {
    /// Scope of the token, e.g. https://cognitiveservices.azure.com/.default
    #[arg(long, value_name = "SCOPE", conflicts_with = "resource")]
    scope: Option<String>,
    /// Resource of the token, instead of a scope, e.g. https://cognitiveservices.azure.com
    #[arg(long, value_name = "URL")]
    resource: Option<String>,
    /// Output format, as with `az`
    #[arg(long, short, value_parser = ["json", "jsonc", "tsv", "none"], ignore_case = true, value_name = "FORMAT")]
    output: Option<String>,
    /// Fields to print, as in `accessToken` or `[accessToken, expires_on]`
    #[arg(long, value_parser = Query::parse, value_name = "QUERY")]
    query: Option<Query>,
    /// Fail unless the token belongs to this tenant
    #[arg(long, short, value_name = "TENANT")]
    tenant: Option<String>,
    /// Not supported; the error gives the reason
    #[arg(long, short, alias = "name", short_alias = 'n', hide = true)]
    subscription: Option<String>,
    /// Accepted without effect
    #[arg(long, aliases = ["debug", "verbose"], action = clap::ArgAction::Count, hide = true)]
    only_show_errors: u8,
}

/// A command line of `az` after its verb. `az` itself answers --help.
#[derive(clap::Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    wanted: Wanted,
}

impl Wanted {
    /// Parses a command line of `az`; succeeds if it asks for a token and uses only supported options.
    pub(super) fn of_az(words: &[OsString]) -> Option<Self> {
        let [first, second, rest @ ..] = words else { return None };
        let wanted = Line::try_parse_from(rest).ok()?.wanted;
        // It names one of several accounts in `az`.
        (first == "account" && second == "get-access-token" && wanted.subscription.is_none())
            .then_some(wanted)
    }

    /// Requests that `az` supports and claviger does not.
    ///
    /// # Errors
    /// Refuses them.
    pub(super) fn check(&self) -> Result<(), Problem> {
        match self.subscription {
            None => Ok(()),
            Some(_) => {
                let message = "--subscription is not supported: a session has one identity, whatever az is signed in to";
                Err(Problem::new(Reason::MalformedRequest, message).hint(
                    "leave it out, or run the real az: `claviger azure --or az account get-access-token ...`",
                ))
            }
        }
    }

    /// The scope; for a resource, it requests everything granted for it. A slash at the end of the resource is kept.
    pub(super) fn scope(&self) -> Option<String> {
        self.scope.clone().or_else(|| Some(format!("{}/.default", self.resource.as_ref()?)))
    }

    /// Whether the token belongs to the requested tenant.
    pub(super) fn is_of(&self, answer: &Value) -> bool {
        let tenant = answer["tenant"].as_str();
        self.tenant.as_deref().is_none_or(|wanted| tenant.is_some_and(|is| is.eq_ignore_ascii_case(wanted)))
    }

    /// The fields to print.
    pub(super) fn text(&self, answer: &Value) -> String {
        let found = self.query.as_ref().map_or_else(|| Query::all(answer), |query| query.of(answer));
        match self.output.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("none") => String::new(),
            Some("tsv") => found.tsv(),
            _ => found.json().map_or_else(String::new, |value| escape::json(&format!("{value:#}")) + "\n"),
        }
    }
}

/// The session's tenant is another one, or unknown.
pub(super) fn other_tenant() -> Problem {
    let message = "the token does not belong to that tenant: a session has one identity";
    Problem::new(Reason::MalformedRequest, message)
        .hint("leave out --tenant, or run the real az: `claviger azure --or az account get-access-token ...`")
}

#[cfg(test)]
mod tests {
    use super::Wanted;
    use serde_json::json;
    use std::ffi::OsString;

    fn of_az(line: &str) -> Option<Wanted> {
        Wanted::of_az(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_resource_keeps_its_slash() {
        for (resource, scope) in [
            ("https://vault.azure.net", "https://vault.azure.net/.default"),
            ("https://management.core.windows.net/", "https://management.core.windows.net//.default"),
            ("api://app-1", "api://app-1/.default"),
        ] {
            let wanted = Wanted { resource: Some(resource.into()), ..Wanted::default() };
            assert_eq!(wanted.scope().as_deref(), Some(scope));
        }
        assert_eq!(Wanted::default().scope(), None);
    }

    #[test]
    fn lines_of_azures_libraries_are_understood() {
        let verb = "account get-access-token";
        for line in [
            verb.to_owned(),
            // azure-identity for Python and JavaScript, for .NET, for Rust; Terraform.
            format!("{verb} --output json --resource https://vault.azure.net"),
            format!("{verb} --output json --scope https://vault.azure.net/.default --tenant t"),
            format!("{verb} -o json --scope https://vault.azure.net/.default"),
            format!("{verb} -o=json --resource=https://vault.azure.net --tenant=t"),
            format!("{verb} -ojson --only-show-errors --debug --verbose"),
            format!("{verb} --query accessToken -o TSV -t t"),
            format!("{verb} --query [accessToken,expires_on] --output none"),
        ] {
            assert!(of_az(&line).is_some(), "{line}");
        }
        for line in [
            "",
            "account",
            "account show -o json",
            "vm list",
            "version",
            "--version",
            "--debug account get-access-token",
            "account get-access-token --help",
            "account get-access-token -h",
            "account get-access-token --subscription s",
            "account get-access-token -s s",
            "account get-access-token --name s",
            "account get-access-token -n s",
            "account get-access-token --resource-type ms-graph",
            "account get-access-token --scope a b",
            "account get-access-token --scope a --resource b",
            "account get-access-token -o yaml",
            "account get-access-token -o table",
            "account get-access-token --query length(@)",
            "account get-access-token --claims-challenge x",
            "account get-access-token --resource",
            "account get-access-token extra",
        ] {
            assert_eq!(of_az(line), None, "{line}");
        }
    }

    #[test]
    fn a_tenant_is_asked_for_by_its_id() {
        let answer = json!({ "tenant": "72f988bf-86f1-41af-91ab-2d7cd011db47" });
        let nothing = json!({});
        let is_of = |tenant: Option<&str>, answer| {
            Wanted { tenant: tenant.map(str::to_owned), ..Wanted::default() }.is_of(answer)
        };
        assert!(is_of(None, &answer) && is_of(None, &nothing));
        assert!(is_of(Some("72F988BF-86f1-41af-91ab-2d7cd011db47"), &answer));
        assert!(!is_of(Some("contoso.onmicrosoft.com"), &answer) && !is_of(Some("x"), &nothing));
    }
}
