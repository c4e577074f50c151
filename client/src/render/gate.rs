//! Gates, as lines.

use super::{
    columns::{self, Column, GAP, Shown},
    table, time,
};
use crate::text::escape;
use claviger::proto::v1::{Gate, GateUse};
use std::{path::Path, time::SystemTime};

/// The gates, one per line, and below each the models that were used.
pub(crate) fn list(gates: &[Gate], now: SystemTime) -> String {
    if gates.is_empty() {
        return "no gate is open\n".into();
    }
    let titles = [
        "NAME", "FOR", "SENT", "AGAIN", "REFUSED", "TOKENS", "NOW", "STATUS", "LAST", "ADDED", "ROTATED",
        "WITH", "ADDRESS",
    ];
    let rows = gates.iter().map(|gate| row(gate, now)).collect();
    let mut lines = table::titled(titles, rows).into_iter();
    let mut text: String = lines.next().unwrap_or_default() + "\n";
    for (line, gate) in lines.zip(gates) {
        text += &format!("{line}\n{}", models(&used(gate)));
    }
    text
}

fn row(gate: &Gate, now: SystemTime) -> [String; 13] {
    let used = used(gate);
    let what = match gate.share.as_str() {
        "" if gate.standing => "standing".into(),
        "" => escape::line(&gate.directory),
        share => format!("share {}", escape::line(share)),
    };
    [
        escape::line(&gate.name),
        what,
        used.requests.to_string(),
        number(used.replayed),
        number(used.refused),
        tokens(used.input_tokens, used.output_tokens),
        number(used.in_progress.into()),
        number(used.last_status.into()),
        used.last_request_at.as_ref().map(|at| time::relative(at, now)).unwrap_or_default(),
        used.added_latency.as_ref().map(time::fine).unwrap_or_default(),
        number(used.rotated),
        if gate.pid > 0 { format!("pid {}", gate.pid) } else { String::new() },
        escape::line(&gate.address),
    ]
}

fn models(used: &GateUse) -> String {
    let row = |model: &claviger::proto::v1::GateModelUse| {
        let plural = if model.requests == 1 { "request" } else { "requests" };
        let requests = format!("{} {plural}", model.requests);
        [escape::line(&model.model), requests, tokens(model.input_tokens, model.output_tokens)]
    };
    let rows: Vec<_> = used.models.iter().map(row).collect();
    table::align(&rows).into_iter().map(|line| format!("  {line}\n")).collect()
}

/// Number of columns in a status.
pub(crate) const COLUMNS: usize = 9;
/// The columns of gates in a status, in the order they are shown.
pub(crate) const TITLES: [Column; COLUMNS] = [
    column("GATE", 0, false),
    column("FOR", 0, false),
    column("NOW", 0, true),
    column("SENT", 5, true),
    column("PER S", 3, true),
    column("TOKENS", 2, true),
    column("STATUS", 1, true),
    column("ADDED", 4, true),
    column("KEY", 0, false),
];

const fn column(title: &'static str, rank: u8, right: bool) -> Column {
    Column { title, rank, right, least: 0 }
}

/// A row for a status: `rate` is how many requests come in a second, if that is known.
pub(crate) fn short(gate: &Gate, rate: Option<f64>) -> [String; COLUMNS] {
    let used = used(gate);
    let what = match gate.share.as_str() {
        "" if gate.standing => "standing".into(),
        "" => Path::new(&gate.directory)
            .file_name()
            .map_or_else(|| gate.directory.clone(), |name| name.to_string_lossy().into_owned()),
        share => format!("share {share}"),
    };
    [
        escape::line(&gate.name),
        escape::line(&what),
        used.in_progress.to_string(),
        used.requests.to_string(),
        rate.map(|rate| format!("{rate:.1}")).unwrap_or_default(),
        tokens(used.input_tokens, used.output_tokens),
        number(used.last_status.into()),
        used.added_latency.as_ref().map(time::fine).unwrap_or_default(),
        match used.rotated {
            0 => String::new(),
            1 => "rotated in use".into(),
            times => format!("rotated in use, {times} times"),
        },
    ]
}

/// Rows as lines of at most `width` columns (`None`: unlimited), the titles first; without gates there are none.
pub(crate) fn lines(rows: &[[String; COLUMNS]], width: Option<usize>) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let shown = columns::fit(&TITLES, rows, width);
    let line = |cells: &[String; COLUMNS]| {
        let cell = |one: &Shown| columns::cell(&cells[one.index], one.width, TITLES[one.index].right);
        shown.iter().map(cell).collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let titles = TITLES.map(|column| column.title.to_owned());
    std::iter::once(&titles).chain(rows).map(line).collect()
}

fn used(gate: &Gate) -> GateUse {
    gate.r#use.clone().unwrap_or_default()
}

fn number(count: u64) -> String {
    if count > 0 { count.to_string() } else { String::new() }
}

fn tokens(input: u64, output: u64) -> String {
    match (input, output) {
        (0, 0) => String::new(),
        (input, output) => format!("{input}+{output}"),
    }
}

#[cfg(test)]
mod tests;
