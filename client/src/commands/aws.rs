//! `claviger aws`: credentials for AWS tools, in the forms that they read.

use crate::{
    commands::env::{self, Shell},
    complete,
    daemon::lending,
    failure::Failure,
    output,
    session::{caller, context::Context, environment, keys, tool},
};
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    AwsKeys, Lease, Problem, Reason, Secret, backend::Backend, credential::AWS_KEYS, proto::v1::Hook,
    session::SessionContext, source::AWS_CHAIN,
};
use claviger_child::cloud_file::{AWS_CONFIG, AWS_CREDENTIALS};
use serde_json::{Value, json};
use std::io::IsTerminal as _;

/// Its use in `~/.aws/config`.
pub(crate) const HELP: &str = "\
A tool that uses the profile `default` gets the credentials of the profile `work`, from ~/.aws/config:

    [default]
    region = us-east-1
    credential_process = claviger aws --profile work

    [profile work]
    sso_start_url = https://example.awsapps.com/start
    sso_region = us-east-1
    sso_account_id = 123456789012
    sso_role_name = Developer

The profile that runs claviger must not be the one that claviger asks: always name the other with --profile.";

/// Arguments of `aws`.
#[derive(clap::Args, Debug, Default, PartialEq)]
pub(crate) struct Arguments {
    /// The profile to sign in with; overrides environment and settings
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new(), add = ArgValueCandidates::new(complete::profiles))]
    pub(crate) profile: Option<String>,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

/// Output formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, clap::ValueEnum)]
pub(crate) enum Format {
    /// JSON for `credential_process` of ~/.aws/config
    #[default]
    Process,
    /// JSON for `awsCredentialExport` of settings
    Export,
    /// Shell lines
    Env,
}

/// Prints the credentials.
///
/// # Errors
/// Why there are none.
pub(crate) async fn run(context: &Context, arguments: &Arguments) -> Result<(), Failure> {
    // Always answers: a person or a script that wants variables may ask any number of times.
    let is_hook = arguments.format != Format::Env && !std::io::stdout().is_terminal();
    let hook = is_hook.then(|| Hook { session: caller::session() });
    let lease = lending::borrow_by(context, &session(context, arguments)?, hook).await?;
    if arguments.profile.is_some() {
        check_source(&lease)?;
    }
    lending::warn(context, &lease);
    match arguments.format {
        Format::Process => output::json(&process(&lease.aws_keys()?, &lease))?,
        Format::Export => output::json(&export(&lease.aws_keys()?, &lease))?,
        Format::Env => {
            let variables = environment::aws_tool(&lease, |name| std::env::var_os(name).is_some())?;
            env::print(context, &variables, Shell::Bash)?;
        }
    }
    Ok(())
}

/// With a named profile, keys and the web identity of the environment do not count, although they normally come before
/// a profile; `aws --profile` does the same.
fn session(context: &Context, arguments: &Arguments) -> Result<SessionContext, Failure> {
    let mut session = tool::session(context, Backend::Bedrock)?;
    if let Some(profile) = &arguments.profile {
        let [id, secret, token] = AWS_KEYS.map(|name| (name, ""));
        let identity = ["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME"];
        let [file, role, name] = identity.map(|name| (name, ""));
        let bearer = ("AWS_BEARER_TOKEN_BEDROCK", "");
        let variables = [("AWS_PROFILE", profile.as_str()), id, secret, token, bearer, file, role, name];
        tool::choose(&mut session, &variables);
        if begins_with_keys(&session) {
            let own = AWS_KEYS.into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
            let own = own.filter(|(_, value)| !value.is_empty());
            session.lent.extend(own.map(|(name, value)| (name.to_owned(), Secret::new(value))));
        }
    }
    Ok(session)
}

/// Whether a role in AWS's files starts from the keys of the environment (`credential_source = Environment`). Otherwise
/// the keys are not sent.
fn begins_with_keys(session: &SessionContext) -> bool {
    let value = |name: &str| session.variable(name).map(str::to_owned).filter(|value| !value.is_empty());
    let files = [AWS_CONFIG, AWS_CREDENTIALS].into_iter().filter_map(|file| file.path(value));
    let texts = files.filter(|path| path.is_file()).filter_map(|path| std::fs::read_to_string(path).ok());
    let says_so = |line: &str| line.contains("credential_source") && line.contains("Environment");
    texts.into_iter().any(|text| text.lines().any(says_so))
}

/// A command of the settings comes before every profile.
fn check_source(lease: &Lease) -> Result<(), Problem> {
    if lease.source == AWS_CHAIN {
        return Ok(());
    }
    let message =
        format!("{} provides the credentials of this session, whatever profile is named", lease.source);
    Err(Problem::new(Reason::SettingsInvalid, message)
        .hint("leave out --profile to get those, or remove that setting")
        .at(lease.location.as_ref()))
}

fn process(keys: &AwsKeys, lease: &Lease) -> Value {
    let mut object = fields(keys, lease);
    object["Version"] = 1.into();
    object
}

fn export(keys: &AwsKeys, lease: &Lease) -> Value {
    json!({ "Credentials": fields(keys, lease) })
}

/// The fields that both forms share. Unknown values are left out: null is not accepted.
fn fields(keys: &AwsKeys, lease: &Lease) -> Value {
    let mut object =
        json!({ "AccessKeyId": keys.access_key_id, "SecretAccessKey": keys.secret_access_key.expose() });
    if let Some(token) = &keys.session_token {
        object["SessionToken"] = token.expose().as_str().into();
    }
    if let Some(expiry) = keys::expiry(lease) {
        object["Expiration"] = expiry.into();
    }
    if let Some(account) = keys::account(lease) {
        object["AccountId"] = account.into();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::{check_source, export, process};
    use claviger::{AwsKeys, Lease, proto::v1::Facts};
    use serde_json::json;
    use std::time::{Duration, UNIX_EPOCH};

    fn keys(token: Option<&str>) -> AwsKeys {
        AwsKeys {
            access_key_id: "AKIA1".into(),
            secret_access_key: "s".into(),
            session_token: token.map(Into::into),
        }
    }

    #[test]
    fn tools_get_the_form_they_read() {
        let expires_at = Some(UNIX_EPOCH + Duration::new(4_070_908_800, 7));
        let facts = Some(Facts { account: "123456789012".into(), ..Default::default() });
        let lease = Lease { expires_at, facts, ..Default::default() };
        let expected = json!({
            "Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s", "SessionToken": "t",
            "Expiration": "2099-01-01T00:00:00Z", "AccountId": "123456789012",
        });
        assert_eq!(process(&keys(Some("t")), &lease), expected);
        let expected = json!({"Credentials": {
            "AccessKeyId": "AKIA1", "SecretAccessKey": "s", "SessionToken": "t", "Expiration": "2099-01-01T00:00:00Z",
            "AccountId": "123456789012",
        }});
        assert_eq!(export(&keys(Some("t")), &lease), expected);
    }

    #[test]
    fn what_is_unknown_is_left_out() {
        let expected = json!({ "Version": 1, "AccessKeyId": "AKIA1", "SecretAccessKey": "s" });
        assert_eq!(process(&keys(None), &Lease::default()), expected);
    }

    #[test]
    fn a_profile_is_asked_for_and_nothing_else_will_do() {
        let from = |source: &str| Lease { source: source.into(), ..Default::default() };
        assert!(check_source(&from("aws-chain")).is_ok());
        assert!(
            check_source(&from("aws-export")).is_err_and(|problem| problem.message.contains("aws-export"))
        );
    }
}
