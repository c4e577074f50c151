//! The daemon as a service of the user: finds the state, plans steps and carries them out.
//!
//! [`look`] gathers [`Facts`], [`plan`] decides without effects, [`act`] carries out; [`text`] and [`json`] show the
//! result.

pub(crate) mod act;
pub(crate) mod json;
pub(crate) mod look;
pub(crate) mod plan;
pub(crate) mod text;
pub(crate) mod units;

use claviger::proto::v1::Version;
use std::path::PathBuf;
use units::{Manager, State};

/// Everything that the plan depends on.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The kind of service manager.
    pub(crate) manager: Manager,
    /// Whether it answers for this user.
    pub(crate) answers: bool,
    /// launchd's name for the user's session, `gui/501`; unused with systemd.
    pub(crate) domain: String,
    /// The daemon that the units start.
    pub(crate) program: String,
    /// The user's own files, the socket's first.
    pub(crate) files: Vec<File>,
    /// The files of a package for this same daemon; empty if there is none.
    pub(crate) packaged: Vec<File>,
    /// The user's own files beside the units; never changed.
    pub(crate) drop_ins: Vec<PathBuf>,
    /// Whether it starts with the next login, however that was set up.
    pub(crate) enabled: bool,
    /// Whether this user's own directory enables it.
    pub(crate) enabled_here: bool,
    /// Whether the service manager listens on the socket now (launchd: has loaded the agent).
    pub(crate) active: bool,
    /// Whether files have changed since the manager read them.
    pub(crate) needs_reload: bool,
    /// Whether the manager has given up on a unit, for example after too many starts.
    pub(crate) failed: bool,
    /// The process that the service manager runs as clavigerd.
    pub(crate) main_pid: Option<u32>,
    /// The daemon that answers on the socket.
    pub(crate) serving: Option<Serving>,
    /// Directories that the service manager needs.
    pub(crate) directories: Vec<PathBuf>,
    /// The socket, if it is not the service's.
    pub(crate) other_socket: Option<PathBuf>,
}

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its expected content.
    pub(crate) wanted: String,
    /// Its origin.
    pub(crate) state: State,
    /// The release that wrote it, if recorded.
    pub(crate) release: Option<String>,
}

/// The daemon that answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Serving {
    /// Its process.
    pub(crate) pid: u32,
    /// Its release, and the protocol that it speaks.
    pub(crate) version: Version,
    /// Its starter.
    pub(crate) by: Starter,
}

/// Starter of a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The service manager.
    Manager,
    /// A client, because no daemon was running.
    Client,
    /// Another starter: a person or another service.
    Other,
}
