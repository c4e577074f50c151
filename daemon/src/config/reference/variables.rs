//! The environment variables, and what they do.

use super::Group;
use claviger::variables::{Use, usage};

/// Where a variable's value goes.
pub(super) fn fate(name: &str) -> &'static str {
    match usage(name) {
        Some(Use::Secret) => "stays",
        Some(Use::Setting) => "daemon",
        Some(Use::Command | Use::Sdk(_)) => "commands",
        Some(Use::Lent(_)) => "sign-in",
        None => "",
    }
}

/// All of them, in the order of the page.
pub const GROUPS: &[Group] = &[CLAVIGER, ANTHROPIC, BACKENDS, SYSTEM, NETWORK, AWS, GOOGLE, AZURE, PROGRAMS];

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
    note: "What a command needs to find programs, speak your language and reach your agents.",
    rows: &[
        ("HOME", "path", "", "Your home directory."),
        (
            "CLAUDE_CONFIG_DIR",
            "path",
            "`~/.claude`",
            "Directory of your settings. Inside a workspace it needs trust.",
        ),
        ("PATH", "paths", "", "Where programs are. Relative entries are left out."),
        ("SHELL", "path", "", "Handed on."),
        ("USER", "name", "", "Handed on."),
        ("LOGNAME", "name", "", "Handed on."),
        ("TMPDIR", "path", "", "Handed on."),
        ("TZ", "zone", "", "Handed on."),
        ("LANG", "locale", "", "Also: whether the client draws with more than ASCII."),
        ("LC_ALL", "locale", "", "The same."),
        ("LC_CTYPE", "locale", "", "The same."),
        ("BROWSER", "program", "", "Also: `claviger login` takes a browser to be there."),
        ("DISPLAY", "address", "", "The same."),
        ("WAYLAND_DISPLAY", "address", "", "The same."),
        ("XAUTHORITY", "path", "", "Handed on."),
        (
            "DBUS_SESSION_BUS_ADDRESS",
            "address",
            "`$XDG_RUNTIME_DIR/bus`",
            "Also read by the daemon: keyring and notifications.",
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
        ("NO_PROXY", "hosts", "", "Hosts that need no proxy."),
        ("no_proxy", "hosts", "", "The same."),
        ("SSL_CERT_FILE", "path", "the system's", "Certificates to trust."),
        ("SSL_CERT_DIR", "paths", "the system's", "Directories of certificates to trust."),
        ("NODE_EXTRA_CA_CERTS", "path", "", "More certificates, for tools of Node."),
    ],
};

const AWS: Group = Group {
    title: "AWS",
    note: "Read by the AWS SDK, with its meaning. The three keys come before the chain.",
    rows: &[
        ("AWS_ACCESS_KEY_ID", "secret", "", "Access key."),
        ("AWS_SECRET_ACCESS_KEY", "secret", "", "Its secret."),
        ("AWS_SESSION_TOKEN", "secret", "", "Its session token."),
        ("AWS_PROFILE", "name", "`default`", "Profile."),
        ("AWS_REGION", "region", "that of the profile, else `us-east-1`", "Region."),
        ("AWS_DEFAULT_REGION", "region", "", "Region if the one above is not set."),
        ("AWS_CONFIG_FILE", "path", "`~/.aws/config`", "Profiles."),
        ("AWS_SHARED_CREDENTIALS_FILE", "path", "`~/.aws/credentials`", "Keys of profiles."),
        ("AWS_LOGIN_CACHE_DIRECTORY", "path", "`~/.aws/login/cache`", "What `aws login` left."),
        ("AWS_ROLE_ARN", "ARN", "", "Role of the token file below."),
        ("AWS_ROLE_SESSION_NAME", "name", "", "Name of its session."),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "path", "", "Token to exchange for keys."),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "URL", "", "Service of the container."),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "path", "", "The same, on the usual host."),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret", "", "What that service wants to see."),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "path", "", "The same, in a file."),
        ("AWS_EC2_METADATA_DISABLED", "`true`", "", "Leave the instance's metadata service out."),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "URL", "", "Where it is."),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "`IPv4` or `IPv6`", "`IPv4`", "How to reach it."),
        ("AWS_EC2_METADATA_V1_DISABLED", "`true`", "", "Never its first version."),
        ("AWS_ENDPOINT_URL", "URL", "", "Endpoint of every service."),
        ("AWS_ENDPOINT_URL_STS", "URL", "", "Endpoint of STS."),
        ("AWS_ENDPOINT_URL_SSO", "URL", "", "Endpoint of the SSO portal."),
        ("AWS_ENDPOINT_URL_SSO_OIDC", "URL", "", "Endpoint of SSO's sign-in."),
        ("AWS_ENDPOINT_URL_SIGNIN", "URL", "", "Endpoint of `aws login`."),
        ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "`true`", "", "Leave the ones above out."),
        ("AWS_USE_DUALSTACK_ENDPOINT", "`true`", "", "Endpoints with IPv6."),
        ("AWS_USE_FIPS_ENDPOINT", "`true`", "", "Endpoints with FIPS."),
        ("AWS_CA_BUNDLE", "path", "", "Certificates to trust."),
    ],
};

