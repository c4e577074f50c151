//! The secrets of a lease, and the headers that carry them. Where a lease refers to a variable of the session
//! (`own_variable`, `own_headers_variable`), it is read from the environment of this process.

use crate::{
    credential::{AWS_EXPIRATION, AWS_KEYS, AWS_OLD_TOKEN, OAUTH_HEADER, Scheme, is_oauth_token},
    headers::{self, Header},
    proto::v1::{self, AwsKeys, Lease, Secret, lease::Material},
    reason::{Problem, Reason},
    remedy::Remedy,
    source,
    variables::{self, Use},
};
use prost_types::Timestamp;
use std::{env, time::SystemTime};

/// The header that names the project Google bills ("Set the quota project",
/// cloud.google.com/docs/quotas/set-quota-project).
const USER_PROJECT: &str = "x-goog-user-project";

/// The secret of a lease, by its kind.
#[derive(Debug)]
pub enum Lent {
    /// One secret.
    Secret(Secret),
    /// Keys that sign requests.
    Keys(AwsKeys),
}

impl Lease {
    /// The secret of this lease.
    ///
    /// ```
    /// use claviger::proto::v1::{Lease, Secret, lease::Material};
    ///
    /// let material = Some(Material::Secret(Secret { value: "sk-ant-1".into() }));
    /// let lease = Lease { material, ..Default::default() };
    /// assert_eq!(lease.secret()?.value, "sk-ant-1");
    /// # Ok::<(), claviger::reason::Problem>(())
    /// ```
    ///
    /// # Errors
    /// If the lease has none, has AWS keys instead, or names a variable that does not hold a secret.
    pub fn secret(&self) -> Result<Secret, Problem> {
        match &self.material {
            Some(Material::Secret(secret)) => Ok(secret.clone()),
            Some(_) if self.signs() => {
                Err(Problem::new(Reason::MalformedRequest, "AWS keys are several secrets, not one")
                    .remedy(Remedy::claviger(&["aws"])))
            }
            Some(Material::OwnVariable(name)) => own(name).map(|value| Secret { value }),
            Some(Material::AwsKeys(_)) => Err(Problem::new(
                Reason::Bug,
                "the daemon lends AWS keys without naming the scheme that signs requests",
            )),
            None => Err(nothing()),
        }
    }

    /// The AWS keys of this lease.
    ///
    /// # Errors
    /// If the credential is not keys, or the own variables do not hold them.
    pub fn aws_keys(&self) -> Result<AwsKeys, Problem> {
        match &self.material {
            Some(Material::AwsKeys(keys)) => Ok(keys.clone()),
            Some(Material::OwnVariable(name)) if name == AWS_KEYS[0] => own_keys(),
            None => Err(nothing()),
            Some(_) => Err(Problem::new(
                Reason::MalformedRequest,
                "this credential is an API key of Bedrock, not AWS keys",
            )
            .hint("--format env prints it; to get keys instead, unset it")
            .remedy(Remedy::unset(&["AWS_BEARER_TOKEN_BEDROCK"]))),
        }
    }

    /// Expiry of the credential. It also covers keys in the session's own variables, if `AWS_CREDENTIAL_EXPIRATION` is
    /// set.
    pub fn expiry(&self) -> Option<Timestamp> {
        match &self.material {
            Some(Material::OwnVariable(name)) if name == AWS_KEYS[0] => own_expiry().ok().flatten(),
            _ => self.expires_at,
        }
    }

    /// The secret of this lease, of either kind; `None` if it has none.
    ///
    /// # Errors
    /// As [`Lease::secret`] and [`Lease::aws_keys`].
    pub fn lent(&self) -> Result<Option<Lent>, Problem> {
        match self.material {
            None => Ok(None),
            Some(_) if self.signs() => self.aws_keys().map(Lent::Keys).map(Some),
            Some(_) => self.secret().map(Lent::Secret).map(Some),
        }
    }

    /// Every header to send: those that carry the credential, then [`Lease::other_headers`].
    ///
    /// # Errors
    /// If there is no secret that a header could carry, or a header is not valid HTTP.
    pub fn headers(&self) -> Result<Vec<Header>, Problem> {
        let mut all = self.credential_headers()?;
        all.extend(self.other_headers()?);
        let (name, value) = OAUTH_HEADER;
        let is_there = |(found, said): &Header| found.eq_ignore_ascii_case(name) && said.contains(value);
        if self.is_oauth()? && !all.iter().any(is_there) {
            all.push((name.to_owned(), value.to_owned()));
        }
        all.extend(self.user_project(&all)?);
        Ok(all)
    }

