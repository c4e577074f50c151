//! Links between pages lead somewhere, headings included, and commands of xtask in them exist.

use super::Outcome;
use crate::sh;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Pages at the root; those in `docs/` are found.
const ROOT: &[&str] = &["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md"];

/// A page.
struct Page {
    path: PathBuf,
    text: String,
}

pub(super) fn check() -> sh::Result<Outcome> {
    let root = sh::root();
    let pages = pages(&root)?;
    let mut faults = Vec::new();
    for page in &pages {
        let name = page.path.strip_prefix(&root).unwrap_or(&page.path).display();
        for target in links(&page.text) {
            if let Some(fault) = broken(page, &target) {
                faults.push(format!("{name}: {fault}"));
            }
        }
        let unknown =
            xtasks(&page.text).into_iter().filter(|verb| !crate::USAGE.contains(&format!("\n  {verb}")));
        faults.extend(unknown.map(|verb| format!("{name}: there is no `cargo xtask {verb}`")));
    }
    Ok(super::faults(faults))
}

fn pages(root: &Path) -> sh::Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = ROOT.iter().map(|name| root.join(name)).collect();
    for entry in fs::read_dir(root.join("docs"))? {
        paths.extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    paths.sort();
    let read = |path: PathBuf| Ok(Page { text: fs::read_to_string(&path)?, path });
    paths.into_iter().map(read).collect()
}

/// Why a link leads nowhere.
fn broken(page: &Page, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').map_or((target, None), |(file, anchor)| (file, Some(anchor)));
    let path = match file {
        "" => page.path.clone(),
        file => page.path.parent()?.join(file),
    };
    if !path.exists() {
        return Some(format!("{target} is not there"));
    }
    let anchor = anchor?;
    let text = fs::read_to_string(&path).unwrap_or_default();
    let found = headings(&text).iter().any(|heading| slug(heading) == anchor);
    (!found).then(|| format!("{target}: no heading makes that anchor"))
}

/// What stands between `](` and `)`, outside code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let after = plain.split("](").skip(1);
        found.extend(after.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
    }
    found
}

/// Lines that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut is_fenced = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        is_fenced ^= is_fence;
        !is_fence && !is_fenced && !line.starts_with("    ")
    })
}

fn headings(text: &str) -> Vec<&str> {
    let title = |line: &'_ str| line.starts_with('#').then(|| line.trim_start_matches('#').len());
    prose(text).filter_map(|line| Some(&line[line.len() - title(line)?..])).collect()
}

/// The anchor that GitHub makes of a heading.
fn slug(heading: &str) -> String {
    let kept = |letter: &char| letter.is_alphanumeric() || " -_".contains(*letter);
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(kept)
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

/// The words after `cargo xtask`.
fn xtasks(text: &str) -> Vec<String> {
    let is_word = |letter: char| letter.is_ascii_lowercase();
    let word = |rest: &str| rest.chars().take_while(|letter| is_word(*letter)).collect::<String>();
    text.split("cargo xtask ").skip(1).map(word).filter(|word| !word.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::{headings, links, slug, xtasks};

    #[test]
    fn links_are_found_outside_code_only() {
        let text = "[a](b.md#c) `[x](y)` [d](e)\n\n    [code](f)\n```\n[code](g)\n```\n";
        assert_eq!(links(text), ["b.md#c", "e"]);
    }

    #[test]
    fn anchors_are_those_of_the_site() {
        assert_eq!(headings("# One\n```\n# no\n```\n## Two `x`\n"), [" One", " Two `x`"]);
        for (heading, anchor) in [
            ("`[settings]`, and settings files", "settings-and-settings-files"),
            ("\"login required\"", "login-required"),
            ("Google Cloud", "google-cloud"),
        ] {
            assert_eq!(slug(heading), anchor);
        }
    }

    #[test]
    fn commands_of_xtask_are_named() {
        assert_eq!(xtasks("`cargo xtask demo`, cargo xtask install --dry-run"), ["demo", "install"]);
    }
}
