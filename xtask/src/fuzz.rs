//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, one after the other.
//!
//! On the stable compiler: the code has nothing unsafe in it, so no sanitizer is needed. Interesting inputs are kept
//! below `target/fuzzing`, where the next run starts.

use crate::{
    sh::{self, paint},
    tools,
};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// Default duration of each target.
const MINUTES: u64 = 10;
/// Longest input, in bytes. Longer ones are slow, and reach only limits, which tests cover better.
const MAX_LEN: usize = 16 * 1024;
/// An input that takes longer than this, in seconds, is a finding.
const SLOW: u64 = 5;

/// Options of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    minutes: u64,
    targets: Vec<String>,
}

/// How a target ended.
struct Ended {
    target: String,
    executions: String,
    took: Duration,
    is_well: bool,
}

impl Options {
    fn parse(arguments: &[String], known: &[String]) -> sh::Result<Self> {
        let mut options = Self { minutes: MINUTES, targets: Vec::new() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--minutes" => {
                    let minutes = words.next().and_then(|text| text.parse().ok());
                    options.minutes =
                        minutes.filter(|number| *number > 0).ok_or("--minutes takes a number")?;
                }
                target if known.iter().any(|name| name == target) => options.targets.push(target.to_owned()),
                other => {
                    return Err(format!("fuzz has no target {other}; there are: {}", known.join(", ")).into());
                }
            }
        }
        if options.targets.is_empty() {
            options.targets = known.to_vec();
        }
        Ok(options)
    }
}

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    let options = Options::parse(arguments, &known()?)?;
    let program = match needs() {
        Ok(program) => program,
        Err(error) if sh::strict() => return Err(format!("in CI nothing may be missing: {error}").into()),
        Err(error) => {
            println!("{}", paint("33", &format!("skipped: needs {error}")));
            return Ok(());
        }
    };
    sh::run(&mut cargo_fuzz(&program, "build")?)?;
    let mut ended = Vec::new();
    for target in &options.targets {
        println!("{}", paint("1", &format!("\n── {target}")));
        ended.push(fuzz(&program, target, options.minutes)?);
    }
    println!("\n{:<12} {:>14} {:>8}  findings", "target", "executions", "minutes");
    for Ended { target, executions, took, is_well } in &ended {
        let findings = if *is_well { "none" } else { "one, in fuzz/artifacts" };
        println!("{target:<12} {executions:>14} {:>8.1}  {findings}", took.as_secs_f64() / 60.0);
    }
    match ended.iter().all(|ended| ended.is_well) {
        true => Ok(()),
        false => Err("there are findings: see fuzz/README.md".into()),
    }
}

/// The targets, each with a directory of seeds.
fn known() -> sh::Result<Vec<String>> {
    let entries = fs::read_dir(sh::root().join("fuzz/seeds"))?;
    let mut names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// cargo-fuzz, installed if missing; the error names what is missing.
fn needs() -> sh::Result<std::path::PathBuf> {
    if !["c++", "g++", "clang++"].into_iter().any(sh::exists) {
        return Err("a C++ compiler (Debian package g++)".into());
    }
    tools::cargo_fuzz()
        .map_err(|error| format!("cargo-fuzz (cargo install --locked cargo-fuzz): {error}").into())
}

fn fuzz(program: &Path, target: &str, minutes: u64) -> sh::Result<Ended> {
    let found = sh::target()?.join("fuzzing/corpus").join(target);
    fs::create_dir_all(&found)?;
    let log = found.with_extension("log");
    let mut command = cargo_fuzz(program, "run")?;
    // New inputs go into the first directory.
    command.arg(target).arg(&found).arg(sh::root().join("fuzz/seeds").join(target));
    command.args(["--", "-print_final_stats=1"]);
    command.args([format!("-max_total_time={}", minutes * 60), format!("-max_len={MAX_LEN}")]);
    command.arg(format!("-timeout={SLOW}")).stderr(fs::File::create(&log)?);
    let start = Instant::now();
    let is_well = sh::run(&mut command).is_ok();
    let text = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    if !is_well {
        println!("{}", tail(&text));
    }
    let executions = text.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    let executions = executions.unwrap_or("?").trim().to_owned();
    println!("{executions} executions, log in {}", log.display());
    Ok(Ended { target: target.to_owned(), executions, took: start.elapsed(), is_well })
}

/// The end of a log, with the result.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(60)..].join("\n")
}

fn cargo_fuzz(program: &Path, verb: &str) -> sh::Result<Command> {
    let mut command = sh::other_cargo(program);
    command.args(["fuzz", verb, "--sanitizer", "none", "--features", "run", "--codegen-units", "16"]);
    command.arg("--target-dir").arg(sh::target()?.join("fuzzing"));
    // The release profile's own settings would take minutes, and hide where a panic came from.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_STRIP", "none");
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::Options;

    #[test]
    fn targets_are_known_and_all_of_them_by_default() {
        let known = ["a".to_owned(), "b".to_owned()];
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            Options::parse(&words, &known)
        };
        let options = |minutes, targets: &[&str]| Options {
            minutes,
            targets: targets.iter().map(|target| (*target).to_owned()).collect(),
        };
        assert_eq!(parse(&[]).expect("valid"), options(10, &["a", "b"]));
        assert_eq!(parse(&["--minutes", "3", "b"]).expect("valid"), options(3, &["b"]));
        for wrong in [&["c"][..], &["--minutes"], &["--minutes", "0"], &["--minutes", "x"]] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