    /// The project Google bills; Google's own libraries send it with each request of such a credential. None if another
    /// header sets it already.
    fn user_project(&self, all: &[Header]) -> Result<Option<Header>, Problem> {
        let project = self.facts.as_ref().map_or("", |facts| &facts.quota_project);
        let is_told = all.iter().any(|(name, _)| name.eq_ignore_ascii_case(USER_PROJECT));
        if project.is_empty() || self.material.is_none() || is_told {
            return Ok(None);
        }
        headers::check(USER_PROJECT, project)?;
        Ok(Some((USER_PROJECT.to_owned(), project.to_owned())))
    }

    /// Additional headers: those of the settings, and those of the session's own environment.
    ///
    /// # Errors
    /// If one of them is not valid HTTP.
    pub fn other_headers(&self) -> Result<Vec<Header>, Problem> {
        let mut all = Vec::new();
        for header in &self.headers {
            let value = header.value.as_ref().map(|value| value.value.clone()).unwrap_or_default();
            headers::check(&header.name, &value)?;
            all.push((header.name.clone(), value));
        }
        if !self.own_headers_variable.is_empty() {
            let name = &self.own_headers_variable;
            all.extend(headers::parse(&own(name)?, name)?);
        }
        Ok(all)
    }

    fn credential_headers(&self) -> Result<Vec<Header>, Problem> {
        if self.material.is_none() {
            return Ok(Vec::new());
        }
        let scheme = match self.scheme() {
            v1::Scheme::ApiKey => Scheme::ApiKey,
            v1::Scheme::Bearer => Scheme::Bearer,
            v1::Scheme::ApiKeyAndBearer => Scheme::ApiKeyAndBearer,
            v1::Scheme::Sigv4 => Scheme::SigV4,
            v1::Scheme::Unspecified => {
                return Err(Problem::new(
                    Reason::Bug,
                    "the daemon does not name the scheme to send the credential with",
                ));
            }
        };
        let secret = self.secret()?;
        let checked = |(name, value): (&str, String)| {
            headers::check(name, &value)?;
            Ok((name.to_owned(), value))
        };
        scheme.headers(&secret.value).into_iter().map(checked).collect()
    }

    /// Whether the secret is an OAuth token of Anthropic's.
    ///
    /// # Errors
    /// As [`Lease::secret`].
    pub fn is_oauth(&self) -> Result<bool, Problem> {
        let is_bearer = self.material.is_some() && self.scheme() == v1::Scheme::Bearer;
        Ok(is_bearer && (self.source == source::OAUTH_TOKEN || is_oauth_token(&self.secret()?.value)))
    }

    /// Whether the secret is a set of keys that sign requests.
    fn signs(&self) -> bool {
        self.material.is_some() && self.scheme() == v1::Scheme::Sigv4
    }
}

/// The problem of a lease without a credential.
fn nothing() -> Problem {
    Problem::new(Reason::NoCredential, "no credential, by configuration")
        .hint("see which setting does that")
        .remedy(Remedy::claviger(&["explain"]))
}

/// The session's own keys, as AWS's tools read them.
fn own_keys() -> Result<AwsKeys, Problem> {
    let [id, secret, token] = AWS_KEYS;
    // Only the token is optional.
    let is_set = |name: &&str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let token = [AWS_OLD_TOKEN, token].into_iter().find(is_set);
    let key = |name| own(name).and_then(|value| plain_key(name, value));
    let keys = AwsKeys {
        access_key_id: key(id)?,
        secret_access_key: Some(Secret { value: key(secret)? }),
        session_token: token.map(key).transpose()?.map(|value| Secret { value }),
    };
    match own_expiry()? {
        Some(at) if SystemTime::try_from(at).is_ok_and(|at| at <= SystemTime::now()) => {
            let message = format!("the keys in {id} have expired, according to {AWS_EXPIRATION}");
            Err(Problem::new(Reason::LoginRequired, message)
                .hint("set new ones, or unset these to use your profile")
                .remedy(Remedy::unset(&[id, secret, AWS_KEYS[2], AWS_EXPIRATION])))
        }
        _ => Ok(keys),
    }
}

/// When the session's own keys expire, if a variable has it.
fn own_expiry() -> Result<Option<Timestamp>, Problem> {
    let Some(text) = env::var_os(AWS_EXPIRATION).filter(|value| !value.is_empty()) else { return Ok(None) };
    let at = text.to_str().and_then(|text| text.parse().ok());
    at.map(Some).ok_or_else(|| {
        Problem::new(Reason::SettingsInvalid, format!("{AWS_EXPIRATION} is not an instant"))
            .hint("write it as 2030-01-31T12:00:00Z, or unset it")
    })
}

/// Checks that a key can be sent in a header.
fn plain_key(name: &str, value: String) -> Result<String, Problem> {
    match value.bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(value),
        false => Err(Problem::new(
            Reason::SettingsInvalid,
            format!("{name} has white space, or a character that no key has"),
        )
        .hint("set it to the key only")),
    }
}

