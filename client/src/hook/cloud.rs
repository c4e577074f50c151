//! The cloud that the settings of Claude Code, or the environment, select, and the hooks that it uses. Pure.

use claviger::{
    backend::{Backend, CLOUDS, SWITCH, is_unsupported},
    variables::is_true,
};
use std::collections::BTreeMap;

/// Variables of a settings file, or of this process.
pub(crate) type Variables = BTreeMap<String, String>;

/// An enabled cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// The switch.
    pub(crate) variable: String,
    /// Its backend; `None` for one without a credential in claviger.
    pub(crate) backend: Option<Backend>,
    /// Whether the switch is in the settings file, and so applies to every session.
    pub(crate) of_file: bool,
    /// Whether a gateway adds the credential, to which the tool then sends the key of its `apiKeyHelper`
    /// (`spec/behaviour.md` A2, "CLAUDE_CODE_SKIP_…").
    pub(crate) skipped: bool,
}

/// The value of `name` in a session: a settings file comes before the environment.
pub(crate) fn value<'a>(file: &'a Variables, own: &'a Variables, name: &str) -> Option<&'a str> {
    file.get(name).or_else(|| own.get(name)).map(String::as_str)
}

impl Cloud {
    /// The first that is on, in the order in which they win; `None` if sessions talk to Anthropic, or to a gateway that does.
    pub(crate) fn of(file: &Variables, own: &Variables) -> Option<Self> {
        let is_on = |name: &str| value(file, own, name).is_some_and(is_true);
        let cloud = |variable: &str, backend, skip: Option<&str>| Self {
            variable: variable.to_owned(),
            backend,
            of_file: file.contains_key(variable),
            skipped: skip.is_some_and(is_on),
        };
        let known = CLOUDS.into_iter().find(|(_, variable, _)| is_on(variable));
        let others = file.keys().chain(own.keys()).filter(|name| name.starts_with(SWITCH));
        known.map(|(backend, variable, skip)| cloud(variable, Some(backend), Some(skip))).or_else(|| {
            let mut others = others.filter(|name| is_unsupported(name) && is_on(name));
            others.next().map(|variable| cloud(variable, None, None))
        })
    }

    /// Why no hook for a key is installed, and what the tools of this cloud use instead.
    pub(crate) fn note(&self) -> String {
        let instead = match self.backend {
            Some(Backend::Bedrock) => {
                "`claviger hook install aws` and AWS_PROFILE=claviger have it borrow keys of AWS; a command in \
                 awsCredentialExport becomes a hook when you install again"
            }
            Some(Backend::Vertex) => "`claviger hook install google` has it borrow",
            Some(Backend::Foundry) => "`claviger hook install azure` shows how it borrows",
            Some(Backend::Anthropic) | None => "claviger has no credential for that backend",
        };
        format!(
            "{} is set{}: such sessions use no key of an apiKeyHelper, so none is added; {instead}",
            self.variable,
            if self.of_file { "" } else { " in this environment" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Backend, Cloud, Variables};

    fn variables(pairs: &[(&str, &str)]) -> Variables {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_cloud_of_a_session() {
        let bedrock = ("CLAUDE_CODE_USE_BEDROCK", "1");
        let off = ("CLAUDE_CODE_USE_BEDROCK", "");
        let vertex = ("CLAUDE_CODE_USE_VERTEX", "true");
        let mantle = ("CLAUDE_CODE_USE_MANTLE", "1");
        let skip = ("CLAUDE_CODE_SKIP_BEDROCK_AUTH", "1");
        let of = |file: &[_], own: &[_]| Cloud::of(&variables(file), &variables(own));
        let short = |cloud: Cloud| (cloud.backend, cloud.of_file, cloud.skipped);
        for (file, own, expected) in [
            (&[][..], &[][..], None),
            (&[bedrock], &[], Some((Some(Backend::Bedrock), true, false))),
            (&[], &[bedrock, skip], Some((Some(Backend::Bedrock), false, true))),
            (&[off], &[bedrock], None),
            (&[vertex], &[bedrock], Some((Some(Backend::Bedrock), false, false))),
            (&[mantle], &[], Some((None, true, false))),
            (&[("CLAUDE_CODE_USE_POWERSHELL_TOOL", "1")], &[], None),
        ] {
            assert_eq!(of(file, own).map(short), expected, "{file:?} {own:?}");
        }
    }
}
