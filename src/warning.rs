//! Likely mistakes that block nothing: a kind, a sentence and a remedy.

pub use crate::cause::Kind;

use crate::{
    cause::Location,
    proto::v1,
    remedy::{self, Remedy},
    wire,
};
use std::fmt;

/// A likely mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Its kind.
    pub kind: Kind,
    /// One sentence. Never holds a secret.
    pub text: String,
    /// Where it is, if in a file.
    pub at: Option<Location>,
    /// The variables that cause it, if they are a session's own.
    pub variables: Vec<&'static str>,
}

impl Warning {
    /// A warning.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), at: None, variables: Vec::new() }
    }

    /// The value that causes it: its place in a file, or the session's own variables.
    #[must_use]
    pub fn about(mut self, variables: &[&'static str], at: Option<&Location>) -> Self {
        (self.variables, self.at) = (variables.to_vec(), at.cloned());
        self
    }

    /// The remedy.
    pub fn helps(&self) -> Option<Remedy> {
        remedy::for_warning(self.kind, &self.variables, self.at.as_ref())
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Warning> for v1::Warning {
    fn from(warning: Warning) -> Self {
        let kind = match warning.kind {
            Kind::SettingsKept => v1::warning::Kind::SettingsKept,
            Kind::PolicyIneffective => v1::warning::Kind::PolicyIneffective,
            Kind::TwoClouds => v1::warning::Kind::TwoClouds,
            Kind::EndpointPlaintext => v1::warning::Kind::EndpointPlaintext,
            Kind::VertexProjectOverridden => v1::warning::Kind::VertexProjectOverridden,
            Kind::OutputTrimmed => v1::warning::Kind::OutputTrimmed,
            Kind::Overruled => v1::warning::Kind::Overruled,
        };
        Self {
            kind: kind.into(),
            remedy: warning.helps().as_ref().map(wire::remedy),
            location: warning.at.as_ref().map(wire::location),
            text: warning.text,
        }
    }
}
