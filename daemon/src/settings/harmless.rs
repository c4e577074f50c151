//! Variables of a project that change neither the destination of a credential nor which programs run. Pure.
//!
//! All other variables need a decision: a proxy, a certificate or a loader variable can redirect a key just like a base
//! URL. Users may add names, except those that claviger, a loader, an interpreter or a cloud's SDK reads.

use super::{File, Layer, Located};
use claviger::{passed::matches, variables};

/// The variables that every project may set, by exact name.
const HARMLESS: [&str; 44] = [
    // Limits of the tool.
    "API_TIMEOUT_MS",
    "BASH_DEFAULT_TIMEOUT_MS",
    "BASH_MAX_OUTPUT_LENGTH",
    "BASH_MAX_TIMEOUT_MS",
    "CLAUDE_AUTOCOMPACT_PCT_OVERRIDE",
    "CLAUDE_CODE_EFFORT_LEVEL",
    "CLAUDE_CODE_FILE_READ_MAX_OUTPUT_TOKENS",
    "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
    "MAX_MCP_OUTPUT_TOKENS",
    "MAX_THINKING_TOKENS",
    "MCP_TIMEOUT",
    "MCP_TOOL_TIMEOUT",
    // Features that it omits.
    "CLAUDE_CODE_DISABLE_1M_CONTEXT",
    "CLAUDE_CODE_DISABLE_ADAPTIVE_THINKING",
    "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
    "CLAUDE_CODE_DISABLE_FEEDBACK_SURVEY",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "CLAUDE_CODE_DISABLE_TERMINAL_TITLE",
    "DISABLE_AUTOUPDATER",
    "DISABLE_BUG_COMMAND",
    "DISABLE_COST_WARNINGS",
    "DISABLE_ERROR_REPORTING",
    "DISABLE_NON_ESSENTIAL_MODEL_CALLS",
    "DISABLE_PROMPT_CACHING",
    "DISABLE_TELEMETRY",
    // Behaviour.
    "CLAUDE_BASH_MAINTAIN_PROJECT_WORKING_DIR",
    "CLAUDE_CODE_ATTRIBUTION_HEADER",
    "CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS",
    "ENABLE_TOOL_SEARCH",
    // Choice of models.
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "CLAUDE_CODE_SUBAGENT_MODEL",
    // Appearance of programs.
    "CI",
    "FORCE_COLOR",
    "LANG",
    "LC_*",
    "NODE_ENV",
    "NO_COLOR",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONUNBUFFERED",
    "TZ",
];

/// Prefixes of names that no user can declare harmless.
const FAMILIES: [&str; 30] = [
    "ANTHROPIC",
    "CLAUDE",
    "AWS",
    "GOOGLE",
    "GCLOUD",
    "GCE",
    "CLOUDSDK",
    "VERTEX",
    "AZURE",
    "IDENTITY",
    "MSI",
    "OTEL",
    "NODE",
    "NPM",
    "BUN",
    "DENO",
    "JSC",
    "LD",
    "DYLD",
    "GLIBC",
    "GIT",
    "SSH",
    "GPG",
    "PYTHON",
    "PERL",
    "RUBY",
    "JAVA",
    "XDG",
    "DBUS",
    "CLAVIGER",
];

/// Parts of names that no user can declare harmless.
const PARTS: [&str; 6] = ["PROXY", "CERT", "SSL", "TLS", "_CA", "ASKPASS"];

/// Names that no user can declare harmless.
pub(super) const NAMES: [&str; 12] = [
    "PATH",
    "HOME",
    "SHELL",
    "ENV",
    "BASH_ENV",
    "IFS",
    "TMPDIR",
    "EDITOR",
    "PAGER",
    "BROWSER",
    "RES_OPTIONS",
    "HOSTALIASES",
];

/// Whether a project may set `name` without a decision. `added` are the user's own names, checked by [`check`].
pub fn is_harmless(name: &str, added: &[Located<String>]) -> bool {
    is_listed(name) || (!is_reserved(name) && added.iter().any(|one| matches(&one.value, name)))
}

/// Checks whether a user may declare `entry` harmless: a name, or a prefix such as `MYAPP_*`.
///
/// # Errors
/// The fault, as the rest of a sentence about the entry.
pub fn check(entry: &str) -> Result<(), &'static str> {
    let (name, is_pattern) = entry.strip_suffix('*').map_or((entry, false), |start| (start, true));
    if !variables::is_name(name) {
        return Err("is not the name of a variable");
    }
    if is_pattern && (!name.ends_with('_') || name.starts_with('_')) {
        return Err("must name a family up to its underscore, as in MYAPP_*");
    }
    match !is_listed(name) && is_reserved(name) {
        true => Err(
            "is never harmless: claviger, a loader, an interpreter or a cloud reads variables of that name",
        ),
        false => Ok(()),
    }
}

