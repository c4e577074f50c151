//! `claviger headers`: every HTTP header to send, those with the credential first.

use crate::{
    context::Context,
    environment,
    failure::Failure,
    headers::{self, Header},
    json, lending, output,
};
use claviger::{
    credential::Scheme,
    proto::v1::{self, Lease},
    reason::{Problem, Reason},
};

/// Prints `Name: value` lines.
///
/// # Errors
/// Why there is no credential, or which header is not valid.
pub(crate) async fn run(context: &Context) -> Result<(), Failure> {
    let lease = lending::borrow_and_warn(context).await?;
    let mut all = credential_headers(&lease)?;
    all.extend(environment::custom_headers(&lease)?);
    match context.options.json {
        true => output::json(&json::headers(&all))?,
        false => {
            output::data(&all.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>())?
        }
    }
    Ok(())
}

/// The headers that carry the credential itself.
///
/// # Errors
/// If the lease has none that a header could carry.
pub(crate) fn credential_headers(lease: &Lease) -> Result<Vec<Header>, Problem> {
    if lease.material.is_none() {
        return Ok(Vec::new());
    }
    let scheme = match lease.scheme() {
        v1::Scheme::ApiKey => Scheme::ApiKey,
        v1::Scheme::Bearer => Scheme::Bearer,
        v1::Scheme::ApiKeyAndBearer => Scheme::ApiKeyAndBearer,
        v1::Scheme::Sigv4 => Scheme::SigV4,
        v1::Scheme::Unspecified => {
            return Err(Problem::new(Reason::Bug, "the daemon does not say how to send the credential"));
        }
    };
    let secret = lending::secret(lease)?;
    scheme
        .headers(&secret.value)
        .into_iter()
        .map(|(name, value)| {
            headers::check(name, &value)?;
            Ok((name.to_owned(), value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::credential_headers;
    use claviger::proto::v1::{Lease, Scheme, Secret, lease::Material};

    fn names(scheme: Scheme, secret: &str) -> Option<Vec<String>> {
        let material = Some(Material::Secret(Secret { value: secret.into() }));
        let headers =
            credential_headers(&Lease { material, scheme: scheme.into(), ..Default::default() }).ok()?;
        Some(headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect())
    }

    #[test]
    fn the_scheme_makes_the_headers() {
        assert_eq!(names(Scheme::ApiKey, "k").expect("valid"), ["x-api-key: k"]);
        assert_eq!(names(Scheme::Bearer, "k").expect("valid"), ["authorization: Bearer k"]);
        assert_eq!(
            names(Scheme::ApiKeyAndBearer, "k").expect("valid"),
            ["x-api-key: k", "authorization: Bearer k"]
        );
        assert_eq!(names(Scheme::Unspecified, "k"), None);
        assert_eq!(names(Scheme::ApiKey, "k\r\nx-evil: 1"), None);
    }
}
