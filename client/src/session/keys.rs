//! Details of keys that AWS tools need.

use claviger::{Lease, backend::BEDROCK_REGION, wire};
use prost_types::Timestamp;

/// Expiry of the credential, as RFC 3339 without a fraction, which not every SDK reads.
pub(crate) fn expiry(lease: &Lease) -> Option<String> {
    lease.expires_at.map(|at| Timestamp { nanos: 0, ..wire::timestamp(at) }.to_string())
}

/// The AWS account that the keys belong to, if the chain returned it.
pub(crate) fn account(lease: &Lease) -> Option<&str> {
    let account = lease.account()?;
    let is_id = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    is_id.then_some(account)
}

/// The region, if one was named: a tool must not mistake our default for its user's choice.
pub(crate) fn region(lease: &Lease, is_set: impl Fn(&str) -> bool) -> Option<&str> {
    let region = Some(lease.region.as_str()).filter(|region| !region.is_empty())?;
    let of_profile = lease.facts.as_ref().is_some_and(|facts| facts.region == region);
    let named = of_profile
        || region != BEDROCK_REGION
        || ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().any(is_set);
    named.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::{expiry, region};
    use claviger::{Lease, proto::v1::Facts};
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn instants_have_no_fraction() {
        let expires_at = Some(UNIX_EPOCH + Duration::new(1_000_000, 5));
        let lease = Lease { expires_at, ..Default::default() };
        assert_eq!(expiry(&lease).as_deref(), Some("1970-01-12T13:46:40Z"));
        assert_eq!(expiry(&Lease::default()), None);
    }

    #[test]
    fn the_default_region_is_not_a_choice() {
        let lease = |of: &str| Lease { region: of.into(), ..Default::default() };
        let of_profile = Facts { region: "us-east-1".into(), ..Default::default() };
        assert_eq!(region(&lease("us-east-1"), |_| false), None);
        assert_eq!(region(&lease("us-east-1"), |name| name == "AWS_DEFAULT_REGION"), Some("us-east-1"));
        assert_eq!(region(&lease("eu-west-1"), |_| false), Some("eu-west-1"));
        let profile = Lease { facts: Some(of_profile), ..lease("us-east-1") };
        assert_eq!(region(&profile, |_| false), Some("us-east-1"));
        assert_eq!(region(&Lease::default(), |_| true), None);
    }
}
