//! Every step that picks a credential, for people.

use super::{facts, place, place_and_layer, problem, status, table, time};
use crate::{
    output::Style,
    text::{escape, words},
};
use claviger::{
    proto::v1::{
        ExplainResponse, LoginPolicy, SettingsFile, SettingsValue, Step, Timings, Trial, step::Outcome,
    },
    source::CHAINS,
    wire,
};
use std::time::{Duration, SystemTime};

/// Sources in order with the winner marked, then files, values and warnings.
pub(crate) fn render(answer: &ExplainResponse, now: SystemTime, style: Style) -> String {
    let mut text = format!("{}\n", style.bold(&title(answer)));
    text.push_str(&steps(&answer.steps, style));
    text.push_str(&verdict(answer, now, style));
    text.push_str(&chain(answer, style));
    let tried = answer.trial.as_ref().map(trial).unwrap_or_default();
    text.push_str(&section("the helper, tried as the daemon runs it", &tried, style));
    let files: Vec<_> = answer.files.iter().map(file).collect();
    text.push_str(&section("files, highest layer first", &files, style));
    let values: Vec<_> = answer.values.iter().map(value).collect();
    text.push_str(&section("values that took part", &values, style));
    let policies: Vec<_> = answer.policies.iter().map(policy).collect();
    text.push_str(&section("login policies", &policies, style));
    let warnings: Vec<_> = answer.warnings.iter().map(|warning| [escape::line(&warning.text)]).collect();
    text.push_str(&section("warnings", &warnings, style));
    text.push_str(&answer.timings.as_ref().map(|timings| took(timings, style)).unwrap_or_default());
    text
}

fn trial(trial: &Trial) -> Vec<[String; 2]> {
    let span = |of: Option<&prost_types::Duration>| {
        of.and_then(|of| Duration::try_from(*of).ok()).map(time::span).unwrap_or_default()
    };
    let row = |name: &str, value: String| [name.to_owned(), value];
    let ended = match trial.failure.as_str() {
        "" => "exit code 0".to_owned(),
        failure => escape::line(failure),
    };
    let output = match (trial.failure.as_str(), trial.unusable.as_str()) {
        ("", "") => "a credential".to_owned(),
        ("", wrong) => format!("no credential: {}", escape::line(wrong)),
        _ => "ignored".to_owned(),
    };
    let took = match &trial.took {
        Some(took) if took.seconds == 0 => time::fine(took),
        took => span(took.as_ref()),
    };
    let limit = span(trial.deadline.as_ref());
    let mut rows =
        vec![row("ended", ended), row("took", format!("{took} of {limit}")), row("output", output)];
    rows.extend(trial.said.iter().map(|line| row("it said", escape::line(line))));
    rows.push(row("directory", escape::line(&trial.directory)));
    rows.push(row("variables", escape::line(&trial.variables.join(" "))));
    rows
}

fn title(answer: &ExplainResponse) -> String {
    let place = match answer.workspace.as_str() {
        "" => String::new(),
        root => format!(" in {}", escape::line(root)),
    };
    format!(
        "{} credential for a {} session{place}",
        words::backend(answer.backend()),
        words::mode(answer.mode())
    )
}

fn steps(steps: &[Step], style: Style) -> String {
    let lines = table::align(&steps.iter().map(step).collect::<Vec<_>>());
    let painted = lines.into_iter().zip(steps).map(|(line, step)| match step.outcome() {
        Outcome::Chosen => style.green(&line),
        Outcome::Refused => style.red(&line),
        Outcome::NotConfigured | Outcome::Unanswered => style.dim(&line),
        _ => line,
    });
    let text: String = painted.map(|line| line + "\n").collect();
    if text.is_empty() { text } else { format!("\n{text}") }
}

fn step(step: &Step) -> [String; 5] {
    let mark = match step.outcome() {
        Outcome::Chosen => ">",
        Outcome::Refused => "!",
        _ => " ",
    };
    let place = step.location.as_ref().map(place).unwrap_or_default();
    [
        mark.into(),
        escape::line(&step.source),
        words::outcome(step).replace('-', " "),
        escape::line(&step.why),
        place,
    ]
}

