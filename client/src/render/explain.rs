//! The whole walk that picks a credential, for people.

use super::{facts, place, place_and_layer, problem, problem_and_hint, status, table, time};
use crate::{escape, output::Style, words};
use claviger::proto::v1::{
    ExplainResponse, LoginPolicy, SettingsFile, SettingsValue, Step, Timings, step::Outcome,
};
use std::time::SystemTime;

/// Sources in order with the winner marked, then files, values and warnings.
pub(crate) fn render(answer: &ExplainResponse, now: SystemTime, style: Style) -> String {
    let mut text = format!("{}\n", style.bold(&title(answer)));
    text.push_str(&steps(&answer.steps, style));
    text.push_str(&verdict(answer, now, style));
    text.push_str(&chain(answer, style));
    let files: Vec<_> = answer.files.iter().map(file).collect();
    text.push_str(&section("files, highest layer first", &files, style));
    let values: Vec<_> = answer.values.iter().map(value).collect();
    text.push_str(&section("values that took part", &values, style));
    let policies: Vec<_> = answer.policies.iter().map(policy).collect();
    text.push_str(&section("login policies", &policies, style));
    let warnings: Vec<_> = answer.warnings.iter().map(|warning| [escape::line(warning)]).collect();
    text.push_str(&section("warnings", &warnings, style));
    text.push_str(&answer.timings.as_ref().map(|timings| took(timings, style)).unwrap_or_default());
    text
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
        Outcome::NotConfigured => style.dim(&line),
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
        text.push_str(&format!("{}\n", problem_and_hint(what).join("\nhint: ")));
    }
    if let Some(slot) = &answer.slot {
        text.push_str(&format!("cached: {}\n", status::sentence(slot, now)));
        text.push_str(&status::failure(slot, style));
    }
    text
}

