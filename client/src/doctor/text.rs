//! A diagnosis for people: the winning credential, then the findings, the worst first, each with its remedy.

use super::{
    facts::{Daemon, Facts},
    finding::{Finding, Severity},
};
use crate::{daemon::explore, output::Style, render::place, text::escape};
use claviger::proto::v1::{self, ExplainResponse, step::Outcome};

/// The whole diagnosis.
pub(crate) fn render(facts: &Facts, found: &[Finding], style: Style) -> String {
    let explained = facts.explained.as_ref().and_then(|explained| explained.as_ref().ok());
    let mut text = explained.map(|explained| winner(explained, style)).unwrap_or_default();
    found.iter().for_each(|one| text.push_str(&finding(one, style)));
    for one in &facts.unchecked {
        let line = format!("not checked: {} ({})", one.what, escape::line(&one.why));
        text.push_str(&format!("{}\n", style.dim(&line)));
    }
    if let Daemon::Running(running) = &facts.daemon {
        text.push_str(&format!("{}\n", style.dim(&explore::line(&running.grpcurl))));
    }
    text + &sum(found, style)
}

fn winner(explained: &ExplainResponse, style: Style) -> String {
    if explained.winner.is_empty() {
        return String::new();
    }
    let step = explained.steps.iter().find(|step| step.outcome() == Outcome::Chosen);
    let at = step
        .and_then(|step| step.location.as_ref())
        .map(|at| format!(" at {}", place(at)))
        .unwrap_or_default();
    let why = step.map(|step| format!(": {}", escape::line(&step.why))).unwrap_or_default();
    let line =
        format!("{}{at} wins{why}; for {}", escape::line(&explained.winner), escape::line(&explained.origin));
    format!("{}\n", style.bold(&line))
}

fn finding(finding: &Finding, style: Style) -> String {
    let word = finding.severity.word();
    let word = match finding.severity {
        Severity::Error => style.red(word),
        Severity::Warning => style.yellow(word),
        Severity::Note => style.dim(word),
    };
    let at = finding.place.as_ref().map(|at| {
        let shown = place(&v1::Location { file: at.file.clone(), line: at.line, ..Default::default() });
        match at.column {
            0 => format!("{shown}: "),
            column => format!("{shown}:{column}: "),
        }
    });
    let mut text = format!(
        "{word}  {}{}  {}\n",
        at.unwrap_or_default(),
        escape::line(&finding.what),
        style.dim(&format!("[{}]", finding.id))
    );
    let fix = finding.fix().unwrap_or_default();
    for (name, line) in [("why", &finding.cause), ("fix", &fix)] {
        if !line.is_empty() {
            text.push_str(&format!("  {name}: {}\n", escape::line(line)));
        }
    }
    text
}

fn sum(found: &[Finding], style: Style) -> String {
    let count = |severity| found.iter().filter(|finding| finding.severity == severity).count();
    let parts: Vec<_> = [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter_map(|severity| match count(severity) {
            0 => None,
            1 => Some(format!("1 {}", severity.word())),
            many => Some(format!("{many} {}s", severity.word())),
        })
        .collect();
    match parts.is_empty() {
        true => format!("{}\n", style.green("nothing is wrong")),
        false => format!("{}\n", style.bold(&parts.join(", "))),
    }
}
