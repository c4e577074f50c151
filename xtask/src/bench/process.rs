//! Whole processes: from before fork to after wait, on the wall clock.

use crate::sh;
use std::{
    fs::File,
    path::PathBuf,
    process::{Command, Stdio},
    time::Instant,
};

/// A command line to measure.
#[derive(Debug)]
pub(super) struct Contestant {
    pub(super) name: String,
    pub(super) command: Command,
    /// Its stdin.
    pub(super) input: Option<PathBuf>,
    /// Required part of its output; otherwise something else was measured.
    pub(super) expect: String,
}

/// Milliseconds of every round, per contestant. The contestants take turns, A B C A B C …, so that a slow moment of
/// the machine hits all of them.
pub(super) fn take_turns(contestants: &mut [Contestant], rounds: usize) -> sh::Result<Vec<Vec<f64>>> {
    for contestant in contestants.iter_mut() {
        warm_up(contestant)?;
    }
    let mut samples = vec![Vec::with_capacity(rounds); contestants.len()];
    for _ in 0..rounds {
        for (contestant, samples) in contestants.iter_mut().zip(&mut samples) {
            samples.push(contestant.run()?);
        }
    }
    Ok(samples)
}

pub(super) fn warm_up(contestant: &mut Contestant) -> sh::Result {
    contestant.command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let stdin = stdin(contestant)?;
    let output =
        contestant.command.stdin(stdin).output().map_err(|error| format!("{}: {error}", contestant.name))?;
    if output.status.success() && String::from_utf8_lossy(&output.stdout).contains(&contestant.expect) {
        contestant.command.stdout(Stdio::null()).stderr(Stdio::null());
        return (0..10).try_for_each(|_| contestant.run().map(drop));
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{} does not do what is measured ({}): {said}", contestant.name, output.status).into())
}

impl Contestant {
    /// Runs it once, and returns the milliseconds.
    pub(super) fn run(&mut self) -> sh::Result<f64> {
        let stdin = stdin(self)?;
        self.command.stdin(stdin);
        let start = Instant::now();
        let status = self.command.spawn()?.wait()?;
        let took = start.elapsed();
        if status.success() {
            Ok(took.as_secs_f64() * 1000.0)
        } else {
            Err(format!("{}: {status}", self.name).into())
        }
    }
}

fn stdin(contestant: &Contestant) -> sh::Result<Stdio> {
    Ok(match &contestant.input {
        Some(path) => File::open(path)?.into(),
        None => Stdio::null(),
    })
}
