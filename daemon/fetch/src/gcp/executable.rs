//! Subject tokens from a program: `credential_source.executable`, only if the session permits it
//! (<https://google.aip.dev/auth/4117>, "Determining the subject token in executable-sourced credentials").

use super::{
    Declined,
    file::{self, Fields},
    impersonated,
    program::{self, Failure},
    variable,
};
use crate::codes;
use claviger::{reason::Reason, secret::Secret};
use serde_json::Value;
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The session's opt-in; `1` is yes.
const ALLOWED: &str = "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES";
/// Newest supported format of the output.
const VERSION: u64 = 1;
/// Time limit in milliseconds if the file has none; and its permitted range.
const TIMEOUT: u64 = 30_000;
const TIMEOUTS: std::ops::RangeInclusive<u64> = 5_000..=120_000;
const OUTPUT_HINT: &str =
    "it must print one JSON object with version, success, token_type and id_token or saml_response";

/// The subject token.
///
/// # Errors
/// Why there is none. Of the program's output, only a short error code is repeated.
pub(super) async fn subject_token(
    fields: &Fields<'_>,
    executable: &Fields<'_>,
    kind: &str,
) -> Result<Secret<String>, Declined> {
    let (command, millis) = (command(executable)?, millis(executable)?);
    let output_file = executable.optional("output_file")?;
    output_file.map(|path| executable.absolute("output_file", path)).transpose()?;
    if variable(ALLOWED).as_deref() != Some("1") {
        let message = "the credentials file requires running a program, which is not allowed";
        return Err(Declined::new(Reason::SettingsInvalid, message)
            .hint(format!("check its credential_source.executable, then set {ALLOWED}=1")));
    }
    if let Some(token) = output_file.and_then(stored) {
        return Ok(token);
    }
    let variables = variables(fields, kind, output_file)?;
    let output = program::run(&command[0], &command[1..], &variables, Duration::from_millis(millis)).await;
    let output = output.map_err(|failure| failed(&failure, millis))?;
    match output_file {
        Some(path) if output.iter().all(u8::is_ascii_whitespace) => {
            subject_of(&file::read_subject(Path::new(path))?).map_err(Answer::trouble)
        }
        _ => subject_of(&output).map_err(Answer::trouble),
    }
}

/// The program and its arguments.
fn command(executable: &Fields<'_>) -> Result<Vec<String>, Declined> {
    let command = shlex::split(executable.text("command")?).filter(|words| !words.is_empty());
    let command = command.ok_or_else(|| executable.wrong("command", "has a quote that does not end"))?;
    // A name without a path is searched in PATH.
    if command[0].contains('/') {
        executable.absolute("command", &command[0])?;
    }
    Ok(command)
}

/// Its time limit.
fn millis(executable: &Fields<'_>) -> Result<u64, Declined> {
    let millis = executable.count("timeout_millis")?.filter(|millis| *millis > 0).unwrap_or(TIMEOUT);
    match TIMEOUTS.contains(&millis) {
        true => Ok(millis),
        false => Err(executable.wrong("timeout_millis", "must be from 5000 to 120000")),
    }
}

/// Its variables, besides those of the session's environment.
fn variables<'a>(
    fields: &Fields<'a>,
    kind: &'a str,
    output_file: Option<&'a str>,
) -> Result<Vec<(&'static str, &'a str)>, Declined> {
    let account = fields.optional(impersonated::URL)?.and_then(impersonated::principal);
    let mut variables = vec![
        ("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE", fields.text("audience")?),
        ("GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE", kind),
        ("GOOGLE_EXTERNAL_ACCOUNT_ID", account.unwrap_or_default()),
        ("GOOGLE_EXTERNAL_ACCOUNT_INTERACTIVE", "0"),
        ("GOOGLE_EXTERNAL_ACCOUNT_REVOKE", "0"),
    ];
    variables.extend(account.map(|account| ("GOOGLE_EXTERNAL_ACCOUNT_IMPERSONATED_EMAIL", account)));
    variables.extend(output_file.map(|path| ("GOOGLE_EXTERNAL_ACCOUNT_OUTPUT_FILE", path)));
    Ok(variables)
}

/// A token from an earlier run that is still valid: then the program need not run.
fn stored(path: &str) -> Option<Secret<String>> {
    let content = file::read_subject(Path::new(path)).ok()?;
    let value: Value = serde_json::from_slice(&content).ok()?;
    value.get("expiration_time")?;
    subject_of(&content).ok()
}

