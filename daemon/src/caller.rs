//! Permissions of a caller. The user id is necessary, not sufficient: a process behind `ssh -R` has the same one.

use crate::shares::Share;
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
    session::{Names, SessionContext},
};
use std::{borrow::Cow, path::Path, sync::Arc};

/// Kind of a caller, as far as its permissions depend on it.
#[derive(Clone, Debug, Default)]
pub enum Caller {
    /// It has not proved that it is on this machine: it may inspect, and borrow by name.
    #[default]
    Foreign,
    /// It sent the cookie: it may do everything.
    Near,
    /// It came through the socket of a share: it may borrow that share's credential.
    Share(Arc<Share>),
}

// === impl Caller ===

impl Caller {
    /// Its connection, for the audit log: `foreign`, or `share` and its name; empty for a near one.
    pub fn via(&self) -> Cow<'_, str> {
        match self {
            Self::Near => "".into(),
            Self::Foreign => "foreign".into(),
            Self::Share(share) => format!("share {}", share.wanted.name).into(),
        }
    }

    /// Permits an action of near callers only.
    ///
    /// # Errors
    /// `foreign-caller`.
    pub fn must_be_near(&self) -> Result<(), Problem> {
        match self {
            Self::Near => Ok(()),
            Self::Foreign | Self::Share(_) => {
                Err(no_cookie("this needs a caller on the daemon's own machine"))
            }
        }
    }
}

/// Refuses a caller without the cookie. The message has no path: it must not learn those of this machine.
pub fn no_cookie(what: &str) -> Problem {
    Problem::new(Reason::ForeignCaller, format!("{what}, and the request has no cookie"))
        .hint("the cookie is beside the socket and is sent as metadata; to lend elsewhere, use a share")
}

/// The session that stands for a foreign caller: this user's own, in no workspace, with the caller's choices by name.
///
/// # Errors
/// `malformed-request` if the home directory cannot be part of a session.
pub fn session(home: &Path, names: Names) -> Result<SessionContext, Problem> {
    let session = SessionContext::new("/".into(), [("HOME".into(), home.into())])?;
    Ok(SessionContext { chosen: names.chosen, backend: names.backend, ..session })
}

/// Whether AWS's configuration has a section for the profile `name`: a foreign caller may only choose existing ones.
pub fn has_profile(text: &str, name: &str) -> bool {
    let sections = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    sections.map(str::trim).any(|section| section.strip_prefix("profile ").map_or(section, str::trim) == name)
}

/// A foreign caller names a profile that does not exist.
pub fn no_profile() -> Problem {
    Problem::new(Reason::MalformedRequest, "there is no profile of that name on the daemon's machine")
        .hint("leave it out, or name one that its ~/.aws/config has")
}

/// A foreign caller's choice exists, but something else comes before it.
pub fn another(source: &str) -> Problem {
    Problem::new(
        Reason::ForeignCaller,
        format!("{source} comes before what was named, on the daemon's machine"),
    )
    .hint("leave the name out to borrow that, or ask for a share of the named one")
}

/// A problem in the form for a foreign caller: only the reason, and when to retry. Text, places and remedies are about
/// files and commands of this machine.
pub fn veiled(problem: &Problem) -> Problem {
    let message = format!("there is no credential to lend here: {}", problem.reason);
    let there = Remedy::Administrator("run `claviger explain` on the daemon's own machine".into());
    Problem { retry_after: problem.retry_after, ..Problem::new(problem.reason, message).remedy(there) }
}

#[cfg(test)]
mod tests {
    use super::has_profile;

    #[test]
    fn profiles_are_sections() {
        let text = "[default]\nregion = x\n  [profile work]  # ours\n[ profile  far ]\n[sso-session s]\n";
        for (name, expected) in [
            ("default", true),
            ("work", true),
            ("far", true),
            ("wor", false),
            ("", false),
            ("x]\n[profile y", false),
        ] {
            assert_eq!(has_profile(text, name), expected, "{name:?}");
        }
    }
}
