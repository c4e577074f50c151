//! Every environment variable of a session that the daemon may know of, and what it does with it.
//!
//! The list is applied on both ends: a client sends nothing else, and the daemon refuses anything else. A
//! variable that is missing here cannot influence a credential.

use std::sync::LazyLock;

/// What becomes of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It holds a secret: the client says only that it is set, and fills it in itself.
    Secret,
    /// The daemon reads it; commands do not get it.
    Setting,
    /// Commands that run for the session get it; the daemon may read it too.
    Command,
}

/// The variables, grouped by use. Source: guide, "Environment Variable Reference", and `spec/behaviour.md` A2.
pub const VARIABLES: &[(&str, Use)] = &[
    // Secrets of the session's own environment.
    ("ANTHROPIC_API_KEY", Use::Secret),
    ("ANTHROPIC_AUTH_TOKEN", Use::Secret),
    ("ANTHROPIC_CUSTOM_HEADERS", Use::Secret), // often carries a gateway token
    ("CLAUDE_CODE_OAUTH_TOKEN", Use::Secret),
    // Which backend, and how to reach it.
    ("ANTHROPIC_BASE_URL", Use::Setting),
    ("API_TIMEOUT_MS", Use::Setting),
    ("CLAUDE_CODE_ADDITIONAL_PROTECTION", Use::Setting),
    ("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", Use::Setting),
    ("CLAUDE_CODE_SKIP_BEDROCK_AUTH", Use::Setting),
    ("CLAUDE_CODE_SKIP_FOUNDRY_AUTH", Use::Setting),
    ("CLAUDE_CODE_SKIP_VERTEX_AUTH", Use::Setting),
    ("CLAUDE_CODE_USE_BEDROCK", Use::Setting),
    ("CLAUDE_CODE_USE_FOUNDRY", Use::Setting),
    ("CLAUDE_CODE_USE_VERTEX", Use::Setting),
    // Where the user's settings are.
    ("CLAUDE_CONFIG_DIR", Use::Command),
    ("HOME", Use::Command),
    // What a command needs to find programs, speak the user's language and reach the user's agents. All of it is
    // part of the cache key, so nothing that differs on every call belongs here.
    ("DBUS_SESSION_BUS_ADDRESS", Use::Command),
    ("DISPLAY", Use::Command),
    ("GNUPGHOME", Use::Command),
    ("LANG", Use::Command),
    ("LC_ALL", Use::Command),
    ("LC_CTYPE", Use::Command),
    ("LOGNAME", Use::Command),
    ("PATH", Use::Command),
    ("SHELL", Use::Command),
    ("SSH_AUTH_SOCK", Use::Command),
    ("TMPDIR", Use::Command),
    ("TZ", Use::Command),
    ("USER", Use::Command),
    ("WAYLAND_DISPLAY", Use::Command),
    ("XAUTHORITY", Use::Command),
    ("XDG_CACHE_HOME", Use::Command),
    ("XDG_CONFIG_HOME", Use::Command),
    ("XDG_DATA_HOME", Use::Command),
    ("XDG_RUNTIME_DIR", Use::Command),
    ("XDG_STATE_HOME", Use::Command),
    // How a command reaches the network.
    ("ALL_PROXY", Use::Command),
    ("HTTPS_PROXY", Use::Command),
    ("HTTP_PROXY", Use::Command),
    ("NODE_EXTRA_CA_CERTS", Use::Command),
    ("NO_PROXY", Use::Command),
    ("SSL_CERT_DIR", Use::Command),
    ("SSL_CERT_FILE", Use::Command),
    ("all_proxy", Use::Command),
    ("http_proxy", Use::Command),
    ("https_proxy", Use::Command),
    ("no_proxy", Use::Command),
];

/// Set in the environment of every command the daemon runs, so that a client inside one is recognised.
pub const INSIDE_FLIGHT: &str = "CLAVIGER_FLIGHT";

/// What becomes of the variable `name`; `None` if the daemon must not know of it.
pub fn usage(name: &str) -> Option<Use> {
    static SORTED: LazyLock<Vec<(&str, Use)>> = LazyLock::new(|| {
        let mut sorted = VARIABLES.to_vec();
        sorted.sort_unstable_by_key(|(name, _)| *name);
        sorted
    });
    let at = SORTED.binary_search_by_key(&name, |(known, _)| known).ok()?;
    Some(SORTED[at].1)
}

/// Whether `value` switches something on: `1`, `true`, `yes` or `on`, in any case. An empty value means unset
/// (`spec/behaviour.md` A1, last row).
pub fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].iter().any(|word| value.trim().eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::{VARIABLES, is_true, usage};
    use std::collections::HashSet;

    #[test]
    fn every_name_is_listed_once() {
        let names: HashSet<_> = VARIABLES.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), VARIABLES.len());
    }

    #[test]
    fn loader_variables_are_unknown() {
        for name in ["LD_PRELOAD", "NODE_OPTIONS", "BASH_ENV", "PYTHONPATH", "CLAVIGER_FLIGHT"] {
            assert_eq!(usage(name), None, "{name}");
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
