//! Facts from the daemon: its own state, the session, and whether its credential is available.

use super::{child, holder, settings};
use crate::{
    daemon::{explore, gates},
    doctor::{
        facts::{Credential, Daemon, Endpoint, Facts, Lent, Running, Setting, Unchecked},
        progress::Progress,
    },
    failure::Failure,
    session::context::Context,
};
use claviger::{
    Backend, Change, Lease, Material,
    client::{Client, ConnectError, daemon_program, is_default, request, unwrap},
    proto::v1::{
        self, ExplainRequest, ExplainResponse, GetStatusRequest, GetVersionRequest, ListAccountsRequest,
        StorePlace,
    },
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    session::SessionContext,
    wire,
};
use claviger_child::{Probe, ProbeResult, Text};
use std::{
    os::unix::fs::MetadataExt as _,
    path::PathBuf,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::time::{error::Elapsed, timeout};

/// A daemon answers from memory within milliseconds.
const ANSWER: Duration = Duration::from_secs(5);
/// Time limit for opening a gate, for which the daemon takes 10 s at most.
const GATE: Duration = Duration::from_secs(12);
/// Time limit for a credential, unless `--timeout` sets one: long enough for a helper that asks a server.
const CREDENTIAL: Duration = Duration::from_secs(30);

/// Result of asking for a lease.
type Asked = Result<Box<Lease>, Credential>;

/// Asks the daemon everything, and then checks the endpoint and the keyring that it names.
pub(super) async fn gather(
    context: &Context,
    session: &SessionContext,
    online: bool,
    progress: &Progress,
    facts: &mut Facts,
) {
    let step = progress.step("daemon");
    let client = match connect(context).await {
        Ok(client) => client,
        Err(daemon) => return without(daemon, facts),
    };
    facts.daemon = describe(context, &client).await;
    drop(step);
    if !matches!(facts.daemon, Daemon::Running(_)) {
        return without(std::mem::take(&mut facts.daemon), facts);
    }
    let look = Look { client: &client, session, progress };
    let (explained, accounts, closed_gate) =
        tokio::join!(look.explain(), look.accounts(), look.closed_gate());
    (facts.accounts, facts.closed_gate) = (accounts, closed_gate);
    if let Ok(explained) = &explained {
        facts.settings = settings::all(explained, session);
        facts.programs = settings::programs(&facts.settings, session, &explained.searched);
        facts.other_config = settings::other_config(explained, session);
    }
    let limit = context.options.timeout.map_or(CREDENTIAL, Duration::from_secs);
    let (asked, keyring) = tokio::join!(look.credential(limit), look.keyring(&facts.accounts));
    facts.keyring = keyring;
    match (&explained, online) {
        (Ok(explained), true) if !explained.origin.is_empty() => {
            facts.endpoint = look.endpoint(explained, asked.as_deref().ok(), facts).await;
        }
        (_, true) => facts.unchecked.push(Unchecked {
            what: "the endpoint",
            why: "without a credential the endpoint is unknown".into(),
        }),
        (_, false) => {
            facts.unchecked.push(Unchecked { what: "the endpoint", why: "--offline was given".into() });
        }
    }
    facts.credential = Some(match asked {
        Ok(lease) => Credential::Lent(lent(&lease)),
        Err(credential) => credential,
    });
    // Again: asking for the credential adds facts.
    facts.explained = Some(look.explain().await);
}

fn without(daemon: Daemon, facts: &mut Facts) {
    facts.daemon = daemon;
    for what in ["settings and trust", "the credential", "accounts and keyring", "the endpoint"] {
        facts.unchecked.push(Unchecked { what, why: "it needs a daemon that answers".into() });
    }
}

async fn connect(context: &Context) -> Result<Client, Daemon> {
    match context.connect().await {
        Ok(client) => Ok(client),
        Err(Failure::Connect(error)) => Err(match error {
            ConnectError::Unreachable { .. } => Daemon::Absent,
            ConnectError::Unsafe { path, why, remedy } => Daemon::Unsafe { path, why, remedy },
            ConnectError::Blocked { path, why, hint, remedy } => Daemon::Blocked { path, why, hint, remedy },
            ConnectError::NotStarted(problem) => Daemon::NotStarted(problem),
            error @ ConnectError::Sandboxed { .. } => {
                Daemon::NotStarted(Box::new(Problem::new(Reason::PolicyBlocked, error.to_string())))
            }
            error @ ConnectError::Handshake(_) => stranger(context, error.to_string()),
        }),
        Err(Failure::TimedOut(limit)) => Err(silent(context, limit)),
        Err(failure) => {
            let problem = Problem::new(Reason::SourceUnavailable, failure.in_short().1);
            Err(Daemon::NotStarted(Box::new(problem.remedy(Remedy::claviger(&["daemon", "run"])))))
        }
    }
}

fn stranger(context: &Context, why: String) -> Daemon {
    Daemon::Stranger { own: context.socket().ok().filter(|socket| is_default(socket)), why }
}

/// Release and state. The protocol is not checked here: a difference is a finding.
async fn describe(context: &Context, client: &Client) -> Daemon {
    let mut version = version(client).await;
    // A daemon may have gone just now. A foreign program answers the same again.
    if matches!(version, Ok(Err((_, true))))
        && let Ok(client) = context.connect().await
    {
        version = self::version(&client).await;
    }
    let version = match version {
        Err(_) => return silent(context, ANSWER),
        Ok(Err((problem, true))) => return stranger(context, problem.message),
        Ok(Err((problem, false))) => return Daemon::Refused(problem),
        Ok(Ok(version)) => version,
    };
    let mut service = client.inspect();
    let status = timeout(ANSWER, service.get_status(request(GetStatusRequest {}))).await;
    let status = status.ok().and_then(Result::ok).map(|answer| answer.into_inner()).unwrap_or_default();
    let started = status.started_at.as_ref().and_then(wire::system_time);
    Daemon::Running(Running {
        release: version.release,
        protocol: version.protocol,
        pid: status.pid,
        replaced: started.and_then(replaced_since),
        grpcurl: explore::grpcurl(client.socket()),
    })
}

/// The version, or the error and whether another program answered.
async fn version(client: &Client) -> Result<Result<v1::Version, (Problem, bool)>, Elapsed> {
    let mut service = client.inspect();
    let answer = timeout(ANSWER, service.get_version(request(GetVersionRequest {}))).await?;
    let answer = answer.map(|answer| answer.into_inner().version.unwrap_or_default());
    Ok(answer.map_err(|status| (wire::from_status(&status), wire::is_foreign(&status))))
}

/// The program's path, if it was replaced after the daemon had `started`. Uses the time of the inode, not of the
/// content: a program that was built earlier may have been installed later.
fn replaced_since(started: SystemTime) -> Option<PathBuf> {
    let path = daemon_program().ok()?;
    let found = path.metadata().ok()?;
    let changed = UNIX_EPOCH + Duration::from_secs(u64::try_from(found.ctime()).ok()?);
    // In whole seconds: a program that is started right after installation is not suspected.
    (changed > started).then_some(path)
}

/// Everything needed for checks of a session.
struct Look<'a> {
    client: &'a Client,
    session: &'a SessionContext,
    progress: &'a Progress,
}

