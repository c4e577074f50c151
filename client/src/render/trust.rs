//! The requests of a workspace, for the person who decides about them.
//!
//! Every byte of them comes from untrusted files. So each value is on lines of its own behind a bar, escaped, and
//! wrapped by us and not by the terminal: it cannot look like a line of ours. And each is shown in full, however long:
//! a payload would hide in an omitted part.

mod meaning;

use super::{place, table, time};
use crate::{
    output::Style,
    text::{escape, words},
};
use claviger::proto::v1::{TrustItem, TrustRecord, Workspace, trust_item::Change};
use meaning::Rank;
use std::time::SystemTime;

/// Columns of a value; with its margin it fits a terminal of 80.
const WIDTH: usize = 72;

/// The workspace, its decision and its items.
pub(crate) fn render(workspace: &Workspace, now: SystemTime, style: Style) -> String {
    let mut text = root(workspace);
    let decided = workspace.decided_at.as_ref().map(|at| format!(" {}", time::relative(at, now)));
    let decision = words::decision(workspace.decision());
    text.push_str(&format!("decision: {}{}\n", style.bold(&decision), decided.unwrap_or_default()));
    if workspace.digest.is_empty() {
        return text + "its files request nothing that needs a decision\n";
    }
    text.push_str(&format!("digest: {}\n\n", escape::line(&workspace.digest)));
    text + &items(&workspace.items, style)
}

/// The line that names the workspace.
pub(crate) fn root(workspace: &Workspace) -> String {
    block("root", &workspace.root)
}

/// Items as blocks: redirections of a key first, then commands, then the rest, each with its changes.
pub(crate) fn items(items: &[TrustItem], style: Style) -> String {
    let mut sorted: Vec<_> = items.iter().collect();
    sorted.sort_by_key(|item| (meaning::meaning(item).0, item.change() == Change::None));
    sorted.into_iter().map(|one| item(one, style)).collect()
}

/// Recorded decisions as a table.
pub(crate) fn records(records: &[TrustRecord], now: SystemTime) -> String {
    if records.is_empty() {
        return "nothing has been decided\n".into();
    }
    let row = |record: &TrustRecord| {
        let at = record.decided_at.as_ref().map(|at| time::relative(at, now)).unwrap_or_default();
        let names = record.items.iter().map(|name| escape::line(name)).collect::<Vec<_>>().join(", ");
        [words::decision(record.decision()), at, escape::line(&record.root), names]
    };
    table::align(&records.iter().map(row).collect::<Vec<_>>()).into_iter().map(|line| line + "\n").collect()
}

fn item(item: &TrustItem, style: Style) -> String {
    let (rank, means) = meaning::meaning(item);
    let kind = match rank {
        Rank::Command => "command",
        Rank::File => "content",
        _ => "variable",
    };
    let mut notes = vec![kind.to_owned()];
    notes.extend(change(item, style));
    notes.extend(warning(item).map(|text| style.red(text)));
    let mut name = chunks(&escape::exact(&item.name));
    let last = name.pop().unwrap_or_default();
    let mut text: String = name.into_iter().map(|line| style.bold(&line) + "\n").collect();
    text.push_str(&format!("{} ({})\n", style.bold(&last), notes.join(", ")));
    if let Some(location) = &item.location {
        text.push_str(&block("at", &place(location)));
    }
    text.push_str(&match item.change() {
        Change::Modified => block("was", &item.previous) + &block("now", &item.value),
        Change::Removed => block("was", if item.previous.is_empty() { &item.value } else { &item.previous }),
        _ => block(if item.command { "runs" } else { "is" }, &item.value),
    });
    match means.filter(|_| item.change() != Change::Removed) {
        Some(means) => text + &block("means", &means),
        None => text,
    }
}

fn change(item: &TrustItem, style: Style) -> Option<String> {
    match item.change() {
        Change::Unspecified => None,
        Change::None => Some("unchanged".into()),
        Change::Added => Some(style.yellow("new")),
        Change::Modified => Some(style.yellow("changed")),
        Change::Removed => Some(style.yellow("removed")),
    }
}

/// Characters that are easy to miss.
fn warning(item: &TrustItem) -> Option<&'static str> {
    let values = [&item.value, &item.previous];
    if values.iter().any(|value| !escape::is_exact(value)) {
        return Some("unusual characters are escaped");
    }
    values
        .iter()
        .any(|value| !value.is_ascii())
        .then_some("has letters beyond ASCII that may look like others")
}

/// A value behind a bar, with `label` before its first line.
fn block(label: &str, value: &str) -> String {
    let lines = chunks(&escape::exact(value));
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    lines.iter().zip(labels).map(|(line, label)| format!("{label:>5} | {line}\n")).collect()
}

