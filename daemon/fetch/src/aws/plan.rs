//! The plan for a profile's credentials: the steps that botocore would take, in its order. Pure.

use super::{
    base::{self, Base, Named as _, Source, WebIdentity, Wrong, has_keys, web_identity, wrong},
    files::Profile,
    words::plain,
};
use crate::environment::Variables;

/// Longest chain of `source_profile`.
const MAX_CHAIN: usize = 100;

/// Steps in order.
pub(super) struct Plan {
    /// Name of the profile with the first credentials.
    pub(super) of: String,
    pub(super) base: Base,
    /// The roles to assume with them: the last one first.
    pub(super) roles: Vec<Role>,
}

/// A role, and how to assume it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Role {
    pub(super) arn: String,
    pub(super) session: Option<String>,
    pub(super) external_id: Option<String>,
    /// In seconds.
    pub(super) duration: Option<i32>,
}

/// The plan for a profile and an environment in which `variable` finds variables that are set and not empty. `None`
/// without any configuration.
///
/// # Errors
/// The fault: also if botocore would continue with the credentials of a container or an instance, because the user
/// intended others.
pub(super) fn of(profile: Option<Profile<'_>>, variable: &Variables<'_>) -> Result<Option<Plan>, Wrong> {
    let Some(first) = profile else {
        let base = web_identity(None, Some(variable))?.map(Base::Token);
        return Ok(base.map(|base| Plan { of: String::new(), base, roles: Vec::new() }));
    };
    let (mut path, mut roles, mut at) = (vec![first.name()], Vec::new(), first);
    // A source with keys has no other source.
    while is_role(&at) && (path.len() == 1 || !has_keys(&at)) {
        roles.push(Role::of(&at)?);
        match (
            at.get("source_profile").of("source_profile")?,
            at.get("credential_source").of("credential_source")?,
        ) {
            (Some(_), Some(_)) => return wrong("it has both source_profile and credential_source"),
            (None, None) => return wrong("role_arn needs source_profile or credential_source"),
            (None, Some(source)) => {
                let base = Base::Source(Source::named(source)?);
                return Ok(Some(Plan { of: at.name().to_owned(), base, roles }));
            }
            (Some(name), None) => at = next(&at, name, &path)?,
        }
        path.push(at.name());
    }
    let is_source = path.len() > 1;
    match base::of(&at, (!is_source).then_some(variable), variable)? {
        Some(base) => Ok(Some(Plan { of: at.name().to_owned(), base, roles })),
        None if is_source => wrong(format!("the source profile {} has no credentials", plain(at.name()))),
        None => Ok(None),
    }
}

/// The profile `name`, which is the source of `at`; `path` are the profiles that led here.
fn next<'f>(at: &Profile<'f>, name: &'f str, path: &[&str]) -> Result<Profile<'f>, Wrong> {
    let Some(next) = at.files().profile(name) else {
        return wrong(format!("its source_profile {} does not exist", plain(name)));
    };
    // A profile that names itself has its keys beside its role.
    let is_loop = path.contains(&name) && (name != at.name() || !has_keys(&next));
    match is_loop || path.len() > MAX_CHAIN {
        true => wrong(format!("its source_profile leads to an infinite loop at {}", plain(name))),
        false => Ok(next),
    }
}

fn is_role(at: &Profile<'_>) -> bool {
    at.has("role_arn") && !at.has("web_identity_token_file")
}

// === impl Role ===

impl Role {
    fn of(at: &Profile<'_>) -> Result<Self, Wrong> {
        let text = |name| at.get(name).of(name);
        if text("mfa_serial")?.is_some() {
            let why = format!(
                "mfa_serial of profile {}: claviger cannot ask a person for a code here",
                plain(at.name())
            );
            return Err(Wrong {
                why,
                hint: "let a tool that can ask fetch them: name it as credential_process, or set awsAuthRefresh \
                    to a sign-in command",
            });
        }
        Ok(Self {
            arn: text("role_arn")?.unwrap_or_default().to_owned(),
            session: text("role_session_name")?.map(str::to_owned),
            external_id: text("external_id")?.map(str::to_owned),
            // botocore requests no duration if this is not a number.
            duration: text("duration_seconds")?.and_then(|text| text.trim().parse().ok()),
        })
    }
}

// === impl Plan ===

impl Plan {
    /// Whether the environment names the file with the token.
    pub(super) fn is_of_environment(&self) -> bool {
        matches!(&self.base, Base::Token(WebIdentity { is_of_environment: true, .. }) if self.roles.is_empty())
    }
}

#[cfg(test)]
#[path = "plan/tests.rs"]
mod tests;
