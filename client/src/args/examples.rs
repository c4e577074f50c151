//! An example or more for each verb.

/// The verb, the command line, what it does. Those of no verb are on the help screen of the program.
pub(super) const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "claviger explain", "Show what this directory gets, and why."),
    ("", "claviger exec -- make test", "Run a command with the credential."),
    ("", "claviger hook install claude", "Let Claude Code borrow from claviger."),
    ("token", "claviger token", "Print the secret, as an apiKeyHelper does."),
    ("get", "claviger get --json", "Show everything about the credential except the secret."),
    ("get", "claviger get --min-validity 900", "Refresh it first if less than 15 minutes are left."),
    ("get", "claviger get --watch --json", "Print one line of JSON for each change."),
    ("get", "claviger get --headers", "Print one header on each line, ready to be sent."),
    ("env", "claviger env", "Set variables in this shell with `eval`."),
    ("env", "claviger env --shell fish", "Lines for another shell than that of $SHELL; in fish: `| source`."),
    ("exec", "claviger exec -- make test", "The credential is in the environment of make."),
    ("exec", "claviger exec --fd -- make test", "Pass it in a descriptor instead."),
    ("aws", "claviger aws --profile work", "Print keys, as credential_process of another profile."),
    ("gcp", "claviger gcp --format token", "Print the access token."),
    ("azure", "claviger azure --resource https://cognitiveservices.azure.com", "Print a token as az does."),
    ("explain", "claviger explain --json", "Print each step of the decision for a script."),
    ("doctor", "claviger doctor", "Find problems, each with a command that fixes it."),
    ("audit", "claviger audit --since 1h", "Show what was lent in the last hour."),
    ("status", "claviger status --watch", "Follow the daemon on a live screen."),
    ("pending", "claviger pending", "Show what waits for a person."),
    ("confirm", "claviger confirm", "Answer the questions that wait."),
    ("pending", "claviger pending --cancel", "Cancel the running sign-ins."),
    ("refresh", "claviger refresh", "Get a new credential, ignoring any backoff."),
    (
        "refresh",
        "claviger refresh --rejected 401",
        "Have a rejected credential replaced, once for all sessions.",
    ),
    ("login", "claviger login", "Sign in with a browser."),
    ("login", "op read op://private/key | claviger login --api-key", "Keep an API key."),
    ("logout", "claviger logout work", "Revoke the tokens of one account."),
    ("accounts", "claviger accounts", "List the accounts."),
    ("use", "claviger use work", "Use this account where a session names none."),
    ("lock", "claviger lock", "Lend nothing until `claviger unlock`."),
    ("unlock", "claviger unlock", "Lend again."),
    ("reset", "claviger reset", "Sign out everywhere, after a question."),
    ("trust", "claviger trust show", "Show what this workspace requests."),
    ("share", "claviger share build --ttl 1h", "Open a socket for a container, for one hour."),
    ("gate", "claviger gate list", "Show which sessions send requests without a credential."),
    ("hook", "claviger hook install claude", "Let Claude Code borrow through its apiKeyHelper."),
    (
        "hook",
        "claviger hook install claude --gate",
        "Send all its requests through a gate, so that no session has the credential.",
    ),
    ("daemon", "claviger daemon restart", "Replace the daemon by the installed program."),
    ("daemon", "claviger daemon install", "Let systemd or launchd start the daemon."),
    ("daemon", "claviger daemon status", "Show what is installed, and which daemon runs."),
    (
        "completions",
        "claviger completions bash",
        "Print the script; source it, or put it where the shell looks.",
    ),
];

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::args::Cli;
    use clap::CommandFactory as _;

    #[test]
    fn examples_are_command_lines_of_verbs_that_exist() {
        let command = Cli::command();
        for (verb, line, _) in EXAMPLES {
            assert!(verb.is_empty() || command.find_subcommand(verb).is_some(), "{verb}");
            let words = line.rsplit(" | ").next().unwrap_or(line).split_whitespace();
            let words: Vec<_> =
                words.skip_while(|word| *word != "claviger").map(|word| word.trim_matches('\'')).collect();
            if let Err(error) = command.clone().try_get_matches_from(words) {
                panic!("{line}: {error}");
            }
        }
    }
}
