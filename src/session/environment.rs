//! The part of an environment that a session uses. A variable that cannot be passed on unchanged is an error: without
//! it, another identity would be found.

use super::rules::{MAX_VALUE_LEN, has_control, is_content, is_relative, malformed};
use crate::{
    credential::AWS_KEYS,
    passed::Passed,
    reason::{Problem, Reason},
    remedy::Remedy,
    secret::Secret,
    variables::{self, Use},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    ffi::{OsStr, OsString},
    fmt,
};
use zeroize::Zeroize as _;

/// The variable whose invalid entries are left out: it names many directories, and no identity.
const PATH: &str = "PATH";
/// The variable that names a credentials file of Google's.
const GOOGLE_FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
/// Most switches of unknown backends that a session reports: one is enough to refuse it.
const MAX_SWITCHES: usize = 8;
/// Most variables of helper families in a session, and most of those that the user names in addition.
const MAX_OF_FAMILIES: usize = 64;
/// Hint for too many of them.
const TOO_MANY: &str = "unset those that no helper reads; claviger leaves none out, since another credential could be found then";
/// The variable that may have several lines.
const LINES: &str = "ANTHROPIC_CUSTOM_HEADERS";

/// Unlisted variables of an environment. They are sent only if the daemon's user lets commands have them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Unlisted {
    variables: BTreeMap<String, OsString>,
    /// Names that occur twice, with different values.
    twice: BTreeSet<String>,
}

// It can contain anything.
impl fmt::Debug for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.variables.len())
    }
}

// It may hold secrets of any program.
impl Drop for Unlisted {
    fn drop(&mut self) {
        self.variables.values_mut().for_each(|value| std::mem::take(value).into_encoded_bytes().zeroize());
    }
}

// === impl Unlisted ===

impl Unlisted {
    pub(super) fn of(environment: BTreeMap<OsString, OsString>, twice: BTreeSet<String>) -> Self {
        let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value));
        let unlisted = |name: &str| {
            variables::is_name(name) && variables::usage(name).is_none() && !variables::is_own(name)
        };
        let variables = environment.into_iter().filter_map(text).filter(|(name, _)| unlisted(name)).collect();
        Self { variables, twice }
    }

    /// Name and value of those in `passed`, without empty ones.
    ///
    /// # Errors
    /// As [`check_variable`], and for one that occurs twice; `limits` for too many.
    pub(super) fn chosen(&self, passed: &Passed) -> Result<Vec<(String, String)>, Problem> {
        let mut chosen = Vec::new();
        for (name, value) in self.variables.iter().filter(|(name, _)| passed.has(name)) {
            if self.twice.contains(name) {
                return Err(twice(name));
            }
            if chosen.len() == MAX_OF_FAMILIES {
                let message =
                    format!("more than {MAX_OF_FAMILIES} variables are set that pass_environment names");
                return Err(Problem::new(Reason::Limits, message).hint(TOO_MANY));
            }
            let value = checked(name, value)?;
            if !value.is_empty() {
                chosen.push((name.clone(), value));
            }
        }
        Ok(chosen)
    }
}

/// The variables that a session takes from an environment; see the fields of [`super::SessionContext`].
#[derive(Default)]
pub(super) struct Taken {
    pub(super) variables: BTreeMap<String, String>,
    pub(super) present: BTreeSet<String>,
    pub(super) lent: BTreeMap<String, Secret<String>>,
}

// === impl Taken ===

impl Taken {
    /// # Errors
    /// As [`check_variable`], for the first one; `limits` if there are too many of helper families.
    pub(super) fn of(environment: &BTreeMap<OsString, OsString>) -> Result<Self, Problem> {
        let mut taken = Self::default();
        for &(name, usage) in variables::VARIABLES {
            let Some(value) = environment.get(OsStr::new(name)) else { continue };
            taken.take(name, usage, value)?;
        }
        let names = environment.keys().filter_map(|name| name.to_str());
        for (at, (name, usage)) in variables::of_families(names).enumerate() {
            if at == MAX_OF_FAMILIES {
                let families = variables::FAMILIES.map(|family| format!("{family}*")).join(", ");
                let message = format!("more than {MAX_OF_FAMILIES} variables of {families} are set");
                return Err(Problem::new(Reason::Limits, message).hint(TOO_MANY));
            }
            taken.take(name, usage, &environment[OsStr::new(name)])?;
        }
        // Google's external accounts of kind AWS sign with them, and the file with that configuration is named here.
        if taken.variables.get(GOOGLE_FILE).is_some_and(|path| !path.is_empty()) {
            for name in AWS_KEYS.into_iter().filter(|name| taken.present.contains(*name)) {
                let value = checked(name, &environment[OsStr::new(name)])?;
                taken.lent.insert(name.to_owned(), Secret::new(value));
            }
        }
        let readable = environment.iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        for name in variables::switches(readable).take(MAX_SWITCHES) {
            taken.variables.insert(name.to_owned(), "1".to_owned());
        }
        Ok(taken)
    }

