//! Requirements of the tests beyond Rust: a few Debian packages, a Python with grpcio and the SDKs of the clouds, and
//! npm packages.

use crate::{sh, tools};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A program the tests run, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("python3", "python3"),
    ("git", "git"),
    ("ssh-agent", "openssh-client"),
    ("sshd", "openssh-server"),
    ("bwrap", "bubblewrap"),
    ("tmux", "tmux"),
    ("ps", "procps"),
    ("ip", "iproute2"),
    ("unshare", "util-linux"),
    ("systemd-analyze", "systemd"),
    ("dbus-daemon", "dbus"),
    ("dunst", "dunst"),
    ("Xvfb", "xvfb"),
    ("gnome-keyring-daemon", "gnome-keyring"),
    ("secret-tool", "libsecret-tools"),
    ("faketime", "faketime"),
    ("dpkg-shlibdeps", "dpkg-dev"),
    ("lintian", "lintian"),
    ("man", "man-db"),
    ("zsh", "zsh"),
    ("fish", "fish"),
];

/// Where Debian's `awscli` is, which is version 2 of AWS's command line.
const AWS2: &str = "/usr/lib/python3/dist-packages/awscli";

/// A compiler with the source of its own standard library: Debian's is as new as browsers require.
const MAC_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Type-checks code of macOS on another system.
#[derive(Debug)]
pub(crate) struct MacTools {
    /// The directory of `bin/rustc` and `bin/cargo`, with the source of std where cargo expects it.
    pub(crate) sysroot: PathBuf,
    /// A C compiler for every target, for the build scripts of dependencies.
    pub(crate) zig: PathBuf,
}

/// What is installed, and what is missing.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// For the environment of the tests.
    pub(super) variables: Vec<(&'static str, PathBuf)>,
    /// Could not be had.
    pub(super) missing: Vec<String>,
}

/// Installs what is missing, if `install`; finds what is there.
pub(super) fn meet(install: bool) -> sh::Result<Needs> {
    let mut needs = Needs::default();
    needs.packages(install)?;
    let python = venv("venv", "requirements.txt", install);
    let npm = npm(install);
    needs.add("CLAVIGER_TEST_VENV", "the Python packages of tests/python/requirements.txt", python);
    needs.add("CLAVIGER_TEST_CARGO_DEB", "cargo-deb", tools::cargo_deb(install));
    needs.add("CLAVIGER_TEST_NPM", "the npm packages of tests/npm/package-lock.json", npm);
    Ok(needs)
}

/// Installs what is missing, if no confirmation is needed; the error names what could not be installed.
pub(crate) fn mac_tools() -> sh::Result<MacTools> {
    let install = sh::exists("apt-get") && sh::is_root();
    if install && mac_sysroot().is_none() {
        install_packages(&MAC_PACKAGES);
    }
    let sysroot = mac_sysroot().ok_or_else(|| {
        format!("Debian packages {}, or `rustup component add rust-src`", MAC_PACKAGES.join(", "))
    })?;
    let place = venv("venv-darwin", "darwin.txt", install)
        .map_err(|error| format!("the Python packages of tests/python/darwin.txt: {error}"))?;
    let find = "import os, ziglang; print(os.path.join(os.path.dirname(ziglang.__file__), 'zig'))";
    let zig = sh::stdout(Command::new(place.join("bin/python")).args(["-c", find]))?;
    Ok(MacTools { sysroot, zig: zig.into() })
}

/// The toolchain in use, if it has the source of std, else that of Debian.
fn mac_sysroot() -> Option<PathBuf> {
    let asked = ["rustc", "/usr/bin/rustc"].into_iter().filter_map(|rustc| {
        sh::stdout(Command::new(rustc).args(["--print", "sysroot"])).ok().map(PathBuf::from)
    });
    asked.into_iter().find(|sysroot| {
        let source = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
        source.is_file() && sysroot.join("bin/cargo").is_file()
    })
}

fn install_packages(packages: &[&str]) {
    println!("installing Debian packages: {}", packages.join(" "));
    // apt's exit code is ignored: the check afterwards decides.
    drop(apt(&["update", "--quiet=2"]));
    drop(apt(&[&["install", "--yes", "--quiet=2", "--no-install-recommends"], packages].concat()));
}

