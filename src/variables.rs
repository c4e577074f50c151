//! Every environment variable of a session that the daemon may know of, and its use.
//!
//! Both ends apply the list: a client sends only listed variables, and the daemon refuses others. A variable that is
//! missing here cannot influence a credential.

use crate::backend::{self, Backend};
use std::sync::LazyLock;

/// Use of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It holds a secret: the client only reports that it is set, and fills it in itself.
    Secret,
    /// The daemon reads it; commands do not get it.
    Setting,
    /// Commands that run for the session get it; the daemon may read it too.
    Command,
    /// It describes where a session runs, not whose it is: terminal, agents, language. A command gets the value of the
    /// session that starts it. The value does not separate two sessions, unless it names a file that others can write.
    Surrounding,
    /// The SDK of a cloud reads it. Commands get it as well: they are often the cloud's own tools.
    Sdk(Backend),
    /// A secret that commands sign in with, as `op` does. It is sent, and commands get it; it appears in no log and no
    /// answer.
    Handed,
    /// A secret that the SDK of a cloud needs to sign in for the session. It is sent; commands do not get it, except
    /// the cloud's own tool as a link of its chain.
    Lent(Backend),
}

/// The variables, grouped by use. Source: guide, "Environment Variable Reference", and `spec/behaviour.md` A2.
pub const VARIABLES: &[(&str, Use)] = &[
    // Secrets of the session's own environment.
    ("ANTHROPIC_API_KEY", Use::Secret),
    ("ANTHROPIC_AUTH_TOKEN", Use::Secret),
    ("ANTHROPIC_CUSTOM_HEADERS", Use::Secret), // often carries a gateway token
    ("ANTHROPIC_FOUNDRY_API_KEY", Use::Secret),
    ("ANTHROPIC_FOUNDRY_AUTH_TOKEN", Use::Secret),
    ("AWS_ACCESS_KEY_ID", Use::Secret),
    ("AWS_BEARER_TOKEN_BEDROCK", Use::Secret),
    ("AWS_SECRET_ACCESS_KEY", Use::Secret),
    ("AWS_SECURITY_TOKEN", Use::Secret),
    ("AWS_SESSION_TOKEN", Use::Secret),
    ("CLAUDE_CODE_OAUTH_TOKEN", Use::Secret),
    // Selection of a backend, and how to reach it.
    ("ANTHROPIC_BASE_URL", Use::Setting),
    ("ANTHROPIC_BEDROCK_BASE_URL", Use::Setting),
    ("ANTHROPIC_FOUNDRY_BASE_URL", Use::Setting),
    ("ANTHROPIC_FOUNDRY_RESOURCE", Use::Setting),
    ("ANTHROPIC_VERTEX_BASE_URL", Use::Setting),
    ("ANTHROPIC_VERTEX_PROJECT_ID", Use::Setting),
    ("API_TIMEOUT_MS", Use::Setting),
    ("CLAUDE_CODE_ADDITIONAL_PROTECTION", Use::Setting),
    ("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", Use::Setting),
    ("CLAUDE_CODE_AWS_CHAIN_RESOLVE_TIMEOUT_MS", Use::Setting),
    ("CLAUDE_CODE_SKIP_BEDROCK_AUTH", Use::Setting),
    ("CLAUDE_CODE_SKIP_FOUNDRY_AUTH", Use::Setting),
    ("CLAUDE_CODE_SKIP_VERTEX_AUTH", Use::Setting),
    ("CLAUDE_CODE_USE_BEDROCK", Use::Setting),
    ("CLAUDE_CODE_USE_FOUNDRY", Use::Setting),
    ("CLAUDE_CODE_USE_VERTEX", Use::Setting),
    ("CLAVIGER_ACCOUNT", Use::Setting), // ours: which account of the local store
    ("CLAVIGER_AZURE_SCOPE", Use::Setting), // ours: no tool has a variable for it
    ("CLOUD_ML_REGION", Use::Setting),
    // They change the destination of a key, so they are compared with those of an ignored project.
    ("ANTHROPIC_UNIX_SOCKET", Use::Setting),
    ("BUN_OPTIONS", Use::Setting),
    ("LD_PRELOAD", Use::Setting),
    ("NODE_OPTIONS", Use::Setting),
    ("NODE_TLS_REJECT_UNAUTHORIZED", Use::Setting),
    // Where the user's settings are.
    ("CLAUDE_CONFIG_DIR", Use::Command),
    ("HOME", Use::Command),
    // Variables that a command needs to use the user's language, agents and programs.
    ("BROWSER", Use::Surrounding),
    ("DBUS_SESSION_BUS_ADDRESS", Use::Surrounding),
    ("DISPLAY", Use::Surrounding),
    ("GNUPGHOME", Use::Command),
    ("GPG_TTY", Use::Surrounding),
    ("LANG", Use::Surrounding),
    ("LC_ALL", Use::Surrounding),
    ("LC_COLLATE", Use::Surrounding),
    ("LC_CTYPE", Use::Surrounding),
    ("LC_MESSAGES", Use::Surrounding),
    ("LC_MONETARY", Use::Surrounding),
    ("LC_NUMERIC", Use::Surrounding),
    ("LC_TIME", Use::Surrounding),
    ("LOGNAME", Use::Command),
    ("PATH", Use::Setting),
    ("SHELL", Use::Surrounding),
    ("SSH_AUTH_SOCK", Use::Surrounding),
    ("TERM", Use::Surrounding),
    ("TMPDIR", Use::Surrounding),
    ("TZ", Use::Surrounding),
    ("USER", Use::Command),
    ("WAYLAND_DISPLAY", Use::Surrounding),
    ("XAUTHORITY", Use::Surrounding),
    ("XDG_CACHE_HOME", Use::Command),
    ("XDG_CONFIG_HOME", Use::Command),
    ("XDG_DATA_HOME", Use::Command),
    ("XDG_RUNTIME_DIR", Use::Surrounding),
    ("XDG_STATE_HOME", Use::Command),
    // Variables that well-known helpers read; see FAMILIES as well.
    ("BW_SESSION", Use::Handed),
    ("CLOUDSDK_PYTHON", Use::Command),
    ("GOPASS_AGE_PASSWORD", Use::Handed),
    ("KRB5CCNAME", Use::Command),
    ("KUBECONFIG", Use::Command),
    ("OP_ACCOUNT", Use::Command),
    ("OP_CONNECT_HOST", Use::Command),
    ("OP_CONNECT_TOKEN", Use::Handed),
    ("OP_SERVICE_ACCOUNT_TOKEN", Use::Handed),
    ("PASSWORD_STORE_DIR", Use::Command),
    ("VAULT_TOKEN", Use::Handed),
    // Network settings of a command.
    ("ALL_PROXY", Use::Command),
    ("CLAUDE_CODE_CLIENT_CERT", Use::Command),
    ("CLAUDE_CODE_CLIENT_KEY", Use::Command),
    ("CLAUDE_CODE_CLIENT_KEY_PASSPHRASE", Use::Handed),
    ("CURL_CA_BUNDLE", Use::Command),
    ("HTTPS_PROXY", Use::Command),
    ("HTTP_PROXY", Use::Command),
    ("NODE_EXTRA_CA_CERTS", Use::Command),
    ("NO_PROXY", Use::Command),
    ("REQUESTS_CA_BUNDLE", Use::Command),
    ("SSL_CERT_DIR", Use::Command),
    ("SSL_CERT_FILE", Use::Command),
    ("all_proxy", Use::Command),
    ("http_proxy", Use::Command),
    ("https_proxy", Use::Command),
    ("no_proxy", Use::Command),
    // AWS: "Environment variables" of its SDKs and Tools Reference Guide.
    ("AWS_CA_BUNDLE", AWS),
    ("AWS_CONFIG_FILE", AWS),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN", Use::Lent(Backend::Bedrock)),
    ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", AWS),
    ("AWS_CONTAINER_CREDENTIALS_FULL_URI", AWS),
    ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", AWS),
    ("AWS_DEFAULT_PROFILE", AWS),
    ("AWS_DEFAULT_REGION", AWS),
    ("AWS_EC2_METADATA_DISABLED", AWS),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT", AWS),
    ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", AWS),
    ("AWS_EC2_METADATA_V1_DISABLED", AWS),
    ("AWS_ENDPOINT_URL", AWS),
    ("AWS_ENDPOINT_URL_SIGNIN", AWS),
    ("AWS_ENDPOINT_URL_SSO", AWS),
    ("AWS_ENDPOINT_URL_SSO_OIDC", AWS),
    ("AWS_ENDPOINT_URL_STS", AWS),
    ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", AWS),
    ("AWS_LOGIN_CACHE_DIRECTORY", AWS),
    ("AWS_PROFILE", AWS),
    ("AWS_REGION", AWS),
    ("AWS_ROLE_ARN", AWS),
    ("AWS_ROLE_SESSION_NAME", AWS),
    ("AWS_SHARED_CREDENTIALS_FILE", AWS),
    ("AWS_USE_DUALSTACK_ENDPOINT", AWS),
    ("AWS_USE_FIPS_ENDPOINT", AWS),
    ("AWS_WEB_IDENTITY_TOKEN_FILE", AWS),
    // GCP: google-auth's `environment_vars`, and the properties of gcloud that pick an account.
    ("CLOUDSDK_ACTIVE_CONFIG_NAME", GCP),
    ("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE", GCP),
    ("CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE", GCP),
    ("CLOUDSDK_AUTH_IMPERSONATE_SERVICE_ACCOUNT", GCP),
    ("CLOUDSDK_CONFIG", GCP),
    ("CLOUDSDK_CORE_ACCOUNT", GCP),
    ("CLOUDSDK_CORE_PROJECT", GCP),
    ("CLOUDSDK_CORE_UNIVERSE_DOMAIN", GCP),
    ("GCE_METADATA_HOST", GCP),
    ("GCE_METADATA_IP", GCP),
    ("GCE_METADATA_ROOT", GCP),
    ("GCLOUD_PROJECT", GCP),
    ("GOOGLE_APPLICATION_CREDENTIALS", GCP),
    ("GOOGLE_CLOUD_PROJECT", GCP),
    ("GOOGLE_CLOUD_QUOTA_PROJECT", GCP),
    ("GOOGLE_CLOUD_UNIVERSE_DOMAIN", GCP),
    ("GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES", GCP),
    ("NO_GCE_CHECK", GCP),
    // Azure: the environment variables of its identity libraries, and the directories of az and azd.
    ("AZD_CONFIG_DIR", AZURE),
    ("AZURE_AUTHORITY_HOST", AZURE),
    ("AZURE_CLIENT_CERTIFICATE_PATH", AZURE),
    ("AZURE_CLIENT_ID", AZURE),
    ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", AZURE),
    ("AZURE_CLIENT_SECRET", Use::Lent(Backend::Foundry)),
    ("AZURE_CONFIG_DIR", AZURE),
    ("AZURE_FEDERATED_TOKEN_FILE", AZURE),
    ("AZURE_POD_IDENTITY_AUTHORITY_HOST", AZURE),
    ("AZURE_REGIONAL_AUTHORITY_NAME", AZURE),
    ("AZURE_TENANT_ID", AZURE),
    ("AZURE_TOKEN_CREDENTIALS", AZURE),
    ("AZURE_USERNAME", AZURE),
    ("DEFAULT_IDENTITY_CLIENT_ID", AZURE),
    ("IDENTITY_ENDPOINT", AZURE),
    ("IDENTITY_HEADER", Use::Lent(Backend::Foundry)),
    ("IDENTITY_SERVER_THUMBPRINT", AZURE),
    ("IMDS_ENDPOINT", AZURE),
    ("MSI_ENDPOINT", AZURE),
    ("MSI_SECRET", Use::Lent(Backend::Foundry)),
];

