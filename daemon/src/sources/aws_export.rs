//! `awsCredentialExport`: a command that prints AWS credentials. It always runs where it is set, and wins over the
//! chain. With `awsAuthRefresh` beside it, what it prints is checked, and signing in comes before a second run.

use super::{
    Ask, Binding, Bound, CredentialProvider, CredentialSource, Facts, Material, ProvideError, Provided,
    Providing, SignIn, SourceKey,
    aws_chain::{self, SIGN_IN},
    aws_keys::Keys,
    sdk::{FETCH_DIRECTORY, WITHOUT_EXPIRY, fetch},
    sign_in::{Attempt, Refusal, with_sign_in},
};
use crate::{
    fetch::answer::{MAX_ANSWER, Outcome},
    host::command::{CommandError, CommandSpec, Program},
    resolve::View,
    settings::{Located, Lookup},
};
use aws_smithy_types::{DateTime, date_time::Format};
use claviger::{
    backend::Backend,
    credential::{AWS_KEYS, Scheme},
    reason::{Location, Problem, Reason},
};
use serde::Deserialize;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The source.
pub struct AwsExport;

const ID: &str = "aws-export";
/// Settings key of the command.
const KEY: &str = "awsCredentialExport";

/// The command, bound.
#[derive(Debug)]
struct Export {
    key: SourceKey,
    spec: CommandSpec,
    /// The `fetch` child that asks AWS whether keys are good, without the keys.
    check: CommandSpec,
    sign_in: Option<SignIn>,
    at: Location,
}

/// What the command prints: the answer of STS, or the format of `credential_process`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Printed {
    Nested {
        #[serde(rename = "Credentials")]
        credentials: Fields,
    },
    Flat(Fields),
}

/// The credentials in it. Everything is optional, so that what is missing can be named.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    session_token: Option<String>,
    expiration: Option<String>,
}

// === impl AwsExport ===

impl CredentialSource for AwsExport {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Bedrock
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        let command = match view.settings.command(KEY) {
            Lookup::Unset => return Binding::NotConfigured(format!("{KEY} is not set").into()),
            Lookup::Untrusted(command) => return Binding::Refused(view.untrusted(KEY, &command.at)),
            Lookup::Set(command) => command,
        };
        match export(view, command) {
            Ok(export) => Binding::Bound(Bound {
                scheme: Scheme::SigV4,
                at: Some(command.at.clone()),
                material: Material::Provided(Arc::new(export)),
            }),
            Err(problem) => Binding::Refused(problem),
        }
    }
}

fn export(view: &View<'_>, command: &Located<String>) -> Result<Export, Problem> {
    let environment = view.command_environment();
    let sign_in = SignIn::bind(view, SIGN_IN)?;
    let (directory, deadline) = (view.directory_of(command.layer), aws_chain::timeout(view)?);
    let signer = sign_in.as_ref().map_or_else(String::new, |sign_in| sign_in.key.to_string());
    let inputs = [command.value.as_str(), directory.to_str().unwrap_or_default(), &signer].into_iter();
    let variables = environment.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let key = SourceKey::of(ID, inputs.chain(variables));
    let spec = CommandSpec {
        program: Program::Shell(command.value.clone()),
        environment,
        directory,
        deadline: view.limits.helper_timeout,
        max_output: MAX_ANSWER,
        flight: key.to_string(),
        attended: false,
    };
    let check = CommandSpec {
        program: Program::Fetch(vec!["aws-check".to_owned()]),
        environment: view.sdk_environment(Backend::Bedrock, &[])?,
        directory: FETCH_DIRECTORY.into(),
        deadline,
        ..spec.clone()
    };
    Ok(Export { key, spec, check, sign_in, at: command.at.clone() })
}

// === impl Export ===

impl CredentialProvider for Export {
    fn key(&self) -> SourceKey {
        self.key
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(with_sign_in(ask, self.sign_in.as_ref(), self))
    }

    fn sign_in(&self) -> Option<&SignIn> {
        self.sign_in.as_ref()
    }
}

impl Attempt for Export {
    async fn attempt(&self, ask: &mut Ask<'_>) -> Result<Provided, Refusal> {
        let output = ask.run(&self.spec).await.map_err(|error| self.failed(&error))?;
        let now = ask.host.clock.now();
        let (keys, expires_at) = parse(output.expose()).map_err(|what| self.unusable(&what))?;
        if expires_at.is_some_and(|at| at <= now) {
            return Err(self.expired());
        }
        if self.sign_in.is_some() {
            self.check(ask, &keys).await?;
        }
        let expires_at = Some(expires_at.unwrap_or(now + WITHOUT_EXPIRY));
        Ok(Provided { secret: keys.to_text(), expires_at, facts: Facts::default() })
    }
}

impl Export {
    /// Asks AWS who the keys belong to. Only a clear no counts: without a network they may be good all the same.
    async fn check(&self, ask: &mut Ask<'_>, keys: &Keys) -> Result<(), Refusal> {
        let mut spec = self.check.clone();
        let values = [Some(&keys.id), Some(&keys.secret), keys.token.as_ref()];
        for (name, value) in AWS_KEYS.into_iter().zip(values) {
            if let Some(value) = value {
                spec.environment.insert(name.to_owned(), value.clone());
            }
        }
        match fetch(ask, &spec, "").await.map(|answer| answer.outcome) {
            Ok(Outcome::Trouble(trouble)) if trouble.mendable => {
                let error = ProvideError::lasting(trouble.problem().at(&self.at));
                Err(Refusal { error, mendable: true })
            }
            _ => Ok(()),
        }
    }

