//! The state of the daemon and its cache for people.

mod names;
mod row;
mod state;

pub(crate) use names::key;
pub(crate) use row::{BAR, COLUMNS, LEFT, STATE, TITLES, configured, rows};
pub(crate) use state::{Mood, mood, state};

use super::{
    bar::Left,
    columns::{self, GAP},
    facts, gate, problem_and_help, time,
};
use crate::{
    output::{Layout, Style},
    text::escape,
};
use claviger::proto::v1::{AuditLog, CacheEntry, Counters, GetStatusResponse, Problem};
use std::time::SystemTime;

/// A summary, then one row per cache entry with its last problem below it.
pub(crate) fn render(status: &GetStatusResponse, now: SystemTime, place: Layout) -> String {
    let mut text = head(status, now, place.style);
    let totals = counters(status.counters.unwrap_or_default(), status.watchers);
    text.push_str(&format!("{totals}\n"));
    if status.shares > 0 {
        let plural = if status.shares == 1 { "share lends" } else { "shares lend" };
        let line = format!("{} {plural} to others: claviger share list", status.shares);
        text.push_str(&format!("{line}\n"));
    }
    text.push_str(&status.audit.as_ref().map(|audit| of_audit(audit, now, place.style)).unwrap_or_default());
    if status.entries.is_empty() {
        text.push_str("nothing is cached\n");
        return text + &gates(status, place);
    }
    let glyphs = place.width.map(|_| place.glyphs);
    let rows = rows(&status.entries, now, glyphs);
    let shown = columns::fit(&TITLES, &rows, place.width);
    let titles: [String; COLUMNS] = TITLES.map(|column| column.title.to_owned());
    let line = |cells: &[String; COLUMNS], paint: &dyn Fn(usize, String) -> String| {
        let cell = |one: &columns::Shown| {
            let text = columns::cell(&cells[one.index], one.width, TITLES[one.index].right);
            let is_last = shown.last() == Some(one);
            paint(one.index, if is_last { text.trim_end().to_owned() } else { text })
        };
        shown.iter().map(cell).collect::<Vec<_>>().join(GAP)
    };
    let head = line(&titles, &|_, text| text);
    text.push_str(&format!("\n{}\n", place.style.bold(&head)));
    for (cells, entry) in rows.iter().zip(&status.entries) {
        let painted = line(cells, &|index, text| paint(index, text, entry, now, place));
        text.push_str(&format!("{}\n", painted));
        if let Some(known) = entry.facts.as_ref().map(facts::line).filter(|known| !known.is_empty()) {
            text.push_str(&format!("  {}\n", place.style.dim(&known)));
        }
        text.push_str(&apart(entry, place.style));
        text.push_str(&below(entry, place));
    }
    text + &gates(status, place)
}

/// The gates, if there are any, after an empty line.
fn gates(status: &GetStatusResponse, place: Layout) -> String {
    let rows: Vec<_> = status.gates.iter().map(|one| gate::short(one, None)).collect();
    let lines = gate::lines(&rows, place.width).into_iter().enumerate();
    let line = |(number, line): (usize, String)| match number {
        0 => format!("\n{}\n", place.style.bold(&line)),
        _ => line + "\n",
    };
    lines.map(line).collect()
}

/// Differences from other entries of its source.
pub(crate) fn apart(entry: &CacheEntry, style: Style) -> String {
    let names: Vec<_> = entry.apart.iter().map(|name| escape::line(name)).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("  {}\n", style.dim(&format!("kept apart from another by {}", names.join(", "))))
}

/// One cache entry in a sentence.
pub(crate) fn sentence(entry: &CacheEntry, now: SystemTime) -> String {
    let at = |name: &str, instant: &Option<_>| {
        instant.as_ref().map(|at| format!(", {name} {}", time::relative(at, now))).unwrap_or_default()
    };
    let (expires, refresh) = (at("expires", &entry.expires_at), at("next refresh", &entry.refresh_at));
    format!(
        "{}: generation {}, {}{expires}{refresh}",
        escape::line(&entry.source),
        entry.generation,
        state(entry, now)
    )
}