impl Look<'_> {
    async fn explain(&self) -> Result<ExplainResponse, Problem> {
        let _step = self.progress.step("settings");
        let mut client = self.client.clone();
        let answer = client.call_for(self.session, |client, session| {
            let message = ExplainRequest { session: Some(session), ..Default::default() };
            async move { unwrap(client.inspect().explain(request(message)).await) }
        });
        match timeout(ANSWER, answer).await {
            Ok(answer) => answer,
            Err(_) => Err(no_answer()),
        }
    }

    async fn accounts(&self) -> Vec<v1::Account> {
        let _step = self.progress.step("accounts");
        let mut service = self.client.accounts();
        let answer = timeout(ANSWER, service.list_accounts(request(ListAccountsRequest {}))).await;
        answer.ok().and_then(Result::ok).map(|answer| answer.into_inner().accounts).unwrap_or_default()
    }

    /// The standing gate of this tool, if it does not open though it is asked for as by the tool's hook.
    async fn closed_gate(&self) -> Option<(String, Problem)> {
        let name = settings::gate()?;
        let mut client = self.client.clone();
        let answer = timeout(GATE, gates::join_on(&mut client, &name)).await;
        let late = || Err(Problem::new(Reason::SourceTimeout, "the daemon did not answer in time"));
        // A share, or a socket that was passed on, offers no gates.
        let is_ours = |problem: &Problem| {
            !matches!(problem.reason, Reason::ForeignCaller | Reason::PeerRejected | Reason::MalformedRequest)
        };
        answer.unwrap_or_else(|_| late()).err().filter(is_ours).map(|problem| (name, problem))
    }

    async fn keyring(&self, accounts: &[v1::Account]) -> Option<ProbeResult> {
        let is_used = accounts.iter().any(|account| account.place() == StorePlace::Keyring);
        let _step = is_used.then(|| self.progress.step("keyring"))?;
        child::look(Probe::Keyring, self.session, []).await
    }

    /// Asks like a stream without a person: commands that only print run, no sign-in is started.
    async fn credential(&self, limit: Duration) -> Asked {
        let _step = self.progress.step("credential");
        let slow = || Credential::Slow(limit);
        timeout(limit, self.first_event()).await.unwrap_or_else(|_| Err(slow()))
    }

    async fn first_event(&self) -> Asked {
        let failed = |problem| Err(Credential::Failed(problem));
        let mut client = self.client.clone();
        let mut stream = match client.look_on(self.session).await {
            Ok(stream) => stream,
            Err(problem) => return failed(problem),
        };
        loop {
            match stream.next().await {
                Ok(Some(Change::Lease(lease, _))) => return Ok(lease),
                Ok(Some(Change::Problem(problem) | Change::PersonNeeded(problem))) => return failed(problem),
                Ok(Some(Change::Progress(_))) => {}
                Ok(None) => return failed(no_answer()),
                Err(problem) => return failed(problem),
            }
        }
    }

    /// One request to the endpoint that the credential is bound to, and to no other.
    async fn endpoint(
        &self,
        explained: &ExplainResponse,
        lease: Option<&Lease>,
        facts: &Facts,
    ) -> Option<Endpoint> {
        let _step = self.progress.step("endpoint");
        let headers = lease.filter(|lease| lease.origin == explained.origin).and_then(headers);
        let (url, headers) = match (lease, &headers) {
            (Some(lease), Some(headers)) => (models(lease), headers.clone()),
            _ => (format!("{}/", explained.origin), Vec::new()),
        };
        let read =
            |setting: &Setting| Some((setting.name.strip_prefix("env.")?.to_owned(), setting.text.clone()?));
        let variables = facts.settings.iter().filter_map(read);
        let own = facts.variables.iter().map(|(name, value)| (name.clone(), value.clone()));
        let asked = SystemTime::now();
        let authenticated = !headers.is_empty();
        let seen = child::look(Probe::Endpoint { url, headers }, self.session, own.chain(variables)).await?;
        let ahead = seen.date.and_then(|date| ahead(date, asked));
        Some(Endpoint { origin: explained.origin.clone(), authenticated, seen, ahead })
    }
}

