//! Remedies: a command that can be pasted anywhere, a place to edit, or a request to an administrator.
//!
//! [`usual`] decides which remedy belongs to which cause. This file spells every command of claviger that is ever
//! suggested. Callers print a remedy as it is; text is never searched for commands.

use crate::cause::{Kind, Location, Reason};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, path::Path};

/// A remedy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A command to run.
    Run(Command),
    /// A place in a file to correct.
    Edit(Location),
    /// A line to write into one of the person's own files.
    Write(Box<Setting>),
    /// Only an administrator can help: the request, as in "ask your administrator to …".
    Administrator(String),
}

/// A command, as words that no shell has to interpret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments; also `unset NAME`, which only the person's own shell can run.
    pub argv: Vec<String>,
    /// The directory it must run in; `None` if any will do.
    pub directory: Option<String>,
}

/// A line of a file in TOML.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Setting {
    /// The file; it need not exist.
    pub file: String,
    /// The table that the line belongs to.
    pub table: String,
    /// The line; it replaces one with the same key.
    pub line: String,
}

/// The client.
const CLIENT: &str = "claviger";
/// Verbs of the client that act for the session of a directory.
const OF_A_SESSION: [&str; 6] = ["doctor", "env", "explain", "get", "refresh", "trust"];

/// The usual remedy for a reason, if the problem names none of its own. A place to edit is the position of the cause.
pub fn usual(reason: Reason, at: Option<&Location>) -> Option<Remedy> {
    match reason {
        Reason::PeerRejected | Reason::PeerUnknown => Some(Remedy::unset(&["CLAVIGER_SOCK"])),
        Reason::LoginRequired => Some(Remedy::login(None)),
        Reason::WorkspaceUntrusted => Some(Remedy::trust()),
        Reason::SettingsInvalid | Reason::CommandOutputInvalid => at.and_then(Remedy::edit),
        Reason::Locked => Some(Remedy::unlock()),
        Reason::NotConfirmed => Some(Remedy::confirm()),
        Reason::UpstreamDenied => Some(Remedy::Administrator("give this identity access".into())),
        // The remedy differs from case to case, or no command helps.
        Reason::ForeignCaller
        | Reason::StaleCookie
        | Reason::StaleSession
        | Reason::MalformedRequest
        | Reason::NoCredential
        | Reason::PolicyBlocked
        | Reason::CommandFailed
        | Reason::KeyringLocked
        | Reason::SourceUnavailable
        | Reason::SourceTimeout
        | Reason::ShuttingDown
        | Reason::Handover
        | Reason::Cancelled
        | Reason::Limits
        | Reason::Bug => None,
    }
}

/// The remedy for a session without a credential, for a reason that has no usual remedy: another attempt, if the cause
/// can be temporary.
pub fn for_session(reason: Reason) -> Option<Remedy> {
    let passes = matches!(
        reason,
        Reason::CommandFailed
            | Reason::SourceUnavailable
            | Reason::SourceTimeout
            | Reason::StaleSession
            | Reason::ShuttingDown
            | Reason::Handover
            | Reason::Cancelled
    );
    passes.then(Remedy::refresh)
}

/// The remedy for a warning: unset `variables`, or correct a place.
pub fn for_warning(kind: Kind, variables: &[&str], at: Option<&Location>) -> Option<Remedy> {
    match kind {
        Kind::SettingsKept | Kind::PolicyIneffective | Kind::OutputTrimmed | Kind::Overruled => {
            at.and_then(Remedy::edit)
        }
        Kind::TwoClouds | Kind::EndpointPlaintext | Kind::VertexProjectOverridden => {
            Remedy::without(variables, at)
        }
    }
}

/// The message while the daemon is locked.
pub fn while_locked() -> String {
    format!("locked: nothing is lent until `{CLIENT} unlock`")
}

// === impl Remedy ===

impl Remedy {
    /// A command that does the same in every directory.
    pub fn run(argv: &[&str]) -> Self {
        Self::Run(Command { argv: argv.iter().map(|&word| word.to_owned()).collect(), directory: None })
    }

    /// A command of the client.
    pub fn claviger(arguments: &[&str]) -> Self {
        Self::run(&[&[CLIENT], arguments].concat())
    }

    /// A place in a file; `None` without a line, since the fault is then not in its text. Managed settings and files in
    /// /etc are an administrator's.
    pub fn edit(at: &Location) -> Option<Self> {
        let is_text = at.line > 0 && at.file.starts_with('/');
        is_text.then(|| match at.layer.as_str() {
            layer if layer == "managed" || at.file.starts_with("/etc/") => {
                Self::Administrator(format!("correct {}:{}", at.file, at.line))
            }
            _ => Self::Edit(at.clone()),
        })
    }

    /// A line in a table of a file.
    pub fn write(file: &Path, table: &str, line: &str) -> Self {
        let file = file.to_string_lossy().into_owned();
        Self::Write(Box::new(Setting { file, table: table.to_owned(), line: line.to_owned() }))
    }

    /// Unsets variables in the person's shell.
    pub fn unset(names: &[&str]) -> Self {
        Self::run(&[&["unset"], names].concat())
    }

    /// Unsets variables where they are set: in the file of `at`, or else in the person's own shell.
    pub fn without(names: &[&str], at: Option<&Location>) -> Option<Self> {
        match at {
            Some(at) => Self::edit(at),
            None => (!names.is_empty()).then(|| Self::unset(names)),
        }
    }

    /// Refreshes the session's credential, ignoring any backoff; signs in if a command is configured for that.
    pub fn refresh() -> Self {
        Self::claviger(&["refresh"])
    }

