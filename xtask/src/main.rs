//! The project's own commands. `cargo xtask` lists them.
//!
//! Nothing here ships. It may read the environment and run programs freely; the daemon may not.

mod check;
mod deb;
mod demo;
mod fuzz;
mod hooked;
mod install;
mod pages;
mod programs;
mod sh;
mod stage;
mod test;
mod tools;
#[path = "../../client/src/service/units.rs"]
#[allow(dead_code, reason = "the client needs more of it")]
mod units;

#[cfg(feature = "bench")]
mod bench;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  demo                             show it working, in a temporary home (no credentials needed)
  test [--ring 1..4]… [--no-install] [--table] [FILTER…]
                                   install what the tests need, then run them (rings: tests/README.md)
  check [STEP…]                    what CI runs before the tests: format, lints, docs, rules of the house
  install [--prefix DIR] [--programs DIR] [--dry-run]
                                   build for release; copy programs, units, manual and completions
  uninstall [--prefix DIR] [--dry-run]
                                   remove what install copied
  deb [--dev] [--programs DIR] [--output DIR]
                                   make a Debian package (target/debian), from a release build unless told otherwise
  bench [--quick] [ROW…]           measure (release build); rows: fetch costs adapters memory wakeups start
                                   children herd unary flood gate build
  fuzz [--minutes N] [TARGET…]     feed whatever reads foreign input with anything, ten minutes for each target (fuzz/README.md)
  docs                             make what is made from types anew: tables of docs/configuration.md, JSON schemas, claviger.toml(5)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) =
        arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let done = match command {
        _ if rest.iter().any(|word| ["-h", "--help"].contains(&word.as_str())) => {
            println!("{USAGE}");
            Ok(())
        }
        "demo" => demo::run(rest),
        "test" => test::run(rest),
        "check" => check::run(rest),
        "install" => install::run(rest, install::Direction::In),
        "uninstall" => install::run(rest, install::Direction::Out),
        "deb" => deb::run(rest),
        "fuzz" => fuzz::run(rest),
        "bench" => bench(rest),
        "docs" => docs(),
        "" | "help" | "-h" | "--help" => {
            println!("{USAGE}");
            Ok(())
        }
        other => Err(format!("no such command: {other}\n\n{USAGE}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The tests that compare these files with the types also write them.
fn docs() -> sh::Result {
    for [package, target, tests] in
        [["clavigerd", "--lib", "reference"], ["claviger-cli", "--bins", "schemas"]]
    {
        let mut cargo = sh::cargo();
        cargo.args(["test", "--quiet", "--locked", "--package", package, target, tests]);
        sh::run(cargo.env("UPDATE_EXPECT", "1"))?;
    }
    Ok(())
}

#[cfg(feature = "bench")]
fn bench(arguments: &[String]) -> sh::Result {
    bench::run(arguments)
}

/// Builds this program again with the dependencies of `bench`, and runs it instead.
#[cfg(not(feature = "bench"))]
fn bench(arguments: &[String]) -> sh::Result {
    let mut cargo = sh::cargo();
    cargo.args([
        "run",
        "--quiet",
        "--locked",
        "--release",
        "--package",
        "xtask",
        "--features",
        "bench",
        "--",
        "bench",
    ]);
    sh::run(cargo.args(arguments))
}
