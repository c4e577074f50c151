//! Competing identities of Azure: the chain uses the first, and does not mention the others.

use crate::doctor::{facts::Facts, finding::Finding};
use claviger::{
    backend::FOUNDRY_SCOPE,
    proto::v1::{Backend, ExplainResponse},
    remedy::Remedy,
};

const TENANT: &str = "AZURE_TENANT_ID";
const CLIENT: &str = "AZURE_CLIENT_ID";
const AUTHORITY: &str = "AZURE_AUTHORITY_HOST";
/// How an app can prove its identity, in the order of the chain.
const PROOFS: [&str; 3] =
    ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_FEDERATED_TOKEN_FILE"];
/// The clouds by their token service: the suffixes of their services' hosts (Azure documentation, "National clouds").
const CLOUDS: [(&str, &str); 3] = [
    ("login.microsoftonline.com", ".azure.com"),
    ("login.microsoftonline.us", ".azure.us"),
    ("login.chinacloudapi.cn", ".azure.cn"),
];

/// Checks a session of Foundry.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let Some(explained) = explained.filter(|explained| explained.backend() == Backend::Foundry) else {
        return Vec::new();
    };
    let app = if is_set(facts, TENANT) && is_set(facts, CLIENT) { shadowed(facts) } else { nameless(facts) };
    [app, other_cloud(facts), other_tenant(facts, explained)].into_iter().flatten().collect()
}

fn is_set(facts: &Facts, name: &str) -> bool {
    facts.present.contains(name) || value(facts, name).is_some()
}

fn value<'a>(facts: &'a Facts, name: &str) -> Option<&'a str> {
    facts.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

fn proofs(facts: &Facts) -> Vec<&'static str> {
    PROOFS.into_iter().filter(|name| is_set(facts, name)).collect()
}

fn shadowed(facts: &Facts) -> Option<Finding> {
    let proofs = proofs(facts);
    let (first, others) = proofs.split_first().filter(|(_, others)| !others.is_empty())?;
    let what = format!("{first} comes before {}", others.join(" and "));
    Some(
        Finding::note("azure-shadowed", what)
            .because("an app signs in with one of them; if that is refused, the others are not tried")
            .helped(Remedy::unset(others)),
    )
}

/// A proof without the app's name is ignored, and another identity is found.
fn nameless(facts: &Facts) -> Option<Finding> {
    let proofs = proofs(facts);
    let missing = [TENANT, CLIENT].into_iter().find(|name| !is_set(facts, name))?;
    (!proofs.is_empty()).then(|| {
        let what = format!("{} is set without {missing}", proofs.join(" and "));
        Finding::warning("azure-incomplete", what)
            .because("the app is not signed in, and the next link of the chain may have another identity")
            .helped(Remedy::unset(&proofs))
    })
}

fn other_cloud(facts: &Facts) -> Option<Finding> {
    let of = |text: &str, is: fn(&(&str, &str), &str) -> bool| {
        let host = text.split("://").last().unwrap_or_default().split(['/', ':']).next().unwrap_or_default();
        let host = host.to_ascii_lowercase();
        CLOUDS.into_iter().position(|cloud| is(&cloud, &host))
    };
    let authority = value(facts, AUTHORITY)?;
    let signs_in = of(authority, |(service, _), host| *service == host)?;
    let scope = value(facts, "CLAVIGER_AZURE_SCOPE").unwrap_or(FOUNDRY_SCOPE);
    let asks_for = of(scope, |(_, end), host| host.ends_with(end))?;
    (signs_in != asks_for).then(|| {
        let what = format!("{AUTHORITY} belongs to another cloud than the scope {scope}");
        Finding::warning("azure-other-cloud", what)
            .because("the token service of a cloud issues tokens for that cloud's services only")
            .helped(Remedy::unset(&[AUTHORITY]))
    })
}