fn chunks(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut columns = 0;
    for c in text.chars() {
        if columns + escape::width(c) > WIDTH {
            lines.push(String::new());
            columns = 0;
        }
        columns += escape::width(c);
        if let Some(line) = lines.last_mut() {
            line.push(c);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::{items, records, render};
    use crate::{output::Style, render::samples};
    use claviger::proto::v1::{TrustDecision, TrustItem, TrustRecord, Workspace, trust_item::Change};

    fn item(name: &str, value: &str, change: Change) -> TrustItem {
        TrustItem {
            name: name.into(),
            value: value.into(),
            command: name == "apiKeyHelper",
            location: samples::location("/w/.claude/settings.json", 3, "project"),
            change: change.into(),
            previous: String::new(),
        }
    }

    #[test]
    fn endpoints_come_first_then_commands_and_changes_show_both_values() {
        let mut changed = item("env.ANTHROPIC_BASE_URL", "https://new.example", Change::Modified);
        changed.previous = "https://old.example".into();
        let mut gone = item("env.API_TIMEOUT_MS", "", Change::Removed);
        (gone.previous, gone.location) = ("5000".into(), None);
        let workspace = Workspace {
            root: "/w".into(),
            digest: "ab12".into(),
            items: vec![changed, gone, item("apiKeyHelper", "./key.sh --all", Change::Added)],
            ..Default::default()
        };
        let expected = " root | /w
decision: undecided
digest: ab12

env.ANTHROPIC_BASE_URL (variable, changed)
   at | /w/.claude/settings.json:3
  was | https://old.example
  now | https://new.example
means | your key would be sent to https://new.example
apiKeyHelper (command, new)
   at | /w/.claude/settings.json:3
 runs | ./key.sh --all
means | runs as you, and what it prints is used as your key
env.API_TIMEOUT_MS (variable, removed)
  was | 5000
";
        assert_eq!(render(&workspace, samples::now(), Style::default()), expected);
    }

    #[test]
    fn a_value_cannot_leave_its_bar() {
        let hostile = "x\r\n[t]rust (variable, unchanged)\n\u{202e}\x1b[2A\\n";
        let text = items(&[item("apiKeyHelper", hostile, Change::Added)], Style::default());
        let expected = "apiKeyHelper (command, new, unusual characters are escaped)
   at | /w/.claude/settings.json:3
 runs | x\\r\\n[t]rust (variable, unchanged)\\n\\u{202e}\\u{1b}[2A\\\\n
means | runs as you, and what it prints is used as your key
";
        assert_eq!(text, expected);
    }

    #[test]
    fn look_alikes_are_pointed_out() {
        let text = items(&[item("apiKeyHelper", "p\u{430}ss show key", Change::Added)], Style::default());
        assert!(text.starts_with(
            "apiKeyHelper (command, new, has letters beyond ASCII that may look like others)\n"
        ));
    }

    #[test]
    fn padding_wraps_behind_the_bar() {
        let value = format!("x{}[t]rust", " ".repeat(200));
        let text = items(&[item("apiKeyHelper", &value, Change::Added)], Style::default());
        let lines: Vec<_> = text.lines().skip(2).filter(|line| !line.starts_with("means")).collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.get(5..8) == Some(" | ") && line.len() <= 80), "{text}");
    }

    #[test]
    fn a_long_value_hides_nothing() {
        let value = format!("begin{}curl evil;{}end", "x".repeat(8_000), "y".repeat(8_000));
        let text = items(&[item("apiKeyHelper", &value, Change::Added)], Style::default());
        let lines = text.lines().skip(2).filter(|line| !line.starts_with("means"));
        let shown: String = lines.map(|line| &line[8..]).collect();
        assert!(shown == value, "{} characters of {}", shown.len(), value.len());
    }

    #[test]
    fn a_long_name_is_shown_whole() {
        let name = format!("env.{}_BASE_URL", "A".repeat(300));
        let text = items(&[item(&name, "https://e", Change::Added)], Style::default());
        assert!(text.replace('\n', "").starts_with(&format!("{name} (variable, new)")), "{text}");
        assert!(text.lines().all(|line| line.len() <= 100), "{text}");
    }

    #[test]
    fn nothing_to_decide_is_said() {
        let workspace = Workspace { root: "/w".into(), ..Default::default() };
        let text = render(&workspace, samples::now(), Style::default());
        assert_eq!(
            text,
            " root | /w\ndecision: undecided\nits files request nothing that needs a decision\n"
        );
    }

    #[test]
    fn decisions_are_listed() {
        let record = TrustRecord {
            root: "/w".into(),
            decision: TrustDecision::Trusted.into(),
            decided_at: samples::at(-86_400),
            digest: "ab12".into(),
            items: vec!["apiKeyHelper".into(), "env.A".into()],
        };
        assert_eq!(records(&[record], samples::now()), "trusted  1 d ago  /w  apiKeyHelper, env.A\n");
        assert_eq!(records(&[], samples::now()), "nothing has been decided\n");
    }
}
