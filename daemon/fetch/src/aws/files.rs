//! Profiles and related sections in `~/.aws/config` and `~/.aws/credentials`, as botocore reads them. Pure.

use super::{
    ini::{Broken, Sections, nested, read},
    words,
};
use std::{borrow::Cow, collections::HashSet, fmt};

/// Both files. For a profile, the credentials file overrides the other.
#[derive(Debug)]
pub(super) struct Files<'a> {
    config: Sections<'a>,
    credentials: Sections<'a>,
}

/// Which file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    /// `~/.aws/config`.
    Config,
    /// `~/.aws/credentials`.
    Credentials,
}

/// A profile.
#[derive(Clone, Copy)]
pub(super) struct Profile<'f> {
    files: &'f Files<'f>,
    name: &'f str,
    config: Option<usize>,
    credentials: Option<usize>,
}

/// A setting that has a value and nested settings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoText;

/// Kinds of sections in the configuration that have a name of their own.
const PROFILE: &str = "profile";
const SESSION: &str = "sso-session";
const SERVICES: &str = "services";

/// The name in `[KIND NAME]`.
fn name_of<'a>(kind: &str, section: &'a str) -> Option<Cow<'a, str>> {
    let words = words::split(section).filter(|_| section.starts_with(kind))?;
    let [_, name] = <[_; 2]>::try_from(words).ok()?;
    Some(name)
}

// === impl Files ===

impl<'a> Files<'a> {
    /// Reads both.
    ///
    /// # Errors
    /// The unusable file, and why.
    pub(super) fn read(config: &'a str, credentials: &'a str) -> Result<Self, (File, Broken)> {
        Ok(Self {
            config: read(config).map_err(|broken| (File::Config, broken))?,
            credentials: read(credentials).map_err(|broken| (File::Credentials, broken))?,
        })
    }

    /// The profile of this name. Of several sections of one name, the last one counts.
    pub(super) fn profile<'f>(&'f self, name: &'f str) -> Option<Profile<'f>> {
        let is_default = |section: &str| section == "default" && name == "default";
        let config = self.config.names().enumerate();
        let config = config.filter(|(_, section)| {
            is_default(section) || name_of(PROFILE, section).is_some_and(|own| own == name)
        });
        let config = config.last().map(|(at, _)| at);
        let credentials = self.credentials.names().position(|section| section == name);
        config.or(credentials).map(|_| Profile { files: self, name, config, credentials })
    }

    /// The names of all profiles.
    pub(super) fn names(&self) -> Vec<String> {
        let config = self.config.names().filter_map(|section| match section {
            "default" => Some(section.into()),
            section => name_of(PROFILE, section),
        });
        let mut names: Vec<String> =
            config.chain(self.credentials.names().map(Into::into)).map(|name| name.into_owned()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The settings of `[sso-session NAME]`.
    pub(super) fn session(&self, name: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
        let (settings, mut seen) = (self.config.settings(self.companion(SESSION, name)?), HashSet::new());
        // Settings for all sections come last.
        Some(settings.filter(move |(name, _)| seen.insert(*name)))
    }

    /// The text of a setting of a service in `[services NAME]`; the outer `None` means that there is no such section.
    pub(super) fn service(&self, name: &str, service: &str, setting: &str) -> Option<Option<&str>> {
        let services = self.companion(SERVICES, name)?;
        let below = self.config.get(services, service).filter(|value| value.starts_with('\n'));
        let below = below.and_then(nested).unwrap_or_default();
        Some(below.into_iter().rfind(|(known, _)| *known == setting).map(|(_, value)| value))
    }

    fn companion(&self, kind: &str, name: &str) -> Option<usize> {
        let is_named = |section: &str| name_of(kind, section).is_some_and(|own| own == name);
        self.config.names().enumerate().filter(|(_, section)| is_named(section)).last().map(|(at, _)| at)
    }
}

// === impl Profile ===

impl<'f> Profile<'f> {
    /// Its name.
    pub(super) fn name(&self) -> &'f str {
        self.name
    }

    /// The files that it is in.
    pub(super) fn files(&self) -> &'f Files<'f> {
        self.files
    }

    /// Whether it has a setting.
    pub(super) fn has(&self, setting: &str) -> bool {
        self.raw(setting).is_some()
    }

    /// The text of a setting.
    ///
    /// # Errors
    /// If it has nested settings.
    pub(super) fn get(&self, setting: &str) -> Result<Option<&'f str>, NoText> {
        text(self.raw(setting))
    }

