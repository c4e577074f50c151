//! Things that look wrong but stop nothing: a kind and a sentence.

use crate::proto::v1;
use std::fmt;

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A settings file is broken, and what it said before counts.
    SettingsKept,
    /// A login policy stands where anybody could write it.
    PolicyIneffective,
    /// Several clouds are switched on.
    TwoClouds,
    /// The credential travels unencrypted.
    EndpointPlaintext,
    /// Another variable comes before `ANTHROPIC_VERTEX_PROJECT_ID`.
    VertexProjectOverridden,
}

/// Something that looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: Kind,
    /// One sentence. Never holds a secret.
    pub text: String,
}

impl Warning {
    /// A warning.
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
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
        };
        Self { kind: kind.into(), text: warning.text }
    }
}
