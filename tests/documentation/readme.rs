//! The transcript in README.md, run with the real programs.

use claviger_tests::{Home, binary, text};
use std::process::Command;

/// The home in the transcript.
const HOME: &str = "/home/me";

/// The block of code that starts with `console`.
fn transcript() -> String {
    const PAGE: &str = include_str!("../../README.md");
    let block = PAGE.split("```console\n").nth(1).and_then(|rest| rest.split("```").next());
    block.expect("a transcript").to_owned()
}

/// The command of a line, without the remark behind it.
fn command(line: &str) -> Option<&str> {
    let command = line.strip_prefix("$ ")?;
    Some(command.split("  # ").next().unwrap_or(command).trim_end())
}

/// What differs between two runs: release, process and time since the start.
fn without_numbers(line: &str) -> String {
    let is_kept = |letter: &char| !line.starts_with("clavigerd ") || !letter.is_ascii_digit();
    line.chars().filter(is_kept).collect()
}

#[test]
fn the_transcript_is_what_happens() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 3.0), &[]);
    home.write("home/just-cloned/.claude/settings.json", "{ \"apiKeyHelper\": \"./key.sh\" }\n");

    let page = transcript();
    let script: String = page.lines().filter_map(command).map(|command| format!("{command}\n")).collect();
    let programs = binary("claviger").parent().expect("a directory").display().to_string();
    let session = home.claviger(&[]);
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .env_clear()
        .envs(session.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .current_dir(home.path("home"))
        .output()
        .expect("bash runs");
    home.ok(&["daemon", "stop"]);

    let real = text(&output.stdout).replace(&home.path("home").display().to_string(), HOME);
    let shown: Vec<_> = page.lines().filter(|line| command(line).is_none()).map(without_numbers).collect();
    let seen: Vec<_> = real.lines().map(without_numbers).collect();
    assert_eq!(seen, shown);
    assert_eq!(home.runs("key"), 1);
}
