//! A command that signs a person in.

use crate::{demand::SharedDemand, host::command::CommandSpec, key::SourceKey};
use claviger::reason::Location;
use std::{path::Path, time::SystemTime};

/// A command that signs a person in, bound.
#[derive(Debug)]
pub struct SignIn {
    /// Identity: all that need the same command for the same account share its run.
    pub key: SourceKey,
    /// Settings key.
    pub name: &'static str,
    /// The command.
    pub spec: CommandSpec,
    /// Where it is configured.
    pub at: Location,
}

/// A request for a run.
pub struct Wanted<'a> {
    /// Its command.
    pub sign_in: &'a SignIn,
    /// When the credentials were looked at.
    pub since: SystemTime,
    /// File of the sign-in, if known.
    pub kept_in: Option<&'a Path>,
    /// The waiters.
    pub demand: &'a SharedDemand,
}
