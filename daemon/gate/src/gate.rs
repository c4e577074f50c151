//! One gate: a socket, and the session whose credential its requests get.

use crate::{
    connection, guard::Guard, lease::Leases, listen::Listener, network::Network, parent, peer,
    upstream::Upstreams, used::Used,
};
use claviger::{
    client::Client,
    proto::v1::{GateOrder, GateTransport},
    session::SessionContext,
};
use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::sleep,
};

/// Most connections of one gate.
const CONNECTIONS: usize = 1024;
/// Pause after a connection could not be accepted, as when no descriptor is left.
const PAUSE: Duration = Duration::from_millis(100);

/// A gate.
pub(crate) struct Gate {
    /// The order of the daemon, with the address in use.
    pub(crate) order: GateOrder,
    pub(crate) guard: Guard,
    pub(crate) leases: Arc<Leases>,
    pub(crate) network: Network,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) used: Arc<Used>,
    state: watch::Sender<State>,
}

/// State of a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    /// It accepts connections.
    Open,
    /// It finishes its connections.
    Retired,
    /// It has ended, with all connections.
    Closed,
}

// === impl Gate ===

impl Gate {
    /// Opens a gate. `daemon` lends the credentials of sessions.
    ///
    /// # Errors
    /// Why it cannot be opened.
    pub(crate) async fn open(
        mut order: GateOrder,
        daemon: &Client,
        upstreams: Arc<Upstreams>,
        changed: Arc<Notify>,
    ) -> Result<(Arc<Self>, Listener), Box<dyn Error + Send + Sync>> {
        let is_port = order.transport() == GateTransport::Tcp;
        let (session, client) = match order.share_socket.as_str() {
            "" => (SessionContext::of_another(order.session.clone())?, daemon.clone()),
            // A share lends one credential to all sessions.
            socket => {
                (SessionContext::new("/".into(), Vec::new())?, Client::connect(Path::new(socket)).await?)
            }
        };
        let listener = match is_port {
            true => Listener::on_port(order.address.rsplit(':').next().unwrap_or_default().parse()?).await?,
            false => Listener::at_path(&PathBuf::from(&order.address))?,
        };
        order.address = listener.address();
        let used = Arc::new(Used::new(changed));
        let placeholder = order.placeholder.clone().unwrap_or_default();
        let gate = Self {
            guard: Guard::new(placeholder, is_port),
            leases: Leases::new(session, client, used.clone()),
            network: Network::of(&order.network),
            upstreams,
            used,
            state: watch::Sender::new(State::Open),
            order,
        };
        Ok((Arc::new(gate), listener))
    }

    /// Serves it until it is closed, its process ends, or it is retired and all is done.
    pub(crate) async fn serve(self: Arc<Self>, listener: Listener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        tokio::select! {
            () = self.clone().accept(&listener, &room) => {}
            () = self.reached(State::Retired) => {}
            () = self.parent() => drop(self.state.send_replace(State::Closed)),
        }
        if *self.state.borrow() == State::Closed {
            listener.remove();
        }
        drop(listener);
        // Each connection holds a permit until it ends.
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        tokio::select! {
            _ = room.acquire_many(all) => {}
            () = self.reached(State::Closed) => {}
            () = self.parent() => drop(self.state.send_replace(State::Closed)),
        }
    }

    async fn accept(self: Arc<Self>, listener: &Listener, room: &Arc<Semaphore>) {
        loop {
            let Ok(place) = room.clone().acquire_owned().await else { return };
            let io = match listener.accept().await {
                Ok(io) => io,
                Err(_) => {
                    sleep(PAUSE).await;
                    continue;
                }
            };
            // Another user gets no answer.
            if !peer::is_ours(&io) {
                continue;
            }
            let gate = self.clone();
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    () = connection::serve(gate.clone(), io) => {}
                    () = gate.reached(State::Closed) => {}
                }
            });
        }
    }

    async fn parent(&self) {
        match self.order.pid {
            0 => std::future::pending().await,
            pid => parent::ended(pid, self.order.pid_started).await,
        }
    }

    async fn reached(&self, state: State) {
        drop(self.state.subscribe().wait_for(|now| *now >= state).await);
    }

    /// Ends it, with all connections.
    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Accepts no more connections.
    pub(crate) fn retire(&self) {
        self.state.send_modify(|state| *state = State::Retired.max(*state));
    }

    /// Whether `host` names this gate.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        let own =
            self.order.address.rsplit(':').next().filter(|_| self.order.transport() == GateTransport::Tcp);
        let is_port = own.is_none_or(|own| port == Some(own));
        is_port && ["localhost", "127.0.0.1"].iter().any(|known| name.eq_ignore_ascii_case(known))
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.leases.release();
    }
}
