//! `cargo xtask deb`: a Debian package. client/Cargo.toml lists its content; this creates the generated part.

use crate::{
    pages,
    programs::{self, Profile},
    sh, tools,
    units::{Manager, Names, plain},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Path of the daemon in the package.
const DAEMON: &str = "/usr/bin/clavigerd";

/// Options of the command line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    /// Programs to pack, instead of freshly built ones.
    programs: Option<PathBuf>,
    /// Directory of the package.
    output: Option<PathBuf>,
    /// Pack the quick build.
    dev: bool,
}

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    let options = parse(arguments)?;
    let cargo_deb = tools::cargo_deb(true)?;
    let built = match &options.programs {
        Some(directory) => std::path::absolute(directory)?,
        None => programs::build(if options.dev { Profile::Dev } else { Profile::Release })?,
    };
    let target = sh::target()?;
    stage(&built, &target.join("release/package"))?;
    let output = options.output.unwrap_or_else(|| target.join("debian"));
    fs::create_dir_all(&output)?;
    let mut command = Command::new(cargo_deb);
    command.args(["deb", "--package", "claviger-cli", "--no-build", "--no-strip", "--no-dbgsym", "--locked"]);
    // A quick build is packed quickly.
    if options.dev || options.programs.is_some() {
        command.arg("--fast");
    }
    command.arg("--output").arg(std::path::absolute(output)?).current_dir(sh::root());
    sh::run(command.env("CARGO_TARGET_DIR", target))
}

fn parse(arguments: &[String]) -> sh::Result<Options> {
    let mut options = Options::default();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut directory = || words.next().map(PathBuf::from).ok_or(format!("{word} needs a directory"));
        match word.as_str() {
            "--dev" => options.dev = true,
            "--programs" => options.programs = Some(directory()?),
            "--output" => options.output = Some(directory()?),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(options)
}

/// Puts generated files into the directory that client/Cargo.toml names.
fn stage(built: &Path, to: &Path) -> sh::Result {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to.join("units"))?;
    for name in ["claviger", "clavigerd", "clavigerd-fetch", "clavigerd-gate"] {
        fs::copy(built.join(name), to.join(name))
            .map_err(|error| format!("{}: {error}", built.join(name).display()))?;
    }
    for unit in Manager::Systemd.templates() {
        fs::write(
            to.join("units").join(unit.name),
            unit.text(Names { program: plain(Path::new(DAEMON))?, home: "%h" }),
        )?;
    }
    pages::write(built, &to.join("man"))?;
    fs::create_dir_all(to.join("man5"))?;
    fs::copy(sh::root().join(pages::CONFIGURATION), to.join("man5/claviger.toml.5"))?;
    for shell in ["bash", "zsh", "fish"] {
        fs::write(to.join(shell), pages::completions(built, shell)?)?;
    }
    fs::copy(sh::root().join("xtask/deb/copyright"), to.join("copyright"))?;
    fs::write(to.join("changelog.Debian"), changelog()?)?;
    // Debian requires this form; without a timestamp, equal input makes equal packages.
    let pages = fs::read_dir(to.join("man"))?.chain(fs::read_dir(to.join("man5"))?);
    let pages = pages.flatten().map(|entry| entry.path());
    sh::run(Command::new("gzip").args(["-9", "--no-name"]).args(pages).arg(to.join("changelog.Debian")))
}

/// Debian's form of a changelog; the changes themselves are in ours.
fn changelog() -> sh::Result<String> {
    let version = env!("CARGO_PKG_VERSION");
    let committed =
        sh::stdout(Command::new("git").args(["log", "-1", "--format=%cD"]).current_dir(sh::root()));
    let date = committed.or_else(|_| sh::stdout(Command::new("date").arg("-R")))?;
    Ok(format!(
        "claviger ({version}-1) unstable; urgency=medium\n\n  * Release {version}; see changelog.gz.\n\n -- the claviger authors <claviger@example.org>  {date}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::{Options, parse};

    #[test]
    fn arguments_are_understood_or_refused() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let expected = Options { programs: Some("/p".into()), output: Some("/o".into()), dev: false };
        assert_eq!(parse(&words("--programs /p --output /o")).ok(), Some(expected));
        assert!(parse(&words("--dev")).is_ok_and(|options| options.dev));
        assert!(parse(&words("--programs")).is_err() && parse(&words("--release")).is_err());
    }
}
