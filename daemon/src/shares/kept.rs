//! A share on its way to the next program in this process. Its socket stays open, so that a container that has mounted
//! it notices nothing.

use super::share::{Share, Wanted};
use crate::{
    listener::{Left, Listener},
    live::lock,
    session_text,
};
use claviger::{backend::Backend, session::SessionContext};
use serde::{Deserialize, Serialize};
use std::{
    os::unix::net::UnixListener,
    sync::{Arc, Mutex, atomic::AtomicU64},
    time::{Duration, SystemTime},
};
use tokio::{sync::watch, time::Instant};

/// A share without its socket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct KeptShare {
    name: String,
    #[serde(with = "session_text")]
    session: Option<Arc<SessionContext>>,
    source: String,
    /// As the API has it.
    backend: i32,
    account: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    confirm: bool,
    #[serde(default)]
    gate: bool,
    created_at: SystemTime,
    ends_at: Option<SystemTime>,
    /// Its remaining time on the monotonic clock.
    left: Option<Duration>,
    parent: Option<u32>,
    parent_started: Option<u64>,
    lent: u64,
    file: Option<Left>,
}

// === impl Share ===

impl Share {
    /// State for the next program; `None` if it has ended.
    pub(super) fn keep(&self) -> Option<(KeptShare, Listener)> {
        let listener = lock(&self.listener).take()?;
        let Wanted { name, session, source, backend, account, account_id, confirm, parent, gate, ttl: _ } =
            &self.wanted;
        let kept = KeptShare {
            name: name.clone(),
            session: Some(session.clone()),
            source: source.clone(),
            backend: backend.to_proto().into(),
            account: account.clone(),
            account_id: account_id.clone(),
            confirm: *confirm,
            gate: *gate,
            created_at: self.created_at,
            ends_at: self.ends_at,
            left: self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())),
            parent: *parent,
            parent_started: self.parent_started,
            lent: self.lent(),
            file: listener.left(),
        };
        Some((kept, listener))
    }
}

// === impl KeptShare ===

impl KeptShare {
    /// Its socket, which was handed over as `socket`.
    pub fn listener(&self, socket: UnixListener) -> Listener {
        Listener::of_share(socket, self.file.clone())
    }

    /// Restores the share; `None` if this release does not understand it.
    pub(super) fn share(self, listener: Listener) -> Option<Share> {
        let deadline = match self.left {
            Some(left) => Some(Instant::now().checked_add(left)?),
            None => None,
        };
        Some(Share {
            socket: self.file?.path().to_owned(),
            created_at: self.created_at,
            ends_at: self.ends_at,
            deadline,
            parent_started: self.parent_started,
            lent: AtomicU64::new(self.lent),
            ended: watch::Sender::new(false),
            listener: Mutex::new(Some(listener)),
            wanted: Wanted {
                name: self.name,
                session: Arc::new(SessionContext { settled: true, ..(*self.session?).clone() }),
                source: self.source,
                backend: Backend::from_proto(self.backend).ok()??,
                account: self.account,
                account_id: self.account_id,
                confirm: self.confirm,
                ttl: None,
                parent: self.parent,
                gate: self.gate,
            },
        })
    }
}
