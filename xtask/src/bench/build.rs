//! Duration of a release build from nothing. Downloads are done already.

use super::{Bench, table::Table};
use crate::sh;
use std::time::Instant;

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let mut table = Table::new("Release build", &["what", "took"]);
    if bench.quick {
        table.note("Left out with --quick.");
        return Ok(table);
    }
    let place = tempfile::Builder::new().prefix("bench-").tempdir_in(sh::target()?)?;
    for package in ["clavigerd", "claviger-cli", "clavigerd-fetch", "clavigerd-gate"] {
        let mut cargo = sh::cargo();
        cargo.args(["build", "--quiet", "--locked", "--release", "--package", package, "--bins"]);
        let start = Instant::now();
        sh::run(cargo.env("CARGO_TARGET_DIR", place.path()))?;
        table.row([package.to_owned(), format!("{:.0} s", start.elapsed().as_secs_f64())]);
    }
    table.note("One after the other: each finds what it shares with those before.");
    Ok(table)
}
