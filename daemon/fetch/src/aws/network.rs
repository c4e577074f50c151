//! Endpoints of AWS's services and network settings, from environment and profile in botocore's order.

use super::{
    BehaviorVersion, Declined, Region, RetryConfig, connector,
    files::{NoText, Profile},
    last_request::LastRequest,
    variable,
    words::plain,
};
use crate::environment::Variables;
use aws_smithy_http_client::tls::TlsContext;
use aws_types::{SdkConfig, sdk_config};
use claviger::{backend::BEDROCK_REGION, reason::Reason};
use claviger_child::is_label;
use reqwest::Url;

/// The services that are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Sts,
    Sso,
    SsoOidc,
    SignIn,
}

/// Values of environment and profile for one setting.
type Said<T = Option<String>> = Result<T, String>;

/// Network settings.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) region: Said,
    /// File with certificate authorities, and the setting that names it.
    pub(super) bundle: Option<(&'static str, String)>,
    /// The metadata service of an instance, if it is at another address.
    pub(super) metadata: Said,
    fips: bool,
    dual_stack: bool,
    endpoints: [Said; 4],
}

/// Access to AWS's services.
pub(super) struct Network {
    pub(super) settings: Settings,
    pub(super) trusted: TlsContext,
    pub(super) seen: LastRequest,
}

/// Attempts of a request. The broker retries as well.
pub(super) const ATTEMPTS: u32 = 2;
const METADATA_IPV6: &str = "http://[fd00:ec2::254]";
const METADATA: &str = "http://169.254.169.254";

// === impl Service ===

impl Service {
    /// Its name in variables and files.
    fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Sso => "sso",
            Self::SsoOidc => "sso_oidc",
            Self::SignIn => "signin",
        }
    }
}

// === impl Settings ===

impl Settings {
    /// The settings, where `variable` finds variables that are set and not empty. The profile is that of the session,
    /// also for roles with another source.
    pub(super) fn of(profile: Option<&Profile<'_>>, variable: &Variables<'_>) -> Self {
        let of_profile = |name: &str| of_profile(profile, name);
        let either = |name: &'static str, setting| match variable(name) {
            Some(value) => Ok(Some(value)),
            None => of_profile(setting),
        };
        let is_on = |name, setting| matches!(either(name, setting), Ok(Some(value)) if value.eq_ignore_ascii_case("true"));
        let are_ignored = is_on("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls");
        let endpoint = |service| if are_ignored { Ok(None) } else { endpoint(service, profile, variable) };
        let bundle = variable("AWS_CA_BUNDLE").map(|path| ("AWS_CA_BUNDLE", path));
        Self {
            region: region(profile, variable),
            bundle: bundle.or_else(|| Some(("ca_bundle of the profile", of_profile("ca_bundle").ok()??))),
            metadata: metadata(either),
            fips: is_on("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint"),
            dual_stack: is_on("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint"),
            endpoints: [Service::Sts, Service::Sso, Service::SsoOidc, Service::SignIn].map(endpoint),
        }
    }
}

/// The text of a setting of the profile that is not empty.
fn of_profile(profile: Option<&Profile<'_>>, name: &str) -> Said {
    let value = profile.map_or(Ok(None), |profile| profile.get(name));
    let value = value
        .map_err(|NoText| format!("{name} of the profile has nested settings where it needs a value"))?;
    Ok(value.filter(|value| !value.is_empty()).map(str::to_owned))
}

fn region(profile: Option<&Profile<'_>>, variable: &Variables<'_>) -> Said {
    let of_environment =
        ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find_map(|name| Some((name, variable(name)?)));
    let (place, region) = match of_environment {
        Some((name, region)) => (name, Some(region)),
        None => ("the profile", of_profile(profile, "region")?),
    };
    match region {
        Some(region) if !is_label(&region) => Err(format!("the AWS region of {place} is malformed")),
        region => Ok(region),
    }
}

