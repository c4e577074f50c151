//! The first credentials of a profile, in botocore's order. Pure.

use super::{
    cache::{Cache, Way},
    files::{File, NoText, Profile},
    words::{self, plain},
};
use crate::environment::Variables;
use aws_credential_types::Credentials;
use claviger_child::is_label;
use std::{
    borrow::Cow,
    path::{Path, PathBuf},
};

const KEYS: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];
/// The old name comes first.
const TOKENS: [&str; 2] = ["aws_security_token", "aws_session_token"];
const OF_SSO: [&str; 4] = ["sso_role_name", "sso_account_id", "sso_start_url", "sso_region"];
/// Variable that names the file with the token of a web identity.
pub(super) const TOKEN_FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";

/// Source of the first credentials.
pub(super) enum Base {
    /// In a file.
    Keys(Credentials),
    /// A command that prints them, as words.
    Process { command: Vec<String>, account: Option<String> },
    /// A person's sign-in.
    Sso { role: String, account: String, region: String, cache: Cache },
    /// A person's sign-in with `aws login`.
    Login(Cache),
    /// The token of a web identity.
    Token(WebIdentity),
    /// The source in `credential_source`.
    Source(Source),
}

/// A role for the token in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct WebIdentity {
    pub(super) file: PathBuf,
    pub(super) role: String,
    pub(super) session: Option<String>,
    /// Whether the environment names the file.
    pub(super) is_of_environment: bool,
}

/// The values of `credential_source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Environment,
    Container,
    Instance,
}

/// Why a profile is invalid. Continues "is not configured properly: …"; contains only names of profiles and settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) why: String,
    pub(super) hint: &'static str,
}

/// The source of a profile's credentials, for one that assumes no role with others.
///
/// `environment` can configure a web identity; it is `None` for a source of roles.
///
/// # Errors
/// Its fault.
pub(super) fn of(
    at: &Profile<'_>,
    environment: Option<&Variables<'_>>,
    variable: &Variables<'_>,
) -> Result<Option<Base>, Wrong> {
    if let Some(identity) = web_identity(Some(at), environment)? {
        return Ok(Some(Base::Token(identity)));
    }
    if OF_SSO[..2].iter().any(|name| at.has(name)) {
        return sso(at, variable).map(Some);
    }
    let account = at.get("aws_account_id").of("aws_account_id")?.map(str::to_owned);
    if let Some(keys) = keys(at, File::Credentials, account.as_deref())? {
        return Ok(Some(keys));
    }
    if let Some(session) = at.get("login_session").of("login_session")? {
        let cache = Cache::of_login(session, variable).ok_or_else(no_home)?;
        return Ok(Some(Base::Login(cache)));
    }
    if let Some(command) = at.get("credential_process").of("credential_process")? {
        let Some(words) = words::split(command).filter(|words| !words.is_empty()) else {
            return wrong("its credential_process is empty, or has an unmatched quote");
        };
        return Ok(Some(Base::Process {
            command: words.into_iter().map(Cow::into_owned).collect(),
            account,
        }));
    }
    match keys(at, File::Config, account.as_deref())? {
        None => nothing(at),
        keys => Ok(keys),
    }
}

/// Incomplete configuration of credentials: botocore would continue with those of a container or an instance.
fn nothing(at: &Profile<'_>) -> Result<Option<Base>, Wrong> {
    if at.has(KEYS[1]) {
        return wrong("aws_secret_access_key is set without aws_access_key_id");
    }
    if TOKENS.iter().any(|name| at.has(name)) {
        return wrong("aws_session_token is set without keys");
    }
    if let Some(session) = at.get("sso_session").of("sso_session")?
        && at.files().session(session).is_none()
    {
        return wrong(format!("its sso-session {} does not exist", plain(session)));
    }
    if at.has("sso_session") || at.has("sso_start_url") {
        return wrong("it uses SSO, but sso_account_id and sso_role_name are missing");
    }
    if at.has("source_profile") || at.has("credential_source") {
        return wrong("role_arn is missing");
    }
    Ok(None)
}

/// Keys in one of the files.
fn keys(at: &Profile<'_>, file: File, account: Option<&str>) -> Result<Option<Base>, Wrong> {
    let text = |name| at.of(file, name).of(name);
    let Some(id) = text(KEYS[0])? else { return Ok(None) };
    let Some(secret) = text(KEYS[1])? else {
        return wrong("aws_access_key_id is set without aws_secret_access_key");
    };
    let token = text(TOKENS[0])?.map_or_else(|| text(TOKENS[1]), |token| Ok(Some(token)))?;
    let keys = Credentials::builder().access_key_id(id).secret_access_key(secret).provider_name("profile");
    let mut keys = keys;
    keys.set_session_token(token.map(str::to_owned));
    keys.set_account_id(account.map(Into::into));
    Ok(Some(Base::Keys(keys.build())))
}

