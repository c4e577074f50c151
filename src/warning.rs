//! What looks wrong but stops nothing: one stable word per kind, and a sentence.

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

/// All kinds, for lookups.
const KINDS: [Kind; 5] = [
    Kind::SettingsKept,
    Kind::PolicyIneffective,
    Kind::TwoClouds,
    Kind::EndpointPlaintext,
    Kind::VertexProjectOverridden,
];

/// Something that looks wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What it is about.
    pub kind: Kind,
    /// One sentence. Never holds a secret.
    pub text: String,
}

impl Kind {
    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SettingsKept => "settings-kept",
            Self::PolicyIneffective => "policy-ineffective",
            Self::TwoClouds => "two-clouds",
            Self::EndpointPlaintext => "endpoint-plaintext",
            Self::VertexProjectOverridden => "vertex-project-overridden",
        }
    }

    /// The kind for a stable word; `None` if a later release has added it.
    pub fn parse(word: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| kind.as_str() == word)
    }
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

#[cfg(test)]
mod tests {
    use super::{KINDS, Kind};

    #[test]
    fn words_parse_back() {
        assert!(KINDS.into_iter().all(|kind| Kind::parse(kind.as_str()) == Some(kind)));
        assert_eq!(Kind::parse("new-in-2.0"), None);
    }
}
