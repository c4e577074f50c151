//! The service with the managed identity. Pure.

/// Variable with the secret for App Service.
pub(super) const HEADER: &str = "IDENTITY_HEADER";
/// Variable with the secret for Azure Machine Learning.
pub(super) const SECRET: &str = "MSI_SECRET";
const IDENTITY: &str = "IDENTITY_ENDPOINT";
const MSI: &str = "MSI_ENDPOINT";
const POD: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";

/// A service named in the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    /// App Service, Functions, Automation, Container Apps.
    App,
    /// A server elsewhere that is connected to Azure.
    Arc,
    CloudShell,
    MachineLearning,
    /// The metadata service, at another address.
    PodIdentity,
}

/// Source of the identity.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IdentityEndpoint {
    /// A service, and the variable with its address.
    Named { service: Service, variable: &'static str, url: String },
    /// Possibly the metadata service of virtual machines.
    Imds,
    /// Its certificate can only be verified by a thumbprint.
    ServiceFabric,
    /// Variables that match no service.
    Incomplete,
}

impl Service {
    /// Name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::App => "the app",
            Self::Arc => "Azure Arc",
            Self::CloudShell => "Azure Cloud Shell",
            Self::MachineLearning => "Azure Machine Learning",
            Self::PodIdentity => "the pod",
        }
    }
}

/// Distinguishes the services as Azure's libraries do.
pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> IdentityEndpoint {
    let is_set = |name| variable(name).is_some();
    let named = |service, variable, url| IdentityEndpoint::Named { service, variable, url };
    match (variable(IDENTITY), variable(MSI), variable(POD)) {
        (Some(_), ..) if is_set(HEADER) && is_set("IDENTITY_SERVER_THUMBPRINT") => {
            IdentityEndpoint::ServiceFabric
        }
        (Some(url), ..) if is_set(HEADER) => named(Service::App, IDENTITY, url),
        (Some(url), ..) if is_set("IMDS_ENDPOINT") => named(Service::Arc, IDENTITY, url),
        (Some(_), ..) => IdentityEndpoint::Incomplete,
        (None, Some(url), _) if is_set(SECRET) => named(Service::MachineLearning, MSI, url),
        (None, Some(url), _) => named(Service::CloudShell, MSI, url),
        (None, None, Some(url)) => named(Service::PodIdentity, POD, url),
        (None, None, None) => IdentityEndpoint::Imds,
    }
}

#[cfg(test)]
mod tests {
    use super::{IdentityEndpoint, Service, of};

    #[test]
    fn the_environment_tells_the_services_apart() {
        let found = |set: &[&str]| match of(|name| set.contains(&name).then(|| "x".to_owned())) {
            IdentityEndpoint::Named { service, .. } => Ok(service),
            other => Err(other),
        };
        let (id, header, msi) = ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT");
        assert_eq!(found(&[]), Err(IdentityEndpoint::Imds));
        assert_eq!(found(&[id, header, msi]), Ok(Service::App));
        assert_eq!(found(&[id, header, "IDENTITY_SERVER_THUMBPRINT"]), Err(IdentityEndpoint::ServiceFabric));
        assert_eq!(found(&[id, "IMDS_ENDPOINT"]), Ok(Service::Arc));
        assert_eq!(found(&[id]), Err(IdentityEndpoint::Incomplete));
        assert_eq!(found(&[msi]), Ok(Service::CloudShell));
        assert_eq!(found(&[msi, "MSI_SECRET"]), Ok(Service::MachineLearning));
        assert_eq!(found(&["AZURE_POD_IDENTITY_AUTHORITY_HOST"]), Ok(Service::PodIdentity));
    }
}