/// A program's output that is not a token.
pub(crate) enum Answer {
    /// It reports a failure; with its code, if it may be shown.
    No(String),
    /// It has a token that has expired.
    Expired,
    /// It is invalid.
    Wrong(&'static str),
}

impl Answer {
    pub(crate) fn trouble(self) -> Declined {
        let invalid = |what: &str| {
            let message = format!("the output of the credentials file's executable is not usable: {what}");
            Declined::new(Reason::CommandOutputInvalid, message).hint(OUTPUT_HINT)
        };
        match self {
            Self::No(code) => Declined::new(
                Reason::CommandFailed,
                format!("the executable of the credentials file has no token ({code})"),
            )
            .hint("run it by hand to see why"),
            Self::Expired => invalid("its token has expired"),
            Self::Wrong(what) => invalid(what),
        }
    }
}

pub(crate) fn subject_of(output: &[u8]) -> Result<Secret<String>, Answer> {
    let value: Value = serde_json::from_slice(output).map_err(|_| Answer::Wrong("it is not JSON"))?;
    match value.get("version").and_then(Value::as_u64) {
        None => return Err(Answer::Wrong("version is missing")),
        Some(version) if version > VERSION => return Err(Answer::Wrong("version is not 1")),
        Some(_) => {}
    }
    match value.get("success").and_then(Value::as_bool) {
        None => return Err(Answer::Wrong("success is missing")),
        Some(false) => {
            // A program has its own codes; most are a status of HTTP, and a number of three digits is not secret.
            let number = |code: &str| code.parse().ok().filter(|code: &u16| *code < 1000);
            let shown = |code| number(code).map_or(codes::UNKNOWN.to_owned(), |code| code.to_string());
            let code = value.get("code").and_then(Value::as_str);
            return Err(Answer::No(code.map_or("no code".to_owned(), shown)));
        }
        Some(true) => {}
    }
    if let Some(at) = value.get("expiration_time").filter(|at| !at.is_null()) {
        let at = at.as_f64().ok_or(Answer::Wrong("expiration_time is not a number"))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        if at < now {
            return Err(Answer::Expired);
        }
    }
    let field = match value.get("token_type").and_then(Value::as_str) {
        Some("urn:ietf:params:oauth:token-type:jwt" | "urn:ietf:params:oauth:token-type:id_token") => {
            "id_token"
        }
        Some("urn:ietf:params:oauth:token-type:saml2") => "saml_response",
        _ => return Err(Answer::Wrong("token_type is not one of jwt, id_token and saml2")),
    };
    let token = value.get(field).and_then(Value::as_str).filter(|token| !token.is_empty());
    let token =
        token.ok_or(Answer::Wrong("it has no id_token or saml_response that matches its token_type"))?;
    Ok(Secret::new(token.to_owned()))
}

fn failed(failure: &Failure, millis: u64) -> Declined {
    let failed = |what: String| {
        Declined::new(Reason::CommandFailed, format!("the executable of the credentials file {what}"))
            .hint("run credential_source.executable.command by hand to see why")
    };
    match failure {
        Failure::Absent => failed("does not exist".to_owned()),
        Failure::NotStarted(kind) => failed(format!("could not be started: {kind}")),
        Failure::Exit(Some(code), _) => failed(format!("ended with exit code {code}")),
        Failure::Exit(None, _) => failed("was killed by a signal".to_owned()),
        Failure::Slow => {
            let message =
                format!("the executable of the credentials file did not end within {} s", millis / 1000);
            Declined::new(Reason::SourceTimeout, message)
                .hint("raise timeout_millis of credential_source.executable")
        }
        Failure::TooMuch => Answer::Wrong("it is too long").trouble(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, subject_of};

    fn outcome(output: &str) -> &'static str {
        match subject_of(output.as_bytes()) {
            Ok(_) => "token",
            Err(Answer::No(_)) => "no",
            Err(Answer::Expired) => "expired",
            Err(Answer::Wrong(_)) => "wrong",
        }
    }

    #[test]
    fn outputs() {
        const JWT: &str = r#""token_type":"urn:ietf:params:oauth:token-type:jwt""#;
        for (output, expected) in [
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":"a"}}"#), "token"),
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":"a","expiration_time":99999999999}}"#), "token"),
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":"a","expiration_time":1}}"#), "expired"),
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":"a","expiration_time":"x"}}"#), "wrong"),
            (format!(r#"{{"version":2,"success":true,{JWT},"id_token":"a"}}"#), "wrong"),
            (format!(r#"{{"success":true,{JWT},"id_token":"a"}}"#), "wrong"),
            (format!(r#"{{"version":1,{JWT},"id_token":"a"}}"#), "wrong"),
            (format!(r#"{{"version":1,"success":true,{JWT}}}"#), "wrong"),
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":""}}"#), "wrong"),
            (format!(r#"{{"version":1,"success":true,{JWT},"id_token":"a"}} and more"#), "wrong"),
            (r#"{"version":1,"success":true,"token_type":"x","id_token":"a"}"#.to_owned(), "wrong"),
            (r#"{"version":1,"success":false,"code":"401","message":"m"}"#.to_owned(), "no"),
            (r#"{"version":1,"success":false}"#.to_owned(), "no"),
            (r#"{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:saml2","saml_response":"a"}"#.to_owned(), "token"),
            ("[]".to_owned(), "wrong"),
            (String::new(), "wrong"),
        ] {
            assert_eq!(outcome(&output), expected, "{output}");
        }
    }
}
