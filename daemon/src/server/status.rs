//! The state of daemon and cache, once or followed. No message here has a field for a secret.

use super::Context;
use super::{convert, convert::version, pending};
use crate::{
    audit::State,
    broker::{
        Broker,
        counters::{BOUNDS, Count, Durations, Totals},
    },
    key::SourceKey,
    peer::Peer,
    sources::CredentialProvider,
};
use claviger::{proto::v1, wire};
use std::{pin::Pin, sync::Arc};
use tokio::sync::mpsc;
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::Status;

/// States, one after every change.
pub(super) type Changed = Pin<Box<dyn Stream<Item = Result<v1::WatchStatusResponse, Status>> + Send>>;

/// The state now.
pub(super) fn status(context: &Context) -> v1::GetStatusResponse {
    let broker = &context.broker;
    let now = broker.host.clock.now();
    let mut entries = Vec::new();
    broker.each_entry(|key, entry| entries.push((entry.last_used(), convert::entry(key, entry, now))));
    entries.sort_by(|(one, _), (other, _)| other.cmp(one));
    let providers = providers(broker);
    for (_, entry) in entries.iter_mut().take(MOST_COMPARED) {
        entry.apart = apart(&providers, &entry.key);
    }
    v1::GetStatusResponse {
        version: Some(version()),
        started_at: Some(wire::timestamp(broker.started_at)),
        pid: std::process::id(),
        entries: entries.into_iter().map(|(_, entry)| entry).collect(),
        counters: Some(counters(|count| broker.counters.get(count))),
        watchers: broker.counters.watchers(),
        locked: broker.is_locked(),
        audit: Some(audit(context.audit.state())),
        shares: u32::try_from(context.shares.list().len()).unwrap_or(u32::MAX),
        sources: broker.counters.sources().into_iter().map(totals).collect(),
        gates: context.gates.list(),
    }
}

/// Most entries that are compared with others: each is compared with all of its source.
const MOST_COMPARED: usize = 32;

/// The binding of each entry, with its source.
type Providers = Vec<(String, &'static str, Arc<dyn CredentialProvider>)>;

fn providers(broker: &Broker) -> Providers {
    let mut all = Vec::new();
    broker.each_entry(|key, entry| all.push((key.to_string(), entry.source(), entry.provider().clone())));
    all
}

/// The differences of the entry of `key` from others of its source.
fn apart(providers: &Providers, key: &str) -> Vec<String> {
    let Some((_, of, own)) = providers.iter().find(|(known, ..)| known == key) else { return Vec::new() };
    let others = providers.iter().filter(|(_, source, _)| source == of);
    let apart = own.identity().apart(others.map(|(.., provider)| provider.identity()));
    apart.into_iter().map(str::to_owned).collect()
}

/// One entry, with its differences.
pub(super) fn entry(broker: &Broker, wanted: SourceKey) -> Option<v1::CacheEntry> {
    let now = broker.host.clock.now();
    let entry = broker.entry(wanted, |entry| convert::entry(wanted, entry, now))?;
    Some(v1::CacheEntry { apart: apart(&providers(broker), &entry.key), ..entry })
}

fn audit(state: State) -> v1::AuditLog {
    let (lost, since) = state.lost.unzip();
    v1::AuditLog {
        file: state.path.display().to_string(),
        lost: lost.unwrap_or_default(),
        lost_since: since.map(wire::timestamp),
        waiting: state.waiting,
        trouble: state.trouble.unwrap_or_default(),
    }
}

/// The state now and after every change, until its reader disconnects or the daemon stops.
pub(super) fn follow(context: Context, peer: Peer) -> Changed {
    // A queue of one: a slow reader sees fewer states, and never an old one after a newer.
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        tokio::select! {
            () = send(&context, &peer, &sender) => {}
            () = sender.closed() => {}
            () = context.broker.life.stopping() => {}
        }
    });
    Box::pin(ReceiverStream::new(receiver))
}

async fn send(
    context: &Context,
    peer: &Peer,
    sender: &mpsc::Sender<Result<v1::WatchStatusResponse, Status>>,
) {
    let mut changes = context.broker.changes();
    // The state is read when the queue has room.
    while let Ok(room) = sender.reserve().await {
        let (status, pending) = (Some(status(context)), pending::list(&context.broker));
        room.send(Ok(peer.sees(v1::WatchStatusResponse { status, pending })));
        changes.next().await;
    }
}

fn counters(get: impl Fn(Count) -> u64) -> v1::Counters {
    v1::Counters {
        requests: get(Count::Requests),
        hits: get(Count::Hits),
        waits: get(Count::Waits),
        failed: get(Count::Failed),
        runs: get(Count::Runs),
        rejections: get(Count::Rejections),
        own: get(Count::Own),
        refused: get(Count::Refused),
    }
}

fn totals((source, totals): (String, Totals)) -> v1::SourceTotals {
    v1::SourceTotals {
        source,
        counters: Some(counters(|count| totals.get(count))),
        refreshed: Some(durations(&totals.refreshed)),
        failed: Some(durations(&totals.failed)),
    }
}

fn durations(durations: &Durations) -> v1::Durations {
    let mut count = 0;
    let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
    let buckets = bounds.zip(durations.buckets).map(|(at_most, more)| {
        count += more;
        v1::durations::Bucket { at_most, count }
    });
    v1::Durations { buckets: buckets.collect(), seconds: durations.seconds }
}
