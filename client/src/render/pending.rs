//! Everything that waits for a person, for people.

use super::{place, table, time, what};
use crate::{output::Style, text::escape};
use claviger::{proto::v1::Pending, remedy::Remedy, wire};
use prost_types::Timestamp;
use std::time::SystemTime;

/// Length of a shown id, enough to identify it.
const ID_LENGTH: usize = 8;

/// A block for each: running commands, then problems that need a person.
pub(crate) fn render(pending: &[Pending], now: SystemTime, style: Style) -> String {
    let block = |one: &Pending| match one.problem {
        None => running(one, now, style),
        Some(_) => needed(one, style),
    };
    match pending {
        [] => "nothing waits for a person\n".into(),
        some => some.iter().map(block).collect::<Vec<_>>().join("\n"),
    }
}

fn running(run: &Pending, now: SystemTime, style: Style) -> String {
    let at =
        |instant: &Option<Timestamp>| instant.as_ref().map(|at| time::relative(at, now)).unwrap_or_default();
    let id: String = escape::line(&run.id).chars().take(ID_LENGTH).collect();
    let waiting = match run.waiting {
        0 => "no session waits for it any more".into(),
        1 => "one credential waits for it".into(),
        count => format!("{count} credentials wait for it"),
    };
    let mut text = format!("{} is running: {waiting}\n", style.bold(&escape::line(&run.source)));
    text.push_str(&table::pairs(vec![
        ("configured", run.location.as_ref().map(place).unwrap_or_default()),
        ("started", at(&run.started_at)),
        ("ends", at(&run.deadline)),
        ("cancel", format!("claviger pending --cancel {id}")),
    ]));
    // In full: a truncated URL would not work.
    run.lines.iter().for_each(|line| text.push_str(&format!("  | {}\n", escape::line(line))));
    text
}

fn needed(one: &Pending, style: Style) -> String {
    let problem = one.problem.as_ref();
    let (name, help) = match problem.and_then(wire::helps) {
        Some(Remedy::Run(command)) => ("run", command.to_string()),
        Some(Remedy::Edit(at)) => ("edit", at.to_string()),
        Some(Remedy::Write(setting)) => ("write", setting.to_string()),
        Some(Remedy::Administrator(what)) => ("ask for", what),
        None => ("", String::new()),
    };
    let head = format!("{} needs a person\n", style.bold(&escape::line(&one.source)));
    head + &table::pairs(vec![
        ("configured", one.location.as_ref().map(place).unwrap_or_default()),
        ("problem", problem.map(what).unwrap_or_default()),
        ("hint", problem.map(|problem| escape::line(&problem.hint)).unwrap_or_default()),
        (name, escape::line(&help)),
    ])
}

#[cfg(test)]
mod tests {
    use super::render;
    use crate::{output::Style, render::samples};
    use claviger::{proto::v1::Pending, remedy::Remedy};

    fn text(pending: &[Pending]) -> String {
        render(pending, samples::now(), Style::default())
    }

    #[test]
    fn an_account_names_the_command_of_its_login() {
        let problem = samples::helped(
            "login-required",
            "the server refused the refresh token",
            "it has ended",
            Remedy::login(Some("work")),
        );
        let one = Pending { source: "oauth-login".into(), problem, ..Default::default() };
        let expected = "\
oauth-login needs a person
problem  the server refused the refresh token (login-required)
hint     it has ended
run      claviger login work
";
        assert_eq!(text(&[one]), expected);
    }

    #[test]
    fn a_running_command_shows_what_it_said_and_how_to_end_it() {
        let url = format!("https://device.sso.example/?user_code=ABCD-{}", "x".repeat(200));
        let run = Pending {
            source: "awsAuthRefresh".into(),
            location: samples::location("/h/.claude/settings.json", 3, "user"),
            id: "ab12cd34ef567890".into(),
            started_at: samples::at(-12),
            deadline: samples::at(168),
            waiting: 2,
            lines: vec!["open\u{202e} this".into(), url.clone()],
            problem: None,
        };
        let expected = format!(
            "\
awsAuthRefresh is running: 2 credentials wait for it
configured  /h/.claude/settings.json:3
started     12 s ago
ends        in 2 min 48 s
cancel      claviger pending --cancel ab12cd34
  | open\\u{{202e}} this
  | {url}
"
        );
        assert_eq!(text(&[run]), expected);
    }

    #[test]
    fn a_problem_comes_with_what_to_do() {
        let needed = Pending {
            source: "aws-chain".into(),
            location: samples::location("/h/.claude/settings.json", 3, "user"),
            problem: samples::helped(
                "login-required",
                "the session has ended",
                "sign in",
                Remedy::refresh().within("/w x"),
            ),
            ..Default::default()
        };
        let expected = "\
aws-chain needs a person
configured  /h/.claude/settings.json:3
problem     the session has ended (login-required)
hint        sign in
run         claviger --cwd '/w x' refresh
";
        assert_eq!(text(std::slice::from_ref(&needed)), expected);
        let problem = samples::problem("keyring-locked", "the keyring is locked", "unlock it");
        let by_hand = Pending { location: None, problem, ..needed };
        assert!(text(&[by_hand]).ends_with("hint     unlock it\n"));
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        assert_eq!(text(&[]), "nothing waits for a person\n");
    }
}
