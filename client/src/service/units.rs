//! The unit files: content, location, and the origin of existing files. Pure, and without any dependency: `cargo xtask
//! install` and `cargo xtask deb` compile this same file, so that there is one truth.

use std::path::{Path, PathBuf};

/// Placeholder of the daemon in a template.
pub(crate) const PROGRAM: &str = "/usr/local/bin/clavigerd";
/// Placeholder of the home directory. systemd has `%h`, launchd expands nothing.
const HOME: &str = "/Users/USER";

/// Values that differ for each user. [`plain`] has accepted both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The daemon.
    pub(crate) program: &'a str,
    /// The home directory.
    pub(crate) home: &'a str,
}

/// The manager of a user's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manager {
    /// `systemd --user`.
    Systemd,
    /// The `gui` domain of launchd.
    Launchd,
}

/// A file that a service manager reads.
#[derive(Debug)]
pub(crate) struct Template {
    /// Its name.
    pub(crate) name: &'static str,
    text: &'static str,
}

/// Origin of a file in the place of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Absent,
    /// It has the content of this release.
    Current,
    /// Claviger wrote it, for another release or another place, and it was not edited since.
    Outdated,
    /// It was written or edited by hand, or is not a regular file.
    Foreign,
}

/// The socket first: it is the one to enable.
const SYSTEMD: [Template; 2] = [
    Template { name: "clavigerd.socket", text: include_str!("../../../systemd/clavigerd.socket") },
    Template { name: "clavigerd.service", text: include_str!("../../../systemd/clavigerd.service") },
];

const LAUNCHD: [Template; 1] = [Template {
    name: "dev.claviger.clavigerd.plist",
    text: include_str!("../../../launchd/dev.claviger.clavigerd.plist"),
}];

const WRITTEN_BY: &str = "written by claviger ";
const CHECKSUM: &str = ", checksum ";

impl Manager {
    /// The manager of this kind of system.
    pub(crate) fn of_system() -> Self {
        if cfg!(target_os = "macos") { Self::Launchd } else { Self::Systemd }
    }

    /// Its files.
    pub(crate) fn templates(self) -> &'static [Template] {
        match self {
            Self::Systemd => &SYSTEMD,
            Self::Launchd => &LAUNCHD,
        }
    }

    /// Directory of a user's own files. `config` is `$XDG_CONFIG_HOME`, if that is set to an absolute path.
    pub(crate) fn directory(self, home: &Path, config: Option<&Path>) -> PathBuf {
        match self {
            Self::Systemd => config.map_or_else(|| home.join(".config"), Path::to_owned).join("systemd/user"),
            Self::Launchd => home.join("Library/LaunchAgents"),
        }
    }
}

impl Template {
    /// Content of the file.
    pub(crate) fn text(&self, names: Names<'_>) -> String {
        self.text.replace(PROGRAM, names.program).replace(HOME, names.home)
    }

    /// As [`Template::text`], with a line that shows later releases whether the file was edited.
    pub(crate) fn stamped(&self, names: Names<'_>, release: &str) -> String {
        let text = self.text(names);
        let stamp = format!("{WRITTEN_BY}{release}{CHECKSUM}{:016x}", checksum(&text));
        match text.split_once('\n') {
            // An XML declaration has to come first.
            Some((first, rest)) if first.starts_with("<?xml") => {
                format!("{first}\n<!-- {stamp}; `claviger daemon install` writes it anew -->\n{rest}")
            }
            _ => {
                format!("# {stamp}; changes belong in a drop-in: systemctl --user edit {}\n{text}", self.name)
            }
        }
    }

    /// The origin of the file with the content `found`, if its content should be `wanted`.
    pub(crate) fn judge(&self, found: Option<&str>, wanted: &str) -> State {
        match found {
            None => State::Absent,
            Some(text) if text == wanted => State::Current,
            Some(text) if is_intact(text) || self.is_without_stamp(text) => State::Outdated,
            Some(_) => State::Foreign,
        }
    }

    /// Whether `text` is the template with some program in it, as written by releases without stamps.
    fn is_without_stamp(&self, text: &str) -> bool {
        let Some((before, after)) = self.text.split_once(PROGRAM) else { return text == self.text };
        let middle = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        middle.is_some_and(|program| !program.contains('\n'))
    }
}

/// A path that needs no escaping in a unit, between quotes, and in XML.
///
/// # Errors
/// Why a unit cannot contain it, for a person.
pub(crate) fn plain(program: &Path) -> Result<&str, String> {
    let text = program.to_str().ok_or("the path of the program is not UTF-8")?;
    if !program.is_absolute() {
        return Err(format!("{text}: a service file needs an absolute path"));
    }
    match text.chars().find(|letter| !letter.is_alphanumeric() && !"/._+@:~, -".contains(*letter)) {
        None => Ok(text),
        Some(letter) => Err(format!("{text}: a service file cannot contain a path with {letter:?}")),
    }
}

/// The program that a unit, or an agent of launchd, starts.
pub(crate) fn program_of(unit: &str) -> Option<&str> {
    unit.lines().map(str::trim).find_map(|line| match line.strip_prefix("ExecStart=") {
        Some(command) => Some(command.trim().trim_matches('"')),
        None => line.strip_prefix("<string>")?.strip_suffix("</string>").filter(|it| it.starts_with('/')),
    })
}

