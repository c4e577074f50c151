//! `cargo xtask install` and `uninstall`: one plan, carried out forwards or backwards.

mod places;

use crate::{
    hooked, pages,
    programs::{self, Profile},
    sh,
    units::{Manager, Names, State, Template, plain},
};
use places::{Places, home, places};
use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Install.
    In,
    /// Uninstall.
    Out,
}

/// Options of the command line.
#[derive(Debug, PartialEq, Eq)]
struct Options {
    prefix: Option<PathBuf>,
    /// Programs to install, instead of freshly built ones.
    programs: Option<PathBuf>,
    dry_run: bool,
}

/// One file to be installed.
#[derive(Debug)]
struct Item {
    to: PathBuf,
    mode: u32,
    content: Content,
}

#[derive(Clone, Copy, Debug)]
enum Content {
    /// The program of this name, built for release.
    Program(&'static str),
    /// A file of a service manager, with the daemon's real path.
    Unit(&'static Template),
    /// Output of `claviger completions SHELL`.
    Completions(&'static str),
    /// A file of the repository.
    File(&'static str),
}

pub(crate) fn run(arguments: &[String], direction: Direction) -> sh::Result {
    let options = parse(arguments)?;
    let (places, manager) = (places(options.prefix.as_deref())?, Manager::of_system());
    let plan = plan(&places, manager);
    match (direction, options.dry_run) {
        (Direction::In, true) => {
            plan.iter().for_each(|item| println!("would write {}", item.to.display()));
            println!("would write a manual page for each verb into {}", places.man.display());
        }
        (Direction::Out, true) => would_uninstall(&plan, &places, options.prefix.is_none()),
        (Direction::In, false) => {
            let built = options.programs.map_or_else(|| programs::build(Profile::Release), Ok)?;
            install(&plan, &places, &built, options.prefix.is_none())?;
        }
        (Direction::Out, false) => uninstall(&plan, &places, options.prefix.is_none())?,
    }
    Ok(())
}

fn parse(arguments: &[String]) -> sh::Result<Options> {
    let mut options = Options { prefix: None, programs: None, dry_run: false };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--dry-run" => options.dry_run = true,
            "--programs" => {
                options.programs = Some(words.next().ok_or("--programs needs a directory")?.into())
            }
            "--prefix" => options.prefix = Some(words.next().ok_or("--prefix needs a directory")?.into()),
            other => match other.strip_prefix("--prefix=") {
                Some(directory) => options.prefix = Some(directory.into()),
                None => return Err(format!("unknown argument {other}").into()),
            },
        }
    }
    Ok(options)
}

/// Everything to install. Programs come first: one of them prints the completions.
fn plan(places: &Places, manager: Manager) -> Vec<Item> {
    let item = |to: PathBuf, mode, content| Item { to, mode, content };
    // The daemon comes after the programs that it runs: one that finds a new program takes over at once.
    let mut plan: Vec<Item> = ["clavigerd-fetch", "clavigerd-gate", "clavigerd", "claviger"]
        .map(|name| item(places.programs.join(name), 0o755, Content::Program(name)))
        .into();
    let units = manager.templates().iter();
    plan.extend(units.map(|it| item(places.units.join(it.name), 0o644, Content::Unit(it))));
    for (shell, to) in [("bash", &places.bash), ("zsh", &places.zsh), ("fish", &places.fish)] {
        plan.push(item(to.clone(), 0o644, Content::Completions(shell)));
    }
    let configuration = places.man.with_file_name("man5").join("claviger.toml.5");
    plan.push(item(configuration, 0o644, Content::File(pages::CONFIGURATION)));
    plan
}

fn install(plan: &[Item], places: &Places, built: &Path, whole_user: bool) -> sh::Result {
    for item in plan {
        let content = content(item, places, built)?;
        match whose(item, places)? {
            Some(State::Foreign) => println!("kept {}, which was edited", item.to.display()),
            _ => println!("{} {}", put(&item.to, item.mode, &content)?, item.to.display()),
        }
    }
    install_pages(built, &places.man)?;
    let on_path =
        env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|entry| entry == places.programs));
    if !on_path {
        println!("note: {} is not on your PATH", places.programs.display());
    }
    println!("A running daemon switches to the new program at its next request, and keeps its cache.");
    if whole_user {
        println!("To let systemd (macOS: launchd) start it: claviger daemon install");
    }
    Ok(())
}

fn content(item: &Item, places: &Places, built: &Path) -> sh::Result<Vec<u8>> {
    match item.content {
        Content::Program(name) => {
            let program = built.join(name);
            fs::read(&program).map_err(|error| format!("{}: {error}", program.display()).into())
        }
        Content::Unit(unit) => Ok(wanted(unit, places)?.into_bytes()),
        Content::File(path) => Ok(fs::read(sh::root().join(path))?),
        Content::Completions(shell) => Ok(pages::completions(built, shell)?.into_bytes()),
    }
}

