//! AWS keys of a lease: lent ones, or the session's own.

use crate::lending;
use claviger::{
    backend::BEDROCK_REGION,
    credential::AWS_KEYS,
    proto::v1::{AwsKeys, Lease, Scheme, Secret, lease::Material},
    reason::{Problem, Reason},
};
use prost_types::Timestamp;
use std::env;

/// The keys of a lease, taken from the own environment where the lease says so.
///
/// # Errors
/// If the credential is not keys, or the own variables do not hold them.
pub(crate) fn of(lease: &Lease) -> Result<AwsKeys, Problem> {
    match &lease.material {
        Some(Material::AwsKeys(keys)) => Ok(keys.clone()),
        Some(Material::OwnVariable(name)) if name == AWS_KEYS[0] => own(),
        None => Err(lending::nothing()),
        Some(_) => Err(Problem::new(Reason::MalformedRequest, "this credential is an API key of Bedrock, and no AWS keys")
            .hint("`claviger aws --format env` or `claviger token` print it; unset AWS_BEARER_TOKEN_BEDROCK to get keys")),
    }
}

fn own() -> Result<AwsKeys, Problem> {
    let [id, secret, token] = AWS_KEYS;
    // Of these three only the token may be missing.
    let has_token = env::var_os(token).is_some_and(|value| !value.is_empty());
    Ok(AwsKeys {
        access_key_id: lending::own(id)?,
        secret_access_key: Some(Secret { value: lending::own(secret)? }),
        session_token: has_token.then(|| lending::own(token)).transpose()?.map(|value| Secret { value }),
    })
}

/// Whether a lease is keys that sign requests.
pub(crate) fn are_lent(lease: &Lease) -> bool {
    lease.material.is_some() && lease.scheme() == Scheme::Sigv4
}

/// When the credential expires, as RFC 3339 without a fraction: not every SDK reads one.
pub(crate) fn expiry(lease: &Lease) -> Option<String> {
    lease.expires_at.map(|at| Timestamp { nanos: 0, ..at }.to_string())
}

/// The region, where somebody named one: a tool should not take our default for its user's wish.
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
    use super::{expiry, of, region};
    use claviger::{
        proto::v1::{AwsKeys, Facts, Lease, Secret, lease::Material},
        reason::Reason,
    };
    use prost_types::Timestamp;

    #[test]
    fn keys_are_keys_and_nothing_else() {
        let keys = AwsKeys { access_key_id: "AKIA1".into(), ..Default::default() };
        let lease = Lease { material: Some(Material::AwsKeys(keys)), ..Default::default() };
        assert_eq!(of(&lease).expect("keys").access_key_id, "AKIA1");
        let token = Material::Secret(Secret { value: "canary".into() });
        let problem = of(&Lease { material: Some(token), ..Default::default() }).expect_err("no keys");
        assert!(problem.hint.is_some_and(|hint| hint.contains("--format env")));
        assert_eq!(of(&Lease::default()).expect_err("nothing").reason, Reason::NoCredential);
    }

    #[test]
    fn instants_have_no_fraction() {
        let expires_at = Some(Timestamp { seconds: 1_000_000, nanos: 5 });
        let lease = Lease { expires_at, ..Default::default() };
        assert_eq!(expiry(&lease).as_deref(), Some("1970-01-12T13:46:40Z"));
        assert_eq!(expiry(&Lease::default()), None);
    }

    #[test]
    fn the_default_region_is_nobodys_wish() {
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
