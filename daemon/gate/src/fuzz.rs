//! Entry points for `fuzz/`: what is done with the headers of a request. The program itself calls none of these.

use crate::{guard::Guard, headers};
use claviger::Secret;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The placeholder of these functions.
pub const PLACEHOLDER: &str = "placeholder";
/// The credential that they lend.
pub const LENT: &str = "lent";

/// The headers of a request as they go on, if the request is let in.
pub fn sent_on(mut headers: HeaderMap) -> Option<HeaderMap> {
    Guard::new(Secret::from(PLACEHOLDER), true).admit(&headers).ok()?;
    let lease = (HeaderName::from_static("x-api-key"), HeaderValue::from_static(LENT));
    headers::inject(&mut headers, &[lease]);
    Some(headers)
}
