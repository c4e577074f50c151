//! The environment variables, and what they do.

use super::{
    clouds::{AWS, AZURE, GOOGLE},
    row::Group,
};
use claviger::variables::{Use, usage};

/// Where a variable's value goes.
pub(super) fn fate(name: &str) -> &'static str {
    match usage(name) {
        Some(Use::Secret) => "stays",
        Some(Use::Setting) => "daemon",
        Some(Use::Command | Use::Surrounding | Use::Sdk(_)) => "commands",
        Some(Use::Handed) => "commands, secretly",
        Some(Use::Lent(_)) => "sign-in",
        None => "",
    }
}

/// All of them, in the order of the page.
pub const GROUPS: &[Group] =
    &[CLAVIGER, ANTHROPIC, BACKENDS, SYSTEM, HELPERS, NETWORK, AWS, GOOGLE, AZURE, PROGRAMS];

const CLAVIGER: Group = Group {
    title: "Claviger's own",
    note: "Those without a last column are read by a program itself, and are not sent.",
    rows: &[
        ("CLAVIGER_ACCOUNT", "name", "the one in use", "Which account of the local store the session uses."),
        (
            "CLAVIGER_AZURE_SCOPE",
            "scope",
            "`https://cognitiveservices.azure.com/.default`",
            "What a token of Azure is for.",
        ),
        ("CLAVIGER_SOCK", "path", "see above", "The socket, for the client."),
        (
            "CLAVIGER_FLIGHT",
            "identity",
            "",
            "Set by the daemon for every command that it runs. Claviger refuses to lend to such a command, which would wait for itself.",
        ),
        (
            "CLAVIGER_HANDOVER",
            "number",
            "",
            "Set by a daemon for the program that goes on in its place ([upgrade.md](upgrade.md)). Not for you.",
        ),
        (
            "CLAVIGER_AZ_DEPTH",
            "number",
            "",
            "Set by `claviger azure --or az` for the real `az`, so that scripts that lead back to each other end. Not for you.",
        ),
    ],
};

const ANTHROPIC: Group = Group {
    title: "Anthropic",
    note: "See [anthropic.md](anthropic.md).",
    rows: &[
        (
            "ANTHROPIC_API_KEY",
            "secret",
            "",
            "API key. Ignored in Homespace; the only variable that a bare session takes one from.",
        ),
        ("ANTHROPIC_AUTH_TOKEN", "secret", "", "Bearer token of a gateway; comes before everything else."),
        (
            "CLAUDE_CODE_OAUTH_TOKEN",
            "secret",
            "",
            "Long-lived OAuth token, as `claude setup-token` prints it.",
        ),
        ("ANTHROPIC_CUSTOM_HEADERS", "`Name: Value` lines, secret", "", "More headers for each request."),
        ("ANTHROPIC_BASE_URL", "URL", "`https://api.anthropic.com`", "Where requests go."),
        (
            "API_TIMEOUT_MS",
            "milliseconds",
            "600000",
            "How long a request of the tool may take; handed on to it.",
        ),
        (
            "CLAUDE_CODE_API_KEY_HELPER_TTL_MS",
            "milliseconds",
            "300000",
            "How long a key of `apiKeyHelper` lives.",
        ),
        ("CLAUDE_CODE_ADDITIONAL_PROTECTION", "switch", "off", "One more header with each request."),
    ],
};

const BACKENDS: Group = Group {
    title: "Clouds as backends",
    note: "See [bedrock.md](bedrock.md), [vertex.md](vertex.md) and [foundry.md](foundry.md). If several are on, the first of the three counts.",
    rows: &[
        ("CLAUDE_CODE_USE_BEDROCK", "switch", "off", "Use Bedrock."),
        ("CLAUDE_CODE_USE_VERTEX", "switch", "off", "Use Vertex."),
        ("CLAUDE_CODE_USE_FOUNDRY", "switch", "off", "Use Foundry."),
        (
            "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
            "switch",
            "off",
            "Nothing is lent for Bedrock, since a gateway adds the credential.",
        ),
        ("CLAUDE_CODE_SKIP_VERTEX_AUTH", "switch", "off", "The same for Vertex."),
        ("CLAUDE_CODE_SKIP_FOUNDRY_AUTH", "switch", "off", "The same for Foundry."),
        ("ANTHROPIC_BEDROCK_BASE_URL", "URL", "Bedrock of the region", "Where requests to Bedrock go."),
        ("ANTHROPIC_VERTEX_BASE_URL", "URL", "Vertex of the region", "Where requests to Vertex go."),
        ("ANTHROPIC_FOUNDRY_BASE_URL", "URL", "", "Where requests to Foundry go, instead of a resource."),
        (
            "ANTHROPIC_FOUNDRY_RESOURCE",
            "name",
            "",
            "Name of the Foundry resource. This or the base URL is required.",
        ),
        ("ANTHROPIC_VERTEX_PROJECT_ID", "project", "", "Project of Vertex; required."),
        ("CLOUD_ML_REGION", "region", "`us-east5`", "Region of Vertex."),
        (
            "AWS_BEARER_TOKEN_BEDROCK",
            "secret",
            "",
            "Bedrock API key; comes before all other AWS credentials.",
        ),
        ("ANTHROPIC_FOUNDRY_AUTH_TOKEN", "secret", "", "Bearer token of Foundry; comes first."),
        ("ANTHROPIC_FOUNDRY_API_KEY", "secret", "", "API key of Foundry; comes second."),
        (
            "CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS",
            "milliseconds, 600000 at most",
            "60000",
            "How long the AWS chain may take.",
        ),
    ],
};