/// The release that wrote a file, if it has a stamp.
pub(crate) fn release_of(text: &str) -> Option<&str> {
    let (release, _) = stamp(text)?;
    Some(release)
}

/// Whether a file has the content that its stamp describes.
fn is_intact(text: &str) -> bool {
    let Some((_, sum)) = stamp(text) else { return false };
    let rest: String = text.split_inclusive('\n').filter(|line| !line.contains(WRITTEN_BY)).collect();
    sum == format!("{:016x}", checksum(&rest))
}

fn stamp(text: &str) -> Option<(&str, &str)> {
    let (_, stamp) = text.lines().take(2).find_map(|line| line.split_once(WRITTEN_BY))?;
    let (release, rest) = stamp.split_once(CHECKSUM)?;
    Some((release, rest.get(..16)?))
}

/// FNV-1a: it only has to detect that a file was edited, and to be the same in every release.
fn checksum(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::{Manager, Names, State, plain, program_of, release_of};
    use std::path::Path;

    const DAEMON: &str = "/home/jo o/.local/bin/clavigerd";
    const NAMES: Names<'_> = Names { program: DAEMON, home: "/home/jo o" };
    const OTHER: Names<'_> = Names { program: "/opt/bin/clavigerd", home: "/home/jo o" };

    #[test]
    fn only_plain_paths_are_named() {
        assert_eq!(plain(Path::new(DAEMON)), Ok(DAEMON));
        for odd in ["/a%h/x", "/a\"b/x", "/a&b/x", "/a<b", "/a$b", "/a\nb", "/a\\b", "/a'b", "a/b"] {
            assert!(plain(Path::new(odd)).is_err(), "{odd:?}");
        }
    }

    #[test]
    fn every_file_names_the_daemon_and_its_release() {
        for manager in [Manager::Systemd, Manager::Launchd] {
            let texts: Vec<_> = manager.templates().iter().map(|it| it.stamped(NAMES, "1.2.3")).collect();
            assert_eq!(texts.iter().filter(|text| text.contains(DAEMON)).count(), 1);
            assert!(texts.iter().all(|text| release_of(text) == Some("1.2.3")));
        }
        let service = Manager::Systemd.templates()[1].stamped(NAMES, "1.2.3");
        assert_eq!(program_of(&service), Some(DAEMON));
        assert_eq!(program_of(&Manager::Launchd.templates()[0].stamped(NAMES, "1.2.3")), Some(DAEMON));
    }

    #[test]
    fn a_file_is_current_outdated_or_edited() {
        for template in [Manager::Systemd, Manager::Launchd].into_iter().flat_map(Manager::templates) {
            let wanted = template.stamped(NAMES, "2.0.0");
            let edited = wanted.replacen("clavigerd", "klavigerd", 2) + "\n";
            let bare = template.text(OTHER);
            let other = template.stamped(OTHER, "1.0.0");
            for (found, expected) in [
                (None, State::Absent),
                (Some(wanted.as_str()), State::Current),
                (Some(other.as_str()), State::Outdated),
                // Agents of launchd have always had a stamp.
                (Some(bare.as_str()), if bare.contains("<?xml") { State::Foreign } else { State::Outdated }),
                (Some(edited.as_str()), State::Foreign),
                (Some(""), State::Foreign),
            ] {
                assert_eq!(template.judge(found, &wanted), expected, "{}: {found:?}", template.name);
            }
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        let agent = Manager::Launchd.templates()[0].text(NAMES);
        for path in [
            DAEMON,
            "/home/jo o/.local/run/claviger/claviger.sock",
            "/home/jo o/.local/state/claviger/launchd.log",
        ] {
            assert_eq!(agent.matches(&format!(">{path}<")).count(), 1, "{path}");
        }
        assert!(!agent.contains("/Users/") && !agent.contains("/usr/local"), "{agent}");
    }

    #[test]
    fn what_another_template_said_in_another_release_is_known_by_its_stamp() {
        let template = &Manager::Systemd.templates()[1];
        let old = template.stamped(NAMES, "0.0.1");
        let text = "[Unit]\nDescription=as it was\n";
        let sum = format!("{:016x}", super::checksum(text));
        let was = format!("# written by claviger 0.0.1, checksum {sum}; and so on\n{text}");
        assert_eq!(template.judge(Some(&was), &old), State::Outdated);
        assert_eq!(template.judge(Some(&(was + "Nice=5\n")), &old), State::Foreign);
    }

    #[test]
    fn files_go_where_their_manager_looks() {
        let home = Path::new("/home/a");
        let of = |manager: Manager, config: Option<&str>| manager.directory(home, config.map(Path::new));
        assert_eq!(of(Manager::Systemd, None), Path::new("/home/a/.config/systemd/user"));
        assert_eq!(of(Manager::Systemd, Some("/c")), Path::new("/c/systemd/user"));
        assert_eq!(of(Manager::Launchd, Some("/c")), Path::new("/home/a/Library/LaunchAgents"));
    }
}
