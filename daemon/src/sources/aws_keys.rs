//! `AWS_ACCESS_KEY_ID` and its companions: static keys of a session or of a settings file.
//!
//! Keys of the session's own environment stay there.

use super::{Binding, Bound, CredentialSource, Material};
use crate::{settings::Lookup, sources::View};
use claviger::{
    backend::Backend,
    credential::{AWS_KEYS, AWS_OLD_TOKEN, Scheme},
    reason::{Problem, Reason},
    source,
};
use claviger_child::Keys;

/// The source.
pub struct AwsKeys;

// === impl AwsKeys ===

impl CredentialSource for AwsKeys {
    fn id(&self) -> &'static str {
        source::ENV_AWS_KEYS
    }

    fn backend(&self) -> Backend {
        Backend::Bedrock
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        let [id, secret, token] = AWS_KEYS.map(|name| view.settings.variable(name));
        // AWS's tools read the old name first.
        let old = view.settings.variable(AWS_OLD_TOKEN);
        for (found, name) in [id, secret, token, old].iter().zip(AWS_KEYS.into_iter().chain([AWS_OLD_TOKEN]))
        {
            if let Lookup::Untrusted(value) = found {
                return Binding::Refused(view.untrusted(name, &value.at));
            }
        }
        let set = |found: Lookup<'_>| matches!(found, Lookup::Set(value) if !value.value.is_empty());
        let token = if set(old) { old } else { token };
        match (id, secret) {
            (Lookup::Set(at), _) if set(id) || set(secret) => of_settings(at.at.clone(), [id, secret, token]),
            (_, Lookup::Set(at)) if set(secret) => of_settings(at.at.clone(), [id, secret, token]),
            _ => of_session(view),
        }
    }
}

fn of_session(view: &View<'_>) -> Binding {
    let present = |name: &str| {
        view.session.present.contains(name) && matches!(view.settings.variable(name), Lookup::Unset)
    };
    let [id, secret, _] = AWS_KEYS;
    match (present(id), present(secret)) {
        (true, true) => {
            Binding::Bound(Bound { scheme: Scheme::SigV4, at: None, material: Material::OwnVariable(id) })
        }
        (false, false) => Binding::NotConfigured(format!("{id} is not set").into()),
        (true, false) => Binding::Refused(half(secret)),
        (false, true) => Binding::Refused(half(id)),
    }
}

fn of_settings(at: claviger::reason::Location, [id, secret, token]: [Lookup<'_>; 3]) -> Binding {
    let text = |found: Lookup<'_>| match found {
        Lookup::Set(value) if !value.value.is_empty() => Some(value.value.clone()),
        _ => None,
    };
    let (id, secret) = match (text(id), text(secret)) {
        (Some(id), Some(secret)) => (id, secret),
        (None, _) => return Binding::Refused(half(AWS_KEYS[0]).at(&at)),
        (_, None) => return Binding::Refused(half(AWS_KEYS[1]).at(&at)),
    };
    let keys = Keys { id, secret, token: text(token) };
    if let Err(part) = keys.check() {
        let message = format!("the {part} of env holds white space or a character that no key has");
        let problem = Problem::new(Reason::SettingsInvalid, message).hint("write only the key");
        return Binding::Refused(problem.at(&at));
    }
    Binding::Bound(Bound { scheme: Scheme::SigV4, at: Some(at), material: Material::Fixed(keys.to_text()) })
}

fn half(missing: &str) -> Problem {
    Problem::new(Reason::SettingsInvalid, format!("{missing} is not set, but its companion is")).hint(
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both or none, in the same place",
    )
}