const SYSTEM: Group = Group {
    title: "The session's surroundings",
    note: "What a command needs to find programs, speak your language and reach your agents. A command gets a `PATH` of its own: the directories in which yours has the programs that its text names, then `path` of `[settings]`, `~/.local/bin`, `~/bin` and the system's. Directories that others can write, and those in a workspace that is not trusted, are left out. Languages, displays, agents and buses are those of the session that starts the command. They keep no two sessions apart, unless they lead where others could stand.",
    rows: &[
        ("HOME", "path", "", "Your home directory."),
        (
            "CLAUDE_CONFIG_DIR",
            "path",
            "`~/.claude`",
            "Directory of your settings, as an absolute path. Inside a workspace it needs trust.",
        ),
        (
            "PATH",
            "paths",
            "",
            "Where the programs are looked for that a command names. Commands get a `PATH` of their own ([helpers.md](helpers.md)).",
        ),
        ("SHELL", "path", "", "Handed on."),
        ("USER", "name", "", "Handed on."),
        ("LOGNAME", "name", "", "Handed on."),
        ("TMPDIR", "path", "", "Handed on."),
        ("TZ", "zone", "", "Handed on."),
        ("LANG", "locale", "", "Also: whether the client draws with more than ASCII."),
        ("LC_ALL", "locale", "", "The same."),
        ("LC_CTYPE", "locale", "", "The same."),
        ("LC_COLLATE", "locale", "", "Handed on."),
        ("LC_MESSAGES", "locale", "", "Handed on."),
        ("LC_MONETARY", "locale", "", "Handed on."),
        ("LC_NUMERIC", "locale", "", "Handed on."),
        ("LC_TIME", "locale", "", "Handed on."),
        (
            "TERM",
            "name",
            "",
            "Handed on, but not to a command that runs ahead of need. `dumb`: the client has no colours, no live screen.",
        ),
        ("GPG_TTY", "path", "", "Handed on, but not to a command that runs ahead of need."),
        ("BROWSER", "program", "", "Also: `claviger login` takes a browser to be there."),
        ("DISPLAY", "address", "", "The same."),
        ("WAYLAND_DISPLAY", "address", "", "The same."),
        ("XAUTHORITY", "path", "", "Handed on."),
        (
            "DBUS_SESSION_BUS_ADDRESS",
            "address",
            "`$XDG_RUNTIME_DIR/bus`",
            "Also read by the daemon: keyring and notifications, unless others could stand behind it.",
        ),
        ("SSH_AUTH_SOCK", "path", "", "Handed on."),
        ("GNUPGHOME", "path", "", "Handed on."),
        ("XDG_CACHE_HOME", "path", "", "Handed on."),
        ("XDG_CONFIG_HOME", "path", "`~/.config`", "Also read by daemon and client: where `config.toml` is."),
        ("XDG_DATA_HOME", "path", "", "Handed on."),
        ("XDG_RUNTIME_DIR", "path", "", "Also read by daemon and client: where the socket is."),
        ("XDG_STATE_HOME", "path", "`~/.local/state`", "Also read by daemon and client: where state is."),
    ],
};