fn verdict(answer: &ExplainResponse, now: SystemTime, style: Style) -> String {
    let mut text = String::from("\n");
    match answer.winner.as_str() {
        "" => text.push_str(&format!("{}\n", style.red("there is no credential"))),
        winner => text.push_str(&format!("{} wins{}\n", escape::line(winner), origin(answer))),
    }
    for (name, value) in [("region", &answer.region), ("project", &answer.project)] {
        if !value.is_empty() {
            text.push_str(&format!("{name} {}\n", escape::line(value)));
        }
    }
    if let Some(what) = &answer.problem {
        text.push_str(&format!("{}\n", super::what(what)));
        text.extend(wire::advice(what).map(|advice| format!("hint: {}\n", escape::line(&advice))));
    }
    if let Some(entry) = &answer.entry {
        text.push_str(&format!("cached: {}\n", status::sentence(entry, now)));
        text.push_str(&status::apart(entry, style));
        text.push_str(&status::failure(entry, style));
    }
    text
}

/// The links of an SDK's chain, from the last time it was asked.
fn chain(answer: &ExplainResponse, style: Style) -> String {
    let known =
        answer.entry.as_ref().and_then(|entry| entry.facts.as_ref()).filter(|known| !known.links.is_empty());
    let lines = match known {
        Some(known) => {
            let line = Some(facts::line(known)).filter(|line| !line.is_empty());
            facts::links(known, style).into_iter().chain(line).collect()
        }
        None if CHAINS.contains(&answer.winner.as_str()) => vec!["not asked yet".to_owned()],
        None => return String::new(),
    };
    let title =
        style.bold(&format!("links of {}, in the order they are asked", escape::line(&answer.winner)));
    format!("\n{title}\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>())
}

fn origin(answer: &ExplainResponse) -> String {
    match answer.origin.as_str() {
        "" => String::new(),
        origin => format!("; its secret may go to {} only", escape::line(origin)),
    }
}

fn file(file: &SettingsFile) -> [String; 4] {
    let what = file.problem.as_ref().map(problem).unwrap_or_default();
    [
        wire::layer_word(file.layer()).to_owned(),
        words::state(file.state()).replace('-', " "),
        escape::line(&file.file),
        what,
    ]
}

fn value(value: &SettingsValue) -> [String; 3] {
    let place = value.location.as_ref().map(place_and_layer).unwrap_or_default();
    let mut notes = Vec::new();
    if value.hook {
        notes.push("is claviger itself, so it counts as not set".to_owned());
    }
    if value.locked {
        notes.push("locked".to_owned());
    }
    if !value.overrides.is_empty() {
        let places: Vec<_> = value.overrides.iter().map(place_and_layer).collect();
        notes.push(format!("overrides {}", places.join(", ")));
    }
    [escape::line(&value.name), place, notes.join("; ")]
}

fn policy(policy: &LoginPolicy) -> [String; 3] {
    let places: Vec<_> = policy.locations.iter().map(place).collect();
    let except = if policy.applies { "" } else { " (not for this backend)" };
    let demands = format!("demands {}{except}", escape::line(&policy.demands));
    [escape::line(&policy.name), demands, places.join(", ")]
}

fn section<const N: usize>(title: &str, rows: &[[String; N]], style: Style) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let lines: String = table::align(rows).into_iter().map(|line| format!("  {line}\n")).collect();
    format!("\n{}\n{lines}", style.bold(title))
}

fn took(timings: &Timings, style: Style) -> String {
    let part = |name: &str, of: &Option<prost_types::Duration>| {
        of.as_ref().map(|of| format!("{name} {}", time::fine(of)))
    };
    let parts = [part("settings", &timings.settings), part("resolve", &timings.resolve)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("\n{}\n", style.dim(&format!("took: {}", parts.join(", ")))),
    }
}

#[cfg(test)]
mod tests;
