//! A warm `GetCredential`, compared with a tonic service that only returns the same message: the difference is
//! claviger's own cost. Also compared with ssh's agent, which lists its keys over one connection.

use super::{
    Bench,
    agent::Agent,
    daemon::{Measured, runtime},
    fetch::Contest,
    stats::{percentile, ratios, summary},
    table::Table,
};
use crate::sh;
use claviger::{
    client::Client,
    proto::v1::{
        self, credential_service_server::CredentialService,
        credential_service_server::CredentialServiceServer,
    },
    session::SessionContext,
};
use std::{
    env,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tokio::{net::UnixListener, runtime::Runtime, task::JoinSet};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status, transport::Server};

/// Hidden argument with which this program becomes the bare service.
pub(super) const PEER: &str = "--serve-bare";
/// Calls in flight at once when throughput is measured.
const IN_FLIGHT: usize = 64;
const BLOCKS: usize = 20;

/// Calls of one side.
#[derive(Default)]
struct Side {
    /// Milliseconds of each call, one after the other.
    calls: Vec<f64>,
    /// Median of each block, for ratios block by block.
    medians: Vec<f64>,
    /// Calls per second of each block.
    throughput: Vec<f64>,
}

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let session = measured.session()?;
    let runtime = runtime()?;
    let peer = Bare::start(&measured)?;
    let clients = [runtime.block_on(measured.connect())?, runtime.block_on(peer.connect())?];
    let calls = bench.rounds(1000);
    let mut sides = [Side::default(), Side::default(), Side::default()];
    for client in &clients {
        one_by_one(&runtime, client, &session, calls)?;
    }
    let contest = Contest::new(&measured)?;
    let mut agent = contest.agent().map(|socket| Agent::connect(&socket)).transpose()?;
    for _ in 0..BLOCKS {
        if let Some(agent) = &mut agent {
            sides[2].note(agent.list(calls)?);
        }
        for (client, side) in clients.iter().zip(&mut sides) {
            side.note(one_by_one(&runtime, client, &session, calls)?);
            side.throughput.push(many_at_once(&runtime, client, &session, calls)?);
        }
    }
    Ok(table(&sides))
}

impl Side {
    /// A block of calls.
    fn note(&mut self, block: Vec<f64>) {
        self.medians.extend(percentile(&block, 0.5));
        self.calls.extend(block);
    }
}

fn table(sides: &[Side; 3]) -> Table {
    let mut table = Table::new(
        "Warm GetCredential over one connection",
        &["server", "p50 ms", "p99 ms", "clavigerd ÷ this, p50", "calls/s, 64 in flight", "clavigerd ÷ this"],
    );
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".into());
    for (name, side) in ["clavigerd", "bare tonic service", "ssh-agent, list"].iter().zip(sides) {
        let [half, most] =
            [0.5, 0.99].map(|share| or_dash(percentile(&side.calls, share).map(|ms| format!("{ms:.3}"))));
        let ratio = |ours, theirs| or_dash(ratios(ours, theirs).map(|ratio| ratio.to_string()));
        table.row([
            (*name).to_owned(),
            half,
            most,
            ratio(&sides[0].medians, &side.medians),
            or_dash(summary(&side.throughput).map(|rate| rate.whole())),
            ratio(&sides[0].throughput, &side.throughput),
        ]);
    }
    table.note(format!(
        "{} blocks in turns, median (min–max); clavigerd, the bare service and the caller have a runtime of one thread.",
        sides[0].medians.len()
    ));
    table
}

fn one_by_one(
    runtime: &Runtime,
    client: &Client,
    session: &SessionContext,
    calls: usize,
) -> sh::Result<Vec<f64>> {
    let mut client = client.clone();
    runtime.block_on(async {
        let mut samples = Vec::with_capacity(calls);
        for _ in 0..calls {
            let start = Instant::now();
            client.get(session, None).await.map_err(|problem| problem.to_string())?;
            samples.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        Ok(samples)
    })
}

/// Calls per second with [`IN_FLIGHT`] callers on one connection.
fn many_at_once(
    runtime: &Runtime,
    client: &Client,
    session: &SessionContext,
    calls: usize,
) -> sh::Result<f64> {
    let each = calls.div_ceil(IN_FLIGHT);
    let took = runtime.block_on(async {
        let mut callers = JoinSet::new();
        let start = Instant::now();
        for _ in 0..IN_FLIGHT {
            let (mut client, session) = (client.clone(), session.clone());
            callers.spawn(async move {
                for _ in 0..each {
                    client.get(&session, None).await.map_err(|problem| problem.to_string())?;
                }
                Ok::<(), String>(())
            });
        }
        while let Some(caller) = callers.join_next().await {
            caller??;
        }
        Ok::<Duration, Box<dyn std::error::Error>>(start.elapsed())
    })?;
    Ok((each * IN_FLIGHT) as f64 / took.as_secs_f64())
}

/// This program again, as the bare service, on a socket beside the daemon's.
struct Bare {
    process: Child,
    socket: std::path::PathBuf,
}

impl Bare {
    fn start(measured: &Measured) -> sh::Result<Self> {
        let socket = measured.stage.socket().with_file_name("bare.sock");
        let mut command = Command::new(env::current_exe()?);
        let process = command.args(["bench", PEER]).arg(&socket).stdin(Stdio::null()).spawn()?;
        let bare = Self { process, socket };
        let listens = sh::wait_for(Duration::from_secs(5), || {
            std::os::unix::net::UnixStream::connect(&bare.socket).ok()
        });
        listens.map(|_| bare).ok_or_else(|| "the bare service does not listen".into())
    }

    async fn connect(&self) -> sh::Result<Client> {
        Ok(Client::connect(&self.socket).await?)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The bare service: no session is read, no lock is taken, the answer is a constant.
pub(super) fn serve(socket: &Path) -> sh::Result {
    runtime()?.block_on(async {
        let incoming = UnixListenerStream::new(UnixListener::bind(socket)?);
        Ok(Server::builder()
            .add_service(CredentialServiceServer::new(Constant))
            .serve_with_incoming(incoming)
            .await?)
    })
}

struct Constant;

#[tonic::async_trait]
impl CredentialService for Constant {
    type WatchCredentialStream = ReceiverStream<Result<v1::WatchCredentialResponse, Status>>;

    async fn get_credential(
        &self,
        _: Request<v1::GetCredentialRequest>,
    ) -> Result<Response<v1::GetCredentialResponse>, Status> {
        let secret = claviger::Secret::from("sk-own-1-123456");
        let lease = v1::Lease {
            material: Some(v1::lease::Material::Secret(secret)),
            scheme: v1::Scheme::ApiKeyAndBearer.into(),
            backend: v1::Backend::Anthropic.into(),
            base_url: "https://api.anthropic.com".into(),
            origin: "https://api.anthropic.com".into(),
            source: "api-key-helper".into(),
            key: "0".repeat(64),
            generation: 1,
            ..Default::default()
        };
        Ok(Response::new(v1::GetCredentialResponse { lease: Some(lease) }))
    }

    async fn watch_credential(
        &self,
        _: Request<v1::WatchCredentialRequest>,
    ) -> Result<Response<Self::WatchCredentialStream>, Status> {
        Err(Status::unimplemented("the bare service only answers GetCredential"))
    }

    async fn report_rejected(
        &self,
        _: Request<v1::ReportRejectedRequest>,
    ) -> Result<Response<v1::ReportRejectedResponse>, Status> {
        Err(Status::unimplemented("the bare service only answers GetCredential"))
    }
}
