//! What a caller may do. The user id is necessary, not sufficient: the same one stands at the end of `ssh -R`.

use crate::shares::Share;
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
    session::{Names, SessionContext},
};
use std::{borrow::Cow, path::Path, sync::Arc};

/// Who calls, as far as it matters for what it may do.
#[derive(Clone, Debug, Default)]
pub enum Caller {
    /// It has not shown that it is on this machine: it may look, and borrow by name.
    #[default]
    Foreign,
    /// It sent the cookie: it may do everything.
    Near,
    /// It came through the socket of a share: it may borrow what that lends.
    Share(Arc<Share>),
}

// === impl Caller ===

impl Caller {
    /// How it came, for the audit log: `foreign`, or `share` and its name; empty for a near one.
    pub fn via(&self) -> Cow<'_, str> {
        match self {
            Self::Near => "".into(),
            Self::Foreign => "foreign".into(),
            Self::Share(share) => format!("share {}", share.wanted.name).into(),
        }
    }

    /// Lets a near caller do what only such a one may.
    ///
    /// # Errors
    /// `foreign-caller`.
    pub fn must_be_near(&self) -> Result<(), Problem> {
        match self {
            Self::Near => Ok(()),
            Self::Foreign | Self::Share(_) => {
                Err(no_cookie("this takes a caller of the daemon's own machine"))
            }
        }
    }
}

/// A caller without the cookie may not do something. Without a path: those of this machine are none of its business.
pub fn no_cookie(what: &str) -> Problem {
    Problem::new(Reason::ForeignCaller, format!("{what}, and the request has no cookie"))
        .hint("the cookie lies beside the socket and is sent as metadata; what lends elsewhere is a share")
}

/// The session in whose place a foreign caller is lent to: this user's own, in no workspace, with what was chosen by name.
///
/// # Errors
/// `malformed-request` if the home directory cannot stand in a session.
pub fn session(home: &Path, names: Names) -> Result<SessionContext, Problem> {
    let session = SessionContext::new("/".into(), [("HOME".into(), home.into())])?;
    Ok(SessionContext { chosen: names.chosen, backend: names.backend, ..session })
}

/// Whether a configuration of AWS has a section for the profile `name`: a foreign caller chooses what exists here.
pub fn has_profile(text: &str, name: &str) -> bool {
    let sections = text.lines().filter_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    sections.map(str::trim).any(|section| section.strip_prefix("profile ").map_or(section, str::trim) == name)
}

/// A foreign caller names a profile that is not there.
pub fn no_profile() -> Problem {
    Problem::new(Reason::MalformedRequest, "there is no profile of that name on the daemon's machine")
        .hint("leave it out, or name one that its ~/.aws/config has")
}

/// What a foreign caller named is there, and something else comes before it.
pub fn another(source: &str) -> Problem {
    Problem::new(
        Reason::ForeignCaller,
        format!("{source} comes before what was named, on the daemon's machine"),
    )
    .hint("leave the name out to borrow that, or ask for a share of what you named")
}

/// A problem as a foreign caller gets to see it: the reason, and when to try again. Its words, places and remedies are about
/// files and commands of this machine.
pub fn veiled(problem: &Problem) -> Problem {
    let message = format!("there is no credential to lend here: {}", problem.reason);
    let there = Remedy::Administrator("look at `claviger explain` on the daemon's own machine".into());
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
