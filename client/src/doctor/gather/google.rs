//! Reads the identities in the files of Google's tools. None of their secrets is kept.

use crate::doctor::facts::{Google, Signer};
use claviger_child::cloud_file::{GCLOUD_FILE, GOOGLE_FILE};
use nix::fcntl::OFlag;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Most bytes read of a file.
const MAX: u64 = 1024 * 1024;
/// The property, by its variable, its section and its name.
const IMPERSONATE: (&str, &str, &str) =
    ("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", "auth", "impersonate_service_account");

/// Reads all of them.
pub(super) fn look(variables: &BTreeMap<String, String>) -> Google {
    let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
    let usual = || GCLOUD_FILE.path(|name| variable(name).filter(|_| name == "HOME"));
    let directory = GCLOUD_FILE.place(variable);
    let (own, named) = (GCLOUD_FILE.path(variable), GOOGLE_FILE.path(variable));
    Google {
        named: named.filter(|named| own.as_ref() != Some(named)).and_then(signer),
        own: own.and_then(signer),
        is_elsewhere: variable("CLOUDSDK_CONFIG").is_some() && usual().is_some_and(|path| path.is_file()),
        impersonates: variable(IMPERSONATE.0).or_else(|| {
            property(&directory?, variable("CLOUDSDK_ACTIVE_CONFIG_NAME"), IMPERSONATE.1, IMPERSONATE.2)
        }),
    }
}

fn read(path: &Path) -> Option<String> {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path).ok()?;
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    let mut content = String::new();
    is_file.then(|| file.take(MAX).read_to_string(&mut content).ok())??;
    Some(content)
}

fn signer(path: PathBuf) -> Option<Signer> {
    let content: Value = serde_json::from_str(&read(&path)?).ok()?;
    let text = |name: &str| content.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let target = text("service_account_impersonation_url")
        .and_then(|url| Some(url.rsplit_once('/')?.1.split(':').next()?.to_owned()));
    Some(Signer {
        is_user: text("type")? == "authorized_user",
        account: target.or_else(|| text("client_email")).or_else(|| text("account")),
        has_quota_project: text("quota_project_id").is_some(),
        file: path.display().to_string(),
    })
}

/// A property of gcloud's active configuration.
fn property(directory: &Path, active: Option<String>, section: &str, name: &str) -> Option<String> {
    let of_file = || read(&directory.join("active_config")).map(|name| name.trim().to_owned());
    let active = active.or_else(of_file).unwrap_or_else(|| "default".to_owned());
    of_section(&read(&directory.join("configurations").join(format!("config_{active}")))?, section, name)
}

/// A value of an INI file.
fn of_section(content: &str, section: &str, name: &str) -> Option<String> {
    let (mut is_within, mut found) = (false, None);
    for line in content.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            is_within = header.split(']').next().is_some_and(|header| header.trim() == section);
        } else if let Some((key, value)) = line.split_once('=').filter(|_| is_within)
            && key.trim() == name
        {
            found = Some(value.trim().to_owned());
        }
    }
    found.filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::of_section;

    #[test]
    fn properties_of_gclouds_configurations() {
        let content = "[core]\naccount = a@example.com\n[auth]\nimpersonate_service_account = s@p.iam\n[compute]\nregion = x\n";
        let value = |section, name| of_section(content, section, name);
        assert_eq!(value("auth", "impersonate_service_account").as_deref(), Some("s@p.iam"));
        assert_eq!(value("core", "account").as_deref(), Some("a@example.com"));
        assert_eq!((value("core", "region"), value("none", "account")), (None, None));
    }
}
