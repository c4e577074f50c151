//! What verbs answer that change something.

use super::{
    account::Account,
    gate::{Gate, gate},
    share::Share,
};
use claviger::proto::v1;
use std::collections::BTreeMap;

form! {
    /// A daemon that was started, or runs already.
    fn started(started: bool, release: &str) -> Started {
        started: bool = started,
        release: String = release.to_owned(),
    }

    /// A daemon that was stopped, if one ran.
    fn stopped(pid: Option<u32>) -> Stopped {
        stopped: bool = pid.is_some(),
        pid: Option<u32> = pid,
    }

    /// A daemon that another program has taken over.
    fn restarted(pid: u32, release: &str) -> Restarted {
        restarted: bool = true,
        pid: u32 = pid,
        release: String = release.to_owned(),
    }

    /// A configuration that was read again.
    fn reloaded(changed: bool) -> Reloaded {
        changed: bool = changed,
    }

    /// A daemon that lends nothing.
    fn locked(dropped: u32) -> Locked {
        locked: bool = true,
        /// Credentials that were dropped.
        dropped: u32 = dropped,
    }

    /// A daemon that lends.
    fn unlocked(was_locked: bool) -> Unlocked {
        locked: bool = false,
        was_locked: bool = was_locked,
    }

    /// How many commands were cancelled.
    fn cancelled(cancelled: u32) -> Cancelled {
        cancelled: u32 = cancelled,
    }

    /// The account that is used from now on.
    fn used(account: Option<&v1::Account>) -> Used {
        account: Option<Account> = account.map(super::account),
    }

    /// Every share.
    fn shares(shares: &[v1::Share]) -> Shares {
        shares: Vec<Share> = shares.iter().map(super::share).collect(),
    }

    /// A share that was ended, if there was one.
    fn share_stopped(name: &str, stopped: bool) -> ShareStopped {
        name: String = name.to_owned(),
        stopped: bool = stopped,
    }

    /// Every gate.
    fn gates(gates: &[v1::Gate]) -> Gates {
        gates: Vec<Gate> = gates.iter().map(gate).collect(),
    }

    /// A gate that was closed, if there was one.
    fn gate_closed(name: &str, closed: bool) -> GateClosed {
        name: String = name.to_owned(),
        closed: bool = closed,
    }

    /// How many decisions about a workspace were forgotten.
    fn revoked(root: &str, removed: u32) -> Revoked {
        root: String = root.to_owned(),
        removed: u32 = removed,
    }

    /// Changes of files of another tool.
    fn hook_changed(
        tool: &str, dry_run: bool, changes: Vec<FileDiff>, notes: Vec<String>, variables: &[(String, String)],
        next: &Option<String>,
    ) -> HookChanged {
        tool: String = tool.to_owned(),
        dry_run: bool = dry_run,
        changes: Vec<FileDiff> = changes,
        notes: Vec<String> = notes,
        /// Variables that a session has to set.
        variables: BTreeMap<String, String> = variables.iter().cloned().collect(),
        /// What to try once it is installed.
        next: Option<String> = next.clone(),
    }

    /// A change of a file.
    fn file_diff(file: String, diff: String) -> FileDiff {
        file: String = file,
        diff: String = diff,
    }
}
