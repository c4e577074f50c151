//! Gathers the current state: files, the service manager's view of its units, and the daemon on the socket.

use super::{
    Facts, File, Serving, Starter,
    units::{self, Manager, Names, State, Template},
};
use crate::{
    failure::Failure,
    session::{context::Context, user::absolute},
};
use claviger::{
    RELEASE,
    client::{ConnectError, daemon_program, is_default, request},
    proto::v1::GetStatusRequest,
};
use nix::unistd::Uid;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

/// Directories of packages and administrators for units of all users, the strongest first.
const PACKAGED: [&str; 4] =
    ["/etc/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user", "/usr/share/systemd/user"];
const ENABLED: &str = "sockets.target.wants/clavigerd.socket";

/// State reported by the service manager.
#[derive(Debug, Default)]
struct Said {
    answers: bool,
    enabled: bool,
    active: bool,
    needs_reload: bool,
    main_pid: Option<u32>,
    failed: bool,
}

/// Gathers everything.
///
/// # Errors
/// If there is no service manager, no daemon to start, or one whose path a unit cannot contain.
pub(crate) async fn look(context: &Context) -> Result<Facts, Failure> {
    let manager = Manager::of_system();
    let home = absolute("HOME").ok_or_else(|| Failure::service("HOME is not set to an absolute path", ""))?;
    let directory = manager.directory(&home, absolute("XDG_CONFIG_HOME").as_deref());
    let program = program()?;
    let names = Names { program: &program, home: plain(&home)? };
    let domain = format!("gui/{}", Uid::effective());
    let said = match manager {
        Manager::Systemd => systemd(context).await?,
        Manager::Launchd => launchd(context, &domain).await?,
    };
    let other_socket = Some(context.socket()?).filter(|socket| !is_default(socket));
    // Connecting would start a daemon that is only enabled.
    let asleep =
        other_socket.is_none() && manager == Manager::Systemd && said.active && said.main_pid.is_none();
    let serving = if asleep { None } else { serving(context, said.main_pid).await? };
    let own_files = manager.templates().iter();
    Ok(Facts {
        manager,
        answers: said.answers,
        domain,
        files: own_files.map(|it| file(it, &directory, &it.stamped(names, RELEASE))).collect(),
        packaged: packaged(manager, names),
        drop_ins: drop_ins(manager, &directory),
        enabled: said.enabled,
        enabled_here: manager == Manager::Systemd && fs::symlink_metadata(directory.join(ENABLED)).is_ok(),
        active: said.active,
        needs_reload: said.needs_reload,
        failed: said.failed,
        main_pid: said.main_pid,
        serving,
        other_socket,
        directories: directories(manager, &home),
        program: names.program.to_owned(),
    })
}

fn program() -> Result<String, Failure> {
    let program = daemon_program()?;
    let program = fs::canonicalize(&program).unwrap_or(program);
    Ok(plain(&program)?.to_owned())
}

fn plain(path: &Path) -> Result<&str, Failure> {
    let hint = "install it where the path has letters, digits and /._+@:~,- only";
    units::plain(path).map_err(|why| Failure::service(why, hint))
}

/// launchd creates none: those of the socket and of its log.
fn directories(manager: Manager, home: &Path) -> Vec<PathBuf> {
    match manager {
        Manager::Systemd => Vec::new(),
        Manager::Launchd => [".local/run/claviger", ".local/state/claviger"].map(|it| home.join(it)).into(),
    }
}

/// The user's own files, each with the program that it starts; the expected content depends on our program, not on that
/// one.
pub(crate) fn own_files(home: &Path, config: Option<&Path>) -> Vec<(File, Option<PathBuf>)> {
    let manager = Manager::of_system();
    let directory = manager.directory(home, config);
    let own = |template: &Template| {
        let found = read(&directory.join(template.name)).unwrap_or_default();
        let program = units::program_of(&found);
        let names =
            Names { program: program.unwrap_or(units::PROGRAM), home: home.to_str().unwrap_or_default() };
        (file(template, &directory, &template.stamped(names, RELEASE)), program.map(PathBuf::from))
    };
    manager.templates().iter().map(own).collect()
}

fn read(path: &Path) -> Option<String> {
    match fs::symlink_metadata(path) {
        Err(_) => None,
        Ok(found) if found.is_file() => Some(fs::read_to_string(path).unwrap_or_default()),
        // A mask, or a link to a unit of the user's own.
        Ok(_) => Some(String::new()),
    }
}

fn file(template: &Template, directory: &Path, wanted: &str) -> File {
    let path = directory.join(template.name);
    let found = read(&path);
    let state = template.judge(found.as_deref(), wanted);
    let release = found.as_deref().and_then(units::release_of).map(str::to_owned);
    File { path, wanted: wanted.to_owned(), state, release }
}

/// The files of the first package that has units for this same daemon.
fn packaged(manager: Manager, names: Names<'_>) -> Vec<File> {
    if manager != Manager::Systemd {
        return Vec::new();
    }
    let of = |directory: &str| -> Option<Vec<File>> {
        let directory = Path::new(directory);
        let service = fs::read_to_string(directory.join("clavigerd.service")).ok()?;
        let named = fs::canonicalize(units::program_of(&service)?).ok()?;
        let files = manager.templates().iter().map(|it| file(it, directory, &it.text(names)));
        let files: Vec<_> = files.collect();
        let complete = files.iter().all(|file| file.state != State::Absent);
        (named == Path::new(names.program) && complete).then_some(files)
    };
    PACKAGED.into_iter().find_map(of).unwrap_or_default()
}

