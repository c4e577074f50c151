//! Text of the manual besides the options.

/// Variables that claviger itself reads.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("CLAVIGER_SOCK", "The socket of the daemon, an absolute path; --socket overrides it."),
    ("CLAVIGER_ACCOUNT", "The account of the local store that this session uses."),
    ("XDG_RUNTIME_DIR, XDG_CONFIG_HOME, XDG_STATE_HOME", "Base directories of the files below."),
    ("NO_COLOR", "If set and not empty, there are no colours."),
    (
        "ANTHROPIC_*, CLAUDE_CODE_*, AWS_*, GOOGLE_*, AZURE_*",
        "They describe the session; claviger explain shows their effect.",
    ),
];

/// Files that a person may want to look at.
pub(super) const FILES: &[(&str, &str)] = &[
    ("~/.config/claviger/config.toml", "The configuration."),
    (
        "$XDG_RUNTIME_DIR/claviger/claviger.sock",
        "The socket; without such a directory it is ~/.local/state/claviger/run/claviger.sock.",
    ),
    ("~/.local/state/claviger/trust.json", "Decisions about workspaces."),
    ("~/.local/state/claviger/audit.jsonl", "Loans of credentials. It contains no secrets."),
    (
        "~/.local/state/claviger/decisions.jsonl",
        "Decisions about trust, accounts and locks, and who made them.",
    ),
    ("~/.local/state/claviger/clavigerd.log", "The log of a daemon that a client started."),
    (
        "~/.local/state/claviger/accounts.json, accounts/",
        "The list of accounts, and their secrets in sealed files.",
    ),
    (
        "~/.claude/settings.json, .claude/settings.json, .claude/settings.local.json",
        "Settings that are read.",
    ),
    ("/etc/claude-code/", "Managed settings."),
    (
        "~/.config/systemd/user/clavigerd.socket, clavigerd.service",
        "Files that claviger daemon install writes; a package has them in /usr/lib/systemd/user.",
    ),
];

/// Examples: the verb, the command line, its effect. The first of a verb is on its help screen.
pub(crate) const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "claviger explain", "Show which credential this directory gets, and why."),
    ("", "claviger exec -- make test", "Run a command with the credential."),
    ("", "claviger hook install claude", "Let Claude Code borrow from claviger."),
    ("token", "claviger token", "Print the secret, as an apiKeyHelper does."),
    ("get", "claviger get --json", "Show everything about the credential except the secret."),
    ("get", "claviger get --min-validity 900", "Refresh it first if less than 15 minutes are left."),
    ("get", "claviger get --watch --json", "Print one line of JSON for each change."),
    ("get", "claviger get --headers", "Print one header on each line, ready to be sent."),
    ("env", "claviger env", "Set variables in this shell with `eval`."),
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
    ("hook", "claviger hook install claude", "Let Claude Code borrow through its apiKeyHelper."),
    ("daemon", "claviger daemon restart", "Replace the daemon by the installed program."),
    ("daemon", "claviger daemon install", "Let systemd or launchd start the daemon."),
    ("daemon", "claviger daemon status", "Show what is installed, and which daemon runs."),
    ("daemon install", "claviger daemon install --dry-run", "Show what would be done."),
    ("daemon uninstall", "claviger daemon uninstall", "Undo it."),
    ("daemon status", "claviger daemon status --json", "For scripts; exit code 0 if all is as installed."),
    (
        "completions",
        "claviger completions bash",
        "Print the script; source it, or put it where the shell looks.",
    ),
];
