//! The token service of a tenant: `AZURE_AUTHORITY_HOST`, and the ids that become part of its address.

use super::Declined;
use crate::environment::variable;
use azure_core::http::Url;
use claviger::reason::Reason;

const HOST: &str = "AZURE_AUTHORITY_HOST";
/// Variable of Microsoft's own services, which sign in at a token service of their region.
const REGION: &str = "AZURE_REGIONAL_AUTHORITY_NAME";
/// The public cloud (Microsoft Entra documentation, "National clouds").
const PUBLIC: &str = "https://login.microsoftonline.com";

/// A token service. Its text is an origin. Secrets are sent there, so TLS is required.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authority {
    /// `https://HOST[:PORT]`.
    pub(super) origin: String,
    /// For people.
    pub(super) name: String,
}

impl Authority {
    /// The one in the environment, else that of the public cloud.
    ///
    /// # Errors
    /// `settings-invalid`.
    pub(super) fn of_environment() -> Result<Self, Declined> {
        if variable(REGION).is_some() {
            let message = format!("{REGION} is set, and the token services of a region are not supported");
            return Err(Declined::new(Reason::SettingsInvalid, message)
                .hint(format!("unset {REGION}: the token service of the cloud gives the same token")));
        }
        Self::parse(variable(HOST).as_deref().unwrap_or(PUBLIC))
    }

    fn parse(text: &str) -> Result<Self, Declined> {
        let malformed = || {
            Declined::new(
                Reason::SettingsInvalid,
                format!("{HOST} is not the https address of a token service"),
            )
            .hint(format!("write it as {PUBLIC}"))
        };
        let text = text.trim();
        // Azure's libraries accept a host alone, too.
        let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let url = Url::parse(&text).map_err(|_| malformed())?;
        let is_plain = url.username().is_empty() && url.password().is_none();
        let host = url.host_str().filter(|_| is_plain && url.scheme() == "https").ok_or_else(malformed)?;
        Ok(Self { origin: url.origin().ascii_serialization(), name: format!("the token service {host}") })
    }
}

/// The id of a tenant, which becomes part of an address.
///
/// # Errors
/// `settings-invalid`.
pub(super) fn check_tenant(tenant: &str) -> Result<(), Declined> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    match tenant.len() <= 253 && tenant.bytes().all(is_plain) && !tenant.starts_with('.') {
        true => Ok(()),
        false => Err(Declined::new(Reason::SettingsInvalid, "AZURE_TENANT_ID is not the id of a tenant")
            .hint("`az account show --query tenantId` shows yours")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Authority, check_tenant};

    #[test]
    fn addresses() {
        let origin = |text| Authority::parse(text).map(|authority| authority.origin).ok();
        assert_eq!(origin("https://login.example/").as_deref(), Some("https://login.example"));
        assert_eq!(origin(" login.example ").as_deref(), Some("https://login.example"));
        assert_eq!(origin("https://localhost:8443/x").as_deref(), Some("https://localhost:8443"));
        for bad in ["http://login.example", "https://", "https://user@login.example", "file:///x", "a b"] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn tenants() {
        for good in ["7b795fb9-09d3-42f4-a494-38864f99ba3c", "contoso.onmicrosoft.com", "common"] {
            assert!(check_tenant(good).is_ok(), "{good}");
        }
        for bad in ["..", "a/b", "a?b", "a b", "é", "a\n"] {
            assert!(check_tenant(bad).is_err(), "{bad:?}");
        }
    }
}
