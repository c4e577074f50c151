//! Undoes a change: exactly, or, if the file was edited since, without touching the edits. Pure.

use super::{
    ini,
    json::{Json, VARIABLE, quoted},
    record::{Changed, Kind, digest},
    splice::Splice,
    toml::Toml,
};
use claviger::{
    hook::{COMMANDS, is_hook},
    reason::Problem,
};
use std::collections::BTreeMap;

/// A file without a change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Undone {
    /// Its content; `None` if it should not exist.
    pub(crate) text: Option<String>,
    /// Whether it was edited since.
    pub(crate) edited: bool,
    /// Changes that were not undone, because they are not claviger's any more.
    pub(crate) left: Vec<String>,
}

/// Commands that moved into another file, by setting, in their current form.
pub(crate) type Moved = BTreeMap<String, String>;

/// `text` without the changes of `changed`, except those to `keep`. A command returns in the form that it has in
/// `moved`.
///
/// # Errors
/// `settings-invalid` if the file was edited and is not readable any more.
pub(crate) fn undo(
    changed: &Changed,
    text: Option<&str>,
    keep: &[String],
    moved: &Moved,
) -> Result<Undone, Problem> {
    let names = || changed.splices.iter().map(|splice| splice.name.clone()).collect::<Vec<_>>();
    let Some(current) = text else {
        let left = if changed.existed { names() } else { Vec::new() };
        return Ok(Undone { text: None, edited: changed.existed, left });
    };
    let found = digest(text);
    if found == changed.before {
        return Ok(Undone { text: Some(current.to_owned()), ..Undone::default() });
    }
    let reverted =
        || changed.splices.iter().rev().try_fold(current.to_owned(), |text, splice| splice.revert(&text));
    let undone = match reverted().filter(|_| found == changed.after && keep.is_empty()) {
        Some(text) => Undone { text: some(changed, text), ..Undone::default() },
        None => Undone { edited: found != changed.after, ..take_back(changed, current, keep)? },
    };
    match changed.kind {
        Kind::Json => renew(changed, current, undone, moved),
        Kind::Toml | Kind::Ini | Kind::Whole => Ok(undone),
    }
}

/// `None` if a file that did not exist before would become empty.
fn some(changed: &Changed, text: String) -> Option<String> {
    let is_empty = text.trim_start_matches('\u{feff}').trim().is_empty();
    Some(text).filter(|_| changed.existed || !is_empty)
}

/// The commands that replace our hooks again, in their current form.
fn renew(changed: &Changed, current: &str, mut undone: Undone, moved: &Moved) -> Result<Undone, Problem> {
    let path = changed.path.to_string_lossy();
    for (key, now) in moved {
        let command = |text| Json { path: &path, text }.command(key);
        let Some(text) = &mut undone.text else { break };
        let was_ours = command(current)?.is_some_and(|found| is_hook(&found.command));
        if was_ours && command(text)?.is_some_and(|found| !is_hook(&found.command)) {
            let change = Json { path: &path, text }.set(key, now)?;
            *text = change.map_or(text.clone(), |change| change.apply(text));
        }
    }
    Ok(undone)
}

fn take_back(changed: &Changed, current: &str, keep: &[String]) -> Result<Undone, Problem> {
    let mut undone = Undone::default();
    let mut text = current.to_owned();
    for splice in changed.splices.iter().rev().filter(|splice| !keep.contains(&splice.name)) {
        match moved_back(changed, &text, splice)
            .map_or_else(|| without(changed, &text, splice), |text| Ok(Some(text)))?
        {
            Some(shorter) => text = shorter,
            None => undone.left.push(splice.name.clone()),
        }
    }
    undone.text = some(changed, text);
    Ok(undone)
}

/// The text without the change, wherever that has moved to. The table of another directory may contain the same line.
fn moved_back(changed: &Changed, text: &str, splice: &Splice) -> Option<String> {
    let header = Toml { path: "", text, directory: changed.directory.as_deref() }.header();
    let is_clear = changed.directory.is_none() || splice.inserted.contains(&header);
    is_clear.then(|| splice.revert_anywhere(text)).flatten()
}

