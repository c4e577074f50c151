use super::render;
use crate::{output::Style, render::samples};
use claviger::{
    proto::v1::{
        Backend, CacheEntry, ExplainResponse, LoginPolicy, SessionMode, SettingsFile, SettingsValue, Step,
        Timings, Warning, settings_file::State, step::Outcome,
    },
    remedy::Remedy,
    wire,
};
use std::time::Duration;

fn step(source: &str, outcome: Outcome, why: &str) -> Step {
    Step { source: source.into(), outcome: outcome.into(), why: why.into(), location: None }
}

fn file(layer: &str, path: &str, state: State) -> SettingsFile {
    SettingsFile { layer: wire::layer(layer).into(), file: path.into(), state: state.into(), problem: None }
}

fn walk() -> ExplainResponse {
    let mut winner = step("api-key-helper", Outcome::Chosen, "the first source that is configured");
    winner.location = samples::location("/h/.claude/settings.json", 3, "user");
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
            location: samples::location("/h/.claude/settings.json", 3, "user"),
            overrides: samples::location("/h/.config/claviger/config.toml", 2, "config")
                .into_iter()
                .collect(),
            hook: false,
            locked: true,
        }],
        warnings: vec![Warning { text: "ANTHROPIC_MODEL\x1b[2J is odd".into(), ..Warning::default() }],
        origin: "https://api.anthropic.com".into(),
        region: String::new(),
        account: String::new(),
        project: String::new(),
        workspace: "/work/repo".into(),
        entry: Some(samples::entry()),
        timings: Some(Timings {
            settings: Some(wire::duration(Duration::from_micros(210))),
            resolve: Some(wire::duration(Duration::from_micros(12))),
        }),
        problem: None,
        trial: None,
        searched: String::new(),
        policies: vec![LoginPolicy {
            name: "forceLoginMethod".into(),
            demands: "an OAuth login by console".into(),
            locations: samples::location("/etc/claude-code/managed-settings.json", 2, "managed")
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
  apiKeyHelper  /h/.claude/settings.json:3 (user)  locked; overrides /h/.config/claviger/config.toml:2 (config)

login policies
  forceLoginMethod  demands an OAuth login by console  /etc/claude-code/managed-settings.json:2

warnings
  ANTHROPIC_MODEL\\u{1b}[2J is odd

took: settings 0.21 ms, resolve 0.01 ms
";
    assert_eq!(render(&walk(), samples::now(), Style::default()), expected);
}

#[test]
fn without_a_winner_the_problem_is_told() {
    let answer = ExplainResponse {
        mode: SessionMode::Bare.into(),
        backend: Backend::Anthropic.into(),
        steps: vec![step("api-key-helper", Outcome::Refused, "this workspace is not trusted")],
        problem: samples::helped(
            "workspace-untrusted",
            "not decided yet",
            "see what it asks for",
            Remedy::trust(),
        ),
        ..Default::default()
    };
    let expected = "\
anthropic credential for a bare session

!  api-key-helper  refused  this workspace is not trusted

there is no credential
not decided yet (workspace-untrusted)
hint: see what it asks for; run `claviger trust grant`
";
    assert_eq!(render(&answer, samples::now(), Style::default()), expected);
}

#[test]
fn what_failed_last_is_told() {
    let problem =
        samples::helped("command-failed", "it ended with exit code 2", "run it by hand", Remedy::refresh());
    let entry = CacheEntry { generation: 0, expires_at: None, refresh_at: None, ..samples::entry() };
    let answer = ExplainResponse { entry: Some(CacheEntry { last_problem: problem, ..entry }), ..walk() };
    let expected = "\
cached: api-key-helper: generation 0, failed
  ! it ended with exit code 2 (command-failed)
    run it by hand
    run: claviger refresh
";
    let text = render(&answer, samples::now(), Style::default());
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
    let text = |answer: &ExplainResponse| render(answer, samples::now(), Style::default());
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
    answer.entry = Some(claviger::proto::v1::CacheEntry { facts: Some(facts), ..samples::entry() });
    assert!(
        text(&answer).ends_with("asked\n  profile  chosen  it answered\n  link profile\n"),
        "{}",
        text(&answer)
    );
}
