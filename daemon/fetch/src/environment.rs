//! Variables of the session: those of this process, and the secrets of the request.

use claviger_child::Lent;

/// Finds the value of a variable that is set and not empty.
pub(crate) type Variables<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The value of a variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The secret that is lent under the name of a variable, unless it is empty.
pub(crate) fn lent<'a>(lent: &'a Lent, name: &str) -> Option<&'a str> {
    lent.get(name).map(|text| text.0.expose().as_str()).filter(|secret| !secret.is_empty())
}
