//! `clavigerd fetch probe`: what needs TLS or a keyring is looked at by a child, so that the client links neither.

use crate::doctor::facts::Probe;
use claviger::{client::daemon_program, proto::v1::Secret, session::SessionContext};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

/// When a child is ended that did not end by itself, which it does after 8 s.
const DEADLINE: Duration = Duration::from_secs(12);
/// Most that it may say.
const MAX: u64 = 16 * 1024;

/// What a child saw, and the server's clock in seconds since 1970.
pub(super) struct Answer {
    pub(super) probe: Probe,
    pub(super) date: Option<u64>,
}

/// Runs one, with the session's environment and `variables` over it, and says `headers` to it.
pub(super) async fn probe(
    arguments: &[&str],
    session: &SessionContext,
    variables: impl IntoIterator<Item = (String, String)>,
    headers: &[Secret],
) -> Option<Answer> {
    let mut command = Command::new(daemon_program().ok()?);
    command.args(["fetch", "probe"]).args(arguments).env_clear().current_dir("/").process_group(0);
    command.envs(&session.variables).envs(variables).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    let mut text = String::new();
    let talk = async {
        for header in headers {
            stdin.write_all(header.value.as_bytes()).await.ok()?;
            stdin.write_all(b"\n").await.ok()?;
        }
        drop(stdin);
        stdout.take(MAX).read_to_string(&mut text).await.ok()
    };
    timeout(DEADLINE, talk).await.ok()??;
    drop(child.wait().await);
    decode(&text)
}

fn decode(text: &str) -> Option<Answer> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
    let status = json["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let probe = Probe { outcome: word("outcome"), status, message: word("message"), hint: word("hint") };
    Some(Answer { probe, date: json["date"].as_u64() })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn answers_are_read_and_nonsense_is_none() {
        let answer =
            decode(r#"{"outcome":"answered","status":401,"date":7,"message":null}"#).expect("an answer");
        assert_eq!(
            (answer.probe.outcome.as_str(), answer.probe.status, answer.date),
            ("answered", Some(401), Some(7))
        );
        assert!(decode("").is_none() && decode("panic").is_none());
    }
}