const AWS: Use = Use::Sdk(Backend::Bedrock);
const GCP: Use = Use::Sdk(Backend::Vertex);
const AZURE: Use = Use::Sdk(Backend::Foundry);

/// The listed variables that hold a path; tools resolve a relative one against their working directory.
pub const PATHS: [&str; 16] = [
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CONFIG_DIR",
    "AZURE_FEDERATED_TOKEN_FILE",
    "CLAUDE_CODE_CLIENT_CERT",
    "CLAUDE_CODE_CLIENT_KEY",
    "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE",
    "CLOUDSDK_AUTH_CREDENTIAL_FILE_OVERRIDE",
    "CLOUDSDK_CONFIG",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
];

/// The listed variables that configure the network.
pub const NETWORK: [&str; 10] = [
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// Set in the environment of every command the daemon runs, so that a client inside one is recognised.
pub const INSIDE_FLIGHT: &str = "CLAVIGER_FLIGHT";

/// Longest name of a variable that is known by its prefix only ([`backend::is_unsupported`]).
const MAX_SWITCH_LEN: usize = 64;

/// Whether `name` enables a backend without a credential here: a session that has it is refused.
fn is_switch(name: &str) -> bool {
    name.len() <= MAX_SWITCH_LEN && is_name(name) && backend::is_unsupported(name)
}

/// The variables of an environment that the daemon may know of by their prefix, and that are on.
pub fn switches<'a>(environment: impl Iterator<Item = (&'a str, &'a str)>) -> impl Iterator<Item = &'a str> {
    environment.filter(|(name, value)| is_switch(name) && is_true(value)).map(|(name, _)| name)
}

/// Prefixes of the variables that well-known helpers read: HashiCorp Vault, 1Password, gopass, aws-vault.
pub const FAMILIES: [&str; 4] = ["AWS_VAULT_", "GOPASS_", "OP_SESSION_", "VAULT_"];

/// The use of a variable of a family; if its name suggests a secret, it is one.
fn of_family(name: &str) -> Option<Use> {
    const SECRETS: [&str; 7] = ["TOKEN", "SECRET", "PASSW", "PASSPHRASE", "SESSION", "CREDENTIAL", "PRIVATE"];
    let is_of = |family: &str| name.strip_prefix(family).is_some_and(|rest| !rest.is_empty());
    if !FAMILIES.iter().any(|family| is_of(family)) || !is_name(name) {
        return None;
    }
    let is_secret = SECRETS.iter().any(|word| name.contains(word)) || name.ends_with("_PIN");
    Some(if is_secret { Use::Handed } else { Use::Command })
}

/// The names among `all` of variables of a family that have no entry of their own.
pub fn of_families<'a>(all: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, Use)> {
    all.filter(|name| VARIABLES.iter().all(|(known, _)| known != name))
        .filter_map(|name| Some((name, of_family(name)?)))
}