fn metadata(either: impl Fn(&'static str, &'static str) -> Said) -> Said {
    let place = "ec2_metadata_service_endpoint";
    if let Some(url) = either("AWS_EC2_METADATA_SERVICE_ENDPOINT", place)? {
        return url_of(url, place).map(Some);
    }
    let mode = either("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode")?;
    match mode.map(|mode| mode.to_ascii_lowercase()).as_deref() {
        None | Some("ipv4") => Ok(None),
        Some("ipv6") => Ok(Some(METADATA_IPV6.to_owned())),
        Some(_) => Err("ec2_metadata_service_endpoint_mode is neither ipv4 nor ipv6".to_owned()),
    }
}

/// Endpoint of a service: its own setting comes before the one for all services, and the environment before the files.
fn endpoint(service: Service, profile: Option<&Profile<'_>>, variable: &Variables<'_>) -> Said {
    let name = format!("AWS_ENDPOINT_URL_{}", service.name().to_uppercase());
    for name in [name.as_str(), "AWS_ENDPOINT_URL"] {
        if let Some(url) = variable(name) {
            return url_of(url, name).map(Some);
        }
    }
    let Some(profile) = profile else { return Ok(None) };
    if let Some(services) = of_profile(Some(profile), "services")? {
        let Some(url) = profile.files().service(&services, service.name(), "endpoint_url") else {
            return Err(format!("the [services {}] that the profile names do not exist", plain(&services)));
        };
        if let Some(url) = url.filter(|url| !url.is_empty()) {
            return url_of(url.to_owned(), "endpoint_url of a service").map(Some);
        }
    }
    let url = of_profile(Some(profile), "endpoint_url")?;
    url.map(|url| url_of(url, "endpoint_url of the profile")).transpose()
}

fn url_of(url: String, place: &str) -> Said<String> {
    let is_url =
        Url::parse(&url).is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if is_url { Ok(url) } else { Err(format!("{place} is not a URL")) }
}

// === impl Network ===

impl Network {
    /// Network access with these settings.
    ///
    /// # Errors
    /// If the certificates to trust cannot be used.
    pub(super) fn new(settings: Settings) -> Result<Self, Declined> {
        let trusted = connector::trusted(settings.bundle.as_ref())?;
        Ok(Self { settings, trusted, seen: LastRequest::default() })
    }

    /// Network access configured by the environment alone.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_environment() -> Result<Self, Declined> {
        Self::new(Settings::of(None, &variable))
    }

    /// The region that is configured.
    ///
    /// # Errors
    /// If it is invalid.
    pub(super) fn region(&self) -> Result<Option<String>, Declined> {
        let wrong = |why: &String| {
            Declined::new(Reason::SettingsInvalid, why).hint("write it as AWS does, for example us-east-1")
        };
        self.settings.region.as_ref().cloned().map_err(wrong)
    }

    /// The region that is configured, or that of Bedrock.
    ///
    /// # Errors
    /// As [`Self::region`].
    pub(super) fn some_region(&self) -> Result<String, Declined> {
        Ok(self.region()?.unwrap_or_else(|| BEDROCK_REGION.to_owned()))
    }

    /// The metadata service of an instance.
    ///
    /// # Errors
    /// If its configured address is invalid.
    pub(super) fn metadata(&self) -> Result<&str, Declined> {
        match &self.settings.metadata {
            Ok(url) => Ok(url.as_deref().unwrap_or(METADATA)),
            Err(why) => Err(invalid(why)),
        }
    }

    /// Configures a client of `service`.
    ///
    /// # Errors
    /// If its configured endpoint is invalid.
    pub(super) fn config(&self, service: Service, region: &str) -> Result<sdk_config::Builder, Declined> {
        self.seen.take();
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(region.to_owned()))
            .http_client(connector::proxied(&self.seen, &self.trusted))
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .use_fips(self.settings.fips)
            .use_dual_stack(self.settings.dual_stack);
        let endpoint = self.settings.endpoints[service as usize].as_ref().map_err(|why| invalid(why))?;
        config.set_endpoint_url(endpoint.clone());
        Ok(config)
    }
}

fn invalid(why: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("the configuration of AWS cannot be used: {why}"))
        .hint("check the environment, and the files in ~/.aws")
}

#[cfg(test)]
#[path = "network/tests.rs"]
mod tests;
