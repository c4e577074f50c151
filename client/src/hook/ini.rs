//! Edits of `~/.aws/config` that leave every other byte alone. By hand: no crate for such files keeps their form. Pure.

use super::splice::{Splice, line_end};

/// The setting that is the hook of AWS.
pub(crate) const PROCESS: &str = "credential_process";

/// A section of a profile.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Section {
    /// Name of the profile.
    pub(crate) profile: String,
    /// Its settings, without nested ones.
    pub(crate) settings: Vec<Setting>,
    /// Offset after the header.
    start: usize,
}

/// A line of a section.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// Its name, in lower case.
    pub(crate) name: String,
    /// Its value.
    pub(crate) value: String,
    /// Line from 1.
    pub(crate) line: u32,
    /// Offset of its value.
    at: usize,
}

impl Section {
    /// The value of a setting; of duplicates, the last one counts.
    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().rfind(|setting| setting.name == name)
    }
}

/// The sections of profiles. `plain` is whether names appear without the word `profile`, as in the file of keys.
pub(crate) fn sections(text: &str, plain: bool) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    // Lines below a header of another kind belong to no section.
    let mut inside = false;
    let mut at = 0;
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let start = at;
        at += line.len();
        let content = line.trim_start_matches('\u{feff}');
        if content.starts_with('[') {
            let profile = profile(content, plain);
            inside = profile.is_some();
            sections.extend(profile.map(|profile| Section { profile, settings: Vec::new(), start: at }));
        } else if let (true, Some(section)) = (inside, sections.last_mut()) {
            section.settings.extend(setting(line, start, number));
        }
    }
    sections
}

/// The change that lets `profile` run `command`, in a new section with the lines `more` if there is none; `None` if it
/// does that already.
pub(crate) fn set(text: &str, profile: &str, command: &str, more: &[String]) -> Option<Splice> {
    let name = profile.to_owned();
    let (end, line) = (line_end(text), format!("{PROCESS} = {command}"));
    let splice = |at: usize, removed: &str, inserted: String| {
        Some(Splice { name, at, removed: removed.to_owned(), inserted })
    };
    let sections = sections(text, false);
    let Some(section) = sections.iter().rfind(|section| section.profile == profile) else {
        let gap = match text.trim_start_matches('\u{feff}') {
            "" => String::new(),
            text if text.ends_with('\n') => end.to_owned(),
            _ => format!("{end}{end}"),
        };
        let lines: String = more.iter().map(|line| format!("{line}{end}")).collect();
        return splice(text.len(), "", format!("{gap}{}{end}{lines}{line}{end}", header(profile)));
    };
    match section.get(PROCESS) {
        Some(setting) if setting.value == command => None,
        Some(setting) => splice(setting.at, &setting.value, command.to_owned()),
        None => {
            let gap = if text[..section.start].ends_with('\n') { "" } else { end };
            splice(section.start, "", format!("{gap}{line}{end}"))
        }
    }
}

/// The text without the line of `profile` that runs a command.
pub(crate) fn without(text: &str, profile: &str) -> String {
    let sections = sections(text, false);
    let found = sections.iter().rfind(|section| section.profile == profile);
    let Some(setting) = found.and_then(|section| section.get(PROCESS)) else { return text.to_owned() };
    let lines = (1..).zip(text.split_inclusive('\n'));
    lines.filter(|(number, _)| *number != setting.line).map(|(_, line)| line).collect()
}

fn header(profile: &str) -> String {
    match profile {
        "default" => "[default]".to_owned(),
        name => format!("[profile {name}]"),
    }
}

/// The profile of a header: `[default]`, `[profile x]` or `[profile "x"]`.
fn profile(line: &str, plain: bool) -> Option<String> {
    let inside = line.strip_prefix('[')?.split_once(']')?.0.trim();
    if plain || inside == "default" {
        return Some(inside.to_owned());
    }
    let name = inside.strip_prefix("profile")?;
    name.starts_with(char::is_whitespace).then(|| name.trim().trim_matches('"').to_owned())
}

fn setting(line: &str, start: usize, number: u32) -> Option<Setting> {
    // Indented lines belong to the setting above.
    if line.starts_with([' ', '\t', '#', ';']) {
        return None;
    }
    let (name, rest) = line.split_once('=')?;
    let value = rest.trim();
    let at = start + name.len() + 1 + (rest.len() - rest.trim_start().len());
    Some(Setting { name: name.trim().to_ascii_lowercase(), value: value.to_owned(), line: number, at })
}

#[cfg(test)]
mod tests {
    use super::{PROCESS, sections, set, without};

    const FILE: &str = "# mine\n[default]\nregion = eu-west-1\ns3 =\n  credential_process = x\n\n[profile  \"b c\"]\r\n\
        Credential_Process= old --x=y  # z\n[sso-session s]\ncredential_process = no\n[profile d]";

    #[test]
    fn a_file_is_read_as_aws_reads_it() {
        let found = sections(FILE, false);
        let names: Vec<_> = found.iter().map(|section| section.profile.as_str()).collect();
        assert_eq!(names, ["default", "b c", "d"]);
        assert_eq!(found[0].get(PROCESS), None);
        let process = found[1].get(PROCESS).expect("set");
        assert_eq!((process.value.as_str(), process.line), ("old --x=y  # z", 8));
        assert_eq!(sections("[work]\na = 1\n", true)[0].profile, "work");
    }

    #[test]
    fn one_profile_changes_and_no_other_byte() {
        for (text, profile, expected) in [
            (FILE, "default", FILE.replace("[default]\n", "[default]\ncredential_process = c\n")),
            (FILE, "b c", FILE.replace("old --x=y  # z", "c")),
            (FILE, "d", format!("{FILE}\ncredential_process = c\n")),
            (FILE, "e", format!("{FILE}\n\n[profile e]\nregion = r\ncredential_process = c\n")),
            ("", "default", "[default]\nregion = r\ncredential_process = c\n".to_owned()),
            ("[a]\r\n", "e", "[a]\r\n\r\n[profile e]\r\nregion = r\r\ncredential_process = c\r\n".to_owned()),
        ] {
            let change = set(text, profile, "c", &["region = r".to_owned()]).expect("a change");
            let changed = change.apply(text);
            assert_eq!(changed, expected, "{profile}");
            assert_eq!(change.revert(&changed).as_deref(), Some(text), "exactly undone");
            assert_eq!(set(&changed, profile, "c", &[]), None, "done once");
        }
        assert_eq!(without("[default]\ncredential_process = x\na = 1", "default"), "[default]\na = 1");
    }
}
