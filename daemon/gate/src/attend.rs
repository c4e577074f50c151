//! Serves the gates that the daemon orders. If the daemon goes away, they continue, and the next daemon is told about them.

use crate::{gate::Gate, listen::Listener, upstream::Upstreams};
use claviger::{
    RELEASE, Secret,
    client::{Client, ConnectError, Follow, Seen, request, unwrap},
    proto::v1::{
        AttendRequest, AttendResponse, GateFailed, GateHello, GateOpened, GateOrder, GateRetired, GateUse,
        GateUsed, attend_request::Event, attend_response::Order,
    },
};
use claviger_private::{Tide, give_back_soon};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    sync::{
        Notify,
        mpsc::{self, UnboundedSender},
        watch,
    },
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::UnboundedReceiverStream;

/// How long the process stays without a gate: the next one may come soon.
const LAST: Duration = Duration::from_secs(10);
/// Shortest time between two reports of the use of gates.
const TELL: Duration = Duration::from_secs(1);
/// After so many requests at once, unused memory is worth returning.
const CROWD: usize = 16;
/// Pause before another attempt, after a daemon has refused this program.
const PAUSE: Duration = Duration::from_secs(2);

/// A gate that is served, and the task that does.
struct Served {
    gate: Arc<Gate>,
    task: JoinHandle<()>,
}

/// All gates of this process.
#[derive(Default)]
struct House {
    /// What the daemon knows this process by.
    proof: Secret,
    gates: Mutex<BTreeMap<String, Served>>,
    /// Number of served gates, including retired ones.
    served: watch::Sender<usize>,
    /// Messages to the daemon.
    events: Mutex<Option<UnboundedSender<AttendRequest>>>,
    upstreams: Arc<Upstreams>,
    /// Notified when a gate was used.
    changed: Arc<Notify>,
    is_retired: AtomicBool,
}

/// Serves the gates of the daemon on `socket`, which knows this process by `proof`, until there are none.
///
/// # Errors
/// If it cannot be reached at all.
pub(crate) async fn attend(socket: &Path, proof: Secret) -> Result<(), ConnectError> {
    let house = Arc::new(House { proof, ..House::default() });
    let client = Client::connect(socket).await?;
    tokio::select! {
        () = house.follow(&client) => {}
        () = house.tell() => {}
        () = house.empty() => {}
    }
    Ok(())
}

// === impl House ===

impl House {
    /// Carries out the orders of this daemon and its successors, until this program is retired.
    async fn follow(self: &Arc<Self>, client: &Client) {
        loop {
            let house = self.clone();
            let follow = Follow::new(client.clone(), move |client: Client| {
                let events = UnboundedReceiverStream::new(house.introduce());
                async move { unwrap(client.gates().attend(request(events)).await) }
            });
            if let Ok(follow) = follow.await {
                let mut follow = follow.patiently();
                // A daemon that goes away has a successor, for which this waits.
                while let Ok(seen) = follow.next().await {
                    if let Seen::Message(AttendResponse { order: Some(order) }) = seen {
                        self.carry_out(client, order).await;
                    }
                    if self.is_retired.load(Relaxed) {
                        return std::future::pending().await;
                    }
                }
            }
            sleep(PAUSE).await;
        }
    }

    /// Messages for a new daemon, the introduction first.
    fn introduce(&self) -> mpsc::UnboundedReceiver<AttendRequest> {
        let (sender, receiver) = mpsc::unbounded_channel();
        let served = claviger_private::lock(&self.gates);
        let gates = served.values().map(|served| served.gate.order.clone()).collect();
        let hello = GateHello { release: RELEASE.to_owned(), gates, proof: Some(self.proof.clone()) };
        drop(sender.send(event(Event::Hello(hello))));
        for (name, served) in &*served {
            drop(sender.send(event(used(name, served.gate.used.totals()))));
        }
        drop(served);
        *claviger_private::lock(&self.events) = Some(sender);
        receiver
    }

