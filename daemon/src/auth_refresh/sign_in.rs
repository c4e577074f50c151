//! A command that signs a person in.

use crate::{host::command::CommandSpec, key::SourceKey};
use claviger::reason::Location;

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