/// `az` has its own tenant, whatever the variable is set to.
fn other_tenant(facts: &Facts, explained: &ExplainResponse) -> Option<Finding> {
    let wanted = value(facts, TENANT)?;
    let found = explained.entry.as_ref()?.facts.as_ref().filter(|found| found.link == "azure-cli")?;
    (!found.account.is_empty() && !found.account.eq_ignore_ascii_case(wanted)).then(|| {
        let what = format!("az is signed in to the tenant {}, and {TENANT} is {wanted}", found.account);
        Finding::warning("azure-other-tenant", what)
            .because("az does not read the variable: the token belongs to its own tenant")
            .helped(Remedy::run(&["az", "login", "--tenant", wanted]))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::doctor::facts::Facts;
    use claviger::proto::v1::{self, Backend, ExplainResponse};

    fn found(variables: &[(&str, &str)], link: &str, backend: Backend) -> Vec<&'static str> {
        let account = "tenant-of-az".to_owned();
        let entry = v1::CacheEntry {
            facts: Some(v1::Facts { link: link.to_owned(), account, ..Default::default() }),
            ..Default::default()
        };
        let explained =
            ExplainResponse { backend: backend.into(), entry: Some(entry), ..ExplainResponse::default() };
        let (secret, plain): (Vec<_>, Vec<_>) =
            variables.iter().partition(|(name, _)| *name == "AZURE_CLIENT_SECRET");
        let facts = Facts {
            present: secret.into_iter().map(|(name, _)| (*name).to_owned()).collect(),
            variables: plain
                .into_iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            explained: Some(Ok(explained)),
            ..Facts::default()
        };
        check(&facts).into_iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn identities_side_by_side() {
        let of = |variables: &[(&str, &str)]| found(variables, "environment", Backend::Foundry);
        let app = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c")];
        let with = |more: &[(&'static str, &'static str)]| of(&[&app, more].concat());
        let (secret, certificate, token) = (
            ("AZURE_CLIENT_SECRET", ""),
            ("AZURE_CLIENT_CERTIFICATE_PATH", "/c"),
            ("AZURE_FEDERATED_TOKEN_FILE", "/f"),
        );
        assert_eq!([of(&[]), of(&app), with(&[secret]), with(&[token])], [const { Vec::<&str>::new() }; 4]);
        assert_eq!(with(&[secret, certificate]), ["azure-shadowed"]);
        assert_eq!(with(&[certificate, token]), ["azure-shadowed"]);
        assert_eq!(of(&[secret]), ["azure-incomplete"]);
        assert_eq!(of(&[app[0], token]), ["azure-incomplete"]);
        assert_eq!(of(&[app[1], certificate, secret]), ["azure-incomplete"]);
        assert_eq!(found(&[secret], "", Backend::Anthropic), [""; 0]);
    }

    #[test]
    fn clouds_and_tenants() {
        let of = |variables: &[(&str, &str)]| found(variables, "azure-cli", Backend::Foundry);
        let host = |host| ("AZURE_AUTHORITY_HOST", host);
        assert_eq!(of(&[host("https://login.microsoftonline.us/")]), ["azure-other-cloud"]);
        assert_eq!(of(&[host("login.chinacloudapi.cn")]), ["azure-other-cloud"]);
        let scope = ("CLAVIGER_AZURE_SCOPE", "https://cognitiveservices.azure.us/.default");
        assert_eq!(of(&[host("https://login.microsoftonline.us"), scope]), [""; 0]);
        assert_eq!(of(&[host("https://LOGIN.microsoftonline.com:443"), scope]), ["azure-other-cloud"]);
        for host in [host("https://login.microsoftonline.com"), host("https://login.example")] {
            assert_eq!(of(&[host]), [""; 0]);
        }
        assert_eq!(of(&[("AZURE_TENANT_ID", "other")]), ["azure-other-tenant"]);
        assert_eq!(of(&[("AZURE_TENANT_ID", "Tenant-of-AZ")]), [""; 0]);
        assert_eq!(found(&[("AZURE_TENANT_ID", "other")], "azd", Backend::Foundry), [""; 0]);
    }
}