    fn failed(&self, error: &CommandError) -> Refusal {
        // With a command that signs in, that is what comes next.
        let transient = error.may_pass() && self.sign_in.is_none();
        let problem = Problem::new(error.reason(), format!("{KEY} has no credentials to give: {error}"))
            .hint("run it in a terminal to see what it says; `claviger refresh` tries again at once")
            .at(&self.at);
        let mendable = error.said_no();
        Refusal { error: ProvideError { transient, ..ProvideError::lasting(problem) }, mendable }
    }

    fn unusable(&self, what: &str) -> Refusal {
        let problem =
            Problem::new(Reason::CommandOutputInvalid, format!("{KEY} printed no usable credentials: {what}"))
                .hint("it must print what `aws configure export-credentials --format process` or `aws sts assume-role` prints, and nothing else; messages belong on stderr")
                .at(&self.at);
        Refusal { error: ProvideError::lasting(problem), mendable: false }
    }

    fn expired(&self) -> Refusal {
        let problem =
            Problem::new(Reason::LoginRequired, format!("{KEY} printed credentials that have expired"))
                .hint("sign in again; if they should be valid, compare the clock of this machine")
                .at(&self.at);
        Refusal { error: ProvideError::lasting(problem), mendable: true }
    }
}

/// The credentials in a command's output. The error says what is wrong, never what was printed.
fn parse(output: &[u8]) -> Result<(Keys, Option<SystemTime>), String> {
    if output.len() > MAX_ANSWER {
        return Err(format!("it is longer than {MAX_ANSWER} bytes"));
    }
    let printed: Printed = match serde_json::from_slice(output) {
        Ok(printed) => printed,
        Err(_) if output.trim_ascii().is_empty() => return Err("it printed nothing".into()),
        Err(error) if error.is_data() => return Err("it is JSON, but not an object with credentials".into()),
        Err(error) => {
            return Err(format!("it is not JSON (line {}, column {})", error.line(), error.column()));
        }
    };
    let (Printed::Nested { credentials: fields } | Printed::Flat(fields)) = printed;
    let keys = Keys {
        id: fields.access_key_id.ok_or("AccessKeyId is missing")?,
        secret: fields.secret_access_key.ok_or("SecretAccessKey is missing")?,
        // A current client insists on it (`spec/behaviour.md` D).
        token: Some(fields.session_token.ok_or("SessionToken is missing")?),
    };
    keys.check().map_err(|part| format!("{part} is empty, or has a character that no key has"))?;
    let expires_at = match fields.expiration {
        None => None,
        Some(text) => {
            Some(instant(&text).ok_or("Expiration is not an instant such as 2026-01-31T12:00:00Z")?)
        }
    };
    Ok((keys, expires_at))
}

/// An ISO 8601 instant.
fn instant(text: &str) -> Option<SystemTime> {
    let at = DateTime::from_str(text.trim(), Format::DateTimeWithOffset).ok()?;
    let seconds = u64::try_from(at.secs()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::{instant, parse};
    use std::time::{Duration, SystemTime};

    const KEYS: &str = r#""AccessKeyId": "AKIA1", "SecretAccessKey": "s", "SessionToken": "t""#;

    #[test]
    fn both_shapes_are_read() {
        for text in [
            format!(r#"{{"Credentials": {{{KEYS}, "Expiration": "2026-01-31T12:00:00Z"}}}}"#),
            format!(r#"{{"Version": 1, {KEYS}, "Expiration": "2026-01-31T12:00:00+00:00"}}"#),
            format!(
                r#"{{"Credentials": {{{KEYS}, "Expiration": "2026-01-31T13:00:00+01:00"}}, "AssumedRoleUser": {{}}}}"#
            ),
        ] {
            let (keys, expires_at) = parse(text.as_bytes()).expect(&text);
            assert_eq!((keys.id.as_str(), keys.token.as_deref()), ("AKIA1", Some("t")));
            assert_eq!(
                expires_at,
                Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1_769_860_800)),
                "{text}"
            );
        }
        assert_eq!(parse(format!("{{{KEYS}}}").as_bytes()).expect("valid").1, None);
    }

    #[test]
    fn what_is_wrong_is_named_and_nothing_is_repeated() {
        for (text, what) in [
            (String::new(), "nothing"),
            (" \n".into(), "nothing"),
            ("canary".into(), "not JSON"),
            (format!("Attempting canary…\n{{{KEYS}}}"), "not JSON"),
            (format!("{{{KEYS}}} canary"), "not JSON"),
            (format!("{{{KEYS}"), "not JSON"),
            ("[\"canary\"]".into(), "not an object"),
            (r#"{"AccessKeyId": 7}"#.into(), "not an object"),
            (r#"{"Credentials": "canary"}"#.into(), "AccessKeyId is missing"),
            (r#"{"AccessKeyId": "A", "SecretAccessKey": "canary"}"#.into(), "SessionToken is missing"),
            (r#"{"AccessKeyId": "A", "SessionToken": "canary"}"#.into(), "SecretAccessKey is missing"),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "", "SessionToken": "canary"}"#.into(),
                "SecretAccessKey is empty",
            ),
            (
                r#"{"AccessKeyId": "A", "SecretAccessKey": "s", "SessionToken": "canary\nx"}"#.into(),
                "SessionToken",
            ),
            (format!(r#"{{{KEYS}, "Expiration": "canary"}}"#), "Expiration"),
            (format!(r#"{{{KEYS}, "Expiration": 1769860800}}"#), "not an object"),
            (" ".repeat(70_000), "longer than"),
        ] {
            let error = parse(text.as_bytes()).expect_err(&text);
            assert!(error.contains(what) && !error.contains("canary"), "{text:?}: {error}");
        }
    }

    #[test]
    fn instants_before_the_epoch_and_without_zone_are_refused() {
        for text in ["", "2026-01-31", "2026-01-31T12:00:00", "1960-01-01T00:00:00Z", "tomorrow"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }
}