/// A free request that needs a credential.
fn models(lease: &Lease) -> String {
    format!("{}/v1/models?limit=1", lease.base_url.trim_end_matches('/'))
}

/// The headers of a request to Anthropic's API; `None` for clouds, whose requests are signed.
fn headers(lease: &Lease) -> Option<Vec<Text>> {
    if lease.backend != Backend::Anthropic {
        return None;
    }
    lease.material.as_ref()?;
    let mut all = lease.headers().ok()?;
    all.push(("anthropic-version".into(), "2023-06-01".into()));
    Some(all.into_iter().map(|(name, value)| Text(Secret::new(format!("{name}: {value}")))).collect())
}

fn ahead(date: u64, now: SystemTime) -> Option<i64> {
    let now = i64::try_from(now.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()?;
    Some(i64::try_from(date).ok()?.saturating_sub(now))
}

fn lent(lease: &Lease) -> Lent {
    Lent {
        source: lease.source.clone(),
        own_variable: match &lease.material {
            Some(Material::OwnVariable(name)) => Some(name.clone()),
            _ => None,
        },
        at: lease.location.clone(),
        expires_at: lease.expires_at,
        stale: lease.stale,
        now: Some(SystemTime::now()),
    }
}

fn no_answer() -> Problem {
    Problem::new(Reason::ShuttingDown, "the daemon did not answer").remedy(Remedy::refresh())
}

fn silent(context: &Context, after: Duration) -> Daemon {
    let holder = context.socket().ok().and_then(|socket| holder::of(&socket));
    Daemon::Silent { after, holder }
}
