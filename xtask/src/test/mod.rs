//! `cargo xtask test`: installs what the tests need, says what it could not install, and runs everything.

pub(crate) mod needs;

use crate::sh::{self, paint};
use needs::Needs;
use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    let (options, filters): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| word.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| *option != &"--no-install") {
        return Err(format!("test knows no option {unknown}").into());
    }
    let needs = needs::meet(options.is_empty())?;
    report(&needs)?;
    // One selection of packages and features for both: nothing is compiled twice.
    let selection = ["--workspace", "--locked", "--features", "xtask/bench"];
    sh::run(sh::cargo().args(["build", "--bins", "--tests"]).args(selection))?;
    let mut cargo = sh::cargo();
    cargo.args(["test", "--no-fail-fast"]).args(selection);
    cargo.env("CLAVIGER_TEST_PROGRAMS", sh::target()?.join("debug"));
    for (name, value) in &needs.variables {
        cargo.env(name, value);
    }
    if !filters.is_empty() {
        cargo.arg("--").args(filters);
    }
    let closing = tee(&mut cargo)?;
    // Not the lines again: whoever counts them in the output would count them twice.
    println!("\n{}", paint("1", &closing.total()));
    needs.missing.iter().for_each(|what| println!("{}", paint("33", &format!("skipped: needs {what}"))));
    if closing.success { Ok(()) } else { Err("tests failed".into()) }
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
    success: bool,
    lines: Vec<String>,
}

impl Closing {
    /// Keeps the lines in which a test program sums up.
    fn note(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("test result: ") {
            self.lines.push(line.to_owned());
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

/// Runs a command in view and keeps what it says at the end.
fn tee(command: &mut Command) -> sh::Result<Closing> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut closing = Closing::default();
    let stdout = child.stdout.take().ok_or("cargo has no stdout")?;
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let text = String::from_utf8_lossy(&line);
        println!("{text}");
        closing.note(&text);
    }
    closing.success = child.wait()?.success();
    Ok(closing)
}

#[cfg(test)]
mod tests {
    use super::Closing;

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
}