/// The use of the variable `name`; `None` if the daemon must not know of it.
pub fn usage(name: &str) -> Option<Use> {
    static SORTED: LazyLock<Vec<(&str, Use)>> = LazyLock::new(|| {
        let mut sorted = VARIABLES.to_vec();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted
    });
    match SORTED.binary_search_by_key(&name, |(known, _)| known) {
        Ok(at) => Some(SORTED[at].1),
        Err(_) => is_switch(name).then_some(Use::Setting).or_else(|| of_family(name)),
    }
}

/// Whether `name` can be the name of an environment variable in every shell.
pub fn is_name(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `name` is one of claviger's own variables that no settings file can set.
pub fn is_own(name: &str) -> bool {
    name.starts_with("CLAVIGER_") && usage(name).is_none()
}

/// Whether `value` enables something: `1`, `true`, `yes` or `on`, in any case. An empty value means unset
/// (`spec/behaviour.md` A1, last row).
pub fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{NETWORK, PATHS, Use, VARIABLES, is_true, switches, usage};
    use std::collections::HashSet;

    #[test]
    fn every_name_is_listed_once() {
        let names: HashSet<_> = VARIABLES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), VARIABLES.len());
    }

    #[test]
    fn families_are_known_by_their_beginning_and_secrets_by_their_name() {
        for name in ["VAULT_ADDR", "VAULT_NAMESPACE", "VAULT_CACERT", "GOPASS_HOMEDIR", "AWS_VAULT_BACKEND"] {
            assert_eq!(usage(name), Some(Use::Command), "{name}");
        }
        for name in ["VAULT_TOKEN", "VAULT_WRAP_TOKEN", "OP_SESSION_my", "AWS_VAULT_FILE_PASSPHRASE"] {
            assert_eq!(usage(name), Some(Use::Handed), "{name}");
        }
        for name in ["VAULT_", "VAULT", "AWS_VAULT", "OP_OTHER", "VAULT_A B", "MY_VAULT_ADDR"] {
            assert_eq!(usage(name), None, "{name}");
        }
    }

    #[test]
    fn switches_of_unknown_backends_are_known_by_their_beginning() {
        for name in ["CLAUDE_CODE_USE_MANTLE", "CLAUDE_CODE_USE_ANTHROPIC_AWS", "CLAUDE_CODE_USE_X2"] {
            assert_eq!(usage(name), Some(Use::Setting), "{name}");
        }
        let long = format!("CLAUDE_CODE_USE_{}", "X".repeat(64));
        for name in
            [&long, "CLAUDE_CODE_USE_POWERSHELL_TOOL", "CLAUDE_CODE_USE_A B", "XCLAUDE_CODE_USE_MANTLE"]
        {
            assert_eq!(usage(name), None, "{name}");
        }
        let environment =
            [("CLAUDE_CODE_USE_A", "1"), ("CLAUDE_CODE_USE_B", "0"), ("CLAUDE_CODE_USE_BEDROCK", "1")];
        assert_eq!(switches(environment.into_iter()).collect::<Vec<_>>(), ["CLAUDE_CODE_USE_A"]);
    }

    #[test]
    fn paths_are_known_to_commands_or_sdks() {
        for name in PATHS.into_iter().chain(NETWORK) {
            assert!(matches!(usage(name), Some(Use::Command | Use::Sdk(_))), "{name}");
        }
    }

    #[test]
    fn loader_variables_reach_no_command() {
        for name in ["LD_PRELOAD", "NODE_OPTIONS", "BUN_OPTIONS", "BASH_ENV", "PYTHONPATH", "CLAVIGER_FLIGHT"]
        {
            assert!(matches!(usage(name), None | Some(Use::Setting)), "{name}");
        }
    }

    #[test]
    fn truth_is_what_the_guide_and_the_docs_write() {
        for word in ["1", "true", "TRUE", "yes", "on", " 1 "] {
            assert!(is_true(word), "{word:?}");
        }
        for word in ["", "0", "false", "no", "off", "2", "enabled"] {
            assert!(!is_true(word), "{word:?}");
        }
    }
}
