//! How often a daemon that has nothing to do wakes up. It should not.

use super::{Bench, daemon::Measured, table::Table};
use crate::sh;
use std::{thread::sleep, time::Duration};

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let span = Duration::from_secs(if bench.quick { 5 } else { 60 });
    // What follows the last request is not idleness: a connection that closes, and the threads that read files, which
    // end when they have had nothing to do for ten seconds (tokio's default).
    sleep(Duration::from_secs(12));
    let before = measured.switches()?;
    sleep(span);
    let count = measured.switches()?.checked_sub(before).ok_or("a thread ended meanwhile")?;
    let mut table = Table::new("Idle wake-ups", &["what", "count"]);
    table.row([
        format!("context switches of all {} threads in {} s", measured.threads()?, span.as_secs()),
        count.to_string(),
    ]);
    Ok(table)
}