/// Whether claviger, a loader, an interpreter or a cloud reads variables of such a name, in upper case.
pub(super) fn is_of_family(upper: &str) -> bool {
    FAMILIES.iter().any(|family| upper.starts_with(family))
}

fn is_listed(name: &str) -> bool {
    HARMLESS.iter().any(|one| matches(one, name))
}

/// Windows and some programs do not distinguish `https_proxy` from `HTTPS_PROXY`, so case is ignored here.
fn is_reserved(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    is_of_family(&upper)
        || PARTS.iter().any(|part| upper.contains(part))
        || NAMES.contains(&upper.as_str())
        || [name, &upper].into_iter().any(|name| variables::usage(name).is_some())
}

/// The variables that the user declares harmless in `files`.
pub(super) fn harmless_of(files: &[File]) -> &[Located<String>] {
    let config = files.iter().find(|file| file.layer == Layer::Config);
    config.map_or(&[], |file| &file.content.harmless)
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, HARMLESS, NAMES, PARTS, check, is_harmless};
    use crate::settings::{Layer, Located};
    use claviger::{reason::Location, variables::VARIABLES};

    fn added(entries: &[&str]) -> Vec<Located<String>> {
        let located = |entry: &&str| Located {
            value: (*entry).to_owned(),
            layer: Layer::Config,
            at: Location::default(),
        };
        entries.iter().map(located).collect()
    }

    #[test]
    fn every_listed_name_is_harmless_as_it_is_written_and_no_other() {
        for name in HARMLESS {
            let name = name.replace('*', "TIME");
            assert!(is_harmless(&name, &[]), "{name}");
            for other in [format!("{name}2"), format!("X{name}"), name.to_ascii_lowercase()] {
                let is_locale = name.starts_with("LC_") && other.starts_with("LC_");
                assert!(is_locale || !is_harmless(&other, &[]), "{other}");
            }
        }
        assert!(!is_harmless("LC_", &[]) && !is_harmless("", &[]));
    }

    #[test]
    fn what_reaches_the_network_or_a_loader_is_not() {
        for name in [
            "ANTHROPIC_BASE_URL",
            "HTTPS_PROXY",
            "https_proxy",
            "NODE_EXTRA_CA_CERTS",
            "NODE_OPTIONS",
            "PATH",
            "LD_PRELOAD",
            "BASH_ENV",
            "CLAUDE_CONFIG_DIR",
            "HOME",
            "CLAVIGER_SOCK",
            "SSL_CERT_FILE",
            "MYAPP_X",
        ] {
            assert!(!is_harmless(name, &[]), "{name}");
        }
    }

    #[test]
    fn the_user_adds_names_and_beginnings_of_names() {
        let added = added(&["MYAPP_*", "FLAG"]);
        for (name, expected) in [
            ("MYAPP_X", true),
            ("MYAPP_", false),
            ("MYAPPX", false),
            ("myapp_x", false),
            ("FLAG", true),
            ("FLAGS", false),
            ("MYAPP_PROXY", false),
            ("MYAPP_CERT", false),
            ("MYAPP_CA", false),
        ] {
            assert_eq!(is_harmless(name, &added), expected, "{name}");
        }
        for entry in ["MYAPP_*", "FLAG", "a", "NODE_ENV", "CI", "A_B_*"] {
            assert_eq!(check(entry), Ok(()), "{entry}");
        }
    }

    #[test]
    fn no_family_part_or_name_can_be_added_in_any_case() {
        let beginnings = FAMILIES
            .iter()
            .flat_map(|family| [format!("{family}_X"), format!("{family}_*"), (*family).to_owned()]);
        let parts = PARTS
            .iter()
            .flat_map(|part| [format!("MY{part}"), format!("MY{part}_X_*"), format!("MY{part}S")]);
        let names = NAMES.iter().map(|name| (*name).to_owned());
        for entry in beginnings.chain(parts).chain(names) {
            for entry in [entry.clone(), entry.to_ascii_lowercase()] {
                assert!(check(&entry).is_err(), "{entry}");
                assert!(!is_harmless(&entry.replace('*', "X"), &added(&[&entry])), "{entry}");
            }
        }
    }

    #[test]
    fn nothing_that_claviger_reads_can_be_added() {
        for (name, _) in VARIABLES.iter().filter(|(name, _)| !is_harmless(name, &[])) {
            assert!(check(name).is_err(), "{name}");
            assert!(!is_harmless(name, &added(&[name])), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for entry in
            ["", "*", "A*", "_*", "__*", "A-B", "A B", "1A", "*A", "A**", "A_*_B", "\u{c4}", "A=B", "MYAPP*"]
        {
            assert!(check(entry).is_err(), "{entry:?}");
        }
    }
}
