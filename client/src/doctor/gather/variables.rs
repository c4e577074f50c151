//! Facts from the environment.

use crate::doctor::{
    checks::aws,
    facts::{Certificates, Facts, Fault, Malformed},
};
use claviger::{
    backend::{CLOUDS, SWITCH},
    reason::Location,
    session::check_variable,
    variables::{NETWORK, Use, VARIABLES},
};
use nix::fcntl::OFlag;
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Variables that name a file of certificates.
const FILES: [&str; 3] = ["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE"];
/// The variable that names directories of certificates.
const DIRECTORIES: &str = "SSL_CERT_DIR";
/// Most bytes read of a file of certificates: those of a distribution have about 250 KiB.
const MAX: u64 = 4 * 1024 * 1024;

/// A file of certificates to check.
pub(super) struct Named {
    variable: String,
    at: Option<Location>,
    path: PathBuf,
    directory: bool,
}

/// Whether the doctor reads the value of a variable in settings files: such values are not secret, except passwords of
/// proxies, and those are not shown.
pub(super) fn is_read(name: &str) -> bool {
    NETWORK.contains(&name)
        || name.starts_with(SWITCH)
        || CLOUDS.iter().any(|(.., skip)| *skip == name)
        || aws::READ.contains(&name)
        || matches!(name, "AWS_CA_BUNDLE" | "NODE_EXTRA_CA_CERTS" | "NODE_TLS_REJECT_UNAUTHORIZED")
}

/// Variables of [`is_read`] that sessions do not send.
pub(super) fn of_tools(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (String, String)> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    environment.into_iter().filter_map(text).filter(|(name, _)| is_read(name))
}

/// The variables that a session can have. With the invalid ones there would be no session to check.
pub(super) fn usable(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> impl Iterator<Item = (OsString, OsString)> {
    environment.into_iter().filter(|(name, value)| refused(name, value).is_none())
}

/// Invalid variables: those that no session can have, and secret ones with a value that no header can have.
pub(super) fn malformed(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<Malformed> {
    let judge = |(name, value): (OsString, OsString)| {
        let refused = refused(&name, &value);
        let name = name.into_string().ok()?;
        if let Some(what) = refused {
            return Some(Malformed { name, what, is_refused: true });
        }
        let is_secret = VARIABLES.contains(&(name.as_str(), Use::Secret));
        // This variable may have several lines.
        let is_judged = is_secret && name != "ANTHROPIC_CUSTOM_HEADERS" && !value.is_empty();
        let why = is_judged.then(|| fault(value.to_str()))??;
        Some(Malformed { what: format!("{name} {why}"), name, is_refused: false })
    };
    environment.into_iter().filter_map(judge).collect()
}

/// The fault of a variable that no session can have.
fn refused(name: &OsStr, value: &OsStr) -> Option<String> {
    Some(check_variable(name.to_str()?, value).err()?.message)
}

fn fault(value: Option<&str>) -> Option<&'static str> {
    match value {
        None => Some("is not UTF-8"),
        Some(text) if text.trim() != text => Some("starts or ends with white space"),
        Some(text) if text.len() > 1 && text.starts_with(['"', '\'']) && text.ends_with(['"', '\'']) => {
            Some("has quotes around it, which belong to a shell")
        }
        Some(text) if text.starts_with('$') => Some("is the name of a variable that no shell expanded"),
        Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Some("has blanks, control characters or letters that are not ASCII")
        }
        Some(_) => None,
    }
}

/// The files of certificates that settings or the environment name.
pub(super) fn named_certificates(facts: &Facts) -> Vec<Named> {
    let named = |variable: &str| {
        let set = facts.settings.iter().find(|setting| setting.name.strip_prefix("env.") == Some(variable));
        let set = set.and_then(|setting| Some((setting.text.clone()?, Some(setting.at.clone()))));
        set.or_else(|| Some((facts.variables.get(variable)?.clone(), None)))
            .filter(|(text, _)| !text.is_empty())
    };
    let file = |variable: &str| {
        let (text, at) = named(variable)?;
        Some(Named { variable: variable.into(), at, path: text.into(), directory: false })
    };
    let directories = named(DIRECTORIES).map(|(text, at)| {
        let paths =
            std::env::split_paths(&text).filter(|path| !path.as_os_str().is_empty()).collect::<Vec<_>>();
        let directory =
            move |path| Named { variable: DIRECTORIES.into(), at: at.clone(), path, directory: true };
        paths.into_iter().map(directory).collect::<Vec<_>>()
    });
    FILES.into_iter().filter_map(file).chain(directories.into_iter().flatten()).collect()
}

/// Checks one file.
pub(super) fn certificates(Named { variable, at, path, directory }: Named) -> Certificates {
    let fault = match directory {
        true => std::fs::read_dir(&path).map(|_| true),
        false => has_certificate(&path),
    };
    let fault = match fault {
        Ok(true) => None,
        Ok(false) => Some(Fault::NotPem),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Fault::Missing),
        Err(_) => Some(Fault::Unreadable),
    };
    Certificates { variable, at, path, fault }
}

fn has_certificate(path: &Path) -> io::Result<bool> {
    let file = File::options().read(true).custom_flags(OFlag::O_NONBLOCK.bits()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut content = Vec::new();
    file.take(MAX).read_to_end(&mut content)?;
    let text = String::from_utf8_lossy(&content);
    Ok(["-----BEGIN CERTIFICATE-----", "-----BEGIN TRUSTED CERTIFICATE-----"]
        .iter()
        .any(|mark| text.contains(mark)))
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn secrets_that_a_header_can_hold() {
        for good in ["sk-ant-1", "a.b-c_d~e+f/g="] {
            assert_eq!(fault(Some(good)), None);
        }
        for bad in ["k\n", " k", "\"k\"", "'k'", "$KEY", "k\u{e9}", "a b", "a\tb"] {
            assert!(fault(Some(bad)).is_some(), "{bad:?}");
        }
    }
}
