//! `apiKeyHelper`: a command whose output is the key.

mod audience;

use super::{
    Ask, Binding, Bound, CredentialProvider, CredentialSource, Declined, Facts, Material, Provided, Providing,
};
use crate::key::{COMMAND, DIRECTORY, Identity};
use crate::{
    host::command::{CommandError, CommandSpec, Program, Surroundings},
    settings::{Located, Lookup, Refresh},
    sources::View,
};
use claviger::{
    backend::Backend,
    credential::{MAX_SECRET_LEN, Scheme},
    reason::{Location, Problem, Reason},
    secret::Secret,
    source,
};
use std::{sync::Arc, time::Duration};

/// The source.
pub struct ApiKeyHelper;

/// The source's id.
const ID: &str = source::API_KEY_HELPER;
/// Settings key of the command.
const KEY: &str = "apiKeyHelper";
/// Variable that sets how long the output is good for, in milliseconds.
const TTL_VARIABLE: &str = "CLAUDE_CODE_API_KEY_HELPER_TTL_MS";
/// How long the output is good for by default (`spec/behaviour.md` A7).
const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// Longest time to live a setting may ask for; anything above is a typing mistake.
const MAX_TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// The command, bound.
#[derive(Debug)]
struct Helper {
    identity: Identity,
    spec: CommandSpec,
    ttl: Duration,
    refresh: Refresh,
    at: Location,
}

// === impl ApiKeyHelper ===

impl CredentialSource for ApiKeyHelper {
    fn id(&self) -> &'static str {
        ID
    }

    fn backend(&self) -> Backend {
        Backend::Anthropic
    }

    fn bind(&self, view: &View<'_>) -> Binding {
        match view.settings.command(KEY) {
            Lookup::Unset => Binding::NotConfigured(unset(view).into()),
            Lookup::Untrusted(command) => Binding::Refused(view.untrusted(KEY, &command.at)),
            Lookup::Set(command) => {
                match audience::refuses(view).map_or_else(|| helper(view, command), Err) {
                    Ok(helper) => Binding::Bound(Bound {
                        scheme: Scheme::ApiKeyAndBearer,
                        at: Some(command.at.clone()),
                        material: Material::Provided(Arc::new(helper)),
                    }),
                    Err(problem) => Binding::Refused(problem),
                }
            }
        }
    }
}

/// Nothing is set, or only a hook: then the command it stands for is missing.
fn unset(view: &View<'_>) -> String {
    match view.settings.sources().find_map(|file| file.content.hooks.get(KEY)) {
        None => format!("{KEY} is not set"),
        Some(hook) => format!(
            "{KEY} in {} is claviger itself, and [settings] of ~/.config/claviger/config.toml has no real command",
            hook.at
        ),
    }
}

fn helper(view: &View<'_>, command: &Located<String>) -> Result<Helper, Problem> {
    let environment = view.command_environment(&command.value);
    let directory = view.directory_of(command.layer);
    let ttl = ttl(view)?;
    let inputs = [(COMMAND, command.value.as_str()), (DIRECTORY, directory.to_str().unwrap_or_default())];
    let inputs = inputs.map(|(name, value)| (name.into(), value)).into_iter().chain(environment.inputs());
    let identity = Identity::of(ID, inputs);
    let key = identity.key;
    let spec = CommandSpec {
        program: Program::Shell(command.value.clone()),
        environment: environment.own,
        surroundings: environment.surroundings,
        directory,
        deadline: view.limits.helper_timeout,
        max_output: MAX_SECRET_LEN + 1,
        flight: key.to_string(),
        attended: false,
    };
    let refresh = view.settings.refresh(KEY);
    Ok(Helper { identity, spec, ttl, refresh, at: command.at.clone() })
}

/// How long the output is good for, to the tool as to us.
///
/// # Errors
/// `workspace-untrusted`, or `settings-invalid`.
pub fn ttl(view: &View<'_>) -> Result<Duration, Problem> {
    let ttl = view.milliseconds(TTL_VARIABLE, 0, "300000 for five minutes")?;
    Ok(ttl.map_or(DEFAULT_TTL, |ttl| ttl.min(MAX_TTL)))
}

// === impl Helper ===

