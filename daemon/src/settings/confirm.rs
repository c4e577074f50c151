//! Required confirmations: `confirm` of `[account.NAME]` and `[source.NAME]`. Pure.

use std::collections::BTreeMap;

/// When a person is asked. Later variants are stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "kebab-case"))]
pub enum Confirm {
    /// Never.
    #[default]
    Never,
    /// Once in each terminal, or for each process that has none.
    NewSession,
    /// For each lease.
    Always,
}

/// The values in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confirmations {
    /// By name of an account.
    pub accounts: BTreeMap<String, Confirm>,
    /// By id of a source.
    pub sources: BTreeMap<String, Confirm>,
}

// === impl Confirm ===

impl Confirm {
    /// All words.
    pub const WORDS: [(&'static str, Self); 3] =
        [("never", Self::Never), ("new-session", Self::NewSession), ("always", Self::Always)];

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(known, _)| *known == word).map(|(_, confirm)| confirm)
    }
}
