//! The list of gates. A separate program (`clavigerd-gate`) serves them and outlives the daemon; here are its orders, and the calls
//! that wait for it.

pub mod standing;
mod table;

pub use table::{Orders, shown};

use crate::{consent::Subject, live::lock, peer::Peer};
use claviger::{
    proto::v1::{
        AttendResponse, Gate, GateHello, GateOrder, GateRetire, GateTransport, GateUse,
        attend_response::Order,
    },
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    session::SessionContext,
};
use standing::StandingGates;
use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};
use table::{Allowed, Entry, Opened, Program, Table};
use tokio::{sync::watch, time::Instant};

/// Directory of the sockets, beside that of the daemon.
const DIRECTORY: &str = "gate";
/// Most gates at once: one program serves them on one connection, which carries 200 calls at once. Each gate follows its credential
/// there, and asks for it.
const MOST: usize = 128;

/// How long a program that was started may take until it introduces itself: so long no other is started beside it.
const STARTING: Duration = Duration::from_secs(5);

/// Tells when a gate is open.
pub type Opening = watch::Receiver<Opened>;

/// All gates, by name.
#[derive(Debug)]
pub struct Gates {
    /// The daemon's own socket.
    pub socket: PathBuf,
    /// Gates that every daemon opens.
    pub standing: StandingGates,
    table: Mutex<Table>,
}

// === impl Gates ===

impl Gates {
    /// An empty list, for the daemon on `socket` with its state in the directory `state`.
    pub fn of(socket: &Path, state: &Path) -> Self {
        let standing = StandingGates::of(state.join(standing::FILE));
        Self { socket: socket.to_owned(), standing, table: Mutex::default() }
    }

    /// The address for a gate of this name and kind.
    pub fn address(&self, name: &str, transport: GateTransport) -> String {
        match transport {
            GateTransport::Tcp => "127.0.0.1:0".to_owned(),
            GateTransport::Unix | GateTransport::Unspecified => {
                let directory = self.socket.with_file_name(DIRECTORY);
                directory.join(format!("{name}.sock")).display().to_string()
            }
        }
    }

    /// Adds a gate, for which a person has `allowed` something already, and has it served if a program is there that does. The answer
    /// tells when it is open.
    ///
    /// # Errors
    /// `limits` if there are too many; `malformed-request` if the name is taken.
    pub fn add(&self, order: GateOrder, allowed: Option<Subject>) -> Result<Opening, Problem> {
        let mut table = lock(&self.table);
        if table.gates.len() >= MOST {
            return Err(Problem::new(Reason::Limits, format!("there are {MOST} gates"))
                .remedy(Remedy::claviger(&["gate", "list"])));
        }
        let name = order.name.clone();
        if table.gates.contains_key(&name) {
            return Err(Problem::new(Reason::MalformedRequest, format!("there is a gate {name} already"))
                .remedy(Remedy::claviger(&["gate", "close", &name])));
        }
        let opened = watch::Sender::new(None);
        let receiver = opened.subscribe();
        let allowed = allowed.map(|subject| Allowed { subject, program: None });
        let entry = Entry { order, used: GateUse::default(), program: None, opened, allowed };
        table.gates.insert(name, entry);
        table.assign();
        Ok(receiver)
    }

    /// Opens a gate anew, because nothing listens at its address. Joins an attempt that is in progress.
    ///
    /// # Errors
    /// As [`Gates::add`].
    pub fn open_again(&self, order: GateOrder) -> Result<Opening, Problem> {
        if let Some(entry) = lock(&self.table).gates.get(&order.name)
            && entry.opened.borrow().is_none()
        {
            return Ok(entry.opened.subscribe());
        }
        self.close(&order.name);
        self.add(order, None)
    }

    /// Name of the standing gate for which `peer` asks as `session`.
    pub fn standing_of(&self, peer: &Peer, session: &SessionContext) -> Option<String> {
        let table = lock(&self.table);
        table.program(peer)?;
        let is_own = |entry: &&Entry| {
            // The variables of commands, and what is passed to them, are chosen anew for each request.
            let own = entry.order.session.as_ref().filter(|_| entry.order.standing);
            own.is_some_and(|own| {
                // A session of the terminal in which it was installed has the same variables.
                Path::new(&own.working_directory) == session.cwd
                    && own.variables == session.variables
                    && own.chosen == session.chosen
            })
        };
        table.gates.values().find(is_own).map(|entry| entry.order.name.clone())
    }

    /// Whether a gate waits for a program that serves it.
    pub fn wants_program(&self) -> bool {
        lock(&self.table).gates.values().any(|entry| entry.program.is_none())
    }

    /// Reports to those who wait that no program can be started.
    pub fn fail_waiting(&self, problem: &Problem) {
        let mut table = lock(&self.table);
        table.starting = None;
        let waiting = |entry: &Entry| entry.program.is_none();
        table.gates.values().filter(|entry| waiting(entry)).for_each(|entry| {
            entry.opened.send_replace(Some(Err(problem.clone())));
        });
        table.gates.retain(|_, entry| !waiting(entry));
    }

    /// Whether a program is to be started now, which can show `proof`: one is wanted, and none is on its way.
    pub fn start(&self, proof: Secret) -> bool {
        let is_wanted = self.wants_program();
        let mut table = lock(&self.table);
        if !is_wanted || table.starting.is_some_and(|at| at.elapsed() < STARTING) {
            return false;
        }
        (table.starting, table.proof) = (Some(Instant::now()), Some(proof));
        true
    }

