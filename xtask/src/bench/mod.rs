//! `cargo xtask bench`: one file per row, each against real peers where there are any.

mod adapters;
mod agent;
mod build;
mod children;
mod costs;
mod daemon;
mod fetch;
mod flood;
mod gate;
mod herd;
mod memory;
mod process;
mod start;
mod stats;
mod table;
mod unary;
mod wakeups;

use crate::{
    programs::{self, Profile},
    sh,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::{fs, path::PathBuf, time::Duration};
use table::Table;

/// Input of every row.
#[derive(Debug)]
struct Bench {
    /// Directory of the release builds.
    programs: PathBuf,
    /// Fewer rounds and shorter waits, to check that it works.
    quick: bool,
}

type Row = (&'static str, fn(&Bench) -> sh::Result<Table>);

const ROWS: &[Row] = &[
    ("fetch", fetch::measure),
    ("costs", costs::measure),
    ("adapters", adapters::measure),
    ("memory", memory::measure),
    ("wakeups", wakeups::measure),
    ("start", start::measure),
    ("children", children::measure),
    ("herd", herd::measure),
    ("unary", unary::measure),
    ("flood", flood::measure),
    ("gate", gate::measure),
    ("build", build::measure),
];

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    match arguments {
        [word, socket] if word == unary::PEER => return unary::serve(socket.as_ref()),
        [word, socket, kind] if word == flood::ATTACK => flood::attack(socket.as_ref(), kind),
        _ => {}
    }
    let (options, names): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| word.starts_with('-'));
    if let Some(unknown) = options.iter().find(|option| *option != &"--quick") {
        return Err(format!("bench has no option {unknown}").into());
    }
    if let Some(unknown) = names.iter().find(|name| ROWS.iter().all(|(row, _)| row != *name)) {
        return Err(format!("bench has no row {unknown}").into());
    }
    raise_file_limit()?;
    let bench = Bench { programs: programs::build(Profile::Release)?, quick: !options.is_empty() };
    println!("{}\n", machine());
    let chosen = ROWS.iter().filter(|(row, _)| names.is_empty() || names.iter().any(|name| name == row));
    let mut failed = Vec::new();
    for (name, measure) in chosen {
        match measure(&bench) {
            Ok(table) => println!("{}\n", table.text()),
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n").into()) }
}

impl Bench {
    /// `full`, or a tenth of it with `--quick`.
    fn rounds(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(3) } else { full }
    }

    /// So many seconds, or one when in a hurry.
    fn span(&self, full: u64) -> Duration {
        Duration::from_secs(if self.quick { 1 } else { full })
    }
}

/// A thousand connections need a thousand descriptors, here and in the daemon, which inherits the limit.
fn raise_file_limit() -> sh::Result {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(65_536), hard)?;
    Ok(())
}

/// Numbers have no meaning without the machine.
fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or(": unknown CPU");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!(
        "{}, {cores} cores, Linux {}",
        model.trim_start_matches([' ', '\t', ':']),
        read("/proc/sys/kernel/osrelease").trim()
    )
}
