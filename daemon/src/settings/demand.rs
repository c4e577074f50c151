//! Requirements of `forceLoginMethod` and `forceLoginOrgUUID` in a file. Pure.

/// The managed settings keys that restrict logins.
pub const POLICIES: [&str; 2] = ["forceLoginMethod", "forceLoginOrgUUID"];

/// The words of `forceLoginMethod`.
pub const METHODS: [&str; 3] = ["claudeai", "console", "gateway"];
/// The key whose value is one of [`METHODS`].
const METHOD: &str = POLICIES[0];

/// A policy's requirement for an OAuth login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Its method is this one of [`METHODS`].
    Method(&'static str),
    /// Its organisation is one of these. Lower case.
    Organizations {
        /// Their UUIDs.
        ids: Vec<String>,
        /// Whether they were written as a list, which is added to those of weaker files.
        is_list: bool,
    },
    /// An invalid value: why, as the rest of a sentence about the key.
    Unusable(String),
}

// === impl Demand ===

impl Demand {
    /// From one text under `key`, or from a value of this other kind.
    pub fn of_text(key: &str, value: Result<String, &'static str>) -> Self {
        match value {
            Err(kind) => Self::Unusable(format!("it must be {}, not {kind}", expected(key))),
            Ok(word) if key == METHOD => match METHODS.into_iter().find(|method| *method == word) {
                Some(method) => Self::Method(method),
                None => Self::Unusable(format!("it is not {}", expected(key))),
            },
            Ok(id) if is_uuid(&id) => {
                Self::Organizations { ids: vec![id.to_ascii_lowercase()], is_list: false }
            }
            Ok(_) => Self::Unusable("it is not a UUID".into()),
        }
    }

    /// From a list under `key`, of texts or of values of these other kinds.
    pub fn of_list(key: &str, values: Vec<Result<String, &'static str>>) -> Self {
        if key == METHOD {
            return Self::of_text(key, Err("an array"));
        }
        if values.is_empty() {
            return Self::Unusable("its list is empty".into());
        }
        let mut ids = Vec::new();
        for (number, value) in (1..).zip(values) {
            match Self::of_text(key, value) {
                Self::Organizations { ids: one, .. } => ids.extend(one),
                _ => return Self::Unusable(format!("entry {number} of its list is not a UUID")),
            }
        }
        Self::Organizations { ids, is_list: true }
    }

    /// In words, after "demands".
    pub fn words(&self) -> String {
        match self {
            Self::Method(method) => format!("an OAuth login by {method}"),
            Self::Organizations { ids, .. } => format!("an OAuth login of organisation {}", ids.join(" or ")),
            Self::Unusable(why) => format!("something impossible: {why}"),
        }
    }
}

fn expected(key: &str) -> &'static str {
    if key == METHOD { "one of claudeai, console and gateway" } else { "a UUID or an array of them" }
}

/// Whether `text` is hexadecimal digits and hyphens in the shape of RFC 9562.
fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::{Demand, is_uuid};

    #[test]
    fn uuids() {
        assert!(is_uuid("0123abCD-0000-4000-8000-00000000000f"));
        for bad in ["", "0-1", "0123abcd00004000800000000000000f", "0123abcg-0000-4000-8000-00000000000f"] {
            assert!(!is_uuid(bad), "{bad}");
        }
    }

    #[test]
    fn what_cannot_be_read_says_why_and_repeats_nothing() {
        let text = |text: &str| Ok(text.to_owned());
        for (demand, why) in [
            (
                Demand::of_text("forceLoginMethod", text("x")),
                "it is not one of claudeai, console and gateway",
            ),
            (Demand::of_text("forceLoginMethod", text("")), "it is not one of claudeai, console and gateway"),
            (
                Demand::of_text("forceLoginMethod", text("Console")),
                "it is not one of claudeai, console and gateway",
            ),
            (
                Demand::of_list("forceLoginMethod", vec![text("console")]),
                "it must be one of claudeai, console and gateway, not an array",
            ),
            (
                Demand::of_text("forceLoginOrgUUID", Err("null")),
                "it must be a UUID or an array of them, not null",
            ),
            (Demand::of_text("forceLoginOrgUUID", text("")), "it is not a UUID"),
            (Demand::of_list("forceLoginOrgUUID", vec![]), "its list is empty"),
            (
                Demand::of_list("forceLoginOrgUUID", vec![Err("a number")]),
                "entry 1 of its list is not a UUID",
            ),
        ] {
            assert_eq!(demand, Demand::Unusable(why.into()));
        }
    }
}