    /// A program introduces itself, process `pid`; `orders` is what it is told. One of another release finishes what it has begun, and what it
    /// served is served by the next.
    pub fn attach(&self, hello: GateHello, pid: Option<u32>, orders: Orders) -> u64 {
        let mut table = lock(&self.table);
        let is_started = hello.proof.is_some() && hello.proof == table.proof;
        table.last += 1;
        let (id, is_ours) = (table.last, hello.release == claviger::RELEASE);
        for order in hello.gates {
            let program = is_ours.then_some(id);
            let address = order.address.clone();
            match table.gates.get_mut(&order.name) {
                Some(entry) => (entry.program, entry.order.address) = (program, address.clone()),
                None => {
                    let (used, opened) = (GateUse::default(), watch::Sender::new(Some(Ok(address))));
                    table
                        .gates
                        .insert(order.name.clone(), Entry { order, used, program, opened, allowed: None });
                    continue;
                }
            }
            if let Some(entry) = table.gates.get(&order.name) {
                entry.opened.send_replace(Some(Ok(address)));
            }
        }
        match is_ours {
            true => {
                table.starting = None;
                table.programs.insert(id, Program { orders, pid, is_started });
                table.assign();
            }
            false => {
                let retire = AttendResponse { order: Some(Order::Retire(GateRetire {})) };
                drop(orders.send(Ok(retire)));
            }
        }
        id
    }

    /// Removes a program that went away. Its gates wait for the next one.
    pub fn detach(&self, id: u64) {
        let mut table = lock(&self.table);
        table.programs.remove(&id);
        table
            .gates
            .values_mut()
            .filter(|entry| entry.program == Some(id))
            .for_each(|entry| entry.program = None);
        table.assign();
    }

    /// The gate `name` is open at `address`.
    pub fn opened(&self, name: &str, address: String) {
        if let Some(entry) = lock(&self.table).gates.get_mut(name) {
            entry.order.address.clone_from(&address);
            entry.opened.send_replace(Some(Ok(address)));
        }
    }

    /// The gate `name` could not be opened.
    pub fn failed(&self, name: &str, message: String) {
        if let Some(entry) = lock(&self.table).gates.remove(name) {
            let problem = Problem::new(Reason::SourceUnavailable, message);
            entry.opened.send_replace(Some(Err(problem)));
        }
    }

    /// The gate `name` has ended by itself. Returns what was served there.
    pub fn ended(&self, name: &str) -> Option<GateOrder> {
        lock(&self.table).gates.remove(name).map(|entry| entry.order)
    }

    /// Records the use of the gate `name`.
    pub fn used(&self, name: &str, used: GateUse) {
        if let Some(entry) = lock(&self.table).gates.get_mut(name) {
            entry.used = used;
        }
    }

    /// Closes the gate `name`. False if there is none.
    pub fn close(&self, name: &str) -> bool {
        let mut table = lock(&self.table);
        let Some(entry) = table.gates.remove(name) else { return false };
        if let Some(program) = entry.program.and_then(|id| table.programs.get(&id)) {
            let close = AttendResponse { order: Some(Order::Close(name.to_owned())) };
            drop(program.orders.send(Ok(close)));
        }
        true
    }

    /// Closes the gate of a share, if it has one.
    pub fn close_of(&self, share: &str) {
        if self.find(share).is_some_and(|gate| gate.share == share) {
            self.close(share);
        }
    }

    /// Closes the gates of all shares.
    pub fn close_all_of_shares(&self) {
        for gate in self.list().into_iter().filter(|gate| !gate.share.is_empty()) {
            self.close(&gate.name);
        }
    }

    /// Whether `peer` is a program that serves gates: then it asks for several sessions.
    pub fn is_program(&self, peer: &Peer) -> bool {
        lock(&self.table).program(peer).is_some()
    }

    /// Whether a person has allowed `subject` for the gate that asks: one question is enough for all that goes through it. An answer
    /// that was given when it was opened counts for the program that this daemon started, and for no other that says that it serves gates.
    pub fn is_allowed(&self, peer: &Peer, session: &SessionContext, subject: &Subject) -> bool {
        let mut table = lock(&self.table);
        let Some((id, is_started)) = table.program(peer) else { return false };
        table.of(peer, session).filter_map(|entry| entry.allowed.as_ref()).any(|allowed| {
            allowed.subject == *subject && allowed.program.map_or(is_started, |asked| asked == id)
        })
    }

    /// A person has allowed `subject` for the gate that asks.
    pub fn allow(&self, peer: &Peer, session: &SessionContext, subject: &Subject) {
        let mut table = lock(&self.table);
        let Some((id, _)) = table.program(peer) else { return };
        for entry in table.of(peer, session) {
            entry.allowed = Some(Allowed { subject: subject.clone(), program: Some(id) });
        }
    }

    /// The gates, by name.
    pub fn list(&self) -> Vec<Gate> {
        lock(&self.table).gates.values().map(Entry::shown).collect()
    }

    /// The gate `name`.
    pub fn find(&self, name: &str) -> Option<Gate> {
        lock(&self.table).gates.get(name).map(Entry::shown)
    }
}
