//! Universes: Google's own cloud and those of its partners, each with its own domain. Credentials of one are not valid
//! in another, so credentials of another universe than the session's are refused, as in google-api-core
//! (`google.api_core.universe`).

use super::{Declined, file::Fields, variable};
use claviger::reason::Reason;
use claviger_child::cloud_file::{UNIVERSE, UNIVERSE_VARIABLE};

/// Field of a credentials file with its universe.
pub(super) const FIELD: &str = "universe_domain";

/// Checks that credentials of the universe `theirs` are valid for the session; `None` is Google's own. `whose` begins
/// the message.
///
/// # Errors
/// `settings-invalid`.
pub(super) fn check(whose: &str, theirs: Option<&str>) -> Result<(), Declined> {
    let wanted = variable(UNIVERSE_VARIABLE);
    differs(wanted.as_deref(), theirs).map_or(Ok(()), |wanted| {
        let message = format!("{whose} belongs to another universe than {wanted}, the session's");
        Err(Declined::new(Reason::SettingsInvalid, message).hint(format!(
            "set {UNIVERSE_VARIABLE} to the universe_domain of the credentials, or use credentials of {wanted}"
        )))
    })
}

/// Checks the universe of a credentials file.
///
/// # Errors
/// As [`check`], and if the field is malformed.
pub(super) fn check_file(fields: &Fields<'_>) -> Result<(), Declined> {
    check(&format!("the credentials file {}", fields.path().display()), fields.optional(FIELD)?)
}

/// Whether a file's credentials are of Google's own universe.
pub(super) fn is_own(fields: &Fields<'_>) -> Result<bool, Declined> {
    Ok(fields.optional(FIELD)?.unwrap_or(UNIVERSE) == UNIVERSE)
}

/// The wanted universe, if it is not `theirs`. An invalid domain is not repeated.
fn differs<'a>(wanted: Option<&'a str>, theirs: Option<&str>) -> Option<&'a str> {
    let wanted = wanted.unwrap_or(UNIVERSE);
    let is_plain = wanted.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    let shown = if is_plain { wanted } else { "the one of the variable" };
    (theirs.unwrap_or(UNIVERSE) != wanted).then_some(shown)
}

#[cfg(test)]
mod tests {
    use super::differs;

    #[test]
    fn credentials_are_of_the_sessions_universe() {
        let (own, other) = (Some("googleapis.com"), Some("example.goog"));
        for (wanted, theirs, expected) in [
            (None, None, None),
            (None, own, None),
            (own, None, None),
            (other, other, None),
            (None, other, own),
            (other, None, other),
            (other, own, other),
            (Some("a b"), None, Some("the one of the variable")),
        ] {
            assert_eq!(differs(wanted, theirs), expected, "{wanted:?} {theirs:?}");
        }
    }
}
