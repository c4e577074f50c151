//! The daemon as a service, for people.

use super::{
    Facts, File, Serving, Starter,
    plan::{Action, Plan},
    units::{Manager, State},
};
use crate::{output::Style, render::table, text::escape};
use claviger::{PROTOCOL, RELEASE, proto::v1::Version};

/// A step, done or planned.
pub(crate) fn step(step: &Action, done: bool) -> String {
    escape::line(&step.words(done)) + "\n"
}

/// A message for a person.
pub(crate) fn note(text: &str) -> String {
    format!("note: {}\n", escape::line(text))
}

/// The current state, and the steps of `install`.
pub(crate) fn status(facts: &Facts, plan: &Plan, style: Style) -> String {
    let mut text = table::pairs(vec![
        ("manager", manager(facts)),
        ("enabled", enabled(facts, style)),
        ("active", yes_or_no(facts.active, style)),
        ("program", escape::line(&facts.program)),
        ("daemon", daemon(facts.serving.as_ref(), facts.active)),
        ("client", client()),
    ]);
    let own = facts.files.iter().filter(|file| facts.packaged.is_empty() || file.state != State::Absent);
    let files: Vec<_> = own.chain(&facts.packaged).map(|file| row(file, style)).collect();
    text.push_str("files\n");
    table::align(&files).into_iter().for_each(|line| text.push_str(&format!("  {line}\n")));
    for path in &facts.drop_ins {
        text.push_str(&format!("  {}  yours\n", escape::line(&path.display().to_string())));
    }
    for step in &plan.steps {
        text.push_str(&format!("install {}\n", escape::line(&step.words(false))));
    }
    plan.notes.iter().for_each(|it| text.push_str(&note(it)));
    text
}

/// Both sides, where no service manager is to be found.
pub(crate) fn sides(serving: Option<&Serving>) -> String {
    table::pairs(vec![("daemon", daemon(serving, false)), ("client", client())])
}

fn client() -> String {
    format!("release {RELEASE}, protocol {PROTOCOL}")
}

fn manager(facts: &Facts) -> String {
    let name = match facts.manager {
        Manager::Systemd => "systemd",
        Manager::Launchd => "launchd",
    };
    format!("{name}{}", if facts.answers { "" } else { ", does not answer" })
}

fn enabled(facts: &Facts, style: Style) -> String {
    let text = yes_or_no(facts.enabled, style);
    if facts.enabled && !facts.enabled_here && facts.manager == Manager::Systemd {
        return text + ", for every user";
    }
    text
}

fn yes_or_no(yes: bool, style: Style) -> String {
    if yes { style.green("yes") } else { style.yellow("no") }
}

fn daemon(serving: Option<&Serving>, is_active: bool) -> String {
    match serving {
        None if is_active => "none yet; the next call starts it".into(),
        None => "none".into(),
        Some(serving) => {
            let by = match serving.by {
                Starter::Manager => "the service manager",
                Starter::Client => "a client",
                Starter::Other => "another program",
            };
            let Version { release, protocol } = &serving.version;
            let release = escape::line(release);
            format!("pid {}, release {release}, protocol {protocol}, started by {by}", serving.pid)
        }
    }
}

fn row(file: &File, style: Style) -> [String; 2] {
    let release = file.release.as_deref().map(|it| format!(", by release {}", escape::line(it)));
    let state = match file.state {
        State::Absent => style.dim("not there"),
        State::Current => style.green("of this release"),
        State::Outdated => style.yellow("of another release or place") + &release.unwrap_or_default(),
        State::Foreign => style.yellow("edited"),
    };
    [escape::line(&file.path.display().to_string()), state]
}
