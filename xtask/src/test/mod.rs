//! `cargo xtask test`: installs what the tests need, reports what it could not install, and runs the tests.

mod environment;
pub(crate) mod needs;
mod rings;

use crate::sh::{self, paint};
use environment::Environment;
use needs::Needs;
use rings::Program;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

/// Packages and features to build and run. The same each time: nothing is compiled twice.
const SELECTION: [&str; 4] = ["--workspace", "--locked", "--features", "xtask/bench"];

/// Options of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    install: bool,
    rings: Vec<u8>,
    filters: Vec<String>,
    /// Whether tests that compare print what came of each case.
    table: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> sh::Result<Self> {
        let mut options = Self { install: true, rings: Vec::new(), filters: Vec::new(), table: false };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--table" => options.table = true,
                "--no-install" => options.install = false,
                "--ring" => match words.next().map(|ring| ring.parse()) {
                    Some(Ok(ring @ 1..=4)) => options.rings.push(ring),
                    _ => return Err("--ring takes a number from 1 to 4".into()),
                },
                option if option.starts_with('-') => {
                    return Err(format!("test has no option {option}").into());
                }
                filter => options.filters.push(filter.to_owned()),
            }
        }
        if options.rings.is_empty() {
            options.rings = vec![1, 2, 3, 4];
        }
        Ok(options)
    }
}

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    let options = Options::parse(arguments)?;
    let needs = needs::meet(options.install)?;
    report(&needs)?;
    let programs = build()?;
    let mut further = needs.variables.clone();
    further.push(("CLAVIGER_TEST_PROGRAMS", sh::target()?.join("debug")));
    if options.table {
        further.push(("CLAVIGER_TEST_TABLE", "1".into()));
    }
    let environment = Environment::new(&further)?;
    let (mut closing, main) = (Closing::default(), rings::main_of_inside()?);
    for program in &programs {
        let Some(picked) = program.arguments(&options.rings, &main) else { continue };
        println!("{}", paint("1", &format!("\n── {}", program.name())));
        let mut command = environment.command(&program.executable, &program.directory);
        command.args(options.table.then_some("--nocapture"));
        closing.run(command.args(picked).args(&options.filters))?;
    }
    if options.rings.contains(&1) {
        closing.run(
            sh::cargo().args(["test", "--quiet", "--doc"]).args(SELECTION).arg("--").args(&options.filters),
        )?;
    }
    // Not the lines again: a program that counts them in the output would count them twice.
    println!("\n{}", paint("1", &closing.total()));
    // Once more at the end, where it is found in a long log.
    closing.said.iter().for_each(|line| println!("{line}"));
    needs.missing.iter().for_each(|what| println!("{}", paint("33", &format!("skipped: needs {what}"))));
    if closing.failed.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", closing.failed.join(", ")).into())
    }
}

/// Builds the programs as they ship, then the tests, which link a daemon whose clock they turn.
fn build() -> sh::Result<Vec<Program>> {
    sh::run(sh::cargo().args([
        "build",
        "--workspace",
        "--exclude",
        "xtask",
        "--exclude",
        "claviger-fuzz",
        "--locked",
        "--bins",
    ]))?;
    let mut cargo = sh::cargo();
    cargo.args(["test", "--no-run", "--message-format", "json-render-diagnostics"]).args(SELECTION);
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the tests were not built".into());
    }
    let mut programs: Vec<_> =
        String::from_utf8_lossy(&output.stdout).lines().filter_map(Program::of).collect();
    // Quick ones first.
    programs.sort_by_key(|program| (program.name() == "programs", program.executable.clone()));
    Ok(programs)
}

/// Loud on a person's machine, fatal in CI.
fn report(needs: &Needs) -> sh::Result {
    for what in &needs.missing {
        println!("{}", paint("33", &format!("skipped: needs {what}")));
    }
    if needs.missing.is_empty() || !sh::strict() {
        return Ok(());
    }
    Err(format!("in CI nothing may be missing: {}", needs.missing.join(", ")).into())
}

/// How the test programs ended.
#[derive(Debug, Default)]
struct Closing {
    /// Those that failed.
    failed: Vec<String>,
    lines: Vec<String>,
    /// Each test that failed, and what it said, without the backtrace.
    said: Vec<String>,
    /// Whether the line belongs to what a failed test said.
    is_said: bool,
}

impl Closing {
    /// Runs a test program in view.
    fn run(&mut self, command: &mut Command) -> sh::Result {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("the program has no stdout")?;
        self.is_said = false;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line?;
            let text = String::from_utf8_lossy(&line);
            println!("{text}");
            self.note(&text);
        }
        if !child.wait()?.success() {
            self.failed.push(command.get_program().to_string_lossy().into_owned());
        }
        Ok(())
    }

    /// Keeps the lines in which a test program sums up, and what its failed tests said.
    fn note(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("test result: ") {
            self.lines.push(line.to_owned());
        }
        let begins = line.starts_with("---- ") && line.ends_with(" ----");
        let ends =
            ["stack backtrace:", "note: run with ", "failures:"].iter().any(|end| line.starts_with(end));
        self.is_said = begins || self.is_said && !ends;
        if self.is_said && !line.is_empty() {
            self.said.push(line.to_owned());
        }
    }

    fn sum(&self, word: &str) -> u32 {
        let number =
            |part: &str| part.trim().strip_suffix(word)?.trim().rsplit(' ').next()?.parse::<u32>().ok();
        self.lines.iter().flat_map(|line| line.split(['.', ';'])).filter_map(number).sum()
    }

    fn total(&self) -> String {
        let [passed, failed, ignored] = ["passed", "failed", "ignored"].map(|word| self.sum(word));
        format!(
            "in all: {passed} passed; {failed} failed; {ignored} ignored, in {} test programs",
            self.lines.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Closing, Options};

    #[test]
    fn options_and_filters_are_told_apart() {
        let parse =
            |line: &str| Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let all = Options { install: true, rings: vec![1, 2, 3, 4], filters: vec![], table: false };
        assert_eq!(parse("").expect("none"), all);
        let some = Options { install: false, rings: vec![2, 4], filters: vec!["trust".into()], table: true };
        assert_eq!(parse("--ring 2 trust --table --no-install --ring 4").expect("some"), some);
        for wrong in ["--ring", "--ring 5", "--ring x", "--rings 1"] {
            parse(wrong).expect_err(wrong);
        }
    }

    #[test]
    fn totals_are_summed_over_programs() {
        let mut closing = Closing::default();
        closing.note("running 3 tests");
        closing.note(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        closing.note("test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s");
        assert_eq!(closing.total(), "in all: 15 passed; 2 failed; 1 ignored, in 2 test programs");
    }

    #[test]
    fn what_failed_tests_said_is_kept_without_their_backtraces() {
        let mut closing = Closing::default();
        let output = "test load::one ... FAILED\n\nfailures:\n\n---- load::one stdout ----\n\n\
            thread 'load::one' (7) panicked at tests/load.rs:1:2:\nwaited 20 s\nfor two\nstack backtrace:\n   0: core\n\
            note: Some details are omitted\n\n---- load::two stdout ----\ntwo\n\n\nfailures:\n    load::one\n    load::two";
        output.lines().for_each(|line| closing.note(line));
        let said = ["---- load::one stdout ----", "thread 'load::one' (7) panicked at tests/load.rs:1:2:"];
        let said = [&said[..], &["waited 20 s", "for two", "---- load::two stdout ----", "two"]].concat();
        assert_eq!(closing.said, said);
    }
}