    /// Signs in to an account, or to the only one that is configured.
    pub fn login(account: Option<&str>) -> Self {
        let words: Vec<_> = ["login"].into_iter().chain(account).collect();
        Self::claviger(&words)
    }

    /// Saves an API key, in place of that of an account if one is named.
    pub fn keep_key(account: Option<&str>) -> Self {
        let words: Vec<_> = ["login"].into_iter().chain(account).chain(["--api-key"]).collect();
        Self::claviger(&words)
    }

    /// Saves a token in place of that of an account.
    pub fn keep_token(account: &str) -> Self {
        Self::claviger(&["login", account, "--token"])
    }

    /// Shows what the workspace requests, and allows it.
    pub fn trust() -> Self {
        Self::claviger(&["trust", "grant"])
    }

    /// Shows everything that waits for a person.
    pub fn pending() -> Self {
        Self::claviger(&["pending"])
    }

    /// Asks the person in a terminal the questions that wait or were denied.
    pub fn confirm() -> Self {
        Self::claviger(&["confirm"])
    }

    /// Unlocks the daemon.
    pub fn unlock() -> Self {
        Self::claviger(&["unlock"])
    }

    /// Replaces the running daemon by the installed one.
    pub fn restart_daemon() -> Self {
        Self::claviger(&["daemon", "restart"])
    }

    /// Records the standing gate of Claude Code's settings, for an account if one is named. It asks a person.
    pub fn install_gate(account: Option<&str>) -> Self {
        let account = account.into_iter().flat_map(|name| ["--account", name]);
        let words: Vec<_> = ["hook", "install", "claude", "--gate"].into_iter().chain(account).collect();
        Self::claviger(&words)
    }

    /// Ends the daemon; the next call starts another.
    pub fn stop_daemon() -> Self {
        Self::claviger(&["daemon", "stop"])
    }

    /// Moves a file out of the way, within its directory.
    pub fn move_away(path: &Path) -> Self {
        let path = path.to_string_lossy();
        Self::run(&["mv", "--", &path, &format!("{path}.old")])
    }

    /// Changes the permissions of one of the person's own files.
    pub fn permit(mode: &str, path: &Path) -> Self {
        Self::run(&["chmod", mode, &path.to_string_lossy()])
    }

    /// The same for the session in `directory`. A command that does not depend on a session, or names its directory
    /// already, stays as it is.
    #[must_use]
    pub fn within(mut self, directory: &str) -> Self {
        if let Self::Run(command) = &mut self
            && command.directory.is_none()
            && command.is_of_a_session()
            && !directory.is_empty()
        {
            command.directory = Some(directory.to_owned());
        }
        self
    }

    /// The same over another socket than the default, if it is a command of the client.
    #[must_use]
    pub fn over(mut self, socket: Option<&str>) -> Self {
        if let (Self::Run(command), Some(socket)) = (&mut self, socket)
            && command.argv.first().is_some_and(|program| program == CLIENT)
        {
            command.argv.splice(1..1, ["--socket".to_owned(), socket.to_owned()]);
        }
        self
    }

    /// As a line for a POSIX shell, to be pasted in any directory; `None` if no command helps.
    pub fn line(&self) -> Option<String> {
        match self {
            Self::Run(command) => Some(command.to_string()),
            Self::Edit(at) if at.line == 0 => Some(format!("${{EDITOR:-vi}} {}", quoted(&at.file))),
            Self::Edit(at) => Some(format!("${{EDITOR:-vi}} +{} {}", at.line, quoted(&at.file))),
            Self::Write(setting) => Some(format!("${{EDITOR:-vi}} {}", quoted(&setting.file))),
            Self::Administrator(_) => None,
        }
    }

    /// As the end of a sentence, after `words` if there are any.
    pub fn advice(remedy: Option<&Self>, words: Option<&str>) -> Option<String> {
        let action = match remedy {
            Some(Self::Run(command)) => Some(format!("run `{command}`")),
            // The words describe the change, and the problem its place.
            Some(Self::Edit(_)) if words.is_some() => None,
            Some(Self::Edit(at)) => Some(format!("correct {at}")),
            Some(Self::Write(setting)) => Some(format!("write {setting}")),
            Some(Self::Administrator(what)) => Some(format!("ask your administrator to {what}")),
            None => None,
        };
        let parts: Vec<_> = words.map(str::to_owned).into_iter().chain(action).collect();
        Some(parts.join("; ")).filter(|advice| !advice.is_empty())
    }
}

// === impl Command ===

impl Command {
    fn is_of_a_session(&self) -> bool {
        let mut words = self.argv.iter().map(String::as_str);
        words.next() == Some(CLIENT) && words.next().is_some_and(|verb| OF_A_SESSION.contains(&verb))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, table, line } = self;
        write!(f, "`{line}` into [{table}] of {file}")
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (program, arguments) =
            self.argv.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
        let is_ours = program == CLIENT;
        match &self.directory {
            Some(directory) if is_ours => write!(f, "{program} --cwd {}", quoted(directory))?,
            Some(directory) => write!(f, "(cd {} && {}", quoted(directory), quoted(program))?,
            None => f.write_str(&quoted(program))?,
        }
        arguments.iter().try_for_each(|word| write!(f, " {}", quoted(word)))?;
        f.write_str(if self.directory.is_some() && !is_ours { ")" } else { "" })
    }
}

/// Quotes a word so that no shell interprets it. A NUL cannot be in one.
fn quoted(word: &str) -> Cow<'_, str> {
    shlex::try_quote(word).unwrap_or_else(|_| shlex::try_quote("?").unwrap_or_default())
}

#[cfg(test)]
mod tests;
