//! One change of a text, and its exact undoing. Pure.

use serde::{Deserialize, Serialize};

/// A replacement of some bytes of a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Splice {
    /// Its subject: the name of a setting, profile or file.
    pub(crate) name: String,
    /// Offset in bytes.
    pub(crate) at: usize,
    /// The old text.
    pub(crate) removed: String,
    /// The new text.
    pub(crate) inserted: String,
}

impl Splice {
    /// The text after the change.
    pub(crate) fn apply(&self, text: &str) -> String {
        swap(text, self.at, &self.removed, &self.inserted)
    }

    /// The text before the change, if nothing has changed since.
    pub(crate) fn revert(&self, text: &str) -> Option<String> {
        let stands = text.get(self.at..).is_some_and(|rest| rest.starts_with(&self.inserted));
        stands.then(|| swap(text, self.at, &self.inserted, &self.removed))
    }

    /// The text without the change, wherever it has moved to; `None` if it is gone or ambiguous.
    pub(crate) fn revert_anywhere(&self, text: &str) -> Option<String> {
        let (at, _) = text.match_indices(&self.inserted).next()?;
        let only = text.match_indices(&self.inserted).count() == 1;
        only.then(|| swap(text, at, &self.inserted, &self.removed))
    }
}

fn swap(text: &str, at: usize, removed: &str, inserted: &str) -> String {
    let (before, rest) = text.split_at(at);
    format!("{before}{inserted}{}", &rest[removed.len()..])
}

/// The line ending of `text`: that of its first line.
pub(crate) fn line_end(text: &str) -> &'static str {
    match text.split_once('\n') {
        Some((first, _)) if first.ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Line and column of an offset, from 1.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let before = &text[..offset.min(text.len())];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let count = |found: usize| u32::try_from(found + 1).unwrap_or(u32::MAX);
    (count(before.matches('\n').count()), count(before[start..].chars().count()))
}

#[cfg(test)]
mod tests {
    use super::{Splice, line_end, place};

    fn splice(at: usize, removed: &str, inserted: &str) -> Splice {
        Splice { name: "x".into(), at, removed: removed.into(), inserted: inserted.into() }
    }

    #[test]
    fn back_is_where_it_came_from() {
        let change = splice(2, "cd", "XYZ");
        assert_eq!(change.apply("abcdef"), "abXYZef");
        assert_eq!(change.revert("abXYZef").as_deref(), Some("abcdef"));
        assert_eq!(change.revert("_abXYZef"), None);
        assert_eq!(change.revert_anywhere("_abXYZef").as_deref(), Some("_abcdef"));
        assert_eq!(change.revert_anywhere("XYZ XYZ"), None, "which one?");
        assert_eq!(
            (change.revert("ab"), change.revert("a"), change.revert_anywhere("ab")),
            (None, None, None)
        );
    }

    #[test]
    fn lines_and_columns() {
        assert_eq!((line_end("a\r\nb\n"), line_end("a\nb\r\n"), line_end("")), ("\r\n", "\n", "\n"));
        assert_eq!(["", "é", "é\n"].map(|before| place("é\nb", before.len())), [(1, 1), (1, 2), (2, 1)]);
    }
}
