//! Variables that the user may let commands have in addition to the list. Pure.
//!
//! Any program may have changed a session's environment, for example a tool that applied a project's file. So no
//! variable can be passed that makes a helper load or run something else.

use super::harmless::{NAMES, is_of_family};
use claviger::{
    passed::{is_entry, matches},
    variables::{self, Use},
};

/// Prefixes of names that loaders and interpreters read, in addition to those that no project may set.
const LOADERS: [&str; 18] = [
    "BASH",
    "BUNDLE",
    "CORECLR",
    "COR_",
    "DOTNET",
    "ELECTRON",
    "GCONV",
    "GEM_",
    "JDK",
    "LUA",
    "MALLOC_",
    "OPENSSL",
    "PHP",
    "PROMPT_COMMAND",
    "PS4",
    "SHELLOPTS",
    "ZDOTDIR",
    "_JAVA",
];

/// Checks whether commands may have `entry`: a name, or a prefix such as `MYCORP_*`.
///
/// # Errors
/// The fault, as the rest of a sentence about the entry.
pub(super) fn check(entry: &str) -> Result<(), &'static str> {
    if !is_entry(entry) {
        return Err(
            "is neither the name of a variable nor a beginning of names with its underscore, as in MYCORP_*",
        );
    }
    let upper = entry.to_ascii_uppercase();
    let is_loaders = is_of_family(&upper)
        || LOADERS.iter().any(|loader| upper.starts_with(loader) || matches(&upper, loader))
        || NAMES.iter().any(|name| matches(&upper, name));
    if is_loaders {
        return Err(
            "is never passed on: claviger, a loader, an interpreter or a cloud reads variables of that name",
        );
    }
    match variables::usage(entry) {
        Some(Use::Secret | Use::Setting | Use::Lent(_)) => {
            Err("is never passed on: claviger reads it itself")
        }
        Some(Use::Command | Use::Surrounding | Use::Sdk(_) | Use::Handed) | None => Ok(()),
    }
}

/// Whether two entries have a name in common.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let start = |entry: &str| entry.strip_suffix('*').map(str::to_owned);
    match (start(one), start(other)) {
        (Some(one), Some(other)) => one.starts_with(&other) || other.starts_with(&one),
        _ => matches(one, other) || matches(other, one),
    }
}

#[cfg(test)]
mod tests {
    use super::{check, overlap};

    #[test]
    fn what_loads_or_runs_something_else_is_never_passed_on() {
        for entry in [
            "PATH",
            "HOME",
            "LD_PRELOAD",
            "LD_*",
            "DYLD_INSERT_LIBRARIES",
            "PYTHONPATH",
            "pythonpath",
            "NODE_OPTIONS",
            "BASH_ENV",
            "BASH_*",
            "ENV",
            "IFS",
            "PS4",
            "PROMPT_*",
            "PERL5LIB",
            "RUBYOPT",
            "_JAVA_OPTIONS",
            "GIT_SSH_COMMAND",
            "RES_*",
            "ANTHROPIC_API_KEY",
            "AWS_SECRET_ACCESS_KEY",
            "AZURE_*",
            "CLAVIGER_FLIGHT",
            "CLAVIGER_*",
            "CLOUD_ML_REGION",
        ] {
            assert!(check(entry).is_err(), "{entry}");
        }
        for entry in
            ["MYCORP_*", "MYCORP_TOKEN", "VAULT_ADDR", "KUBECONFIG", "PASS_*", "HTTPS_PROXY", "NO_COLOR"]
        {
            assert_eq!(check(entry), Ok(()), "{entry}");
        }
        for entry in ["", "*", "A*", "_*", "A B", "A=B", "1A"] {
            assert!(check(entry).is_err(), "{entry:?}");
        }
    }

    #[test]
    fn entries_that_can_mean_the_same_name_overlap() {
        for (one, other, expected) in [
            ("A", "A", true),
            ("A_*", "A_B", true),
            ("A_*", "A_B_*", true),
            ("A_*", "AB_*", false),
            ("A", "B", false),
            ("A_*", "A", false),
        ] {
            assert_eq!((overlap(one, other), overlap(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
