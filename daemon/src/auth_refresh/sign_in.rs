//! A command that signs a person in.

use crate::{demand::SharedDemand, host::command::CommandSpec, key::SourceKey};
use claviger::reason::Location;
use std::{path::Path, time::SystemTime};

/// A command that signs a person in, bound.
#[derive(Debug)]
pub struct SignIn {
    /// Identity: all who need the same command for the same account share its run.
    pub key: SourceKey,
    /// Settings key.
    pub name: &'static str,
    /// The command.
    pub spec: CommandSpec,
    /// Where it is configured.
    pub at: Location,
}

/// A run as a session needs it.
pub struct Wanted<'a> {
    /// Its command.
    pub sign_in: &'a SignIn,
    /// When the credentials were looked at.
    pub since: SystemTime,
    /// Where the sign-in is kept, if that is known.
    pub kept_in: Option<&'a Path>,
    /// Who waits.
    pub demand: &'a SharedDemand,
}
