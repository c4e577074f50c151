//! The credential of a gate: borrowed when a request comes, followed while requests come, and reported when the API rejects it. These
//! are the calls that every session makes, so the rules for sessions and shares apply.

use crate::{backend, used::Used};
use claviger::{
    Change, Changes, Lease, Material, Problem, Reason, client::Client, proto::v1::ReportRejectedResponse,
    session::SessionContext, wire,
};
use http::{HeaderName, HeaderValue, Uri, uri::PathAndQuery};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep, sleep_until},
};

/// How long a credential is followed after the last request. A followed credential is refreshed ahead, which an idle gate does not need.
const FOLLOWED: Duration = Duration::from_secs(5 * 60);
/// How long a request waits for a report that the daemon holds back: as long as it does after a credential that had worked.
const PATIENCE: Duration = Duration::from_secs(5);

/// A lease in the form that requests need.
pub(crate) struct Ready {
    /// Headers with the credential, and those that accompany it.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// The only scheme and authority that it may be sent to.
    pub(crate) origin: Uri,
    /// Path of the base URL, without a slash at its end.
    prefix: String,
    lease: Lease,
    /// Whether the API has accepted it.
    has_worked: AtomicBool,
    /// Held by each request in progress that has this credential.
    pub(crate) holders: Arc<()>,
}

/// The leases of one gate.
pub(crate) struct Leases {
    session: SessionContext,
    client: Mutex<Client>,
    newest: Mutex<Option<Arc<Ready>>>,
    /// Held by the request that asks for all; the last failure, which is the answer for all that waited meanwhile.
    asking: tokio::sync::Mutex<Option<(Instant, Problem)>>,
    /// When a lease was last wanted.
    wanted: Mutex<Instant>,
    is_followed: AtomicBool,
    /// The task that follows it.
    follower: Mutex<Option<AbortHandle>>,
    used: Arc<Used>,
}

// === impl Leases ===

impl Leases {
    pub(crate) fn new(session: SessionContext, client: Client, used: Arc<Used>) -> Arc<Self> {
        let (client, wanted) = (Mutex::new(client), Mutex::new(Instant::now()));
        let (newest, asking) = (Mutex::default(), tokio::sync::Mutex::default());
        let (is_followed, follower) = (AtomicBool::new(false), Mutex::default());
        Arc::new(Self { session, client, newest, asking, wanted, is_followed, follower, used })
    }

    /// The newest lease. Needs a call only if none is followed.
    ///
    /// # Errors
    /// The daemon's typed problem.
    pub(crate) async fn newest(self: &Arc<Self>) -> Result<Arc<Ready>, Problem> {
        *claviger_private::lock(&self.wanted) = Instant::now();
        self.have(|_| true).await
    }

