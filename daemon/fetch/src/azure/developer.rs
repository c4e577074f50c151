//! The links "azure-cli" and "azd": the login of a developers' tool.
//!
//! Of a tool's output, only Entra's codes are repeated.

mod printed;

use super::{codes::entra_codes, link_result::LinkResult, managed};
use crate::{
    environment::{lent, variable},
    program::{Rest, output},
    tool, turn,
};
use claviger::reason::Reason;
use claviger_child::{Lent, Provided, cloud_file::AZURE_PROFILE};
use std::{io, process::Output, time::Duration};
use tokio::{process::Command, time::timeout};

/// Time limit of a tool: that of Azure's libraries ("process timeout").
const DEADLINE: Duration = Duration::from_secs(10);
/// Most bytes of output that are read; a token has a few thousand.
const MAX_OUTPUT: u64 = 256 * 1024;

/// Prefix of Entra's codes for a token request that needs the person to sign in.
const ENTRA: &str = "AADSTS";

/// A tool.
struct Tool {
    name: &'static str,
    /// The command that prints a token; the scope follows.
    command: &'static str,
    /// Part of its output without a login.
    login: &'static str,
    /// Message for output without a token.
    no_token: &'static str,
    read: fn(&[u8]) -> Option<Provided>,
}

const AZ: Tool = Tool {
    name: "az",
    command: "az account get-access-token -o json --scope",
    login: "az login",
    no_token: "az printed no token with its expiry",
    read: printed::by_az,
};

const AZD: Tool = Tool {
    name: "azd",
    command: "azd auth token -o json --no-prompt --scope",
    login: "azd auth login",
    no_token: "azd printed no token with its expiry",
    read: printed::by_azd,
};

/// Asks `az`, with its login.
pub(super) async fn ask_az(scope: &str, secrets: &Lent) -> LinkResult {
    AZ.ask(scope, secrets).await
}

/// Asks `azd`, with its login.
pub(super) async fn ask_azd(scope: &str, secrets: &Lent) -> LinkResult {
    AZD.ask(scope, secrets).await
}

impl Tool {
    async fn ask(&self, scope: &str, secrets: &Lent) -> LinkResult {
        let name = self.name;
        match self.run(scope, secrets).await {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                let why = format!("{name} did not answer within {} s", DEADLINE.as_secs());
                LinkResult::Failed(Reason::SourceTimeout, why)
            }
            Err(_) => LinkResult::Failed(Reason::CommandFailed, format!("{name} could not be started")),
            Ok(output) if output.status.success() => match (self.read)(&output.stdout) {
                Some(found) => LinkResult::Provided(found),
                None => LinkResult::Failed(Reason::CommandOutputInvalid, self.no_token.to_owned()),
            },
            // Exit code of a shell for a missing program (POSIX, "Exit Status for Commands").
            Ok(output) if output.status.code() == Some(127) => {
                LinkResult::Passed(format!("{name} is not in PATH"))
            }
            Ok(output) => self.failed(&output),
        }
    }

    fn failed(&self, output: &Output) -> LinkResult {
        let said = String::from_utf8_lossy(&output.stderr);
        tool::pass_on(&output.stderr);
        if tool::wants_sign_in(&said, &[self.login, ENTRA]) {
            let mut codes: Vec<String> = entra_codes(&said).take(4).collect();
            codes.dedup();
            let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
            return LinkResult::Passed(format!("not logged in: run `{}`{codes}", self.login));
        }
        let what = match output.status.code() {
            Some(code) => format!("{} ended with exit code {code}", self.name),
            None => format!("{} was killed by a signal", self.name),
        };
        LinkResult::Failed(Reason::CommandFailed, what)
    }

    /// Runs the tool as Azure's libraries do: by a shell, in a system directory.
    async fn run(&self, scope: &str, secrets: &Lent) -> io::Result<Output> {
        let place = AZURE_PROFILE.place(variable);
        let _turn = match place {
            Some(directory) => turn::of(&directory).await.ok(),
            None => None,
        };
        let mut attempt = 1;
        loop {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &format!("cd /bin && {} {scope}", self.command)]);
            // The tool may be logged in with a managed identity, and ask its service.
            command.envs(managed::HEADERS.into_iter().filter_map(|name| Some((name, lent(secrets, name)?))));
            let output = timeout(DEADLINE, output(command, MAX_OUTPUT, Rest::Closed)).await??;
            if output.status.success() || !tool::is_busy(&output.stderr, attempt).await {
                return Ok(output);
            }
            attempt += 1;
        }
    }
}
