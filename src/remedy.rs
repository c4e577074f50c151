//! What helps: a command that can be pasted anywhere, a place to edit, or a person with other rights.
//!
//! Which remedy belongs to which cause is decided in [`usual`], and every command of claviger that is ever suggested is
//! spelled here. Whatever shows a remedy prints it; text is never searched for commands.

use crate::cause::{Location, Reason};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, path::Path};

/// What helps.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// A command to run.
    Run(Command),
    /// A place in a file to correct.
    Edit(Location),
    /// Only an administrator can help: what to ask for, as in "ask your administrator to …".
    Administrator(String),
}

/// A command, as words that no shell has to interpret.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Command {
    /// The program and its arguments; also `unset NAME`, which only the person's own shell can run.
    pub argv: Vec<String>,
    /// The directory it holds for; `None` if any will do.
    pub directory: Option<String>,
}

/// The client.
const CLIENT: &str = "claviger";
/// Verbs of the client that act for the session of a directory.
const OF_A_SESSION: [&str; 7] = ["doctor", "env", "explain", "get", "refresh", "report", "trust"];

/// The remedy for a reason, if the problem names none of its own. A place is where the cause stands.
pub fn usual(reason: Reason, at: Option<&Location>) -> Option<Remedy> {
    match reason {
        Reason::PeerRejected | Reason::PeerUnknown => Some(Remedy::unset(&["CLAVIGER_SOCK"])),
        Reason::LoginRequired => Some(Remedy::login(None)),
        Reason::WorkspaceUntrusted => Some(Remedy::trust()),
        Reason::SettingsInvalid | Reason::CommandOutputInvalid => at.and_then(Remedy::edit),
        Reason::Locked => Some(Remedy::claviger(&["unlock"])),
        Reason::UpstreamDenied => Some(Remedy::Administrator("give this identity access".into())),
        // These differ from case to case, or nothing that a shell can run helps.
        Reason::ForeignCaller
        | Reason::StaleCookie
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

/// The remedy for a session without a credential, for a reason that has no remedy otherwise: another attempt, if the
/// cause can pass by itself.
pub fn for_session(reason: Reason) -> Option<Remedy> {
    let passes = matches!(
        reason,
        Reason::CommandFailed
            | Reason::SourceUnavailable
            | Reason::SourceTimeout
            | Reason::ShuttingDown
            | Reason::Handover
            | Reason::Cancelled
    );
    passes.then(Remedy::refresh)
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

    /// A place in a file; `None` if it has no line, for what is wrong then is not in its text. Managed settings are an
    /// administrator's.
    pub fn edit(at: &Location) -> Option<Self> {
        let is_text = at.line > 0 && at.file.starts_with('/');
        is_text.then(|| match at.layer.as_str() {
            "managed" => Self::Administrator(format!("correct {}:{}", at.file, at.line)),
            _ => Self::Edit(at.clone()),
        })
    }

    /// Takes variables out of the person's shell.
    pub fn unset(names: &[&str]) -> Self {
        Self::run(&[&["unset"], names].concat())
    }

    /// Fetches the session's credential anew, past any pause; signs in if a command is configured for that.
    pub fn refresh() -> Self {
        Self::claviger(&["refresh"])
    }

    /// Signs in to an account, or to the only one that is configured.
    pub fn login(account: Option<&str>) -> Self {
        let words: Vec<_> = ["login"].into_iter().chain(account).collect();
        Self::claviger(&words)
    }

    /// Keeps an API key, in place of that of an account if one is named.
    pub fn keep_key(account: Option<&str>) -> Self {
        let words: Vec<_> = ["login"].into_iter().chain(account).chain(["--api-key"]).collect();
        Self::claviger(&words)
    }

    /// Shows what the workspace asks for, and allows it.
    pub fn trust() -> Self {
        Self::claviger(&["trust", "grant"])
    }

    /// Lets the installed daemon go on in place of the one that runs.
    pub fn restart_daemon() -> Self {
        Self::claviger(&["daemon", "restart"])
    }

    /// Ends the daemon; the next call starts another.
    pub fn stop_daemon() -> Self {
        Self::claviger(&["daemon", "stop"])
    }

    /// Moves a file out of the way, beside itself.
    pub fn move_away(path: &Path) -> Self {
        let path = path.to_string_lossy();
        Self::run(&["mv", "--", &path, &format!("{path}.old")])
    }

    /// Changes the permissions of a file of the person's own.
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
            Self::Administrator(_) => None,
        }
    }

    /// As the end of a sentence, after `words` if there are some.
    pub fn advice(remedy: Option<&Self>, words: Option<&str>) -> Option<String> {
        let action = match remedy {
            Some(Self::Run(command)) => Some(format!("run `{command}`")),
            // The words say what to change, and the problem where.
            Some(Self::Edit(_)) if words.is_some() => None,
            Some(Self::Edit(at)) => Some(format!("correct {at}")),
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

/// A word that no shell interprets. A NUL cannot be in one.
fn quoted(word: &str) -> Cow<'_, str> {
    shlex::try_quote(word).unwrap_or_else(|_| shlex::try_quote("?").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::{Command, Remedy, usual};
    use crate::cause::{Location, REASONS, Reason};
    use std::process;

    fn at(layer: &str, file: &str, line: u32) -> Location {
        Location { layer: layer.into(), file: file.into(), line, column: 2 }
    }

    #[test]
    fn only_what_depends_on_a_session_names_a_directory() {
        let line = |remedy: Remedy| remedy.within("/my dir").line().expect("a command");
        assert_eq!(line(Remedy::refresh()), "claviger --cwd '/my dir' refresh");
        assert_eq!(line(Remedy::trust()), "claviger --cwd '/my dir' trust grant");
        assert_eq!(line(Remedy::login(Some("me@work"))), "claviger login me@work");
        assert_eq!(line(Remedy::claviger(&["unlock"])), "claviger unlock");
        assert_eq!(line(Remedy::run(&["aws", "sso", "login"])), "aws sso login");
        assert_eq!(line(Remedy::refresh().within("/first")), "claviger --cwd /first refresh");
    }

    #[test]
    fn a_shell_reads_back_the_words() {
        for word in ["it's", "a b", "$(id)", "`id`", "", "-n", "a\nb", "é\"\\!"] {
            let argv = ["printf", "%s|%s", word, word].map(str::to_owned).to_vec();
            for directory in [None, Some("/".to_owned())] {
                let line = Remedy::Run(Command { argv: argv.clone(), directory }).line().expect("a command");
                let output = process::Command::new("/bin/sh").args(["-c", &line]).output().expect("a shell");
                assert_eq!(
                    String::from_utf8(output.stdout).expect("text"),
                    format!("{word}|{word}"),
                    "{line}"
                );
            }
        }
    }

    #[test]
    fn text_is_edited_where_it_stands_and_by_whom_it_belongs_to() {
        let invalid = |at: &Location| usual(Reason::SettingsInvalid, Some(at));
        let mine = at("user", "/h/it's.json", 3);
        assert_eq!(invalid(&mine), Some(Remedy::Edit(mine.clone())));
        assert_eq!(Remedy::Edit(mine).line().as_deref(), Some("${EDITOR:-vi} +3 \"/h/it's.json\""));
        assert_eq!(
            invalid(&at("managed", "/etc/x.json", 3)),
            Some(Remedy::Administrator("correct /etc/x.json:3".into()))
        );
        for nothing in [at("user", "/h/directory", 0), at("explicit", "inline", 3)] {
            assert_eq!(invalid(&nothing), None, "{nothing}");
        }
    }

    #[test]
    fn advice_is_words_then_what_to_do() {
        let advice = |remedy: Remedy, words| Remedy::advice(Some(&remedy), words);
        assert_eq!(advice(Remedy::login(None), None).as_deref(), Some("run `claviger login`"));
        assert_eq!(
            advice(Remedy::login(None), Some("it has ended")).as_deref(),
            Some("it has ended; run `claviger login`")
        );
        assert_eq!(advice(Remedy::Edit(at("user", "/f", 3)), None).as_deref(), Some("correct /f:3:2"));
        assert_eq!(advice(Remedy::Edit(at("user", "/f", 3)), Some("close it")).as_deref(), Some("close it"));
        assert_eq!(
            advice(Remedy::Administrator("allow it".into()), None).as_deref(),
            Some("ask your administrator to allow it")
        );
        assert_eq!(Remedy::advice(None, None), None);
    }

    #[test]
    fn what_needs_a_person_has_a_remedy() {
        let place = at("user", "/f", 1);
        for reason in REASONS.into_iter().filter(|reason| reason.needs_human()) {
            // No command unlocks every keyring.
            assert!(usual(reason, Some(&place)).is_some() || reason == Reason::KeyringLocked, "{reason}");
        }
    }
}
