//! The placeholder that clients send in place of a credential. On a port, it is required; on a path it is not, because access to the
//! path is enough. Any other credential is refused: replacing it silently would change the identity of the request.

use claviger::Secret;
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use subtle::ConstantTimeEq as _;

/// The header of API keys.
pub(crate) const API_KEY: &str = "x-api-key";

/// The placeholder of a gate.
pub(crate) struct Guard {
    placeholder: Secret,
    is_required: bool,
}

/// Why a client may not send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Denied {
    /// It sends no placeholder.
    Nothing,
    /// It sends another credential.
    Another,
}

// === impl Guard ===

impl Guard {
    /// A gate with `placeholder`; an empty one is never accepted.
    pub(crate) fn new(placeholder: Secret, is_required: bool) -> Self {
        Self { placeholder, is_required }
    }

    /// Checks that a request may pass.
    ///
    /// # Errors
    /// See [`Denied`].
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let keys = headers.get_all(API_KEY).iter().map(HeaderValue::as_bytes);
        let tokens = headers.get_all(AUTHORIZATION).iter().map(|value| token(value.as_bytes()));
        let mut shown = false;
        for value in keys.chain(tokens).map(<[u8]>::trim_ascii).filter(|value| !value.is_empty()) {
            if !self.is(value) {
                return Err(Denied::Another);
            }
            shown = true;
        }
        match shown || !self.is_required {
            true => Ok(()),
            false => Err(Denied::Nothing),
        }
    }

    fn is(&self, shown: &[u8]) -> bool {
        let placeholder = self.placeholder.expose().as_bytes();
        !placeholder.is_empty() && bool::from(placeholder.ct_eq(shown))
    }
}

/// The token of `Bearer TOKEN`; any other value as it is.
fn token(value: &[u8]) -> &[u8] {
    match value.split_at_checked(7) {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"bearer ") => token,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::{Denied, Guard};
    use claviger::Secret;
    use http::{HeaderMap, HeaderName, HeaderValue};

    fn shown(required: bool, headers: &[(&'static str, &'static str)]) -> Result<(), Denied> {
        let guard = Guard::new(Secret::from("sk-ant-api03-right"), required);
        let headers = headers.iter();
        guard.admit(
            &headers
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect::<HeaderMap>(),
        )
    }

    #[test]
    fn the_placeholder_and_nothing_else_is_taken() {
        for required in [true, false] {
            assert_eq!(shown(required, &[("x-api-key", "sk-ant-api03-right")]), Ok(()));
            assert_eq!(shown(required, &[("authorization", "bearer sk-ant-api03-right ")]), Ok(()));
            for wrong in [
                ("x-api-key", "sk-ant-api03-righ"),
                ("x-api-key", "sk-ant-api03-rights"),
                ("authorization", "Bearer sk-ant-oat01-another"),
                ("authorization", "Basic c2st"),
                ("authorization", "sk"),
            ] {
                assert_eq!(shown(required, &[wrong]), Err(Denied::Another), "{wrong:?}");
                let both = [wrong, ("x-api-key", "sk-ant-api03-right")];
                assert_eq!(shown(required, &both), Err(Denied::Another), "{wrong:?}");
            }
        }
        assert_eq!((shown(false, &[]), shown(true, &[])), (Ok(()), Err(Denied::Nothing)));
        assert_eq!(shown(true, &[("x-api-key", ""), ("authorization", "Bearer ")]), Err(Denied::Nothing));
        assert_eq!(Guard::new(Secret::default(), true).admit(&HeaderMap::new()), Err(Denied::Nothing));
    }
}