impl CredentialProvider for Helper {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn surroundings(&self) -> Option<&Surroundings> {
        Some(&self.spec.surroundings)
    }

    fn refresh(&self) -> Refresh {
        self.refresh
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(async move {
            let output = ask.run(&self.spec).await.map_err(|error| self.failed(&error))?;
            let secret = token(output.expose()).map_err(|what| self.unusable(&what))?;
            let expires_at = Some(ask.host.clock.now() + self.ttl);
            Ok(Provided { secret, expires_at, facts: Facts::default() })
        })
    }
}

impl Helper {
    fn failed(&self, error: &CommandError) -> Declined {
        let hint = match error {
            CommandError::Exit(127) => "it was not found: use an absolute path, or a directory of PATH",
            CommandError::Exit(126) => "it is not executable: chmod +x",
            CommandError::Deadline(_) => {
                "make it faster, or raise helper_timeout_seconds in ~/.config/claviger/config.toml"
            }
            _ => "run it in a terminal to see what it says",
        };
        let problem = Problem::new(error.reason(), format!("{KEY} has no key to give: {error}"))
            .hint(hint)
            .remedy(error.remedy(&self.at))
            .at(&self.at);
        Declined { transient: error.may_pass(), ..problem.into() }
    }

    fn unusable(&self, what: &str) -> Declined {
        let problem =
            Problem::new(Reason::CommandOutputInvalid, format!("{KEY} printed no usable key: {what}"))
                .hint(
                    "it must print the key on one line of stdout and nothing else; messages belong on stderr",
                )
                .at(&self.at);
        problem.into()
    }
}

/// The one token in a command's output: printable ASCII, at most [`MAX_SECRET_LEN`] characters, one line feed may
/// follow.
///
/// # Errors
/// What is wrong and where, never what was printed.
pub fn token(output: &[u8]) -> Result<Secret<String>, String> {
    let token = output.strip_suffix(b"\n").unwrap_or(output);
    if token.is_empty() {
        return Err("the output is empty".into());
    }
    if let Some(at) = token.iter().position(|byte| !byte.is_ascii_graphic()) {
        let what = match token[at] {
            b'\n' => "a second line begins",
            b'\r' => "there is a carriage return (Windows line end?)",
            b' ' | b'\t' => "there is white space",
            0x80.. => "there is a character outside ASCII",
            _ => "there is a control character",
        };
        return Err(format!("{what} at byte {}", at + 1));
    }
    if token.len() > MAX_SECRET_LEN {
        return Err(format!("it is longer than {MAX_SECRET_LEN} characters"));
    }
    let text = std::str::from_utf8(token).map_err(|_| "it is not ASCII".to_owned())?;
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{MAX_SECRET_LEN, token};

    #[test]
    fn one_token_is_taken_with_or_without_line_feed() {
        for output in [&b"sk-1"[..], b"sk-1\n"] {
            assert_eq!(token(output).expect("valid").expose(), "sk-1");
        }
        let longest = vec![b'k'; MAX_SECRET_LEN];
        assert_eq!(token(&longest).expect("valid").expose().len(), MAX_SECRET_LEN);
    }

    #[test]
    fn anything_else_is_refused_by_what_and_where_without_the_output() {
        let too_long = vec![b'k'; MAX_SECRET_LEN + 1];
        let cases: [(&[u8], &str); 11] = [
            (b"", "the output is empty"),
            (b"\n", "the output is empty"),
            (b"canary\ncanary\n", "a second line begins at byte 7"),
            (b"canary\n\n", "a second line begins at byte 7"),
            (b"canary\r\n", "there is a carriage return (Windows line end?) at byte 7"),
            (b"Your key: canary\n", "there is white space at byte 5"),
            (b"canary \n", "there is white space at byte 7"),
            (b"canary\x1b[0m\n", "there is a control character at byte 7"),
            ("canäry\n".as_bytes(), "there is a character outside ASCII at byte 4"),
            (b"\x00\xff\xfe", "there is a control character at byte 1"),
            (&too_long, "it is longer than 16384 characters"),
        ];
        for (output, expected) in cases {
            assert_eq!(token(output).expect_err("must be refused"), expected);
        }
    }
}
