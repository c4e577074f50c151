//! Other users that may change a file of the user's.

use claviger::group::{GROUPS, has_members};
use nix::{sys::stat::FileStat, unistd::Uid};
use std::sync::LazyLock;

/// Whether others than its owner may write it. With private groups and `umask 002`, the write permission of that group
/// belongs to the user alone.
pub(super) fn has_others(status: &FileStat) -> bool {
    match status.st_mode & 0o022 {
        0 => false,
        0o020 => !is_private(status.st_gid),
        _ => true,
    }
}

/// Whether it is the user's private group: it has the user's number, and no members in `/etc/group`.
fn is_private(group: u32) -> bool {
    group == Uid::effective().as_raw() && !has_members(&read(GROUPS), group)
}

/// Whether the group has no members: neither in `/etc/group`, nor as a user's own group.
pub(super) fn is_empty(group: u32) -> bool {
    let number = group.to_string();
    let is_own = |line: &str| line.split(':').nth(3) == Some(&number);
    group != 0 && !has_members(&read(GROUPS), group) && !read("/etc/passwd").lines().any(is_own)
}

/// Whether every user is mapped here: not in a user namespace with a partial mapping (`user_namespaces(7)`).
pub(super) fn is_every_user_known() -> bool {
    const ALL: u32 = u32::MAX;
    static KNOWN: LazyLock<bool> = LazyLock::new(|| {
        let map = read("/proc/self/uid_map");
        let lengths = map.lines().filter_map(|line| line.split_whitespace().nth(2)?.parse::<u32>().ok());
        lengths.fold(0, u32::saturating_add) == ALL
    });
    *KNOWN
}

#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