fn drop_ins(manager: Manager, directory: &Path) -> Vec<PathBuf> {
    let names = manager.templates().iter().map(|it| directory.join(format!("{}.d", it.name)));
    names.filter(|path| path.is_dir()).collect()
}

/// Whether systemd has given up on a unit: it does not start it again until a reset.
pub(crate) async fn has_given_up(context: &Context) -> bool {
    Manager::of_system() == Manager::Systemd && systemd(context).await.is_ok_and(|said| said.failed)
}

async fn systemd(context: &Context) -> Result<Said, Failure> {
    let properties = "Id,ActiveState,UnitFileState,MainPID,NeedDaemonReload";
    let words = ["systemctl", "--user", "show", "-p", properties, "clavigerd.socket", "clavigerd.service"];
    let Some(shown) = ask(context, &words).await? else {
        return Err(Failure::service(
            "there is no systemd here (no systemctl on PATH)",
            "nothing has to be installed: the first verb that needs a daemon starts one",
        ));
    };
    if !shown.status.success() {
        let words = ["env", "SYSTEMD_OFFLINE=1", "systemctl", "--user", "is-enabled", "clavigerd.socket"];
        let enabled = ask(context, &words).await?.is_some_and(|output| output.status.success());
        return Ok(Said { enabled, ..Said::default() });
    }
    Ok(understand_systemd(&String::from_utf8_lossy(&shown.stdout)))
}

/// Output of `systemctl show`: a block of lines for each unit, separated by empty lines.
fn understand_systemd(text: &str) -> Said {
    let blocks =
        text.split("\n\n").map(|block| block.lines().filter_map(|line| line.split_once('=')).collect());
    let mut said = Said { answers: true, ..Said::default() };
    for block in blocks {
        let block: BTreeMap<&str, &str> = block;
        let is = |name: &str, value: &str| block.get(name) == Some(&value);
        said.needs_reload |= is("NeedDaemonReload", "yes");
        said.failed |= is("ActiveState", "failed");
        if is("Id", "clavigerd.socket") {
            said.active = is("ActiveState", "active");
            said.enabled = is("UnitFileState", "enabled") || is("UnitFileState", "enabled-runtime");
        } else if is("Id", "clavigerd.service") {
            let pid = block.get("MainPID").and_then(|pid| pid.parse().ok());
            said.main_pid = pid.filter(|pid| *pid != 0);
        }
    }
    said
}

async fn launchd(context: &Context, domain: &str) -> Result<Said, Failure> {
    let Some(session) = ask(context, &["launchctl", "print", domain]).await? else {
        return Err(Failure::service("there is no launchctl on PATH", "add /bin to PATH"));
    };
    let agent = ask(context, &["launchctl", "print", &format!("{domain}/dev.claviger.clavigerd")]).await?;
    let agent = agent.filter(|output| output.status.success());
    let text = agent.as_ref().map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let main_pid = text.as_deref().and_then(|text| {
        let pid = text.lines().find_map(|line| line.trim().strip_prefix("pid = "));
        pid?.trim().parse().ok()
    });
    Ok(Said {
        answers: session.status.success(),
        enabled: agent.is_some(),
        active: agent.is_some(),
        needs_reload: false,
        main_pid,
        failed: false,
    })
}

/// The output of a program; `None` if there is no such program.
async fn ask(context: &Context, words: &[&str]) -> Result<Option<Output>, Failure> {
    match super::act::output(context, words).await {
        Ok(output) => Ok(Some(output)),
        Err(Failure::Exec(_, error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The daemon that answers, also one that speaks another protocol.
///
/// # Errors
/// If the socket is not safe to use.
pub(crate) async fn serving(context: &Context, main_pid: Option<u32>) -> Result<Option<Serving>, Failure> {
    let mut service = match context.connect_running().await {
        Ok(client) => client.inspect(),
        Err(ConnectError::Unreachable { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The protocol is not checked: the purpose is to find an older daemon.
    let answer = async {
        let answer = service.get_status(request(GetStatusRequest {})).await;
        answer.map_err(|status| claviger::wire::from_status(&status))
    };
    let status = crate::daemon::wait::answer(context, answer).await?.into_inner();
    let version = status.version.unwrap_or_default();
    Ok(Some(Serving { pid: status.pid, version, by: starter(status.pid, main_pid) }))
}

fn starter(pid: u32, main_pid: Option<u32>) -> Starter {
    match (main_pid == Some(pid), command_line(pid)) {
        (true, _) => Starter::Manager,
        (false, words) if words.iter().any(|word| word == "--on-demand") => Starter::Client,
        (false, _) => Starter::Other,
    }
}

/// The arguments of a process, if readable.
fn command_line(pid: u32) -> Vec<String> {
    if let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) {
        return line
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
    }
    let mut ps = std::process::Command::new("ps");
    let output = ps.args(["-o", "command=", "-p", &pid.to_string()]).stdin(Stdio::null()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::understand_systemd;

    #[test]
    fn what_systemctl_shows_is_understood() {
        let said = understand_systemd(
            "MainPID=0\nId=clavigerd.socket\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\n\n\
             MainPID=77\nId=clavigerd.service\nActiveState=active\nUnitFileState=indirect\nNeedDaemonReload=yes\n",
        );
        assert!(said.answers && said.enabled && said.active && said.needs_reload);
        assert_eq!((said.main_pid, said.failed), (Some(77), false));
        let said = understand_systemd(
            "Id=clavigerd.socket\nActiveState=inactive\n\nId=clavigerd.service\nActiveState=failed\nMainPID=0\n",
        );
        assert!(said.failed);
        assert!(
            said.answers && !said.enabled && !said.active && !said.needs_reload && said.main_pid.is_none()
        );
    }
}
