//! Commands of settings files: the keys that hold them, the program that one runs, and whether that is claviger itself.

use crate::variables::is_name;

/// The settings keys whose values are commands.
pub const COMMANDS: [&str; 4] = ["apiKeyHelper", "awsAuthRefresh", "awsCredentialExport", "gcpAuthRefresh"];

/// Variable with the name of a gate: in its sessions `claviger token` prints a placeholder.
pub const GATE: &str = "CLAVIGER_GATE";
/// Variable of the socket to which Claude Code sends its requests.
pub const GATE_SOCKET: &str = "ANTHROPIC_UNIX_SOCKET";
/// The base URL for requests to a socket.
pub const GATE_BASE_URL: &str = "http://localhost";

/// Whether the first program that `command` runs is claviger. Such a command asks the daemon, so it cannot give the
/// daemon a credential.
pub fn is_hook(command: &str) -> bool {
    program(command).is_some()
}

/// Whether `command` consists of claviger's client and plain words only: no path, assignment, other program or shell
/// syntax. A project's hook must be of this form, because hooks need no trust.
pub fn is_plain_hook(command: &str) -> bool {
    const LENDS: [&str; 5] = ["token", "get", "aws", "gcp", "azure"];
    // Other options choose a socket, settings or a directory.
    const OPTIONS: [&str; 5] = ["--quiet", "-q", "--hook", "--format", "--profile"];
    let is_plain = |word: &str| {
        word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.,:/@".contains(&byte))
            && (!word.starts_with('-') || OPTIONS.contains(&word))
    };
    let mut words = command.split([' ', '\t']).filter(|word| !word.is_empty());
    words.next() == Some("claviger")
        && words.next().is_some_and(|verb| LENDS.contains(&verb))
        && words.all(is_plain)
}

/// The first program that `command` runs, as written, if that is claviger.
pub fn program(command: &str) -> Option<String> {
    first_word(command, true).filter(|word| is_named(word, "claviger"))
}

/// The word that a shell would run as the program of `command`, which may be a builtin; `None` if the quotes do not
/// match. With `through`, `env` is skipped; otherwise it counts as the program.
pub fn first_word(command: &str, through: bool) -> Option<String> {
    let words = shlex::split(command)?;
    let mut words = words.iter().skip_while(|word| is_assignment(word)).peekable();
    while words.next_if(|word| matches!(word.as_str(), "exec" | "command")).is_some() {}
    if through && words.next_if(|word| is_named(word, "env")).is_some() {
        while words.next_if(|word| is_assignment(word)).is_some() {}
    }
    words.next().map(|word| before_operator(word).to_owned())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| is_name(name))
}

fn is_named(word: &str, name: &str) -> bool {
    word.rsplit('/').next() == Some(name)
}

// A shell ends a word at an operator even without a blank before it.
fn before_operator(word: &str) -> &str {
    word.split([';', '|', '&', '<', '>']).next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::{is_hook, is_plain_hook};

    #[test]
    fn commands_that_are_claviger() {
        for command in [
            "claviger token",
            "claviger",
            "/usr/local/bin/claviger token --quiet",
            "~/bin/claviger token",
            "\"$HOME/bin/claviger\" token",
            "'/opt/my tools/claviger' token",
            "A=1 B='x y' claviger token",
            "exec claviger token",
            "A=1 exec claviger token",
            "command claviger token",
            "env A=1 claviger token",
            "/usr/bin/env claviger token",
            "exec env A=1 claviger token",
            "claviger token | tr -d x",
            "claviger|tr -d x",
            "claviger; true",
            "claviger token && true",
            "claviger 2>/dev/null",
            "  claviger\ttoken\n",
        ] {
            assert!(is_hook(command), "{command}");
        }
    }

    #[test]
    fn a_project_has_plain_hooks_only() {
        for command in [
            "claviger token",
            " claviger\ttoken --quiet ",
            "claviger aws --profile dev",
            "claviger gcp",
            "claviger token --hook",
        ] {
            assert!(is_plain_hook(command) && is_hook(command), "{command}");
        }
        for command in [
            "claviger",
            "claviger exec -- touch X",
            "claviger --socket /x token",
            "claviger token >/dev/null; touch X",
            "claviger token;touch X",
            "claviger token | tee X",
            "claviger token & touch X",
            "claviger token\ntouch X",
            "claviger token\rtouch X",
            "claviger token $(touch X)",
            "claviger token `touch X`",
            "claviger token >X",
            "claviger token --settings evil.json",
            "claviger token --socket /x",
            "claviger token --cwd /x",
            "claviger token 'a'",
            "claviger token *",
            "./claviger token",
            "./bin/claviger token",
            "/usr/bin/claviger token",
            "~/bin/claviger token",
            "PATH=. claviger token",
            "A=1 claviger token",
            "env claviger token",
            "exec claviger token",
            "claviger\u{a0}token",
        ] {
            assert!(!is_plain_hook(command), "{command}");
        }
    }

    #[test]
    fn commands_that_are_not() {
        for command in [
            "",
            " ",
            "A=1",
            "env",
            "exec",
            "claviger-foo token",
            "clavigerd",
            "claviger.sh",
            "sh -c 'claviger token'",
            "mytool --x claviger",
            "echo claviger",
            "claviger/bin/get",
            "true; claviger token",
            "my\\ claviger",
            "'claviger token'",
            "echo 'unbalanced claviger",
            "1A=2 claviger",
            "op read op://work/claviger",
        ] {
            assert!(!is_hook(command), "{command}");
        }
    }
}