/// The daemon's release, and whether it is locked.
pub(crate) fn title(status: &GetStatusResponse, now: SystemTime) -> String {
    let version = status.version.clone().unwrap_or_default();
    let up = status.started_at.as_ref().and_then(claviger::wire::system_time);
    let up = up.and_then(|at| now.duration_since(at).ok()).map(|up| format!(", up {}", time::span(up)));
    format!("clavigerd {}, pid {}{}", escape::line(&version.release), status.pid, up.unwrap_or_default())
}

fn head(status: &GetStatusResponse, now: SystemTime, style: Style) -> String {
    let mut text = format!("{}\n", style.bold(&title(status, now)));
    if status.locked {
        text.push_str(&format!("{}\n", style.yellow(&claviger::remedy::while_locked())));
    }
    text
}

/// Counters of requests, which add up, and other counters; those that are zero are left out.
pub(crate) fn counters(counters: Counters, watchers: u32) -> String {
    let Counters { requests, hits, waits, failed, runs, rejections, own, refused } = counters;
    let open = requests.saturating_sub(hits + waits + own + refused);
    let part = |count: u64, what: &str| if count > 0 { format!(", {count} {what}") } else { String::new() };
    let others = [
        part(own, "with a secret of their own"),
        part(refused, "refused"),
        part(open, "just arrived"),
        part(failed, "failed").replacen(',', ";", 1),
        part(runs, &plural(runs, "run")).replacen(',', ";", 1),
        part(rejections, "rejected"),
        part(watchers.into(), "watching"),
    ];
    format!("{requests} {}: {hits} cached, {waits} waited{}", plural(requests, "request"), others.concat())
}

/// The problem of the audit log, if any.
fn of_audit(audit: &AuditLog, now: SystemTime, style: Style) -> String {
    let lines = |count| if count == 1 { "1 line".to_owned() } else { format!("{count} lines") };
    let mut wrong = Vec::new();
    if audit.lost > 0 {
        let since = audit.lost_since.as_ref().map(|at| format!(" since {}", time::relative(at, now)));
        wrong.push(format!("{} lost{}", lines(audit.lost), since.unwrap_or_default()));
    }
    if !audit.trouble.is_empty() {
        let (why, wait) = (escape::line(&audit.trouble), lines(audit.waiting));
        wrong.push(format!("it cannot be written ({why}), {wait} waiting"));
    }
    if wrong.is_empty() { String::new() } else { style.red(&format!("audit: {}", wrong.join("; "))) + "\n" }
}

fn plural(count: u64, word: &str) -> String {
    if count == 1 { word.to_owned() } else { format!("{word}s") }
}

fn paint(index: usize, text: String, entry: &CacheEntry, now: SystemTime, place: Layout) -> String {
    let left = Left::of(entry, now);
    let style = place.style;
    match index {
        BAR => {
            let (rest, gone) = left.bar(place.glyphs);
            let rest = if left.is_short() { style.yellow(&rest) } else { style.green(&rest) };
            let fill = text.chars().filter(|c| *c == ' ').collect::<String>();
            rest + &style.dim(&gone) + &fill
        }
        LEFT if left == Left::Over => style.red(&text),
        LEFT if left.is_short() => style.yellow(&text),
        STATE => match mood(entry, now) {
            Mood::Good => style.green(&text),
            Mood::Busy => style.yellow(&text),
            Mood::Bad => style.red(&text),
        },
        _ => text,
    }
}

/// The problem of the last attempt at an entry, if it failed, with its remedy.
pub(crate) fn failure(entry: &CacheEntry, style: Style) -> String {
    below(entry, Layout { style, ..Layout::default() })
}

fn below(entry: &CacheEntry, place: Layout) -> String {
    let Some(lines) = entry.last_problem.as_ref().map(|last| trouble(last, entry.failures)) else {
        return String::new();
    };
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let mark = if number == 0 { format!("  {} ", place.style.red("!")) } else { "    ".to_owned() };
        text.push_str(&format!("{mark}{line}\n"));
    }
    text
}

/// A problem in lines: message, hint and remedy.
pub(crate) fn trouble(problem: &Problem, failures: u32) -> Vec<String> {
    let times = if failures > 1 { format!(", {failures} times in a row") } else { String::new() };
    let mut lines = problem_and_help(problem);
    lines.iter_mut().take(1).for_each(|line| line.push_str(&times));
    lines
}

#[cfg(test)]
mod tests;