    fn take(&mut self, name: &str, usage: Use, value: &OsStr) -> Result<(), Problem> {
        let value = checked(name, value)?;
        match usage {
            Use::Secret | Use::Handed | Use::Lent(_) if value.is_empty() => {}
            Use::Secret => drop(self.present.insert(name.to_owned())),
            Use::Handed | Use::Lent(_) => drop(self.lent.insert(name.to_owned(), Secret::new(value))),
            Use::Setting | Use::Command | Use::Surrounding | Use::Sdk(_) => {
                self.variables.insert(name.to_owned(), value);
            }
        }
        Ok(())
    }
}

/// Takes the values out of a whole environment that the daemon must not have: the secrets that stay with the session are only set, or
/// empty. What is not on the list goes with [`Unlisted`].
///
/// # Errors
/// As [`check_variable`].
pub(super) fn without_secrets(environment: &mut BTreeMap<String, String>) -> Result<(), Problem> {
    /// Stands for a value: only whether there is one counts.
    const SET: &str = "set";
    let signs_for_google = environment.get(GOOGLE_FILE).is_some_and(|path| !path.is_empty());
    for (name, value) in environment {
        let is_kept = signs_for_google && AWS_KEYS.contains(&name.as_str());
        if variables::usage(name) == Some(Use::Secret) && !value.is_empty() && !is_kept {
            check_variable(name, OsStr::new(value))?;
            value.zeroize();
            value.push_str(SET);
        }
    }
    Ok(())
}

/// The variables of an environment, and the unlisted names that occur twice with different values. Programs disagree on
/// which of the two counts.
///
/// # Errors
/// `malformed-request` if a variable that a session takes occurs twice, with different values.
pub(super) fn unique(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<(BTreeMap<OsString, OsString>, BTreeSet<String>), Problem> {
    let (mut unique, mut unlisted) = (BTreeMap::new(), BTreeSet::new());
    for (name, value) in environment {
        let Some(other) = unique.insert(name.clone(), value) else { continue };
        if unique.get(&name) == Some(&other) {
            continue;
        }
        match name.into_string() {
            Ok(name) if variables::usage(&name).is_some() => return Err(twice(&name)),
            Ok(name) => drop(unlisted.insert(name)),
            Err(_) => {}
        }
    }
    Ok((unique, unlisted))
}

fn twice(name: &str) -> Problem {
    unusable(name, "is set twice, with different values")
        .hint("some programs use the first, some the last: unset it, and set it once")
}

/// Checks that a session can have the variable `name` with this value. Unlisted variables are not checked.
///
/// # Errors
/// `malformed-request` with the variable's name, if the value is not UTF-8, has a control character, is too long, is a
/// relative path that would mean another directory to each program, or holds the content of a file instead of its path.
pub fn check_variable(name: &str, value: &OsStr) -> Result<(), Problem> {
    variables::usage(name).map_or(Ok(()), |_| checked(name, value).map(drop))
}

/// The entries of `path`, a value of `PATH`, that a session leaves out: those that are not UTF-8 or have a control
/// character.
pub fn left_out(path: &OsStr) -> Vec<OsString> {
    entries(path).filter(|entry| !is_plain(entry)).collect()
}

fn checked(name: &str, value: &OsStr) -> Result<String, Problem> {
    let value = match value.to_str() {
        Some(text) if name != PATH || !has_control(text) => text.to_owned(),
        None if name != PATH => return Err(unusable(name, "is not UTF-8")),
        _ => join(value),
    };
    if value.len() > MAX_VALUE_LEN {
        return Err(unusable(name, &format!("is longer than {MAX_VALUE_LEN} bytes")));
    }
    if is_relative(name, &value) {
        let hint = "each program resolves it against its own directory: set it to a path that begins with /, or unset it";
        return Err(unusable(name, "is not an absolute path").hint(hint));
    }
    if is_content(name, &value) {
        let hint = format!("write it into a file that only you can read, and set {name} to the file's path");
        return Err(unusable(name, "holds the content of a file instead of its path").hint(hint));
    }
    let is_wrong = |character: char| character.is_control() && (name, character) != (LINES, '\n');
    match has_control(&value) && value.contains(is_wrong) {
        true if value.ends_with('\r') => Err(unusable(name, "ends with a carriage return").hint(
            "the file that sets it may have Windows line ends: set it again without the carriage return, \
                or unset it",
        )),
        true => Err(unusable(name, "has a control character")),
        false => Ok(value),
    }
}

fn unusable(name: &str, why: &str) -> Problem {
    malformed(format!("{name} {why}"))
        .hint(
            "set it again without it, or unset it; claviger does not leave it out, since another credential \
            could be found then",
        )
        .remedy(Remedy::unset(&[name]))
}

fn entries(path: &OsStr) -> impl Iterator<Item = OsString> {
    env::split_paths(path).map(OsString::from)
}

fn is_plain(entry: &OsStr) -> bool {
    entry.to_str().is_some_and(|text| !has_control(text))
}

fn join(path: &OsStr) -> String {
    let plain = entries(path).filter(|entry| is_plain(entry)).filter_map(|entry| entry.into_string().ok());
    plain.collect::<Vec<_>>().join(":")
}
