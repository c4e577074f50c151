//! The choices of a caller that does not share this machine's files: names of things that exist on the daemon's side.

use super::{
    SessionContext, SessionMode,
    rules::{check_chosen, malformed, named},
};
use crate::{
    backend::{Backend, CLOUDS},
    proto::v1,
    reason::{Problem, Reason},
    variables,
};
use std::collections::BTreeMap;

/// The variables whose values are such names.
pub const NAMES: [&str; 2] = [ACCOUNT, PROFILE];
/// The account of the local store.
pub const ACCOUNT: &str = "CLAVIGER_ACCOUNT";
/// The profile of AWS.
pub const PROFILE: &str = "AWS_PROFILE";

/// A choice by name. An empty choice means the choice of the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Values of [`NAMES`].
    pub chosen: BTreeMap<String, String>,
    /// Backend whose credential is wanted.
    pub backend: Option<Backend>,
}

// === impl Names ===

impl Names {
    /// The names that `session` chooses.
    ///
    /// # Errors
    /// `foreign-caller` if it also chooses by settings of its own, or by its mode.
    pub fn of(session: &SessionContext) -> Result<Self, Problem> {
        if session.explicit.is_some() {
            return Err(not_a_name("settings"));
        }
        if session.mode != SessionMode::Standard {
            return Err(not_a_name("a mode"));
        }
        let value =
            |name: &str| session.chosen.get(name).map(String::as_str).or_else(|| session.variable(name));
        let chosen = NAMES.iter().filter_map(|&name| Some((name.to_owned(), value(name)?.to_owned())));
        let is_on = |name: &str| session.variable(name).is_some_and(variables::is_true);
        let by_variable = || CLOUDS.iter().find(|(_, name, _)| is_on(name)).map(|&(backend, ..)| backend);
        Ok(Self { chosen: chosen.collect(), backend: session.backend.or_else(by_variable) })
    }

    /// Encoded: a session that consists of names only.
    pub fn to_proto(&self) -> v1::SessionContext {
        v1::SessionContext {
            chosen: self.chosen.clone(),
            backend: self.backend.map_or(v1::Backend::Unspecified, Backend::to_proto).into(),
            ..Default::default()
        }
    }

    /// Decodes a foreign caller's message. Without a session, the choice is empty.
    ///
    /// # Errors
    /// `foreign-caller` if it holds more than names: the answer would be of another identity. `malformed-request` if a
    /// value is not a name.
    pub fn from_proto(message: Option<v1::SessionContext>) -> Result<Self, Problem> {
        let message = message.unwrap_or_default();
        let sent = [
            (!message.working_directory.is_empty(), "a working directory"),
            (!message.explicit_settings.is_empty(), "settings"),
            (
                !(message.variables.is_empty()
                    && message.present.is_empty()
                    && message.environment.is_empty()),
                "variables",
            ),
            (!message.lent.is_empty(), "secrets"),
            (message.passed.is_some(), "names of variables"),
            (!message.inside_flight.is_empty(), "a flight"),
            (message.mode > v1::SessionMode::Standard.into() || message.mode < 0, "a mode"),
        ];
        if let Some((_, what)) = sent.into_iter().find(|(is_sent, _)| *is_sent) {
            return Err(not_a_name(what));
        }
        for (name, value) in &message.chosen {
            if !NAMES.contains(&name.as_str()) {
                return Err(not_a_name(&named(name)));
            }
            if value.is_empty() {
                return Err(malformed(format!("{name} is set, but empty")));
            }
            check_chosen(name, value)?;
        }
        Ok(Self { chosen: message.chosen, backend: Backend::from_proto(message.backend)? })
    }
}

/// A foreign caller requests more than it may choose.
fn not_a_name(what: &str) -> Problem {
    let message = format!("a caller without the cookie may not send {what}: it chooses by name only");
    Problem::new(Reason::ForeignCaller, message)
        .hint(format!("leave it out, and name an account ({ACCOUNT}), a profile ({PROFILE}) or a backend"))
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, Names, PROFILE};
    use crate::{
        backend::Backend,
        proto::v1,
        reason::Reason,
        session::{ExplicitSettings, SessionContext, SessionMode},
    };

    fn session(pairs: &[(&str, &str)]) -> SessionContext {
        let pairs = pairs.iter().map(|(name, value)| (name.into(), value.into()));
        SessionContext::new("/far/away".into(), pairs).expect("a session")
    }

    #[test]
    fn of_a_far_session_only_names_are_sent() {
        let far = session(&[
            ("HOME", "/far"),
            ("ANTHROPIC_API_KEY", "canary"),
            (ACCOUNT, "work"),
            (PROFILE, ""),
            ("CLAUDE_CODE_USE_VERTEX", "1"),
        ]);
        let sent = Names::of(&far).expect("names").to_proto();
        let expected = v1::SessionContext {
            chosen: [(ACCOUNT.to_owned(), "work".to_owned())].into(),
            backend: v1::Backend::Vertex.into(),
            ..Default::default()
        };
        assert_eq!(sent, expected);
        let read = Names::from_proto(Some(sent)).expect("names");
        assert_eq!(read.backend, Some(Backend::Vertex));
    }

    #[test]
    fn what_cannot_be_sent_is_not_dropped() {
        let mut far = session(&[]);
        far.mode = SessionMode::Bare;
        assert_eq!(Names::of(&far).expect_err("a mode").reason, Reason::ForeignCaller);
        let explicit = Some(ExplicitSettings { name: "inline".into(), content: b"{}".to_vec() });
        let far = SessionContext { explicit, ..session(&[]) };
        assert_eq!(Names::of(&far).expect_err("settings").reason, Reason::ForeignCaller);
    }

    #[test]
    fn every_field_but_names_is_refused() {
        let one = |name: &str| [(name.to_owned(), "x".to_owned())].into();
        let base = v1::SessionContext::default;
        let cases = [
            v1::SessionContext { working_directory: "/".into(), ..base() },
            v1::SessionContext { variables: one("HOME"), ..base() },
            v1::SessionContext { environment: one("HOME"), ..base() },
            v1::SessionContext { present: vec!["ANTHROPIC_API_KEY".into()], ..base() },
            v1::SessionContext { explicit_settings: b"{}".to_vec(), ..base() },
            v1::SessionContext { lent: one("AZURE_CLIENT_SECRET"), ..base() },
            v1::SessionContext { passed: Some(v1::Passed::default()), ..base() },
            v1::SessionContext { inside_flight: "x".into(), ..base() },
            v1::SessionContext { mode: v1::SessionMode::Managed.into(), ..base() },
            v1::SessionContext { mode: -1, ..base() },
            v1::SessionContext { chosen: one("HOME"), ..base() },
            v1::SessionContext { chosen: one("CLAUDE_CONFIG_DIR"), ..base() },
        ];
        for case in cases {
            let problem = Names::from_proto(Some(case.clone())).expect_err("refused");
            assert_eq!(problem.reason, Reason::ForeignCaller, "{case:?}");
        }
        for value in ["", "a\nb"] {
            let chosen = [(PROFILE.to_owned(), value.to_owned())].into();
            let problem =
                Names::from_proto(Some(v1::SessionContext { chosen, ..base() })).expect_err("refused");
            assert_eq!(problem.reason, Reason::MalformedRequest);
        }
        assert_eq!(Names::from_proto(None).expect("nothing chosen"), Names::default());
    }
}