/// As `claviger daemon install` writes it.
fn wanted(unit: &Template, places: &Places) -> sh::Result<String> {
    let programs = fs::canonicalize(&places.programs).unwrap_or_else(|_| places.programs.clone());
    let (program, home) = (programs.join("clavigerd"), home()?);
    let names = Names { program: plain(&program)?, home: plain(&home)? };
    Ok(unit.stamped(names, env!("CARGO_PKG_VERSION")))
}

/// Origin of a unit file; `None` for another file.
fn whose(item: &Item, places: &Places) -> sh::Result<Option<State>> {
    let Content::Unit(unit) = item.content else { return Ok(None) };
    let found = match fs::symlink_metadata(&item.to) {
        Err(_) => None,
        Ok(found) if found.is_file() => Some(fs::read_to_string(&item.to).unwrap_or_default()),
        Ok(_) => Some(String::new()),
    };
    Ok(Some(unit.judge(found.as_deref(), &wanted(unit, places)?)))
}

/// Writes the manual, and removes pages of verbs that no longer exist.
fn install_pages(built: &Path, man: &Path) -> sh::Result {
    let scratch = tempfile::tempdir()?;
    pages::write(built, scratch.path())?;
    let fresh = pages::of(scratch.path());
    for page in &fresh {
        let to = man.join(page.file_name().unwrap_or_default());
        println!("{} {}", put(&to, 0o644, &fs::read(page)?)?, to.display());
    }
    let is_fresh = |old: &PathBuf| fresh.iter().any(|page| page.file_name() == old.file_name());
    pages::of(man).iter().filter(|old| !is_fresh(old)).try_for_each(|old| remove(old))
}

/// Writes a temporary file and renames it, so that a running program keeps its own.
fn put(to: &Path, mode: u32, content: &[u8]) -> sh::Result<&'static str> {
    let existed = to.exists();
    if fs::read(to).is_ok_and(|old| old == content) {
        return Ok("unchanged");
    }
    let directory = to.parent().ok_or("a file needs a directory")?;
    fs::create_dir_all(directory)?;
    let file = tempfile::NamedTempFile::new_in(directory)?;
    fs::write(file.path(), content)?;
    fs::set_permissions(file.path(), fs::Permissions::from_mode(mode))?;
    file.persist(to)?;
    Ok(if existed { "replaced" } else { "wrote" })
}

fn would_uninstall(plan: &[Item], places: &Places, whole_user: bool) {
    let client = places.programs.join("claviger");
    if whole_user && client.exists() {
        println!("would run {} service uninstall, and daemon stop", client.display());
    }
    let there = plan.iter().map(|item| item.to.clone()).filter(|to| to.exists());
    there.chain(pages::of(&places.man)).for_each(|path| println!("would remove {}", path.display()));
}

fn uninstall(plan: &[Item], places: &Places, whole_user: bool) -> sh::Result {
    let client = places.programs.join("claviger");
    if whole_user && client.exists() {
        hooked::refuse(&client)?;
        // The client knows what it has done. Without a service manager, there is nothing to undo.
        for words in [["daemon", "uninstall"], ["daemon", "stop"]] {
            drop(sh::run(Command::new(&client).args(words).arg("--no-start")));
        }
    }
    for item in plan {
        match whose(item, places)? {
            Some(State::Foreign) => println!("kept {}, which was edited", item.to.display()),
            _ => remove(&item.to)?,
        }
    }
    pages::of(&places.man).iter().try_for_each(|page| remove(page))?;
    println!("Configuration, trust decisions and logs stay: ~/.config/claviger and ~/.local/state/claviger.");
    Ok(())
}

fn remove(path: &Path) -> sh::Result {
    match fs::remove_file(path) {
        Ok(()) => println!("removed {}", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => println!("absent {}", path.display()),
        Err(error) => return Err(format!("{}: {error}", path.display()).into()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Manager, Options, parse, places, plan};
    use std::path::{Path, PathBuf};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let expected = Options { prefix: Some(PathBuf::from("/p")), programs: None, dry_run: true };
        assert_eq!(parse(&words("--prefix /p --dry-run")).ok(), Some(expected));
        assert!(
            parse(&words("--prefix=/p")).is_ok_and(|options| options.prefix == Some(PathBuf::from("/p")))
        );
        assert!(parse(&words("--prefix")).is_err() && parse(&words("--force")).is_err());
    }

    #[test]
    fn with_a_prefix_nothing_lands_outside_it() {
        for manager in [Manager::Systemd, Manager::Launchd] {
            let places = places(Some(Path::new("/some/prefix"))).expect("absolute");
            assert!(plan(&places, manager).iter().all(|item| item.to.starts_with("/some/prefix")));
        }
    }
}
