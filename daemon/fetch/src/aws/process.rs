//! A `credential_process`. It runs as `aws` runs it, without a shell, and prints one JSON object.

use super::{Credentials, Declined, instant};
use claviger::reason::Reason;
use serde_json::{Map, Value};
use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{ExitStatus, Stdio},
    time::SystemTime,
};
use tokio::{io::AsyncReadExt as _, process::Command};
use zeroize::Zeroizing;

/// Most bytes of output; usually about one KiB.
const MAX_OUTPUT: u64 = 256 * 1024;
const FORM: &str = "it must print only a JSON object with Version 1, AccessKeyId and SecretAccessKey; messages belong on \
    stderr";
const TRY: &str = "run it in a terminal to see its messages";
const STALE: &str = "it returns old credentials: sign in at its source, or clear its cache";
/// Characters that a shell would expand.
const OF_SHELLS: [char; 9] = ['~', '$', '`', '|', '&', ';', '<', '>', '*'];

/// The command's credentials. `account` is the one in its profile.
///
/// # Errors
/// Why its output is not a credential.
pub(super) async fn run(
    what: &str,
    command: &[String],
    account: Option<&str>,
) -> Result<Credentials, Declined> {
    let [program, arguments @ ..] = command else { return Err(unusable(what)) };
    let ended = output(program, arguments).await;
    let (status, output) = ended.map_err(|error| unrunnable(what, command, &error))?;
    if output.len() as u64 > MAX_OUTPUT {
        let message = format!("{what}: the output of its credential_process is too long");
        return Err(Declined::new(Reason::CommandOutputInvalid, message).hint(FORM));
    }
    // A shell reports a killed command as 128 plus the signal; so do we.
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    match code {
        Some(0) => match parse(&output, account) {
            Some(keys) if keys.expiry().is_some_and(|at| at <= SystemTime::now()) => {
                let message = format!("{what}: its credential_process printed credentials that have expired");
                Err(Declined::sign_in(message).hint(STALE))
            }
            keys => keys.ok_or_else(|| unusable(what)),
        },
        Some(code @ (126 | 127)) => Err(Declined::new(
            Reason::CommandFailed,
            format!("{what}: its credential_process cannot be run (exit code {code})"),
        )
        .hint("check its path, and that it may be executed")),
        Some(code) => {
            Err(Declined::sign_in(format!("{what}: its credential_process ended with exit code {code}"))
                .hint(TRY))
        }
        None => Err(Declined::sign_in(format!("{what}: its credential_process failed")).hint(TRY)),
    }
}

async fn output(program: &str, arguments: &[String]) -> io::Result<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn()?;
    let mut output = Zeroizing::new(Vec::new());
    if let Some(stdout) = child.stdout.take() {
        stdout.take(MAX_OUTPUT + 1).read_to_end(&mut output).await?;
    }
    Ok((child.wait().await?, output))
}

fn parse(output: &[u8], account: Option<&str>) -> Option<Credentials> {
    let fields: Map<String, Value> = serde_json::from_slice(output).ok()?;
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let is_set = |name: &&str| fields.get(*name).is_some_and(|value| !value.is_null());
    // Python accepts 1.0 for 1.
    if fields.get("Version")?.as_f64()? != 1.0 {
        return None;
    }
    let credentials = Credentials::builder()
        .access_key_id(text("AccessKeyId")?)
        .secret_access_key(text("SecretAccessKey")?)
        .provider_name("CredentialProcess");
    let mut credentials = credentials;
    if is_set(&"SessionToken") {
        credentials.set_session_token(Some(text("SessionToken")?.to_owned()));
    }
    if is_set(&"Expiration") {
        credentials.set_expiry(Some(instant::of(fields.get("Expiration")?)?));
    }
    credentials.set_account_id(text("AccountId").or(account).map(Into::into));
    Some(credentials.build())
}

fn unusable(what: &str) -> Declined {
    let message = format!("{what}: its credential_process printed no usable credentials");
    Declined::new(Reason::CommandOutputInvalid, message).hint(FORM)
}

fn unrunnable(what: &str, command: &[String], error: &io::Error) -> Declined {
    let message = format!("{what}: its credential_process cannot be run: {}", error.kind());
    let hint = match command.iter().any(|word| word.contains(OF_SHELLS)) {
        true => "as with `aws`, no shell runs it: write whole paths instead of ~ and $HOME, or name a script",
        false => "check its path, and that it may be executed",
    };
    Declined::new(Reason::CommandFailed, message).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::{parse, run};
    use std::time::{Duration, SystemTime};

    #[test]
    fn output_is_read_as_aws_reads_it() {
        let with =
            |more: &str| format!(r#"{{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "s"{more}}}"#);
        let expiry = |more: &str| parse(with(more).as_bytes(), None).expect("credentials").expiry();
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(4_070_908_800);
        for (more, expected) in [
            ("", None),
            (r#", "Expiration": null, "SessionToken": null"#, None),
            (r#", "Expiration": "2099-01-01T00:00:00+0000""#, Some(at)),
            (r#", "Expiration": "20990101T000000Z""#, Some(at)),
            (r#", "Expiration": 4070908800"#, Some(at)),
        ] {
            assert_eq!(expiry(more), expected, "{more}");
        }
        for bad in [
            String::new(),
            "[]".into(),
            with(r#", "Expiration": "soon""#),
            with(r#", "Expiration": "2099-01-01T00:00:00""#),
            with(r#", "SessionToken": 1"#),
            with("") + "x",
            with("").replace("Version", "version"),
            with("").replace(": 1", ": \"1\""),
            with("").replace(": 1", ": 2"),
            with("").replace("\"s\"", "null"),
        ] {
            assert!(parse(bad.as_bytes(), None).is_none(), "{bad}");
        }
        let account = |more: &str| {
            parse(with(more).as_bytes(), Some("1"))
                .and_then(|keys| keys.account_id().map(|id| id.as_str().to_owned()))
        };
        assert_eq!((account(""), account(r#", "AccountId": "2""#)), (Some("1".into()), Some("2".into())));
    }

    #[tokio::test]
    async fn no_shell_runs_it() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let declined = run("p", &words("~/bin/x canary"), None).await.expect_err("no such file");
        let shown = format!("{} {:?}", declined.problem.message, declined.problem.hint);
        assert!(shown.contains("no shell") && !shown.contains("canary"), "{shown}");
        let script = ["sh", "-c", "exit 3"].map(str::to_owned);
        let declined = run("p", &script, None).await.expect_err("it ends");
        assert!(declined.problem.message.contains("exit code 3"), "{declined:?}");
    }
}
