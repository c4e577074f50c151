//! How often an idle daemon wakes up. It should not.

use super::{
    Bench,
    daemon::{Measured, Switches},
    table::Table,
};
use crate::sh;
use std::{thread::sleep, time::Duration};

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let span = Duration::from_secs(if bench.quick { 5 } else { 60 });
    // Work that follows the last request is not idleness: a connection closes, and the threads that read files end
    // after ten idle seconds (tokio's default).
    sleep(Duration::from_secs(12));
    let before = measured.switches()?;
    sleep(span);
    let after = measured.switches()?;
    let mut table = Table::new("Idle wake-ups", &["what", "count"]);
    table.row([
        format!("context switches of all {} threads in {} s", after.len(), span.as_secs()),
        between(&before, &after).to_string(),
    ]);
    Ok(table)
}

/// Events between two samples. A thread that ended meanwhile ran at least once.
fn between(before: &Switches, after: &Switches) -> u64 {
    let known = |thread| before.get(thread).copied().unwrap_or(0);
    let ended = before.keys().filter(|thread| !after.contains_key(*thread)).count() as u64;
    ended + after.iter().map(|(thread, count)| count.saturating_sub(known(thread))).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::{Switches, between};

    #[test]
    fn threads_that_begin_and_end_count() {
        let look = |threads: &[(&str, u64)]| -> Switches {
            threads.iter().map(|(thread, count)| ((*thread).into(), *count)).collect()
        };
        let before = look(&[("1", 10), ("2", 5)]);
        assert_eq!(between(&before, &before), 0);
        assert_eq!(between(&before, &look(&[("1", 12), ("2", 5)])), 2);
        assert_eq!(between(&before, &look(&[("1", 10), ("3", 4)])), 5);
    }
}
