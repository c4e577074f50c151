//! Checks by `clavigerd-fetch`: a child process does what needs TLS or a keyring, so that the client links neither.

use claviger::{client::daemon_program, secret::Secret, session::SessionContext};
use claviger_child::{Call, FETCH_PROGRAM, MAX_ANSWER, Probe, ProbeResult, Request, programs_of};
use std::{process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    time::timeout,
};

/// Time limit of a child, which normally ends by itself after 8 s.
const DEADLINE: Duration = Duration::from_secs(12);

/// Runs a child with the session's environment, overridden by `variables`. `None` if the program does not exist or did
/// not answer.
pub(super) async fn look(
    probe: Probe,
    session: &SessionContext,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Option<ProbeResult> {
    let request = Request::Probe(probe);
    let program =
        programs_of(FETCH_PROGRAM, &daemon_program().ok()?).into_iter().find(|path| path.is_file())?;
    let mut command = Command::new(program);
    command.arg(request.word()).env_clear().current_dir("/").process_group(0);
    command.envs(&session.variables).envs(variables).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    let call: Secret<String> = Call::new(request).line();
    let mut text = Vec::new();
    let talk = async {
        stdin.write_all(call.expose().as_bytes()).await.ok()?;
        drop(stdin);
        stdout.take(MAX_ANSWER as u64).read_to_end(&mut text).await.ok()
    };
    timeout(DEADLINE, talk).await.ok()??;
    drop(child.wait().await);
    serde_json::from_slice(&text).ok()
}
