//! A credential on loan, and the headers that carry it.

mod decode;
mod own;
#[cfg(test)]
mod tests;

use crate::{
    backend::Backend,
    credential::{AWS_KEYS, AwsKeys, OAUTH_HEADER, Scheme, is_oauth_token},
    headers::{self, Header},
    proto::v1,
    reason::{Location, Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    source,
};
use std::time::{Duration, SystemTime};

/// The header that names the project Google bills ("Set the quota project",
/// cloud.google.com/docs/quotas/set-quota-project).
const USER_PROJECT: &str = "x-goog-user-project";

/// A credential on loan, with the endpoint it belongs to. Its `Debug` text shows no secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lease {
    /// Where the secret is; `None` if the configuration provides none, or the lease is only for a look.
    pub material: Option<Material>,
    /// How the secret is sent.
    pub scheme: Scheme,
    /// The receiver of the request.
    pub backend: Backend,
    /// Base URL of the API.
    pub base_url: String,
    /// The only origin (scheme://host\[:port\]) the secret may be sent to.
    pub origin: String,
    /// How long a request may take.
    pub api_timeout: Duration,
    /// Id of the source, such as `api-key-helper`.
    pub source: String,
    /// Position of the source's configuration; `None` if that is the session's environment.
    pub location: Option<Location>,
    /// Identity of the daemon's cache entry; empty if nothing is cached.
    pub key: String,
    /// Counts the credentials of this key from 1; 0 if nothing is cached.
    pub generation: u64,
    /// When it was obtained; `None` if nothing is cached.
    pub fetched_at: Option<SystemTime>,
    /// Not usable from this instant on; `None` if no expiry is known.
    pub expires_at: Option<SystemTime>,
    /// When the next refresh is due.
    pub refresh_at: Option<SystemTime>,
    /// Still valid, but the last refresh failed or the API rejected it.
    pub stale: bool,
    /// Region of the cloud; empty for other backends.
    pub region: String,
    /// Project of the cloud (Vertex) or name of the resource (Foundry).
    pub project: String,
    /// Headers to send along with the credential; [`Lease::headers`] has them all.
    #[doc(hidden)]
    pub own_headers: Vec<(String, Secret)>,
    /// The session's own variable with further ones.
    #[doc(hidden)]
    pub own_headers_variable: String,
    /// Conditions that do not prevent the use; [`Lease::warnings`] has the sentences.
    #[doc(hidden)]
    pub warnings: Vec<v1::Warning>,
    /// Details found while the credential was obtained, as in `claviger get --json`; `None` if nothing is cached.
    #[doc(hidden)]
    pub facts: Option<v1::Facts>,
}

/// Where the secret of a lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Material {
    /// Here.
    Secret(Secret),
    /// Here: keys that sign requests.
    Keys(AwsKeys),
    /// In this variable of the own environment; `AWS_ACCESS_KEY_ID` means all AWS keys.
    OwnVariable(String),
}

// === impl Lease ===

impl Lease {
    /// The secret of this lease. One that stays with the session is read from the environment of this process.
    ///
    /// # Errors
    /// If the lease has none, has AWS keys instead, or names a variable that does not hold a secret.
    pub fn secret(&self) -> Result<Secret, Problem> {
        match &self.material {
            Some(Material::Secret(secret)) => Ok(secret.clone()),
            Some(_) if self.signs() => {
                Err(Problem::new(Reason::MalformedRequest, "AWS keys are not one secret but several")
                    .remedy(Remedy::claviger(&["aws"])))
            }
            Some(Material::OwnVariable(name)) => own::secret(name),
            Some(Material::Keys(_)) => Err(Problem::new(
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
            Some(Material::Keys(keys)) => Ok(keys.clone()),
            Some(Material::OwnVariable(name)) if name == AWS_KEYS[0] => own::keys(),
            None => Err(nothing()),
            Some(_) => Err(Problem::new(
                Reason::MalformedRequest,
                "this credential is an API key of Bedrock, and no AWS keys",
            )
            .hint("--format env prints it; to get keys instead, take it away")
            .remedy(Remedy::unset(&["AWS_BEARER_TOKEN_BEDROCK"]))),
        }
    }

    /// Secret or keys, those of the own environment filled in; `None` if there are none.
    ///
    /// # Errors
    /// As [`Lease::secret`] and [`Lease::aws_keys`].
    pub fn filled_in(&self) -> Result<Option<Material>, Problem> {
        match self.material {
            None => Ok(None),
            Some(_) if self.signs() => self.aws_keys().map(Material::Keys).map(Some),
            Some(_) => self.secret().map(Material::Secret).map(Some),
        }
    }

    /// Every header to send, as (name, value): those that carry the credential, then [`Lease::other_headers`]. The values hold
    /// secrets.
    ///
    /// ```
    /// use claviger::{Lease, Material, Scheme};
    ///
    /// let lease = Lease { material: Some(Material::Secret("sk-1".into())), scheme: Scheme::Bearer, ..Lease::default() };
    /// assert_eq!(lease.headers()?, [("authorization".to_owned(), "Bearer sk-1".to_owned())]);
    /// # Ok::<(), claviger::Problem>(())
    /// ```
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

    /// The headers that go along with the credential: those of the settings, and those of the own environment.
    ///
    /// # Errors
    /// If one of them is not valid HTTP.
    pub fn other_headers(&self) -> Result<Vec<Header>, Problem> {
        let mut all = Vec::new();
        for (name, value) in &self.own_headers {
            headers::check(name, value.expose())?;
            all.push((name.clone(), value.expose().clone()));
        }
        if !self.own_headers_variable.is_empty() {
            let name = &self.own_headers_variable;
            all.extend(headers::parse(own::secret(name)?.expose(), name)?);
        }
        Ok(all)
    }

    fn credential_headers(&self) -> Result<Vec<Header>, Problem> {
        if self.material.is_none() {
            return Ok(Vec::new());
        }
        let secret = self.secret()?;
        let checked = |(name, value): (&str, String)| {
            headers::check(name, &value)?;
            Ok((name.to_owned(), value))
        };
        self.scheme.headers(secret.expose()).into_iter().map(checked).collect()
    }

    /// Conditions that do not prevent the use, as sentences.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings.iter().map(|warning| warning.text.as_str())
    }

    /// Account, tenant or e-mail address that the credential belongs to, if that is known.
    pub fn account(&self) -> Option<&str> {
        self.facts.as_ref().map(|facts| facts.account.as_str()).filter(|account| !account.is_empty())
    }

    /// Whether it is an OAuth token of Anthropic's.
    ///
    /// # Errors
    /// As [`Lease::secret`].
    #[doc(hidden)]
    pub fn is_oauth(&self) -> Result<bool, Problem> {
        let is_bearer = self.material.is_some() && self.scheme == Scheme::Bearer;
        Ok(is_bearer && (self.source == source::OAUTH_TOKEN || is_oauth_token(self.secret()?.expose())))
    }

    /// Whether `other` lends the same, to the same endpoint. Dates, and whether it is stale, may differ.
    #[doc(hidden)]
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.key, self.generation, &self.source, &self.base_url, &self.material)
            == (&other.key, other.generation, &other.source, &other.base_url, &other.material)
    }

    /// Whether it is keys that sign requests.
    fn signs(&self) -> bool {
        self.material.is_some() && self.scheme == Scheme::SigV4
    }
}

/// The problem of a lease without a credential.
fn nothing() -> Problem {
    Problem::new(Reason::NoCredential, "no credential, by configuration")
        .hint("see which setting does that")
        .remedy(Remedy::claviger(&["explain"]))
}
