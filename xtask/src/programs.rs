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
    let mut cargo = sh::cargo();
    cargo.args(["build", "--locked", "--bins"]);
    cargo.args(["clavigerd", "clavigerd-fetch", "claviger-cli"].map(|name| format!("--package={name}")));
    if profile == Profile::Dev {
        sh::run(&mut cargo)?;
        return Ok(target.join("debug"));
    }
    sh::run(cargo.arg("--release"))?;
    let (release, together) = (target.join("release"), target.join("dist"));
    fs::create_dir_all(&together)?;
    replace(&release.join("clavigerd-fetch"), &together)?;
    replace(&release.join("clavigerd"), &together)?;
    match static_client(&target) {
        Some(client) => replace(&client, &together)?,
        None => replace(&release.join("claviger"), &together)?,
    }
    Ok(together)
}

/// The client, linked statically: of the millisecond it lives, the dynamic linker would take a quarter. `None` where
/// that cannot be done, as on a system without static libc. The daemon is not linked so: name look-ups need libc's
/// plug-ins.
fn static_client(target: &Path) -> Option<PathBuf> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return None;
    }
    let triple = host()?;
    let flags = format!("CARGO_TARGET_{}_RUSTFLAGS", triple.to_uppercase().replace('-', "_"));
    let mut cargo = sh::cargo();
    cargo.args(["build", "--locked", "--release", "--package", "claviger-cli", "--target", &triple]);
    // With --target, the flags do not reach build scripts and procedural macros, which must stay dynamic.
    let built = sh::run(cargo.env(flags, "-C target-feature=+crt-static"));
    if let Err(error) = built {
        println!("note: the client is linked dynamically, and starts a little slower: {error}");
        return None;
    }
    Some(target.join(triple).join("release/claviger"))
}

fn host() -> Option<String> {
    let output = Command::new("rustc").arg("-vV").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// Copies `program` into `directory`; one that runs keeps its old file.
fn replace(program: &Path, directory: &Path) -> sh::Result {
    let name = program.file_name().ok_or("a program has a name")?;
    let fresh = directory.join(name).with_extension("new");
    fs::copy(program, &fresh)?;
    Ok(fs::rename(fresh, directory.join(name))?)
}
