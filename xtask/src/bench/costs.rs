//! Cost of a cached fetch in page faults and system calls, which do not depend on the machine's load.

use super::{
    Bench,
    daemon::Measured,
    fetch::Contest,
    process::{Contestant, warm_up},
    stats::summary,
    table::Table,
};
use crate::sh;
use nix::sys::resource::{UsageWho, getrusage};
use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

const ROUNDS: usize = 50;

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let mut contest = Contest::new(&measured)?;
    let mut table =
        Table::new("Cached fetch, costs", &["command", "page faults: median (min–max)", "system calls"]);
    let counts = measured.stage.home().join("strace.out");
    for contestant in &mut contest.contestants {
        warm_up(contestant)?;
        let mut faults = Vec::new();
        for _ in 0..bench.rounds(ROUNDS) {
            faults.push(page_faults(contestant)?);
        }
        let faults = summary(&faults).map_or_else(|| "–".into(), |it| it.whole());
        let calls = system_calls(contestant, &counts)?.map_or_else(|| "–".into(), |calls| calls.to_string());
        table.row([contestant.name.clone(), faults, calls]);
    }
    contest.missing().for_each(|why| table.row([why]));
    table.note("Page faults as wait4 reports them, system calls as `strace -f -c` does; both count from fork to exit.");
    if !sh::exists("strace") {
        table.note("strace is not on this machine.");
    }
    Ok(table)
}

/// Page faults of one run, minor and major.
fn page_faults(contestant: &mut Contestant) -> sh::Result<f64> {
    let before = of_children()?;
    contestant.run()?;
    Ok((of_children()? - before) as f64)
}

fn of_children() -> sh::Result<i64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    Ok(usage.minor_page_faults() + usage.major_page_faults())
}

/// System calls of one run; `None` without strace.
fn system_calls(contestant: &Contestant, counts: &Path) -> sh::Result<Option<u64>> {
    if !sh::exists("strace") {
        return Ok(None);
    }
    let mut strace = Command::new("strace");
    strace.args(["-f", "-c", "-U", "calls,name", "-o"]).arg(counts).arg(contestant.command.get_program());
    strace.args(contestant.command.get_args()).env_clear();
    strace.envs(contestant.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(directory) = contestant.command.get_current_dir() {
        strace.current_dir(directory);
    }
    let input = contestant.input.as_ref().map(File::open).transpose()?;
    strace.stdin(input.map_or_else(Stdio::null, Stdio::from)).stdout(Stdio::null());
    sh::stdout(&mut strace)?;
    Ok(total(&fs::read_to_string(counts)?))
}

/// The last line of strace's table.
fn total(table: &str) -> Option<u64> {
    let line = table.lines().rev().find(|line| line.trim_end().ends_with(" total"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::total;

    #[test]
    fn the_total_is_read() {
        let table = "    calls syscall\n--------- ----------------\n       12 read\n--------- ----------------\n      171 total\n";
        assert_eq!(total(table), Some(171));
        assert_eq!(total("nonsense"), None);
    }
}
