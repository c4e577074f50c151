//! Events of the audit log, for the daemon that writes it and the client that reads it (docs/audit.md).

macro_rules! events {
    ($($(#[$about:meta])* $event:ident = $name:literal,)*) => {
        /// Event of a line of the audit log.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum AuditEvent {
            $($(#[$about])* $event,)*
        }

        impl AuditEvent {
            /// All of them, in the order of their names.
            pub const ALL: &[Self] = &[$(Self::$event),*];

            /// As the log has it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$event => $name,)*
                }
            }
        }
    };
}

events! {
    /// A running command was ended.
    Cancel = "cancel",
    /// A person was asked whether to lend.
    Confirm = "confirm",
    /// The cookie was replaced.
    Cookie = "cookie",
    /// The daemon started or ended.
    Daemon = "daemon",
    /// The source of a session was tried for `claviger explain`.
    Explain = "explain",
    /// A gate was opened or closed.
    Gate = "gate",
    /// A session asked for a credential.
    #[default]
    Get = "get",
    /// Nothing is lent from now on.
    Lock = "lock",
    /// The log filter was changed.
    LogLevel = "log-level",
    /// An account was signed in.
    Login = "login",
    /// An account was signed out.
    Logout = "logout",
    /// Lines before this one were lost.
    Lost = "lost",
    /// The secret of an account was moved.
    Move = "move",
    /// A call was turned away.
    Peer = "peer",
    /// A refresh was asked for.
    Refresh = "refresh",
    /// A session reported that its credential was rejected.
    Report = "report",
    /// Accounts and decisions were deleted.
    Reset = "reset",
    /// A secret was stored as an account.
    SaveSecret = "save-secret",
    /// A share was made, or ended.
    Share = "share",
    /// A decision about a workspace.
    Trust = "trust",
    /// The daemon was unlocked.
    Unlock = "unlock",
    /// Another account is used.
    Use = "use",
    /// A session follows its credential.
    Watch = "watch",
}

impl AuditEvent {
    /// Whether it is a loan, or an attempt at one; the others are decisions, which have their own file.
    #[must_use]
    pub const fn is_about_lending(self) -> bool {
        matches!(self, Self::Get | Self::Watch | Self::Refresh | Self::Report | Self::Peer | Self::Lost)
    }
}

#[cfg(test)]
mod tests {
    use super::AuditEvent;

    const DOCS: &str = include_str!("../docs/audit.md");

    #[test]
    fn the_documentation_has_every_event_and_no_other() {
        let section = DOCS.split("## Events").nth(1).and_then(|rest| rest.split("\n## ").next());
        let rows = section.expect("a section").lines().filter_map(|line| line.strip_prefix("| `"));
        let mut documented: Vec<_> = rows
            .flat_map(|row| row.split('|').next().unwrap_or_default().split(','))
            .map(|name| name.trim_matches([' ', '`']))
            .collect();
        documented.sort_unstable();
        let written: Vec<_> = AuditEvent::ALL.iter().map(|event| event.as_str()).collect();
        assert_eq!(documented, written);
    }
}
