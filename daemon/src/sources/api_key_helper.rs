//! `apiKeyHelper`: a command whose output is the key.

mod audience;

use super::{
    Ask, Binding, Bound, CredentialProvider, CredentialSource, Declined, Facts, HelperRun, Material,
    Provided, Providing, TRY,
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
use std::{borrow::Cow, sync::Arc, time::Duration};

/// The source.
pub struct ApiKeyHelper;

/// The source's id.
const ID: &str = source::API_KEY_HELPER;
/// Settings key of the command.
const KEY: &str = "apiKeyHelper";
/// Variable with the lifetime of the output in milliseconds.
const TTL_VARIABLE: &str = "CLAUDE_CODE_API_KEY_HELPER_TTL_MS";
/// Default lifetime of the output (`spec/behaviour.md` A7).
const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// Longest lifetime that a setting may request; a longer one is a typing mistake.
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

/// Nothing is set, or only a hook whose real command is missing.
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
    let identity = environment.identity(ID, inputs);
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

/// Lifetime of the output, for the tool as for the daemon.
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

    fn helper(&self) -> Option<HelperRun<'_>> {
        Some((&self.spec, |output| {
            token(output).map(|_| ()).map_err(|wrong| format!("{} ({})", wrong.what, wrong.hint))
        }))
    }

    fn provide<'a>(&'a self, ask: &'a mut Ask<'_>) -> Providing<'a> {
        Box::pin(async move {
            let output = ask.run(&self.spec).await.map_err(|error| self.failed(&error))?;
            let Token { secret, trimmed } = token(output.expose()).map_err(|wrong| self.unusable(&wrong))?;
            let expires_at = Some(ask.host.clock.now() + self.ttl);
            Ok(Provided { secret, expires_at, facts: Facts { trimmed, ..Facts::default() } })
        })
    }
}

impl Helper {
    fn failed(&self, error: &CommandError) -> Declined {
        let hint: Cow<'_, str> = match error {
            _ if error.is_not_found() => self.spec.not_found().into(),
            CommandError::Exit(126) => "it is not executable: chmod +x".into(),
            CommandError::Deadline(_) => {
                "make it faster, or raise helper_timeout_seconds in ~/.config/claviger/config.toml".into()
            }
            _ => TRY.into(),
        };
        let problem = Problem::new(error.reason(), format!("{KEY} failed: {error}"))
            .hint(hint)
            .remedy(error.remedy(&self.at))
            .at(&self.at);
        Declined { transient: error.may_pass(), ..problem.into() }
    }

    fn unusable(&self, wrong: &Unusable) -> Declined {
        let message = format!("{KEY} printed no usable key: {}", wrong.what);
        let problem = Problem::new(Reason::CommandOutputInvalid, message).hint(wrong.hint).at(&self.at);
        problem.into()
    }
}

/// The one token in a command's output, and whether white space around it was removed.
#[derive(Debug)]
pub struct Token {
    /// Printable ASCII, at most [`MAX_SECRET_LEN`] characters.
    pub secret: Secret<String>,
    /// Whether more than one line feed was removed.
    pub trimmed: bool,
}

/// The one token in a command's output; white space around it is removed.
///
/// # Errors
/// The fault and its position, never the output, and a hint.
pub fn token(output: &[u8]) -> Result<Token, Unusable> {
    let token = output.trim_ascii();
    let wrong = |what: String| Unusable { what, hint: hint(token) };
    let trimmed = output.strip_suffix(b"\n").unwrap_or(output) != token;
    if token.is_empty() {
        return Err(wrong("the output is empty".into()));
    }
    if let Some(at) = token.iter().position(|byte| !byte.is_ascii_graphic()) {
        let what = match token[at] {
            b'\r' if token.get(at + 1) != Some(&b'\n') => "there is a carriage return",
            b'\r' | b'\n' => "a second line begins",
            b' ' | b'\t' => "there is white space",
            0x80.. => "there is a character outside ASCII",
            _ => "there is a control character",
        };
        let before = output.len() - output.trim_ascii_start().len();
        return Err(wrong(format!("{what} at byte {}", before + at + 1)));
    }
    if token.starts_with(b"{") {
        return Err(wrong("it is JSON".into()));
    }
    if token.len() > MAX_SECRET_LEN {
        return Err(wrong(format!("it is longer than {MAX_SECRET_LEN} characters")));
    }
    let text = std::str::from_utf8(token).map_err(|_| wrong("it is not ASCII".to_owned()))?;
    Ok(Token { secret: Secret::new(text.to_owned()), trimmed })
}

/// Why an output is not one token.
#[derive(Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The fault and its position.
    pub what: String,
    /// A hint.
    pub hint: &'static str,
}

fn hint(output: &[u8]) -> &'static str {
    match output.first() {
        Some(b'{') => "the output begins like JSON: print one value of it, for example with `| jq -r .key`",
        Some(0x1b) => "the output begins with terminal colours: set NO_COLOR=1 or TERM=dumb in the command",
        _ => "it must print only the key, on one line of stdout; messages belong on stderr",
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_SECRET_LEN, token};

    #[test]
    fn one_token_is_taken_without_the_white_space_around_it() {
        for (output, trimmed) in [
            (&b"sk-1"[..], false),
            (b"sk-1\n", false),
            (b"sk-1\r\n", true),
            (b"sk-1\n\n", true),
            (b"\n  sk-1 \t\r\n \n", true),
        ] {
            let token = token(output).expect("valid");
            assert_eq!((token.secret.expose().as_str(), token.trimmed), ("sk-1", trimmed), "{output:?}");
        }
        let longest = vec![b'k'; MAX_SECRET_LEN];
        assert_eq!(token(&longest).expect("valid").secret.expose().len(), MAX_SECRET_LEN);
    }

    #[test]
    fn anything_else_is_refused_by_what_and_where_without_the_output() {
        let too_long = vec![b'k'; MAX_SECRET_LEN + 1];
        let cases: [(&[u8], &str); 11] = [
            (b"", "the output is empty"),
            (b"\n", "the output is empty"),
            (b"canary\ncanary\n", "a second line begins at byte 7"),
            (b"canary\r\ncanary\n", "a second line begins at byte 7"),
            (b"canary\rcanary\n", "there is a carriage return at byte 7"),
            (b"Your key: canary\n", "there is white space at byte 5"),
            (b"  canary b\n", "there is white space at byte 9"),
            (b"canary\x1b[0m\n", "there is a control character at byte 7"),
            ("canäry\n".as_bytes(), "there is a character outside ASCII at byte 4"),
            (b"{\"key\":\"canary\"}", "it is JSON"),
            (&too_long, "it is longer than 16384 characters"),
        ];
        for (output, expected) in cases {
            assert_eq!(token(output).expect_err("must be refused").what, expected);
        }
    }

    #[test]
    fn a_hint_says_what_such_output_is() {
        for (output, part) in [
            (&b"{\n  \"key\": \"canary\"\n}\n"[..], "jq -r"),
            (b"\x1b[32mcanary\x1b[0m\n", "NO_COLOR=1"),
            (b"Your key: canary\n", "stderr"),
        ] {
            assert!(token(output).expect_err("must be refused").hint.contains(part), "{part}");
        }
    }
}