const GOOGLE: Group = Group {
    title: "Google Cloud",
    note: "As Google's auth libraries and gcloud read them.",
    rows: &[
        ("GOOGLE_APPLICATION_CREDENTIALS", "path", "", "Credentials file."),
        ("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", "`1`", "off", "Whether such a file may run a program."),
        ("GCLOUD_PROJECT", "project", "", "Project; comes first."),
        (
            "GOOGLE_CLOUD_PROJECT",
            "project",
            "",
            "Project; comes second, before `ANTHROPIC_VERTEX_PROJECT_ID`.",
        ),
        ("GOOGLE_CLOUD_QUOTA_PROJECT", "project", "", "Project that is charged."),
        ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "domain", "`googleapis.com`", "Which Google cloud."),
        ("CLOUDSDK_CONFIG", "path", "`~/.config/gcloud`", "Directory of gcloud."),
        ("CLOUDSDK_ACTIVE_CONFIG_NAME", "name", "", "Configuration of gcloud."),
        ("CLOUDSDK_CORE_ACCOUNT", "name", "", "Account of gcloud."),
        ("CLOUDSDK_CORE_PROJECT", "project", "", "Project of gcloud."),
        ("GCE_METADATA_HOST", "host", "`metadata.google.internal`", "Metadata service."),
        ("GCE_METADATA_IP", "address", "", "Its address."),
        ("NO_GCE_CHECK", "`true`", "off", "Leave the metadata service out."),
    ],
};

const AZURE: Group = Group {
    title: "Azure",
    note: "As Azure's identity libraries, `az` and `azd` read them.",
    rows: &[
        ("AZURE_TENANT_ID", "UUID", "", "Tenant of the service principal."),
        ("AZURE_CLIENT_ID", "UUID", "", "Service principal, or the managed identity to use."),
        ("AZURE_CLIENT_SECRET", "secret", "", "Its secret."),
        ("AZURE_CLIENT_CERTIFICATE_PATH", "path", "", "Its certificate."),
        ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "secret", "", "Password of that file."),
        ("AZURE_FEDERATED_TOKEN_FILE", "path", "", "Token of a workload identity."),
        ("AZURE_AUTHORITY_HOST", "URL", "`https://login.microsoftonline.com`", "Where to sign in."),
        ("AZURE_TOKEN_CREDENTIALS", "`dev`, `prod` or a name", "all links", "Which links are asked."),
        ("AZURE_CONFIG_DIR", "path", "`~/.azure`", "Directory of `az`."),
        ("AZD_CONFIG_DIR", "path", "`~/.azd`", "Directory of `azd`."),
        ("IDENTITY_ENDPOINT", "URL", "", "Managed identity of App Service and its like."),
        ("IDENTITY_HEADER", "secret", "", "What it wants to see."),
        ("IMDS_ENDPOINT", "URL", "", "Managed identity of Azure Arc."),
        ("MSI_ENDPOINT", "URL", "", "Managed identity, the older form."),
        ("MSI_SECRET", "secret", "", "What it wants to see."),
    ],
};

const PROGRAMS: Group = Group {
    title: "Only of the programs themselves",
    note: "Read by client or daemon for themselves, and not sent.",
    rows: &[
        ("NO_COLOR", "anything but empty", "", "No colours. `--color` comes first."),
        ("TERM", "name", "", "`dumb`: no colours, no live screen."),
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
        (
            "NODE_TLS_REJECT_UNAUTHORIZED",
            "number",
            "",
            "`claviger doctor` warns of `0`. Claviger itself always checks.",
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
