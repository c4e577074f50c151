//! Builds the programs: the daemon, the one that fetches, and the client.

use crate::sh;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How to build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// Quick to run.
    Release,
}

/// Builds the programs, and returns their directory.
pub(crate) fn build(profile: Profile) -> sh::Result<PathBuf> {
    let target = sh::target()?;
    if profile == Profile::Dev {
        sh::run(&mut cargo(&[FETCH, GATE, RESIDENT[0], RESIDENT[1]]))?;
        return Ok(target.join("debug"));
    }
    let (release, together) = (target.join("release"), target.join("dist"));
    fs::create_dir_all(&together)?;
    // Built separately: features that the SDKs enable in shared libraries would be in the other programs too.
    for (step, package) in [(1, FETCH), (2, GATE)] {
        println!("building for release, {step} of 3: {package}");
        sh::run(cargo(&[package]).arg("--release"))?;
    }
    println!("building for release, 3 of 3: {}", RESIDENT.join(" and "));
    let resident = match static_programs(&target) {
        Some(place) => place,
        None => {
            sh::run(cargo(&RESIDENT).arg("--release"))?;
            release.clone()
        }
    };
    replace(&release.join(FETCH), &together)?;
    replace(&release.join(GATE), &together)?;
    replace(&resident.join("clavigerd"), &together)?;
    replace(&resident.join("claviger"), &together)?;
    Ok(together)
}

/// The packages of the programs that look names up, which takes libc's plug-ins: they are never linked statically.
const FETCH: &str = "clavigerd-fetch";
const GATE: &str = "clavigerd-gate";
/// The packages of the daemon and the client.
const RESIDENT: [&str; 2] = ["clavigerd", "claviger-cli"];

fn cargo(packages: &[&str]) -> Command {
    let mut cargo = sh::cargo();
    cargo.args(["build", "--locked", "--bins"]).args(packages.iter().flat_map(|name| ["--package", name]));
    cargo
}

/// Daemon and client, linked statically: of the millisecond that the client lives, the dynamic linker would take a quarter,
/// and an idle daemon would hold a libc of its own. `None` where that cannot be done, as on a system without static libc.
fn static_programs(target: &Path) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return None;
    }
    let triple = host()?;
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut cargo = cargo(&RESIDENT);
    cargo.args(["--release", "--target", &triple]);
    // With --target, the flags do not reach build scripts and procedural macros, which must stay dynamic.
    let built = sh::run(cargo.env(flags, "-C target-feature=+crt-static"));
    if let Err(error) = built {
        println!(
            "note: daemon and client are linked dynamically, and are a little slower and larger: {error}"
        );
        return None;
    }
    Some(target.join(triple).join("release"))
}

fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// Copies `program` into `directory`; a running one keeps its old file.
fn replace(program: &Path, directory: &Path) -> sh::Result {
    let name = program.file_name().ok_or("a program has a name")?;
    let fresh = directory.join(name).with_extension("new");
    fs::copy(program, &fresh)?;
    Ok(fs::rename(fresh, directory.join(name))?)
}
