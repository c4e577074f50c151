//! The links, their order, and the selection by `AZURE_TOKEN_CREDENTIALS`. Pure.

use super::Declined;
use claviger::{reason::Reason, remedy::Remedy};

/// Variable that narrows the chain (Azure SDK documentation, "Credential chains in the Azure Identity library").
pub(super) const SELECTION: &str = "AZURE_TOKEN_CREDENTIALS";

/// A link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Environment,
    WorkloadIdentity,
    ManagedIdentity,
    AzureCli,
    AzureDeveloperCli,
}

/// All links, in the order in which they are asked.
pub(super) const LINKS: [Link; 5] = [
    Link::Environment,
    Link::WorkloadIdentity,
    Link::ManagedIdentity,
    Link::AzureCli,
    Link::AzureDeveloperCli,
];

/// The links to ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All.
    All,
    /// Those of a developer's machine.
    Developer,
    /// Those of a service.
    Production,
    /// This one.
    One(Link),
}

impl Link {
    /// Name in a trail.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::WorkloadIdentity => "workload-identity",
            Self::ManagedIdentity => "managed-identity",
            Self::AzureCli => "azure-cli",
            Self::AzureDeveloperCli => "azd",
        }
    }

    /// Name in [`SELECTION`].
    fn credential(self) -> &'static str {
        match self {
            Self::Environment => "EnvironmentCredential",
            Self::WorkloadIdentity => "WorkloadIdentityCredential",
            Self::ManagedIdentity => "ManagedIdentityCredential",
            Self::AzureCli => "AzureCliCredential",
            Self::AzureDeveloperCli => "AzureDeveloperCliCredential",
        }
    }

    fn is_of_developers(self) -> bool {
        matches!(self, Self::AzureCli | Self::AzureDeveloperCli)
    }
}

impl Selection {
    /// The value of the variable, ignoring case.
    ///
    /// # Errors
    /// `settings-invalid` for an unknown word: asking every link instead could return another identity.
    pub(super) fn of(value: Option<String>) -> Result<Self, Declined> {
        let value = value.unwrap_or_default().trim().to_ascii_lowercase();
        let named = LINKS.into_iter().find(|link| link.credential().eq_ignore_ascii_case(&value));
        match (value.as_str(), named) {
            ("", _) => Ok(Self::All),
            ("dev", _) => Ok(Self::Developer),
            ("prod", _) => Ok(Self::Production),
            (_, Some(link)) => Ok(Self::One(link)),
            (_, None) => Err(Declined::new(
                Reason::SettingsInvalid,
                format!("{SELECTION} names no credential that claviger supports"),
            )
            .hint(format!("set it to dev, prod, {}", LINKS.map(Link::credential).join(", ")))
            .remedy(Remedy::unset(&[SELECTION]))),
        }
    }

    /// Whether `link` is asked.
    pub(super) fn has(&self, link: Link) -> bool {
        match self {
            Self::All => true,
            Self::Developer => link.is_of_developers(),
            Self::Production => !link.is_of_developers(),
            Self::One(only) => *only == link,
        }
    }

    /// Whether a tool is asked in which a person can log in.
    pub(super) fn has_developer_tools(&self) -> bool {
        LINKS.into_iter().any(|link| link.is_of_developers() && self.has(link))
    }
}

#[cfg(test)]
mod tests {
    use super::{LINKS, Link, Selection};

    fn asked(value: &str) -> Vec<&'static str> {
        let selection = Selection::of(Some(value.to_owned())).expect("a known word");
        LINKS.into_iter().filter(|link| selection.has(*link)).map(Link::name).collect()
    }

    #[test]
    fn words_select_links() {
        let all = ["environment", "workload-identity", "managed-identity", "azure-cli", "azd"];
        assert_eq!(asked(""), all);
        assert_eq!(asked(" PROD "), all[..3]);
        assert_eq!(asked("Dev"), all[3..]);
        assert_eq!(asked("azureclicredential"), ["azure-cli"]);
        assert_eq!(asked("AzureDeveloperCliCredential"), ["azd"]);
    }

    #[test]
    fn other_words_are_errors_that_list_the_known_ones() {
        for word in ["production", "az", "AzurePowerShellCredential", "prod,dev"] {
            let trouble = Selection::of(Some(word.to_owned())).expect_err("an unknown word");
            let hint = trouble.problem.hint.expect("a hint");
            assert!(
                hint.contains("dev, prod, EnvironmentCredential") && hint.contains("AzureCliCredential"),
                "{hint}"
            );
        }
    }
}