/// The links of an SDK's chain, as they were when it was last asked.
fn chain(answer: &ExplainResponse, style: Style) -> String {
    let known =
        answer.slot.as_ref().and_then(|slot| slot.facts.as_ref()).filter(|known| !known.links.is_empty());
    let lines = match known {
        Some(known) => {
            let line = Some(facts::line(known)).filter(|line| !line.is_empty());
            facts::links(known, style).into_iter().chain(line).collect()
        }
        None if facts::is_chain(&answer.winner) => vec!["not asked yet".to_owned()],
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
    [escape::line(&file.layer), words::state(file.state()).replace('-', " "), escape::line(&file.file), what]
}

fn value(value: &SettingsValue) -> [String; 3] {
    let place = value.location.as_ref().map(place_and_layer).unwrap_or_default();
    let mut notes = Vec::new();
    if value.hook {
        notes.push("is claviger itself, so it counts as not set".to_owned());
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
mod tests {
    use super::render;
    use crate::{output::Style, render::fixture};
    use claviger::{
        proto::v1::{
            Backend, ExplainResponse, LoginPolicy, SessionMode, SettingsFile, SettingsValue, SlotStatus,
            Step, Timings, settings_file::State, step::Outcome,
        },
        wire,
    };
    use std::time::Duration;

    fn step(source: &str, outcome: Outcome, why: &str) -> Step {
        Step { source: source.into(), outcome: outcome.into(), why: why.into(), location: None }
    }

    fn file(layer: &str, path: &str, state: State) -> SettingsFile {
        SettingsFile { layer: layer.into(), file: path.into(), state: state.into(), problem: None }
    }

    fn walk() -> ExplainResponse {
        let mut winner = step("api-key-helper", Outcome::Chosen, "the first source that is configured");
        winner.location = fixture::location("/h/.claude/settings.json", 3, "user");
        ExplainResponse {
            mode: SessionMode::Standard.into(),
            backend: Backend::Anthropic.into(),
            winner: "api-key-helper".into(),
            steps: vec![
                step("env-auth-token", Outcome::NotConfigured, "ANTHROPIC_AUTH_TOKEN is not set"),
                winner,
                step("oauth-token", Outcome::Outranked, "api-key-helper won"),
            ],
            files: vec![
                file("managed", "/etc/claude-code/managed-settings.json", State::Absent),
                file("user", "/h/.claude/settings.json", State::Loaded),
            ],
            values: vec![SettingsValue {
                name: "apiKeyHelper".into(),
                location: fixture::location("/h/.claude/settings.json", 3, "user"),
                overrides: fixture::location("/h/.config/claviger/config.toml", 2, "config")
                    .into_iter()
                    .collect(),
                hook: false,
            }],
            warnings: vec!["ANTHROPIC_MODEL\x1b[2J is odd".into()],
            origin: "https://api.anthropic.com".into(),
            region: String::new(),
            project: String::new(),
            workspace: "/work/repo".into(),
            slot: Some(fixture::slot()),
            timings: Some(Timings {
                settings: Some(wire::duration(Duration::from_micros(210))),
                resolve: Some(wire::duration(Duration::from_micros(12))),
            }),
            problem: None,
            policies: vec![LoginPolicy {
                name: "forceLoginMethod".into(),
                demands: "an OAuth login by console".into(),
                locations: fixture::location("/etc/claude-code/managed-settings.json", 2, "managed")
                    .into_iter()
                    .collect(),
                applies: true,
            }],
        }
    }

    #[test]
    fn the_winner_is_marked_and_every_loser_says_why() {
        let expected = "\
anthropic credential for a standard session in /work/repo

   env-auth-token  not configured  ANTHROPIC_AUTH_TOKEN is not set
>  api-key-helper  chosen          the first source that is configured  /h/.claude/settings.json:3
   oauth-token     outranked       api-key-helper won

api-key-helper wins; its secret may go to https://api.anthropic.com only
cached: api-key-helper: generation 3, fresh, expires in 4 min 12 s, next refresh in 3 min

files, highest layer first
  managed  absent  /etc/claude-code/managed-settings.json
  user     loaded  /h/.claude/settings.json

values that took part
  apiKeyHelper  /h/.claude/settings.json:3 (user)  overrides /h/.config/claviger/config.toml:2 (config)

login policies
  forceLoginMethod  demands an OAuth login by console  /etc/claude-code/managed-settings.json:2

warnings
  ANTHROPIC_MODEL\\u{1b}[2J is odd

took: settings 0.21 ms, resolve 0.01 ms
";
        assert_eq!(render(&walk(), fixture::now(), Style::default()), expected);
    }

    #[test]
    fn without_a_winner_the_problem_is_told() {
        let answer = ExplainResponse {
            mode: SessionMode::Bare.into(),
            backend: Backend::Anthropic.into(),
            steps: vec![step("api-key-helper", Outcome::Refused, "this workspace is not trusted")],
            problem: fixture::problem("workspace-untrusted", "nobody decided", "run `claviger trust show`"),
            ..Default::default()
        };
        let expected = "\
anthropic credential for a bare session

!  api-key-helper  refused  this workspace is not trusted

there is no credential
nobody decided (workspace-untrusted)
hint: run `claviger trust show`
";
        assert_eq!(render(&answer, fixture::now(), Style::default()), expected);
    }

    #[test]
    fn what_failed_last_is_told() {
        let problem = fixture::problem("command-failed", "it ended with exit code 2", "run it by hand");
        let slot = SlotStatus { generation: 0, expires_at: None, refresh_at: None, ..fixture::slot() };
        let answer = ExplainResponse { slot: Some(SlotStatus { last_problem: problem, ..slot }), ..walk() };
        let expected = "\
cached: api-key-helper: generation 0, failed
  ! it ended with exit code 2 (command-failed); run it by hand
";
        let text = render(&answer, fixture::now(), Style::default());
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn links_of_a_chain_are_shown_once_they_were_asked() {
        let mut answer = ExplainResponse {
            mode: SessionMode::Standard.into(),
            backend: Backend::Bedrock.into(),
            winner: "aws-chain".into(),
            region: "eu-west-1".into(),
            ..Default::default()
        };
        let text = |answer: &ExplainResponse| render(answer, fixture::now(), Style::default());
        let expected = "\
bedrock credential for a standard session

aws-chain wins
region eu-west-1

links of aws-chain, in the order they are asked
  not asked yet
";
        assert_eq!(text(&answer), expected);
        let facts = claviger::proto::v1::Facts {
            link: "profile".into(),
            links: vec![step("profile", Outcome::Chosen, "it answered")],
            ..Default::default()
        };
        answer.slot = Some(claviger::proto::v1::SlotStatus { facts: Some(facts), ..fixture::slot() });
        assert!(
            text(&answer).ends_with("asked\n  profile  chosen  it answered\n  link profile\n"),
            "{}",
            text(&answer)
        );
    }
}
