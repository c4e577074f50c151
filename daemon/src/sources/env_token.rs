//! `ANTHROPIC_AUTH_TOKEN`, `ANTHROPIC_API_KEY`, `CLAUDE_CODE_OAUTH_TOKEN` and similar variables of the clouds: static
//! secrets.
//!
//! If the session's environment has one, the secret stays there and the lease names the variable. One in a settings
//! file's `env` block overrides the session's, as documented (`spec/behaviour.md` A1).

use super::{Binding, Bound, CredentialSource, Material};
use crate::{settings::Lookup, sources::View};
use claviger::{
    backend::Backend,
    credential::Scheme,
    reason::{Problem, Reason},
    secret::Secret,
    session::SessionMode,
    source,
};

/// A source that is one variable.
pub struct EnvToken {
    id: &'static str,
    backend: Backend,
    variable: &'static str,
    scheme: Scheme,
    /// Modes that exclude the session's own variable, and the message.
    ignored: &'static [(SessionMode, &'static str)],
    /// Whether a bare session takes it from explicitly passed settings.
    explicit: bool,
    /// Required host suffix of the endpoint; `None`: any base URL.
    only_to: Option<&'static str>,
}

const HOMESPACE: (SessionMode, &str) =
    (SessionMode::Homespace, "homespace sessions ignore keys of the environment");

/// `ANTHROPIC_AUTH_TOKEN`, sent as bearer token.
pub const AUTH_TOKEN: EnvToken = EnvToken {
    id: source::ENV_AUTH_TOKEN,
    backend: Backend::Anthropic,
    variable: "ANTHROPIC_AUTH_TOKEN",
    scheme: Scheme::Bearer,
    ignored: &[HOMESPACE, (SessionMode::Bare, "bare sessions use ANTHROPIC_API_KEY only")],
    explicit: true,
    only_to: None,
};

/// `ANTHROPIC_API_KEY`, sent as `x-api-key`.
pub const API_KEY: EnvToken = EnvToken {
    id: source::ENV_API_KEY,
    backend: Backend::Anthropic,
    variable: "ANTHROPIC_API_KEY",
    scheme: Scheme::ApiKey,
    ignored: &[HOMESPACE],
    explicit: true,
    only_to: None,
};

/// `CLAUDE_CODE_OAUTH_TOKEN`, the year-long token of `claude setup-token`. It is sent only to Anthropic: a gateway once
/// got one by mistake (`spec/behaviour.md` C, "OAuth to wrong gateway").
pub const OAUTH_TOKEN: EnvToken = EnvToken {
    id: source::OAUTH_TOKEN,
    backend: Backend::Anthropic,
    variable: "CLAUDE_CODE_OAUTH_TOKEN",
    scheme: Scheme::Bearer,
    ignored: &[(SessionMode::Bare, "bare sessions never use OAuth")],
    explicit: false,
    only_to: Some("anthropic.com"),
};

/// `AWS_BEARER_TOKEN_BEDROCK`: an API key of Bedrock, outside the chain (`spec/behaviour.md` A2).
pub const BEDROCK_TOKEN: EnvToken =
    of_cloud(source::ENV_BEDROCK_TOKEN, Backend::Bedrock, "AWS_BEARER_TOKEN_BEDROCK", Scheme::Bearer);

/// `ANTHROPIC_FOUNDRY_AUTH_TOKEN`, sent as bearer token.
pub const FOUNDRY_TOKEN: EnvToken =
    of_cloud(source::ENV_FOUNDRY_TOKEN, Backend::Foundry, "ANTHROPIC_FOUNDRY_AUTH_TOKEN", Scheme::Bearer);

/// `ANTHROPIC_FOUNDRY_API_KEY`, sent as `x-api-key` (`spec/behaviour.md` D).
pub const FOUNDRY_KEY: EnvToken =
    of_cloud(source::ENV_FOUNDRY_KEY, Backend::Foundry, "ANTHROPIC_FOUNDRY_API_KEY", Scheme::ApiKey);

/// A cloud's own static secret. Modes do not restrict it: a bare session too uses its cloud's (`spec/behaviour.md` A6).
const fn of_cloud(id: &'static str, backend: Backend, variable: &'static str, scheme: Scheme) -> EnvToken {
    EnvToken { id, backend, variable, scheme, ignored: &[], explicit: true, only_to: None }
}

impl CredentialSource for EnvToken {
    fn id(&self) -> &'static str {
        self.id
    }

    fn backend(&self) -> Backend {
        self.backend
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        let session = view.session;
        let bound = match view.settings.variable(self.variable) {
            Lookup::Untrusted(value) => return Binding::Refused(view.untrusted(self.variable, &value.at)),
            Lookup::Set(value) if value.value.is_empty() => {
                return Binding::NotConfigured(format!("{} unsets {}", value.at, self.variable).into());
            }
            Lookup::Set(value) => Bound {
                scheme: self.scheme,
                at: Some(value.at.clone()),
                material: Material::Fixed(Secret::new(value.value.clone())),
            },
            Lookup::Unset if session.present.contains(self.variable) => {
                Bound { scheme: self.scheme, at: None, material: Material::OwnVariable(self.variable) }
            }
            Lookup::Unset => return Binding::NotConfigured(format!("{} is not set", self.variable).into()),
        };
        // Homespace ignores every key of the environment; bare only keys that were not passed explicitly, and any OAuth
        // token.
        let explicit = self.explicit && bound.at.is_some() && session.mode == SessionMode::Bare;
        if let Some((_, why)) = self.ignored.iter().find(|(mode, _)| *mode == session.mode && !explicit) {
            return Binding::Ignored((*why).into());
        }
        match self.wrong_destination(view).or_else(|| self.malformed(&bound)) {
            Some(problem) => Binding::Refused(problem),
            None => Binding::Bound(bound),
        }
    }
}

impl EnvToken {
    /// A value of a settings file that is invalid in a header, or would add another one. It is not repeated.
    fn malformed(&self, bound: &Bound) -> Option<Problem> {
        let Material::Fixed(secret) = &bound.material else { return None };
        if secret.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let message = format!("{} holds white space or a character that no key has", self.variable);
        let problem = Problem::new(Reason::SettingsInvalid, message).hint("write only the key");
        Some(problem.at(&bound.at))
    }

    fn wrong_destination(&self, view: &View<'_>) -> Option<Problem> {
        let suffix = self.only_to?;
        let host = view.endpoint.host.as_str();
        if view.endpoint.secure && (host == suffix || host.ends_with(&format!(".{suffix}"))) {
            return None;
        }
        let message =
            format!("{} may only be sent to {suffix}, not to {}", self.variable, view.endpoint.origin);
        let problem = Problem::new(Reason::PolicyBlocked, message).hint(
            "unset ANTHROPIC_BASE_URL, or configure a separate key for the gateway (apiKeyHelper or \
                ANTHROPIC_AUTH_TOKEN)",
        );
        Some(problem.at(&view.endpoint.at))
    }
}
