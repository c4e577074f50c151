//! Who else may change a file of the user's.

use nix::{sys::stat::FileStat, unistd::Uid};

const GROUPS: &str = "/etc/group";

/// Whether others than its owner may write it. Where each user has a group to himself, and files are made with
/// `umask 002`, the write permission of that group is nobody else's.
pub(super) fn has_others(status: &FileStat) -> bool {
    match status.st_mode & 0o022 {
        0 => false,
        0o020 => !is_private(status.st_gid),
        _ => true,
    }
}

/// Whether it is the user's own group: it has his number, and no members that `/etc/group` names.
fn is_private(group: u32) -> bool {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    let groups = || std::fs::read_to_string(GROUPS).unwrap_or_default();
    group == Uid::effective().as_raw() && !has_members(&groups(), group)
}

fn has_members(groups: &str, group: u32) -> bool {
    let number = group.to_string();
    groups.lines().any(|line| {
        let mut fields = line.split(':').skip(2);
        fields.next() == Some(&number) && fields.next().is_some_and(|members| !members.trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::has_members;

    #[test]
    fn a_group_with_members_is_not_private() {
        let groups = "root:x:0:\nadm:x:4:syslog,ada\nada:x:1000:\nteam:x:1001:ada";
        for (group, members) in [(0, false), (4, true), (1000, false), (1001, true), (7, false)] {
            assert_eq!(has_members(groups, group), members, "{group}");
        }
    }
}
