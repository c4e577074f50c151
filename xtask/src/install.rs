//! `cargo xtask install` and `uninstall`: one plan, carried out forwards or backwards.

use crate::{
    check::PROGRAM,
    launchd,
    programs::{self, Profile},
    sh::{self, exists},
};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Which way to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Install.
    In,
    /// Uninstall.
    Out,
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    prefix: Option<PathBuf>,
    dry_run: bool,
}

/// Where things go.
#[derive(Debug)]
struct Places {
    programs: PathBuf,
    units: PathBuf,
    agents: PathBuf,
    bash: PathBuf,
    zsh: PathBuf,
    fish: PathBuf,
}

/// One file to be installed.
#[derive(Debug)]
struct Item {
    to: PathBuf,
    mode: u32,
    content: Content,
}

#[derive(Debug)]
enum Content {
    /// The program of this name, built for release.
    Program(&'static str),
    /// A file of the repository, with the daemon's real path put in.
    Unit(&'static str),
    /// The LaunchAgent, with all real paths put in.
    Agent,
    /// What `claviger completions SHELL` prints.
    Completions(&'static str),
}

pub(crate) fn run(arguments: &[String], direction: Direction) -> sh::Result {
    let options = parse(arguments)?;
    let places = places(options.prefix.as_deref())?;
    let plan = plan(&places, cfg!(target_os = "macos"));
    match (direction, options.dry_run) {
        (Direction::In, true) => plan.iter().for_each(|item| println!("would write {}", item.to.display())),
        (Direction::Out, true) => {
            plan.iter()
                .filter(|item| item.to.exists())
                .for_each(|item| println!("would remove {}", item.to.display()));
        }
        (Direction::In, false) => install(&plan, &places, options.prefix.is_none())?,
        (Direction::Out, false) => uninstall(&plan, &places, options.prefix.is_none())?,
    }
    Ok(())
}

fn parse(arguments: &[String]) -> sh::Result<Options> {
    let mut options = Options { prefix: None, dry_run: false };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--dry-run" => options.dry_run = true,
            "--prefix" => options.prefix = Some(words.next().ok_or("--prefix needs a directory")?.into()),
            other => match other.strip_prefix("--prefix=") {
                Some(directory) => options.prefix = Some(directory.into()),
                None => return Err(format!("unknown argument {other}").into()),
            },
        }
    }
    Ok(options)
}

fn places(prefix: Option<&Path>) -> sh::Result<Places> {
    let home =
        || env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from).ok_or("HOME is not set");
    let or_home = |variable: &str, default: &str| -> sh::Result<PathBuf> {
        let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        Ok(match set {
            Some(path) => path,
            None => home()?.join(default),
        })
    };
    let (programs, data, config) = match prefix {
        Some(prefix) => {
            let prefix = std::path::absolute(prefix)?;
            (prefix.join("bin"), prefix.join("share"), prefix.join("share"))
        }
        None => (
            home()?.join(".local/bin"),
            or_home("XDG_DATA_HOME", ".local/share")?,
            or_home("XDG_CONFIG_HOME", ".config")?,
        ),
    };
    Ok(Places {
        programs,
        units: config.join("systemd/user"),
        agents: if prefix.is_some() { data.join("launchd") } else { home()?.join("Library/LaunchAgents") },
        bash: data.join("bash-completion/completions/claviger"),
        zsh: data.join("zsh/site-functions/_claviger"),
        fish: if prefix.is_some() {
            data.join("fish/vendor_completions.d")
        } else {
            config.join("fish/completions")
        }
        .join("claviger.fish"),
    })
}

/// Everything that gets installed. Programs come first: completions are printed by one of them.
fn plan(places: &Places, mac: bool) -> Vec<Item> {
    let item = |to: PathBuf, mode, content| Item { to, mode, content };
    let mut plan: Vec<Item> = ["clavigerd", "claviger"]
        .map(|name| item(places.programs.join(name), 0o755, Content::Program(name)))
        .into();
    if mac {
        plan.push(item(places.agents.join("dev.claviger.clavigerd.plist"), 0o644, Content::Agent));
    } else {
        plan.push(item(
            places.units.join("clavigerd.socket"),
            0o644,
            Content::Unit("systemd/clavigerd.socket"),
        ));
        plan.push(item(
            places.units.join("clavigerd.service"),
            0o644,
            Content::Unit("systemd/clavigerd.service"),
        ));
    }
    for (shell, to) in [("bash", &places.bash), ("zsh", &places.zsh), ("fish", &places.fish)] {
        plan.push(item(to.clone(), 0o644, Content::Completions(shell)));
    }
    plan
}

