//! Groups of the system, as `/etc/group` has them.

/// The file.
pub const GROUPS: &str = "/etc/group";

/// Whether `groups`, the text of [`GROUPS`], names a member of the group with this number. A user's private group has
/// none; with private groups, `umask 002` is usual, and the group's write permission is the user's alone.
pub fn has_members(groups: &str, group: u32) -> bool {
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