impl Needs {
    fn add(&mut self, variable: &'static str, what: &str, found: sh::Result<PathBuf>) {
        match found {
            Ok(path) => self.variables.push((variable, path)),
            Err(error) => self.missing.push(format!("{what}: {error}")),
        }
    }

    fn packages(&mut self, install: bool) -> sh::Result {
        let mut wanted = missing_packages();
        if install && !wanted.is_empty() && sh::exists("apt-get") && sh::is_root() {
            install_packages(&wanted);
            wanted = missing_packages();
        }
        self.missing.extend(wanted.iter().map(|package| format!("Debian package {package}")));
        Ok(())
    }
}

fn missing_packages() -> Vec<&'static str> {
    let absent = PROGRAMS.iter().filter(|(program, _)| !sh::exists(program)).map(|&(_, package)| package);
    let mut packages: Vec<&str> = absent.collect();
    // Debian's python3 comes without the part of venv that installs pip.
    // A file of that name may be of version 1, or of another Python.
    if !Path::new(AWS2).is_dir() {
        packages.push("awscli");
    }
    if !succeeds(Command::new("python3").args(["-c", "import venv, ensurepip"])) {
        packages.push("python3-venv");
    }
    packages
}

fn apt(arguments: &[&str]) -> sh::Result {
    sh::run(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn succeeds(command: &mut Command) -> bool {
    sh::capture(command).is_ok_and(|output| output.status.success())
}

/// A virtual environment with the packages that `tests/python/LIST` pins, in `target/NAME`.
fn venv(name: &str, list: &str, install: bool) -> sh::Result<PathBuf> {
    let (place, list) = (sh::target()?.join(name), sh::root().join("tests/python").join(list));
    if is_current(&place, &list)? {
        return Ok(place);
    }
    refuse_unless(install)?;
    println!("installing {} into {}", list.display(), place.display());
    sh::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    let mut pip = Command::new(place.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    sh::run(pip.arg(&list))?;
    mark_current(&place, &list)?;
    Ok(place)
}

/// The packages that the lock file pins, in `target/npm`.
pub(crate) fn npm(install: bool) -> sh::Result<PathBuf> {
    let (place, source) = (sh::target()?.join("npm"), sh::root().join("tests/npm"));
    let (lock, program) = (source.join("package-lock.json"), place.join("node_modules/.bin/buf"));
    only_public(&fs::read_to_string(&lock)?)?;
    if is_current(&place, &lock)? {
        return Ok(place);
    }
    refuse_unless(install)?;
    if !sh::exists("npm") {
        return Err("npm is not installed".into());
    }
    println!("installing {} into {}", lock.display(), place.display());
    fs::create_dir_all(&place)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), place.join(name))?;
    }
    // Scripts of packages are not run; buf works without its own.
    let options = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    sh::run(Command::new("npm").args(options).current_dir(&place))?;
    sh::stdout(Command::new(&program).arg("--version"))?;
    mark_current(&place, &lock)?;
    Ok(place)
}

fn refuse_unless(install: bool) -> sh::Result {
    if install { Ok(()) } else { Err("not installed, and --no-install was given".into()) }
}

/// A lock file made behind a private registry would send all others there.
fn only_public(lock: &str) -> sh::Result {
    let foreign =
        |line: &&str| line.contains("\"resolved\"") && !line.contains("\"https://registry.npmjs.org/");
    match lock.lines().find(foreign) {
        Some(line) => Err(format!("the lock file names a private registry: {}", line.trim()).into()),
        None => Ok(()),
    }
}

/// A place is current if the list it was installed from is still the same.
fn is_current(place: &Path, list: &Path) -> sh::Result<bool> {
    Ok(fs::read(stamp(place)).ok() == Some(fs::read(list)?))
}

fn mark_current(place: &Path, list: &Path) -> sh::Result {
    fs::copy(list, stamp(place))?;
    Ok(())
}

fn stamp(place: &Path) -> PathBuf {
    place.join("installed-from")
}

#[cfg(test)]
mod tests {
    use super::only_public;

    #[test]
    fn private_registries_in_a_lock_file_are_refused() {
        assert!(
            only_public(
                "  \"resolved\": \"https://registry.npmjs.org/a/-/a-1.tgz\",\n  \"integrity\": \"x\""
            )
            .is_ok()
        );
        assert!(only_public("  \"resolved\": \"https://npm.example.com/a/-/a-1.tgz\",").is_err());
    }
}
