//! The standing gate that Claude Code's settings lead to.

use crate::{
    daemon::gates,
    failure::Failure,
    hook::claude::Gate,
    session::{
        context::Context,
        environment, tool,
        user::{absolute, settings},
    },
};
use claviger::{hook::GATE, session::ACCOUNT};
use sha2::{Digest as _, Sha256};
use std::path::Path;

/// A gate to be installed.
pub(super) struct Standing {
    /// What the settings lead to.
    pub(super) gate: Gate,
    account: Option<String>,
}

// === impl Standing ===

impl Standing {
    /// The gate for this configuration directory, with the credential of `account`, or of this session.
    ///
    /// # Errors
    /// If the path of its socket is not text, or this session is behind a gate itself.
    pub(super) fn of(context: &Context, account: Option<String>) -> Result<Self, Failure> {
        if environment::standing_gate().is_some() {
            let message = format!("this session is behind a gate itself ({GATE} is set)");
            return Err(Failure::usage(message, "run it in a terminal outside of that session"));
        }
        let name = name();
        let socket = context.socket()?.with_file_name("gate").join(format!("{name}.sock"));
        let socket = socket.to_str().ok_or_else(|| {
            Failure::usage("the path of the gate's socket is not UTF-8", "set another XDG_RUNTIME_DIR")
        })?;
        Ok(Self { gate: Gate { socket: socket.to_owned(), name }, account })
    }

    /// Has the daemon record and open it.
    ///
    /// # Errors
    /// Why there cannot be one.
    pub(super) async fn open(&self, context: &Context) -> Result<(), Failure> {
        let mut session = context.session()?;
        if let Some(account) = &self.account {
            tool::choose(&mut session, &[(ACCOUNT, account)]);
        }
        gates::install(context, &session, &self.gate.name).await
    }
}

/// Removes the gate of this configuration directory.
///
/// # Errors
/// If no daemon answers, or it refuses.
pub(super) async fn remove(context: &Context) -> Result<(), Failure> {
    gates::remove(context, name()).await
}

/// Whether the state directory has a record of standing gates.
pub(super) fn may_be(state: &Path) -> bool {
    state.join("gates.json").exists()
}

/// Two configuration directories have two gates.
fn name() -> String {
    let file = settings().unwrap_or_default();
    let directory = file.parent().unwrap_or(Path::new("/"));
    if absolute("HOME").is_some_and(|home| directory == home.join(".claude")) {
        return "claude".into();
    }
    let digest = Sha256::digest(directory.as_os_str().as_encoded_bytes());
    digest.iter().take(4).fold("claude-".to_owned(), |name, byte| format!("{name}{byte:02x}"))
}