    /// The text of a setting in one of the files.
    ///
    /// # Errors
    /// If it has nested settings.
    pub(super) fn of(&self, file: File, setting: &str) -> Result<Option<&'f str>, NoText> {
        text(match file {
            File::Config => self.config.and_then(|at| self.files.config.get(at, setting)),
            File::Credentials => self.credentials.and_then(|at| self.files.credentials.get(at, setting)),
        })
    }

    /// Names and texts of all settings; nested ones have the outer name and a dot before theirs.
    pub(super) fn settings(&self) -> Vec<(String, String)> {
        let of = |sections: &'f Sections<'f>, at: Option<usize>| {
            at.map(|at| sections.settings(at)).into_iter().flatten()
        };
        let all = of(&self.files.credentials, self.credentials).chain(of(&self.files.config, self.config));
        let (mut seen, mut flat) = (HashSet::new(), Vec::new());
        for (name, value) in all.filter(|(name, _)| seen.insert(*name)) {
            match nested(value).filter(|_| value.starts_with('\n')) {
                Some(below) => {
                    flat.extend(
                        below.into_iter().map(|(own, value)| (format!("{name}.{own}"), value.to_owned())),
                    );
                }
                None => flat.push((name.to_owned(), value.to_owned())),
            }
        }
        flat
    }

    fn raw(&self, setting: &str) -> Option<&'f str> {
        let credentials = self.credentials.and_then(|at| self.files.credentials.get(at, setting));
        credentials.or_else(|| self.files.config.get(self.config?, setting))
    }
}

fn text(value: Option<&str>) -> Result<Option<&str>, NoText> {
    match value {
        Some(value) if value.starts_with('\n') => Err(NoText),
        value => Ok(value),
    }
}

// Values of a profile may be secret.
impl fmt::Debug for Profile<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Profile").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{File, Files, NoText};

    fn names(config: &str, credentials: &str) -> Vec<String> {
        Files::read(config, credentials).expect("read").names()
    }

    #[test]
    fn profiles_are_named_as_aws_names_them() {
        for (config, credentials, expected) in [
            ("[default]\n[profile a]\n[b]\n", "", &["a", "default"][..]),
            (
                "[profile \"my work\"]\n[profile 'my home']\n[profile my\\ car]",
                "",
                &["my car", "my home", "my work"],
            ),
            ("[profile a] # mine\n[ profile b]\n[profile c d]\n[profile]\n[profile \"e]\n", "", &["a"]),
            ("[profiles a]\n[profile\tb]\n[profile  ü ]\n", "", &["a", "b", "ü"]),
            ("", "[a b]\n[profile c]\n[default]\n", &["a b", "default", "profile c"]),
            ("[profile a]", "[a]\n[A]", &["A", "a"]),
            ("[profile DEFAULT]\n[DEFAULT]\na = b\n[sso-session s]\n[services t]", "", &["DEFAULT"]),
        ] {
            assert_eq!(names(config, credentials), expected, "{config:?} {credentials:?}");
        }
    }

    #[test]
    fn the_credentials_file_counts_more() {
        let config = "[DEFAULT]\nc = config\nd = config\n[profile a]\na = config\nb = config\n";
        let files = Files::read(config, "[DEFAULT]\nd = keys\n[a]\na = keys\n").expect("read");
        let profile = files.profile("a").expect("a profile");
        let texts = ["a", "b", "c", "d", "e"].map(|name| profile.get(name).expect("texts"));
        assert_eq!(texts, [Some("keys"), Some("config"), Some("config"), Some("keys"), None]);
        assert_eq!(profile.of(File::Config, "a"), Ok(Some("config")));
        assert_eq!(profile.of(File::Credentials, "b"), Ok(None));
        assert!(files.profile("b").is_none());
    }

    #[test]
    fn the_last_section_of_a_name_counts() {
        let files = Files::read(
            "[profile default]\na = 1\nb = 1\n[default]\na = 2\n[profile 'x']\n[profile x]\na = 3",
            "",
        );
        let files = files.expect("read");
        let profile = files.profile("default").expect("a profile");
        assert_eq!((profile.get("a"), profile.get("b")), (Ok(Some("2")), Ok(None)));
        assert_eq!(files.profile("x").expect("a profile").get("a"), Ok(Some("3")));
    }

    #[test]
    fn companions_are_found_by_name() {
        let config = "[sso-session \"My Session\"]\nsso_region = eu-west-1\n[services local]\nsts =\n  endpoint_url = http://a\n  endpoint_url = http://b\nsso = text\n[profile a]\nrole_arn =\n  a = b\n";
        let files = Files::read(config, "").expect("read");
        let session: Vec<_> = files.session("My Session").expect("a session").collect();
        assert_eq!(session, [("sso_region", "eu-west-1")]);
        assert!(files.session("My").is_none());
        assert_eq!(files.service("local", "sts", "endpoint_url"), Some(Some("http://b")));
        assert_eq!(files.service("local", "sso", "endpoint_url"), Some(None));
        assert_eq!(files.service("other", "sts", "endpoint_url"), None);
        assert_eq!(files.profile("a").expect("a profile").get("role_arn"), Err(NoText));
    }
}