    /// The lease that is known if it `fits`, else the daemon's answer. One request asks for all: a connection carries few calls at once.
    async fn have(self: &Arc<Self>, fits: impl Fn(&Ready) -> bool) -> Result<Arc<Ready>, Problem> {
        let known = || {
            let known = claviger_private::lock(&self.newest).clone();
            known.filter(|known| known.is_valid(SystemTime::now()) && fits(known))
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let since = Instant::now();
        let mut failed = self.asking.lock().await;
        if let Some(known) = known() {
            return Ok(known);
        }
        if let Some((_, problem)) = failed.as_ref().filter(|(at, _)| *at >= since) {
            return Err(problem.clone());
        }
        let ready =
            self.ask().await.inspect_err(|problem| *failed = Some((Instant::now(), problem.clone())))?;
        let ready = self.renew(ready);
        self.follow();
        Ok(ready)
    }

    /// Has the next requests use `ready`.
    fn renew(&self, mut ready: Ready) -> Arc<Ready> {
        let mut newest = claviger_private::lock(&self.newest);
        if let Some(before) = newest.as_deref() {
            match before.is_same(&ready) {
                true => ready.holders = before.holders.clone(),
                false if Arc::strong_count(&before.holders) > 1 => self.used.rotated(),
                false => {}
            }
        }
        let ready = Arc::new(ready);
        *newest = Some(ready.clone());
        ready
    }

    /// The lease after `rejected`, to which the API answered `status`. `None` if there is no other, and the answer is final.
    ///
    /// # Errors
    /// The daemon's typed problem, if it has no credential any more or could get no other one.
    pub(crate) async fn after(
        self: &Arc<Self>,
        rejected: &Ready,
        status: u16,
    ) -> Result<Option<Arc<Ready>>, Problem> {
        let (mut client, had_worked) = (self.client(), rejected.has_worked.load(Relaxed));
        // Whatever becomes of the report: others may have made it already, and who asks now waits for what that has begun.
        let report = async |client: &mut Client| {
            client.report_after(&self.session, &rejected.lease, status.into(), had_worked).await
        };
        if let Some(pause) = short_pause(&report(&mut client).await?, SystemTime::now()) {
            sleep(pause).await;
            report(&mut client).await?;
        }
        self.keep(client.clone());
        let next = self.have(|known| !known.is_same(rejected)).await?;
        if !next.is_same(rejected) {
            return Ok(Some(next));
        }
        // Lent once more: either there is no other, or no other could be got. Without an answer to that, the API's is final.
        let failed = report(&mut client).await.ok().and_then(|answer| answer.problem);
        self.keep(client);
        failed.map_or(Ok(None), |problem| Err(wire::from_problem(&problem, SystemTime::now())))
    }

    async fn ask(&self) -> Result<Ready, Problem> {
        let mut client = self.client();
        let lease = client.get(&self.session, None).await?;
        self.keep(client);
        Ready::of(lease)
    }

    fn client(&self) -> Client {
        claviger_private::lock(&self.client).clone()
    }

    /// Keeps `client`, which may be connected to another daemon by now.
    fn keep(&self, client: Client) {
        *claviger_private::lock(&self.client) = client;
    }

    /// Follows the credential until there was no request for a while.
    fn follow(self: &Arc<Self>) {
        if self.is_followed.swap(true, Relaxed) {
            return;
        }
        let leases = self.clone();
        let follower = tokio::spawn(async move {
            let mut client = leases.client();
            if let Ok(mut changes) = client.watch(&leases.session).await {
                leases.see(&mut changes).await;
            }
            claviger_private::lock(&leases.newest).take();
            leases.is_followed.store(false, Relaxed);
        });
        *claviger_private::lock(&self.follower) = Some(follower.abort_handle());
    }

    /// Follows the credential no more: the gate has ended.
    pub(crate) fn release(&self) {
        if let Some(follower) = claviger_private::lock(&self.follower).take() {
            follower.abort();
        }
    }

    async fn see(&self, changes: &mut Changes) {
        loop {
            let due = *claviger_private::lock(&self.wanted) + FOLLOWED;
            tokio::select! {
                event = changes.next() => match event {
                    Ok(Some(Change::Progress(_))) => {}
                    Ok(Some(Change::Lease(lease, _))) => match Ready::of(*lease) {
                        Ok(ready) => drop(self.renew(ready)),
                        Err(_) => drop(claviger_private::lock(&self.newest).take()),
                    },
                    // The next request asks, and gets either the problem or what is still valid.
                    Ok(Some(Change::Problem(_) | Change::PersonNeeded(_))) => {
                        claviger_private::lock(&self.newest).take();
                    }
                    Ok(None) | Err(_) => return,
                },
                () = sleep_until(due) => {
                    if *claviger_private::lock(&self.wanted) + FOLLOWED <= Instant::now() {
                        return;
                    }
                }
            }
        }
    }
}

// === impl Ready ===

impl Ready {
    fn of(lease: Lease) -> Result<Self, Problem> {
        backend::admit(&lease)?;
        if let Some(Material::OwnVariable(name)) = &lease.material {
            let message =
                format!("by now the settings lead to {name} of the session, which the session alone has");
            return Err(Problem::new(Reason::PolicyBlocked, message));
        }
        if lease.material.is_none() {
            return Err(Problem::new(Reason::NoCredential, "no credential, by configuration"));
        }
        let parsed = |(name, value): (String, String)| {
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
        };
        let headers = Lease { own_headers_variable: String::new(), ..lease.clone() }.headers()?;
        let headers = headers.into_iter().map(parsed).collect::<Option<Vec<_>>>();
        let wrong = |what: &str| Problem::new(Reason::Bug, format!("the daemon's lease has {what}"));
        let origin: Uri = lease.origin.parse().map_err(|_| wrong("an origin that is none"))?;
        let base: Uri = lease.base_url.parse().map_err(|_| wrong("a base URL that is none"))?;
        let is_same =
            (origin.scheme(), origin.host(), port(&origin)) == (base.scheme(), base.host(), port(&base));
        if !is_same || base.query().is_some() {
            return Err(wrong("a base URL of another origin"));
        }
        if origin.scheme_str() != Some("https") && !origin.host().is_some_and(claviger_child::is_loopback) {
            let message = format!("{} is not encrypted, and not on this machine", lease.origin);
            return Err(Problem::new(Reason::SettingsInvalid, message).hint("write https:// in the base URL"));
        }
        Ok(Self {
            headers: headers.ok_or_else(|| wrong("a header that is none"))?,
            origin,
            prefix: base.path().trim_end_matches('/').to_owned(),
            lease,
            has_worked: AtomicBool::new(false),
            holders: Arc::default(),
        })
    }

    /// The API has carried out a request with it.
    pub(crate) fn note_success(&self) {
        self.has_worked.store(true, Relaxed);
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.lease.expires_at.is_none_or(|at| now < at)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.lease.is_same(&other.lease)
    }

    /// The URL of a request for `target`: the origin and base path of the lease, then the path and query of the client.
    pub(crate) fn uri(&self, target: Option<&PathAndQuery>) -> Option<Uri> {
        let target = target.map_or("/", PathAndQuery::as_str);
        let mut parts = self.origin.clone().into_parts();
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{}{target}", self.prefix)).ok()?);
        Uri::from_parts(parts).ok()
    }
}

/// How long to wait until the daemon acts on a report that it holds back, if that is not long.
fn short_pause(answer: &ReportRejectedResponse, now: SystemTime) -> Option<Duration> {
    let at = wire::system_time(answer.retry_at.as_ref()?)?;
    Some(at.duration_since(now).unwrap_or_default()).filter(|pause| *pause <= PATIENCE)
}

fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or(match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    })
}