/// The text without our value, in its current form; `None` if the value is not ours.
fn without(changed: &Changed, text: &str, splice: &Splice) -> Result<Option<String>, Problem> {
    let (name, path) = (splice.name.as_str(), &*changed.path.to_string_lossy());
    let back = || serde_json::from_str::<String>(&splice.removed).ok();
    let apply = |change: Option<Splice>| Some(change.map_or(text.to_owned(), |change| change.apply(text)));
    match changed.kind {
        Kind::Json => {
            let json = Json { path, text };
            if let Some(variable) = name.strip_prefix(VARIABLE) {
                let Some(found) = json.environment()?.remove(variable) else {
                    return Ok(Some(text.to_owned()));
                };
                return match (splice.inserted.contains(&quoted(&found)), back()) {
                    (false, _) => Ok(None),
                    (true, Some(old)) => json.set_variable(variable, &old).map(apply),
                    (true, None) => {
                        let is_env_ours = splice.inserted.starts_with("\"env\"");
                        json.without_variable(variable, is_env_ours).map(Some)
                    }
                };
            }
            match (json.command(name)?.filter(|found| is_hook(&found.command)), back()) {
                (None, _) => Ok(None),
                (Some(_), Some(old)) => json.set(name, &old).map(apply),
                (Some(_), None) => json.without(name).map(Some),
            }
        }
        Kind::Toml => {
            let toml = Toml { path, text, directory: changed.directory.as_deref() };
            // A command returns in its current form; all other edits belong to the person.
            let is_ours =
                |found: &String| COMMANDS.contains(&name) || splice.inserted.contains(&quoted(found));
            let own = toml.command(name).ok().flatten().filter(is_ours);
            match (toml.lists(name, "")?, own, back()) {
                (None, ..) => Ok(Some(text.to_owned())),
                (Some(_), None, _) => Ok(None),
                (Some(_), Some(_), Some(old)) => toml.set(name, &old).map(apply),
                (Some(_), Some(_), None) => toml.without(name).map(Some),
            }
        }
        Kind::Ini => {
            let sections = ini::sections(text, false);
            let process = sections.iter().rfind(|section| section.profile == name);
            let ours = process.and_then(|section| section.get(ini::PROCESS));
            let ours = ours.filter(|setting| is_hook(&setting.value));
            Ok(ours.map(|_| ini::without(text, name)))
        }
        Kind::Whole => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::{Json, Moved, Undone, undo};
    use crate::hook::record::{Changed, Kind, digest};

    const OLD: &str = "{\n  \"apiKeyHelper\": \"real\",\n  \"b\": 1\n}\n";

    fn hooked(old: &str) -> (Changed, String) {
        let change = Json { path: "/s", text: old }.set("apiKeyHelper", "claviger token").expect("valid");
        let change = change.expect("a change");
        let new = change.apply(old);
        let changed = Changed {
            path: "/s".into(),
            kind: Kind::Json,
            directory: None,
            existed: !old.is_empty(),
            directories: Vec::new(),
            before: digest(Some(old).filter(|old| !old.is_empty())),
            after: digest(Some(&new)),
            splices: vec![change],
        };
        (changed, new)
    }

    fn text(undone: &Undone) -> &str {
        undone.text.as_deref().unwrap_or("gone")
    }

    #[test]
    fn untouched_it_is_as_before() {
        for old in [OLD, "", "{}", "{\"b\":1}"] {
            let (changed, new) = hooked(old);
            let undone = undo(&changed, Some(&new), &[], &Moved::new()).expect("valid");
            assert_eq!((text(&undone), undone.edited), (if old.is_empty() { "gone" } else { old }, false));
            let again =
                undo(&changed, undone.text.as_deref().or(Some("")), &[], &Moved::new()).expect("valid");
            assert!(old.is_empty() || again == undone, "undone twice is undone");
        }
    }

    #[test]
    fn edited_it_loses_what_is_ours_only() {
        let (changed, new) = hooked(OLD);
        let undone = |new: &str| undo(&changed, Some(new), &[], &Moved::new()).expect("valid");
        let edited = undone(&new.replace("\"b\": 1", "\"a\": [],\n  \"b\": 2"));
        assert_eq!(text(&edited), OLD.replace("\"b\": 1", "\"a\": [],\n  \"b\": 2"));
        assert!(edited.edited && edited.left.is_empty());
        let compact = undone("{\"b\":1,\"apiKeyHelper\":\"env X=1 claviger token\"}");
        assert_eq!(text(&compact), "{\"b\":1,\"apiKeyHelper\":\"real\"}");
        let theirs = undone("{\"apiKeyHelper\": \"theirs\"}");
        assert_eq!(
            (text(&theirs), &theirs.left[..]),
            ("{\"apiKeyHelper\": \"theirs\"}", &["apiKeyHelper".to_owned()][..])
        );
        assert!(undo(&changed, Some("{"), &[], &Moved::new()).is_err(), "what cannot be read is not touched");
        assert_eq!(undo(&changed, None, &[], &Moved::new()).expect("gone").left, ["apiKeyHelper"]);
    }

    #[test]
    fn what_is_kept_for_another_file_was_not_edited() {
        let (changed, new) = hooked(OLD);
        let kept = undo(&changed, Some(&new), &["apiKeyHelper".to_owned()], &Moved::new()).expect("valid");
        assert_eq!((text(&kept), kept.edited, kept.left.len()), (new.as_str(), false, 0));
    }

    #[test]
    fn added_it_goes_with_its_comma() {
        let (changed, new) = hooked("{\"b\":1}");
        let moved = new.replace("\"b\":1", "").replace(", ", "");
        assert_eq!(text(&undo(&changed, Some(&moved), &[], &Moved::new()).expect("valid")), "{}");
        let (changed, new) = hooked("");
        let grown = new.replace("token\"", "token\", \"x\": 1");
        let left = undo(&changed, Some(&grown), &[], &Moved::new()).expect("valid");
        assert!(text(&left).contains("\"x\": 1") && !text(&left).contains("apiKeyHelper"), "{left:?}");
    }
}
