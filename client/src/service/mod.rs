//! The daemon as a service of the user: what is found, what is to be done about it, and doing it.
//!
//! [`look`] gathers [`Facts`], [`plan`] decides purely, [`act`] carries out; [`text`] and [`json`] show both.

pub(crate) mod act;
pub(crate) mod json;
pub(crate) mod look;
pub(crate) mod plan;
pub(crate) mod text;
pub(crate) mod units;

use claviger::proto::v1::Version;
use std::path::PathBuf;
use units::{Manager, State};

/// Everything that a decision depends on.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// What starts programs here.
    pub(crate) manager: Manager,
    /// Whether it answers for this user.
    pub(crate) answers: bool,
    /// launchd's name for the user's session, `gui/501`; of no meaning to systemd.
    pub(crate) domain: String,
    /// The daemon that the units name.
    pub(crate) program: String,
    /// The user's own files, the socket's first.
    pub(crate) files: Vec<File>,
    /// The files of a package for this very daemon; empty if there is none.
    pub(crate) packaged: Vec<File>,
    /// What the user has put beside the units; never touched.
    pub(crate) drop_ins: Vec<PathBuf>,
    /// Whether it starts with the next login, however that was set up.
    pub(crate) enabled: bool,
    /// Whether this user's own directory says so.
    pub(crate) enabled_here: bool,
    /// Whether the service manager listens on the socket now (launchd: has loaded the agent).
    pub(crate) active: bool,
    /// Whether the manager has read files that have changed since.
    pub(crate) needs_reload: bool,
    /// Whether the manager has given up on a unit, as after too many starts.
    pub(crate) failed: bool,
    /// The process that the service manager runs as clavigerd.
    pub(crate) main_pid: Option<u32>,
    /// Who answers on the socket.
    pub(crate) serving: Option<Serving>,
    /// Directories that the service manager wants to find.
    pub(crate) directories: Vec<PathBuf>,
    /// The socket, if it is another one than the service's.
    pub(crate) other_socket: Option<PathBuf>,
}

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Where.
    pub(crate) path: PathBuf,
    /// What it should say.
    pub(crate) wanted: String,
    /// Whose it is.
    pub(crate) state: State,
    /// The release that wrote it, if it says so.
    pub(crate) release: Option<String>,
}

/// The daemon that answers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Serving {
    /// Its process.
    pub(crate) pid: u32,
    /// Its release, and the protocol that it speaks.
    pub(crate) version: Version,
    /// Who started it.
    pub(crate) by: Starter,
}

/// Who started a daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Starter {
    /// The service manager.
    Manager,
    /// A client that found none.
    Client,
    /// Another starter: a person, another service.
    Other,
}