fn install(plan: &[Item], places: &Places, whole_user: bool) -> sh::Result {
    let built = programs::build(Profile::Release)?;
    for item in plan {
        let content = content(item, places, &built)?;
        println!("{} {}", put(item, &content)?, item.to.display());
    }
    let on_path =
        env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|entry| entry == places.programs));
    if !on_path {
        println!("note: {} is not on your PATH", places.programs.display());
    }
    println!(
        "A running daemon keeps the old program until `claviger daemon stop`; the next call starts the new one."
    );
    if whole_user && cfg!(target_os = "macos") {
        launchd::prepare()?;
        println!("To let launchd start it: claviger daemon stop; {}", launchd::START);
    }
    if whole_user && exists("systemctl") {
        println!(
            "To let systemd start it: claviger daemon stop; systemctl --user daemon-reload; systemctl --user enable --now clavigerd.socket"
        );
    }
    Ok(())
}

fn content(item: &Item, places: &Places, built: &Path) -> sh::Result<Vec<u8>> {
    match item.content {
        Content::Program(name) => Ok(fs::read(built.join(name))?),
        Content::Unit(name) => {
            let text = fs::read_to_string(sh::root().join(name))?;
            Ok(text.replace(PROGRAM, &plain(&places.programs.join("clavigerd"))?).into_bytes())
        }
        Content::Agent => {
            let facts = launchd::facts()?;
            let paths = [&places.programs.join("clavigerd"), &facts.socket, &facts.home];
            let [program, socket, home] = paths.map(|path| plain(path));
            let text = fs::read_to_string(sh::root().join(launchd::FILE))?;
            Ok(launchd::fill(&text, &program?, &socket?, &home?).into_bytes())
        }
        Content::Completions(shell) => {
            let text = sh::stdout(Command::new(built.join("claviger")).args(["completions", shell]))?;
            Ok(format!("{text}\n").into_bytes())
        }
    }
}

/// A path that means itself in a unit, between quotes, and in XML.
fn plain(path: &Path) -> sh::Result<String> {
    let text = path.to_str().ok_or("the path of the program is not UTF-8")?;
    match text.chars().find(|letter| !letter.is_alphanumeric() && !"/._+@:~, -".contains(*letter)) {
        None => Ok(text.to_owned()),
        Some(letter) => Err(format!("{text}: a service file cannot name a path with {letter:?}").into()),
    }
}

/// Writes a file beside its place and renames it, so that a running program keeps its own.
fn put(item: &Item, content: &[u8]) -> sh::Result<&'static str> {
    let existed = item.to.exists();
    if fs::read(&item.to).is_ok_and(|old| old == content) {
        return Ok("unchanged");
    }
    let directory = item.to.parent().ok_or("a file needs a directory")?;
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    fs::write(file.path(), content)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(item.mode))?;
    file.persist(&item.to)?;
    Ok(if existed { "replaced" } else { "wrote" })
}

fn uninstall(plan: &[Item], places: &Places, whole_user: bool) -> sh::Result {
    if whole_user && exists("systemctl") && places.units.join("clavigerd.socket").exists() {
        // Without a user manager there is nothing to disable.
        drop(sh::capture(Command::new("systemctl").args([
            "--user",
            "disable",
            "--now",
            "clavigerd.socket",
            "clavigerd.service",
        ])));
    }
    if whole_user && cfg!(target_os = "macos") {
        launchd::unload();
    }
    let client = places.programs.join("claviger");
    if whole_user && client.exists() {
        drop(sh::capture(Command::new(client).args(["--no-start", "daemon", "stop"])));
    }
    for item in plan {
        match fs::remove_file(&item.to) {
            Ok(()) => println!("removed {}", item.to.display()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                println!("absent {}", item.to.display())
            }
            Err(error) => return Err(format!("{}: {error}", item.to.display()).into()),
        }
    }
    println!("Configuration, trust decisions and logs stay: ~/.config/claviger and ~/.local/state/claviger.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Options, parse, places, plain, plan};
    use std::path::{Path, PathBuf};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let expected = Options { prefix: Some(PathBuf::from("/p")), dry_run: true };
        assert_eq!(parse(&words("--prefix /p --dry-run")).ok(), Some(expected));
        assert!(
            parse(&words("--prefix=/p")).is_ok_and(|options| options.prefix == Some(PathBuf::from("/p")))
        );
        assert!(parse(&words("--prefix")).is_err() && parse(&words("--force")).is_err());
    }

    #[test]
    fn service_files_only_name_plain_paths() {
        assert!(plain(Path::new("/home/jo o/.local/bin/clavigerd")).is_ok());
        for odd in ["/a%h/x", "/a\"b/x", "/a&b/x", "/a<b", "/a$b", "/a\nb"] {
            assert!(plain(Path::new(odd)).is_err(), "{odd}");
        }
    }

    #[test]
    fn with_a_prefix_nothing_lands_outside_it() {
        for mac in [false, true] {
            let places = places(Some(Path::new("/some/prefix"))).expect("absolute");
            assert!(plan(&places, mac).iter().all(|item| item.to.starts_with("/some/prefix")));
        }
    }
}