/// The value of a secret variable of this process. Other variables are refused: the daemon must not be able to request
/// them.
fn own(name: &str) -> Result<String, Problem> {
    if variables::usage(name) != Some(Use::Secret) {
        return Err(Problem::new(
            Reason::Bug,
            "the daemon requests a variable that is not on the list of secrets",
        ));
    }
    env::var(name).map_err(|error| match error {
        env::VarError::NotPresent => {
            Problem::new(Reason::Bug, format!("{name} is not set, but was a moment ago"))
        }
        env::VarError::NotUnicode(_) => {
            Problem::new(Reason::MalformedRequest, format!("{name} is not UTF-8"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Material, own};
    use crate::{
        proto::v1::{self, AwsKeys, Lease, Scheme, Secret},
        reason::Reason,
    };

    fn lease(material: Material) -> Lease {
        Lease { material: Some(material), ..Default::default() }
    }

    #[test]
    fn only_listed_secrets_are_filled_in() {
        for name in ["PATH", "HOME", "LD_PRELOAD", ""] {
            assert_eq!(own(name).expect_err(name).reason, Reason::Bug);
        }
        let lease = lease(Material::OwnVariable("PATH".into()));
        assert_eq!(lease.secret().expect_err("refused").reason, Reason::Bug);
    }

    #[test]
    fn no_material_is_no_credential() {
        assert_eq!(Lease::default().secret().expect_err("refused").reason, Reason::NoCredential);
        assert!(Lease::default().lent().expect("nothing").is_none());
        assert_eq!(Lease::default().headers().expect("none"), []);
    }

    #[test]
    fn a_quota_project_is_said_once_and_with_a_credential_only() {
        let facts = v1::Facts { quota_project: "billed".into(), ..Default::default() };
        let token = Material::Secret(Secret { value: "ya29.x".into() });
        let mut lease = Lease { facts: Some(facts.clone()), scheme: Scheme::Bearer.into(), ..lease(token) };
        let told = |lease: &Lease| {
            let all = lease.headers().expect("valid").into_iter();
            all.filter(|(name, _)| name.eq_ignore_ascii_case("x-goog-user-project")).collect::<Vec<_>>()
        };
        assert_eq!(told(&lease), [("x-goog-user-project".to_owned(), "billed".to_owned())]);
        let own =
            v1::Header { name: "X-Goog-User-Project".into(), value: Some(Secret { value: "own".into() }) };
        lease.headers = vec![own];
        assert_eq!(told(&lease), [("X-Goog-User-Project".to_owned(), "own".to_owned())]);
        assert_eq!(told(&Lease { facts: Some(facts), ..Lease::default() }), []);
    }

    #[test]
    fn keys_are_keys_and_nothing_else() {
        let keys = AwsKeys { access_key_id: "AKIA1".into(), ..Default::default() };
        assert_eq!(lease(Material::AwsKeys(keys)).aws_keys().expect("keys").access_key_id, "AKIA1");
        let token = Material::Secret(Secret { value: "canary".into() });
        let problem = lease(token).aws_keys().expect_err("no keys");
        assert!(problem.hint.is_some_and(|hint| hint.contains("--format env")));
        assert_eq!(Lease::default().aws_keys().expect_err("nothing").reason, Reason::NoCredential);
    }

    fn names(scheme: Scheme, secret: &str) -> Option<Vec<String>> {
        let material = Material::Secret(Secret { value: secret.into() });
        let headers = Lease { scheme: scheme.into(), ..lease(material) }.headers().ok()?;
        Some(headers.into_iter().map(|(name, value)| format!("{name}: {value}")).collect())
    }

    #[test]
    fn the_scheme_makes_the_headers() {
        assert_eq!(names(Scheme::ApiKey, "k").expect("valid"), ["x-api-key: k"]);
        assert_eq!(names(Scheme::Bearer, "k").expect("valid"), ["authorization: Bearer k"]);
        assert_eq!(
            names(Scheme::ApiKeyAndBearer, "k").expect("valid"),
            ["x-api-key: k", "authorization: Bearer k"]
        );
        assert_eq!(names(Scheme::Unspecified, "k"), None);
        assert_eq!(names(Scheme::ApiKey, "k\r\nx-evil: 1"), None);
    }

    #[test]
    fn other_headers_come_last() {
        let header = v1::Header { name: "x-a".into(), value: Some(Secret { value: "1".into() }) };
        let material = Material::Secret(Secret { value: "k".into() });
        let lease = Lease { scheme: Scheme::ApiKey.into(), headers: vec![header], ..lease(material) };
        let all = [("x-api-key".to_owned(), "k".to_owned()), ("x-a".to_owned(), "1".to_owned())];
        assert_eq!(lease.headers().expect("valid"), all);
        assert_eq!(lease.other_headers().expect("valid"), all[1..]);
    }
}
