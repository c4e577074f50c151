//! What the manual says beside the options.

/// Variables that claviger itself reads.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("CLAVIGER_SOCK", "The socket of the daemon, an absolute path; --socket comes before it."),
    ("CLAVIGER_ACCOUNT", "The account of the local store that this session uses."),
    ("XDG_RUNTIME_DIR, XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the files below are."),
    ("NO_COLOR", "If it is set and not empty, nothing is coloured."),
    (
        "ANTHROPIC_*, CLAUDE_CODE_*, AWS_*, GOOGLE_*, AZURE_*",
        "What describes the session; claviger explain shows what became of it.",
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
    ("~/.local/state/claviger/audit.jsonl", "Who was lent what. There are no secrets in it."),
    (
        "~/.local/state/claviger/decisions.jsonl",
        "What was decided about trust, accounts and locks, and by whom.",
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
        "What claviger service install writes; a package has them in /usr/lib/systemd/user.",
    ),
];

/// Examples: the verb, the command line, what it does.
pub(super) const EXAMPLES: &[(&str, &str, &str)] = &[
    ("", "claviger explain", "Show which credential this directory gets, and why."),
    ("", "claviger exec -- curl https://api.anthropic.com/v1/models", "Run a command with the credential."),
    ("", "claviger service install", "Let systemd or launchd start the daemon."),
    ("token", "claviger token", "As apiKeyHelper in ~/.claude/settings.json."),
    ("get", "claviger get --json", "Everything about the credential but the secret."),
    ("get", "claviger get --min-validity 900", "Refresh it first if less than 15 minutes are left."),
    ("exec", "claviger exec -- make test", "The credential is in the environment of make."),
    ("exec", "claviger exec --fd -- make test", "It is in a descriptor instead."),
    ("aws", "claviger aws --profile work", "As credential_process of another profile."),
    ("gcp", "claviger gcp --format token", "Print the access token."),
    ("watch", "claviger watch --json", "One line of JSON for each change."),
    ("report", "claviger report --status 401", "Have a rejected credential replaced, once for all sessions."),
    ("login", "op read op://private/key | claviger login --api-key", "Keep an API key."),
    ("accounts", "claviger accounts", "List the accounts."),
    ("trust", "claviger trust show", "Show what this workspace asks for."),
    ("service", "claviger service install --dry-run", "Show what would be done."),
    ("service", "claviger service status", "Show what is there, and who serves."),
    ("service install", "claviger service install --dry-run", "Show what would be done."),
    ("service uninstall", "claviger service uninstall", "Undo it."),
    ("service status", "claviger service status --json", "For scripts; exit code 0 if all is as installed."),
    (
        "completions",
        "claviger completions bash",
        "Print the script; source it, or put it where the shell looks.",
    ),
];