const HELPERS: Group = Group {
    title: "Helpers",
    note: "What well-known helpers read. All of it is part of a command's identity. Secrets are in no log and in no answer.",
    rows: &[
        (
            "VAULT_*",
            "",
            "",
            "HashiCorp Vault. A name with `TOKEN`, `SECRET`, `PASSW` or the like is a secret.",
        ),
        ("VAULT_TOKEN", "secret", "", "Its token."),
        ("OP_ACCOUNT", "name", "", "1Password."),
        ("OP_CONNECT_HOST", "URL", "", "The same."),
        ("OP_CONNECT_TOKEN", "secret", "", "The same."),
        ("OP_SERVICE_ACCOUNT_TOKEN", "secret", "", "The same."),
        ("OP_SESSION_*", "secret", "", "The same."),
        ("BW_SESSION", "secret", "", "Bitwarden."),
        ("PASSWORD_STORE_DIR", "path", "", "`pass`."),
        ("GOPASS_*", "", "", "gopass; secrets by name, as Vault's."),
        ("GOPASS_AGE_PASSWORD", "secret", "", "The same."),
        ("AWS_VAULT_*", "", "", "aws-vault; secrets by name, as Vault's."),
        ("KRB5CCNAME", "cache", "", "Kerberos."),
        ("KUBECONFIG", "paths", "", "Kubernetes."),
        ("CLOUDSDK_PYTHON", "path", "", "Python of `gcloud`."),
    ],
};

const NETWORK: Group = Group {
    title: "Network",
    note: "For commands, SDKs, sign-ins at an authorization server, and `claviger doctor`. Both spellings are handed on as they are; programs disagree which one counts, and the doctor warns if they differ.",
    rows: &[
        ("HTTPS_PROXY", "URL", "", "Proxy for https."),
        ("https_proxy", "URL", "", "The same."),
        ("HTTP_PROXY", "URL", "", "Proxy for http."),
        ("http_proxy", "URL", "", "The same."),
        ("ALL_PROXY", "URL", "", "Proxy for both."),
        ("all_proxy", "URL", "", "The same."),
        (
            "NO_PROXY",
            "hosts",
            "",
            "Hosts that need no proxy, as `example.com`, `.example.com`, `host:8443`, `10.0.0.0/8`, `[::1]`, `*`; commas or blanks between.",
        ),
        ("no_proxy", "hosts", "", "The same."),
        ("SSL_CERT_FILE", "path", "the system's", "Certificates to trust."),
        ("REQUESTS_CA_BUNDLE", "path", "", "The same, for tools of Python. Handed on."),
        ("CURL_CA_BUNDLE", "path", "", "The same, for curl. Handed on."),
        ("SSL_CERT_DIR", "paths", "the system's", "Directories of certificates to trust."),
        ("NODE_EXTRA_CA_CERTS", "path", "", "More certificates, for tools of Node."),
        (
            "NODE_TLS_REJECT_UNAUTHORIZED",
            "number",
            "",
            "`claviger doctor` warns of `0`. Claviger itself always checks.",
        ),
        (
            "ANTHROPIC_UNIX_SOCKET",
            "path",
            "",
            "Compared with what an ignored project sets, and used for nothing.",
        ),
        ("NODE_OPTIONS", "options", "", "The same."),
        ("BUN_OPTIONS", "options", "", "The same."),
        ("LD_PRELOAD", "paths", "", "The same."),
    ],
};

const PROGRAMS: Group = Group {
    title: "Only of the programs themselves",
    note: "Read by client or daemon for themselves, and not sent.",
    rows: &[
        (
            "CLAUDECODE",
            "anything but empty",
            "",
            "A tool asks that reads a project's settings itself: after `claviger trust ignore` it gets nothing if those set more than harmless variables ([trust.md](trust.md#variables)). So does `--hook`.",
        ),
        ("CLAUDE_CODE_ENTRYPOINT", "anything but empty", "", "The same."),
        ("AI_AGENT", "text", "", "The same, if it begins with `claude`."),
        ("NO_COLOR", "anything but empty", "", "No colours. `--color` comes first."),
        (
            "SSH_CONNECTION",
            "anything",
            "",
            "`claviger login` opens no browser in a shell that came over SSH.",
        ),
        ("SSH_TTY", "anything", "", "The same."),
        (
            "GOOGLE_EXTERNAL_ACCOUNT_TOKEN_TYPE",
            "anything",
            "",
            "Set by Google's libraries: `claviger gcp` answers as they want it, errors included.",
        ),
        ("CREDENTIALS_DIRECTORY", "path", "", "Set by systemd: where the daemon finds `claviger-store-key`."),
        ("NOTIFY_SOCKET", "path", "", "Set by systemd: where the daemon says that it is ready."),
        ("WATCHDOG_USEC", "microseconds", "", "Set by systemd: how often the daemon says that it lives."),
        (
            "LISTEN_FDS",
            "number",
            "",
            "Set by systemd, with `LISTEN_PID` and `LISTEN_FDNAMES`: the socket is handed over.",
        ),
    ],
};
