//! The profile that the session has chosen. The SDK takes a file that it cannot read for an empty one, and a profile that
//! does not exist for no wish at all; then another identity would sign. Here both are errors.

use super::{Declined, cache::Cache, variable};
use crate::file::{self, Unread};
use aws_config::profile::{self, Profile as Section, ProfileSet};
use aws_types::os_shim_internal::{Env, Fs};
use claviger::{reason::Reason, remedy::Remedy};
use claviger_child::cloud_file::{AWS_CONFIG, AWS_CREDENTIALS};
use std::path::Path;

/// Largest configuration file: thousands of profiles. The SDK needs twenty times as much memory to read one.
const MAX_FILE: usize = 1024 * 1024;
/// Longest chain of `source_profile` that is looked at; the SDK itself tells loops.
const MAX_CHAIN: usize = 16;

/// Settings of which one is enough to say that a profile has credentials.
const CREDENTIALS: [&str; 12] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_account_id",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "web_identity_token_file",
];

/// A profile, and where its credentials begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Profile {
    /// As people call it: without control characters, and not too long.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// Whether it says anything about credentials; many name a region only.
    pub(super) has_credentials: bool,
    /// The command that signs in, if the profile itself says that a person does.
    pub(super) sign_in: Option<Remedy>,
    /// Where that sign-in is kept.
    pub(super) cache: Option<Cache>,
}

/// Where credentials begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Keys that are written down.
    Keys,
    /// A command that prints them: `credential_process`.
    Process,
    /// A person who signed in: SSO, or `aws login`.
    Person,
    /// A file with the token of a web identity.
    TokenFile,
    /// A service next to the program: of a container or an instance.
    Service,
}

/// The profile; `None` if there is none and nobody asked for one.
///
/// # Errors
/// `settings-invalid` naming the file or the profile.
pub(super) async fn selected() -> Result<Option<Profile>, Declined> {
    for path in [AWS_CONFIG, AWS_CREDENTIALS].iter().filter_map(|file| file.path(variable)) {
        check(&path).map_err(|what| unusable(&format!("{} {what}", path.display())))?;
    }
    let set = profile::load(&Fs::real(), &Env::real(), &Default::default(), None).await;
    let set = set.map_err(|error| unusable(&place(&error)))?;
    let name = set.selected_profile();
    if let Some(section) = set.get_profile(name) {
        let has_credentials = CREDENTIALS.iter().any(|key| section.get(key).is_some());
        let (origin, sign_in) = (origin(&set, name), sign_in(section, name));
        let kind = origin.map_or(Kind::Keys, begin);
        let cache = origin.filter(|_| kind == Kind::Person).and_then(|section| Cache::of(&set, section));
        return Ok(Some(Profile { name: plain(name), kind, has_credentials, sign_in, cache }));
    }
    match name {
        "default" => Ok(None),
        name => {
            let message = format!("AWS_PROFILE names the profile {}, which does not exist", plain(name));
            Err(Declined::new(Reason::SettingsInvalid, message)
                .hint("unset it, or name one that `aws configure list-profiles` shows")
                .remedy(Remedy::unset(&["AWS_PROFILE"])))
        }
    }
}

/// Whether the SDK can read a file. What does not exist is no file.
fn check(path: &Path) -> Result<(), String> {
    if path == Path::new("/dev/null") {
        return Ok(());
    }
    match file::read(path, MAX_FILE) {
        Ok(content) if std::str::from_utf8(&content).is_err() => Err("is not UTF-8 text".into()),
        Ok(_) | Err(Unread::Absent) => Ok(()),
        Err(unread) => Err(unread.to_string()),
    }
}

/// File, line and kind of a syntax error. The SDK's own words; they repeat nothing of the file.
fn place(error: &profile::ProfileFileLoadError) -> String {
    let error: &dyn std::error::Error = error;
    let text = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn unusable(what: &str) -> Declined {
    Declined::new(Reason::SettingsInvalid, format!("the configuration of AWS cannot be used: {what}"))
        .hint("`aws configure list` reads the same files")
}

/// Text of a configuration, fit to be shown.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).take(200).collect()
}

/// The profile in which the credentials of a profile begin, past those whose credentials it uses to assume a role; `None` if they
/// are keys.
fn origin<'a>(set: &'a ProfileSet, name: &'a str) -> Option<&'a Section> {
    let mut name = name;
    for depth in 0..MAX_CHAIN {
        let section = set.get_profile(name)?;
        // A source with keys is nothing else.
        if depth > 0 && section.get("aws_access_key_id").is_some() {
            return None;
        }
        match section.get("source_profile").filter(|_| section.get("role_arn").is_some()) {
            Some(next) if next != name => name = next,
            _ => return Some(section),
        }
    }
    None
}

/// In the order in which the SDK looks.
fn begin(section: &Section) -> Kind {
    let has = |key| section.get(key).is_some();
    match () {
        () if has("credential_source") => Kind::Service,
        () if has("web_identity_token_file") => Kind::TokenFile,
        () if has("sso_session") || has("sso_start_url") || has("login_session") => Kind::Person,
        () if has("credential_process") => Kind::Process,
        () => Kind::Keys,
    }
}

/// What signs in; not for a name that cannot be shown as it is.
fn sign_in(section: &Section, name: &str) -> Option<Remedy> {
    let has = |key| section.get(key).is_some();
    let verb = match () {
        () if has("sso_session") || has("sso_start_url") => &["aws", "sso", "login"][..],
        () if has("login_session") => &["aws", "login"],
        () => return None,
    };
    (plain(name) == name).then(|| Remedy::run(&[verb, &["--profile", name]].concat()))
}

// === impl Kind ===

impl Kind {
    /// In a sentence about a profile.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Keys => "keys",
            Kind::Process => "credential_process",
            Kind::Person => "SSO",
            Kind::TokenFile => "web identity",
            Kind::Service => "credential_source",
        }
    }
}