/// The token of a web identity. Each value of the environment overrides that of the profile.
///
/// # Errors
/// The missing value.
pub(super) fn web_identity(
    at: Option<&Profile<'_>>,
    environment: Option<&Variables<'_>>,
) -> Result<Option<WebIdentity>, Wrong> {
    let of_environment = |name| environment.and_then(|variable| variable(name));
    let of_profile = |name: &'static str| match at {
        Some(at) => Ok(at.get(name).of(name)?.filter(|text| !text.is_empty()).map(str::to_owned)),
        None => Ok(None),
    };
    let either = |variable, setting| {
        of_environment(variable).map_or_else(|| of_profile(setting), |text| Ok(Some(text)))
    };
    let is_of_environment = of_environment(TOKEN_FILE).is_some();
    let Some(file) = either(TOKEN_FILE, "web_identity_token_file")? else { return Ok(None) };
    let Some(role) = either("AWS_ROLE_ARN", "role_arn")? else {
        return match is_of_environment {
            true => Err(Wrong {
                why: "AWS_ROLE_ARN is not set".into(),
                hint: "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN belong together",
            }),
            false => wrong("web_identity_token_file needs role_arn"),
        };
    };
    let file = PathBuf::from(file);
    if file.is_relative() {
        return wrong(
            "its token file has a relative path, which each program resolves against its own directory",
        );
    }
    let session = either("AWS_ROLE_SESSION_NAME", "role_session_name")?;
    Ok(Some(WebIdentity { file, role, session, is_of_environment }))
}

/// The role of a person who signs in. Values in both a profile and its session must be equal.
fn sso(at: &Profile<'_>, variable: &Variables<'_>) -> Result<Base, Wrong> {
    let session = at.get("sso_session").of("sso_session")?;
    let mut of_session = [None; OF_SSO.len()];
    if let Some(name) = session {
        let Some(settings) = at.files().session(name) else {
            return wrong(format!("its sso-session {} does not exist", plain(name)));
        };
        for (setting, value) in settings {
            if at.has(setting) && at.get(setting) != Ok(Some(value)) {
                return wrong(format!("{} differs in its sso-session {}", plain(setting), plain(name)));
            }
            if let Some(known) = OF_SSO.iter().position(|known| *known == setting) {
                of_session[known] = Some(value);
            }
        }
    }
    let mut values = of_session.into_iter().zip(OF_SSO).map(|(value, name)| {
        let value = value.map_or_else(|| at.get(name).of(name), |value| Ok(Some(value)))?;
        match value.filter(|value| !value.is_empty()) {
            Some(value) => Ok(value.to_owned()),
            None => wrong(format!("it uses SSO, but {name} is missing")),
        }
    });
    let mut value = || values.next().unwrap_or_else(|| wrong("its SSO settings are incomplete"));
    let (role, account, start_url, region) = (value()?, value()?, value()?, value()?);
    // It becomes part of a host name.
    if !is_label(&region) {
        return wrong("its sso_region is malformed");
    }
    let (name, way) = match session {
        Some(name) => (name, Way::Session(region.clone())),
        None => (start_url.as_str(), Way::StartUrl),
    };
    let cache = Cache::of_sso(name, way, variable).ok_or_else(no_home)?;
    Ok(Base::Sso { role, account, region, cache })
}

/// Whether a profile has keys, or half of them.
pub(super) fn has_keys(at: &Profile<'_>) -> bool {
    KEYS.iter().any(|name| at.has(name))
}

/// An invalid profile.
///
/// # Errors
/// That.
pub(super) fn wrong<T>(why: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { why: why.into(), hint: "check the files in ~/.aws" })
}

fn no_home() -> Wrong {
    Wrong { why: "a sign-in is kept below the home directory, and HOME is not set".into(), hint: "set HOME" }
}

/// A setting that needs a value but has nested settings is wrong.
pub(super) trait Named<T> {
    /// The text of the setting `name`.
    fn of(self, name: &str) -> Result<T, Wrong>;
}

impl<T> Named<T> for Result<T, NoText> {
    fn of(self, name: &str) -> Result<T, Wrong> {
        self.or_else(|NoText| wrong(format!("{name} has settings below it where it has a value")))
    }
}

// === impl Source ===

impl Source {
    /// The source in `credential_source`.
    ///
    /// # Errors
    /// If it is not one of them.
    pub(super) fn named(name: &str) -> Result<Self, Wrong> {
        match name {
            "Environment" => Ok(Self::Environment),
            "EcsContainer" => Ok(Self::Container),
            "Ec2InstanceMetadata" => Ok(Self::Instance),
            name => wrong(format!(
                "credential_source {} is not one of Environment, EcsContainer and Ec2InstanceMetadata",
                plain(name)
            )),
        }
    }
}

// === impl Base ===

impl Base {
    /// Part of a sentence about a profile.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Keys(_) => "keys",
            Self::Process { .. } => "credential_process",
            Self::Sso { .. } | Self::Login(_) => "SSO",
            Self::Token(_) => "web identity",
            Self::Source(_) => "credential_source",
        }
    }

    /// The file to change if this is refused: a person's sign-in, or a token that another program renews.
    pub(super) fn file(&self) -> Option<&Path> {
        match self {
            Self::Token(token) => Some(&token.file),
            _ => self.cache().map(Cache::path),
        }
    }

    /// Path of a person's sign-in.
    pub(super) fn cache(&self) -> Option<&Cache> {
        match self {
            Self::Sso { cache, .. } | Self::Login(cache) => Some(cache),
            _ => None,
        }
    }
}