    fn say(&self, what: Event) {
        if let Some(events) = &*claviger_private::lock(&self.events) {
            drop(events.send(event(what)));
        }
    }

    async fn carry_out(self: &Arc<Self>, client: &Client, order: Order) {
        match order {
            Order::Open(order) => self.open(client, order).await,
            Order::Close(name) => {
                let closed = claviger_private::lock(&self.gates).remove(&name);
                if let Some(Served { gate, task }) = closed {
                    gate.close();
                    // Its path is free for the next.
                    drop(task.await);
                }
            }
            Order::Retire(_) => {
                self.is_retired.store(true, Relaxed);
                claviger_private::lock(&self.gates).values().for_each(|served| served.gate.retire());
                // Each task closes its socket when it runs next.
                tokio::task::yield_now().await;
                self.say(Event::Retired(GateRetired {}));
                claviger_private::lock(&self.events).take();
            }
        }
    }

    async fn open(self: &Arc<Self>, client: &Client, order: GateOrder) {
        let name = order.name.clone();
        let known =
            claviger_private::lock(&self.gates).get(&name).map(|served| served.gate.order.address.clone());
        if let Some(address) = known {
            return self.say(Event::Opened(GateOpened { name, address }));
        }
        let client = client.clone().restarting();
        match Gate::open(order, &client, self.upstreams.clone(), self.changed.clone()).await {
            Ok((gate, listener)) => {
                let address = gate.order.address.clone();
                self.serve(name.clone(), gate, listener);
                self.say(Event::Opened(GateOpened { name, address }));
            }
            Err(error) => {
                let message = format!("the gate cannot be opened: {error}");
                self.say(Event::Failed(GateFailed { name, message }));
            }
        }
    }

    fn serve(self: &Arc<Self>, name: String, gate: Arc<Gate>, listener: Listener) {
        let house = self.clone();
        house.served.send_modify(|count| *count += 1);
        let mut gates = claviger_private::lock(&self.gates);
        let (kept, key) = (gate.clone(), name.clone());
        let task = tokio::spawn(async move {
            gate.serve(listener).await;
            // The daemon knows of one that it closed.
            if claviger_private::lock(&house.gates).remove(&name).is_some() {
                house.say(Event::Closed(name));
            }
            house.served.send_modify(|count| *count -= 1);
        });
        gates.insert(key, Served { gate: kept, task });
    }

    /// Reports the use of gates to the daemon, and returns memory to the system after a crowd of requests.
    async fn tell(&self) {
        let (mut told, mut tide): (BTreeMap<String, GateUse>, Tide) = Default::default();
        loop {
            self.changed.notified().await;
            let (totals, peak) = {
                let gates = claviger_private::lock(&self.gates);
                let uses = || gates.iter().map(|(name, served)| (name, &served.gate.used));
                let totals: BTreeMap<_, _> =
                    uses().map(|(name, used)| (name.clone(), used.totals())).collect();
                (totals, uses().map(|(_, used)| used.peak() as usize).sum())
            };
            tide.rise(peak);
            if tide.falls(totals.values().map(|used| used.in_progress as usize).sum(), CROWD) {
                give_back_soon();
            }
            for (name, used) in totals.iter().filter(|(name, used)| told.get(*name) != Some(used)) {
                self.say(self::used(name, used.clone()));
            }
            told = totals;
            sleep(TELL).await;
        }
    }

    /// Resolves when there has been no gate for a while.
    async fn empty(&self) {
        let mut served = self.served.subscribe();
        loop {
            drop(served.wait_for(|count| *count == 0).await);
            if self.is_retired.load(Relaxed) {
                return;
            }
            if timeout(LAST, served.wait_for(|count| *count > 0)).await.is_err() {
                return;
            }
        }
    }
}

fn used(name: &str, totals: GateUse) -> Event {
    Event::Used(GateUsed { name: name.to_owned(), r#use: Some(totals) })
}

fn event(event: Event) -> AttendRequest {
    AttendRequest { event: Some(event) }
}
