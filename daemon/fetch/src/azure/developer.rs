//! The links "azure-cli" and "azd": whoever is logged in to a developers' tool.
//!
//! The SDK runs the tool through a shell; how it ended is noted here, because nothing that it printed may be repeated.

use super::{authority::check_tenant, codes::entra_codes, managed, principal::of_account, step::Step};
use crate::{environment::variable, tool, turn};
use azure_core::credentials::TokenCredential;
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, AzureDeveloperCliCredential,
    AzureDeveloperCliCredentialOptions, Executor,
};
use claviger::reason::Reason;
use claviger_child::{cloud_file::AZURE_PROFILE, is_token};
use claviger_private::lock;
use std::{
    ffi::OsStr,
    io,
    process::{Output, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    time::timeout,
};

/// How long a tool may take: what Azure's libraries give it ("process timeout").
const DEADLINE: Duration = Duration::from_secs(10);
/// How long output is still read after the tool has ended: a child that it left behind may hold the pipe open.
const GRACE: Duration = Duration::from_millis(250);
/// Most bytes of output that are read; a token has a few thousand.
const MAX_OUTPUT: u64 = 256 * 1024;

/// How the codes of Entra begin: it has been asked for a token, and wants to see the person.
const ENTRA: &str = "AADSTS";

/// A tool.
struct Tool {
    name: &'static str,
    /// In what it prints when nobody is logged in.
    login: &'static str,
    /// What to say of output without a token.
    no_token: &'static str,
}

/// Runs a tool, and notes how that ended.
#[derive(Debug)]
struct Runner {
    login: &'static str,
    ended: Mutex<Ended>,
}

/// How a tool ended.
#[derive(Clone, Debug, Default)]
enum Ended {
    /// It could not be started.
    #[default]
    NotStarted,
    /// It is not installed.
    Missing,
    Late,
    /// It said no, with Entra's codes.
    Code {
        code: Option<i32>,
        is_logged_out: bool,
        codes: Vec<String>,
    },
    /// It printed something, and perhaps the tenant.
    Printed(Option<String>),
}

/// Asks whoever is logged in to `az`.
pub(super) async fn ask_az(scope: &str) -> Step {
    let tool = Tool {
        name: "az",
        login: "az login",
        no_token: "az printed no token with its expiry, as version 2.54 and newer do",
    };
    let runner = Runner::new(tool.login);
    let options = AzureCliCredentialOptions { executor: Some(runner.clone()), ..Default::default() };
    match AzureCliCredential::new(Some(options)) {
        Ok(credential) => tool.ask(&*credential, &runner, scope).await,
        Err(_) => Step::Passed("az cannot be asked".to_owned()),
    }
}

/// Asks whoever is logged in to `azd`.
pub(super) async fn ask_azd(scope: &str) -> Step {
    let tool =
        Tool { name: "azd", login: "azd auth login", no_token: "azd printed no token with its expiry" };
    let runner = Runner::new(tool.login);
    let options = AzureDeveloperCliCredentialOptions { executor: Some(runner.clone()), ..Default::default() };
    match AzureDeveloperCliCredential::new(Some(options)) {
        Ok(credential) => tool.ask(&*credential, &runner, scope).await,
        Err(_) => Step::Passed("azd cannot be asked".to_owned()),
    }
}

impl Tool {
    async fn ask(&self, credential: &dyn TokenCredential, runner: &Runner, scope: &str) -> Step {
        let token = credential.get_token(&[scope], None).await;
        let (name, ended) = (self.name, lock(&runner.ended).clone());
        match (token, ended) {
            (Ok(token), Ended::Printed(account)) if is_token(token.token.secret()) => {
                Step::Provided(of_account(&token, account))
            }
            (_, Ended::Late) => {
                let why = format!("{name} did not answer within {} s", DEADLINE.as_secs());
                Step::Failed(Reason::SourceTimeout, why)
            }
            (_, Ended::Missing) => Step::Passed(format!("{name} is not in PATH")),
            (_, Ended::NotStarted) => {
                Step::Failed(Reason::CommandFailed, format!("{name} could not be started"))
            }
            (_, Ended::Printed(_)) => Step::Failed(Reason::CommandOutputInvalid, self.no_token.to_owned()),
            (_, Ended::Code { is_logged_out: true, codes, .. }) => {
                let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
                Step::Passed(format!("nobody is logged in: run `{}`{codes}", self.login))
            }
            (_, Ended::Code { code, .. }) => {
                let what = match code {
                    Some(code) => format!("{name} ended with exit code {code}"),
                    None => format!("{name} was ended by a signal"),
                };
                Step::Failed(Reason::CommandFailed, what)
            }
        }
    }
}

impl Runner {
    fn new(login: &'static str) -> Arc<Self> {
        Arc::new(Self { login, ended: Mutex::default() })
    }

    fn ended(&self, output: &Output) -> Ended {
        if output.status.success() {
            return Ended::Printed(tenant(&output.stdout));
        }
        let said = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            // What a shell says when there is no such program (POSIX, "Exit Status for Commands").
            Some(127) => Ended::Missing,
            code => {
                let mut codes: Vec<String> = entra_codes(&said).take(4).collect();
                codes.dedup();
                let is_logged_out = tool::wants_sign_in(&said, &[self.login, ENTRA]);
                tool::pass_on(&output.stderr);
                Ended::Code { code, is_logged_out, codes }
            }
        }
    }
}

#[async_trait::async_trait]
impl Executor for Runner {
    async fn run(&self, program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
        let place = AZURE_PROFILE.place(variable);
        let _turn = match place {
            Some(directory) => turn::of(&directory).await.ok(),
            None => None,
        };
        let mut attempt = 1;
        let result = loop {
            let result = timeout(DEADLINE, output(program, arguments)).await;
            match &result {
                Ok(Ok(output))
                    if !output.status.success() && tool::is_busy(&output.stderr, attempt).await =>
                {
                    attempt += 1;
                }
                _ => break result,
            }
        };
        *lock(&self.ended) = match &result {
            Ok(Ok(output)) => self.ended(output),
            Ok(Err(_)) => Ended::NotStarted,
            Err(_) => Ended::Late,
        };
        result.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }
}

/// Runs a program. What it leaves behind is in the process group that the daemon ends.
async fn output(program: &OsStr, arguments: &[&OsStr]) -> io::Result<Output> {
    let mut command = Command::new(program);
    // It is there, without its value, for the SDK alone.
    command.env_remove(managed::HEADER);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn()?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let streams = (child.stdout.take(), child.stderr.take());
    let status = {
        let reading = async { tokio::join!(read(streams.0, &mut stdout), read(streams.1, &mut stderr)) };
        tokio::pin!(reading);
        tokio::select! {
            _ = &mut reading => child.wait().await,
            ended = child.wait() => {
                drop(timeout(GRACE, reading).await);
                ended
            }
        }
    };
    Ok(Output { status: status?, stdout, stderr })
}

/// Reads up to the limit. Closed after that, a pipe ends whoever goes on writing.
async fn read(stream: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) {
    if let Some(stream) = stream {
        drop(stream.take(MAX_OUTPUT).read_to_end(bytes).await);
    }
}

/// The tenant that `az` says the token is of.
fn tenant(printed: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(printed).ok()?;
    let tenant = value.get("tenant")?.as_str()?;
    (!tenant.is_empty() && check_tenant(tenant).is_ok()).then(|| tenant.to_owned())
}
