//! A cached fetch by a whole process, compared with git's credential cache and ssh's agent.

use super::{
    Bench,
    daemon::Measured,
    process::{Contestant, take_turns},
    stats::{ratios, summary},
    table::Table,
};
use crate::sh;
use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

const REQUEST: &str = "protocol=https\nhost=example.com\n\n";
const STORED: &str = "protocol=https\nhost=example.com\nusername=u\npassword=not-a-secret\n\n";

/// A peer's daemon; it ends on drop.
struct Peer {
    contestant: Option<Contestant>,
    missing: Option<String>,
    daemon: Option<Child>,
    quit: Option<Command>,
    _home: TempDir,
}

/// All contestants, with the peers' daemons.
pub(super) struct Contest {
    /// claviger first.
    pub(super) contestants: Vec<Contestant>,
    peers: [Peer; 2],
}

pub(super) fn measure(bench: &Bench) -> sh::Result<Table> {
    let measured = Measured::with_key(bench)?;
    let mut contest = Contest::new(&measured)?;
    let rounds = bench.rounds(500);
    let samples = take_turns(&mut contest.contestants, rounds)?;
    let mut table = Table::new(
        "Cached fetch, whole process",
        &["command", "ms: median (min–max)", "claviger ÷ this: median (min–max)"],
    );
    for (contestant, theirs) in contest.contestants.iter().zip(&samples) {
        let [ours, ratio] = [summary(theirs), ratios(&samples[0], theirs)]
            .map(|it| it.map_or_else(|| "–".into(), |it| it.to_string()));
        table.row([contestant.name.clone(), ours, ratio]);
    }
    contest.missing().for_each(|why| table.row([why]));
    table.note(format!(
        "{rounds} rounds in turns after a warm-up; the helper ran {} time(s).",
        measured.helper.runs()
    ));
    Ok(table)
}

fn ours_and_the_floor(measured: &Measured) -> Vec<Contestant> {
    vec![
        Contestant {
            name: "claviger token".into(),
            command: measured.stage.command(&measured.stage.project(), &["token"]),
            input: None,
            expect: "sk-own-1".into(),
        },
        Contestant {
            name: "/bin/true (floor)".into(),
            command: Command::new("/bin/true"),
            input: None,
            expect: String::new(),
        },
    ]
}

/// git's own cache daemon with one stored credential.
fn git() -> sh::Result<Peer> {
    let home = private_directory()?;
    let socket = home.path().join("s/git.sock");
    fs::DirBuilder::new().mode(0o700).create(home.path().join("s"))?;
    let (request, stored) = (home.path().join("request"), home.path().join("stored"));
    fs::write(&request, REQUEST)?;
    fs::write(&stored, STORED)?;
    let cache = |verb: &str| {
        let mut command = Command::new("git");
        command.args(["credential-cache", "--timeout", "3600", "--socket"]).arg(&socket).arg(verb);
        hermetic(&mut command, home.path());
        command
    };
    let store = cache("store").stdin(fs::File::open(&stored)?).status();
    if !store.is_ok_and(|status| status.success()) {
        return Ok(Peer::missing("git credential-cache: not on this machine", home));
    }
    let contestant = Contestant {
        name: "git credential-cache get".into(),
        command: cache("get"),
        input: Some(request),
        expect: "password=not-a-secret".into(),
    };
    Ok(Peer {
        contestant: Some(contestant),
        missing: None,
        daemon: None,
        quit: Some(cache("exit")),
        _home: home,
    })
}

/// ssh's agent with one key.
fn ssh() -> sh::Result<Peer> {
    let home = private_directory()?;
    if !sh::exists("ssh-agent") || !sh::exists("ssh-add") || !sh::exists("ssh-keygen") {
        return Ok(Peer::missing("ssh-add -L: OpenSSH is not on this machine", home));
    }
    let (socket, key) = (home.path().join("agent.sock"), home.path().join("key"));
    let daemon = Command::new("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&socket)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let mut peer = Peer { contestant: None, missing: None, daemon: Some(daemon), quit: None, _home: home };
    sh::wait_for(Duration::from_secs(5), || socket.exists().then_some(()))
        .ok_or("ssh-agent does not listen")?;
    sh::stdout(
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f"]).arg(&key),
    )?;
    let add = || {
        let mut command = Command::new("ssh-add");
        hermetic(&mut command, peer._home.path()).env("SSH_AUTH_SOCK", &socket);
        command
    };
    sh::stdout(add().arg("-q").arg(&key))?;
    let mut list = add();
    list.arg("-L");
    peer.contestant = Some(Contestant {
        name: "ssh-add -L".into(),
        command: list,
        input: None,
        expect: "ssh-ed25519".into(),
    });
    Ok(peer)
}

/// The same short environment as claviger.
fn hermetic<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    command
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LANG", "C.UTF-8")
}

fn private_directory() -> sh::Result<TempDir> {
    Ok(tempfile::Builder::new().prefix("claviger-peer-").tempdir_in("/tmp")?)
}

// === impl Contest ===

impl Contest {
    pub(super) fn new(measured: &Measured) -> sh::Result<Self> {
        let mut peers = [git()?, ssh()?];
        let mut contestants = ours_and_the_floor(measured);
        contestants.extend(peers.iter_mut().filter_map(|peer| peer.contestant.take()));
        Ok(Self { contestants, peers })
    }

    /// The socket of ssh's agent, if it is measured.
    pub(super) fn agent(&self) -> Option<PathBuf> {
        let variables = self.contestants.iter().flat_map(|one| one.command.get_envs());
        let socket = |(name, value): (&OsStr, Option<&OsStr>)| {
            value.filter(|_| name == "SSH_AUTH_SOCK").map(PathBuf::from)
        };
        variables.filter_map(socket).next()
    }

    /// Peers that this machine does not have.
    pub(super) fn missing(&mut self) -> impl Iterator<Item = String> {
        self.peers.iter_mut().filter_map(|peer| peer.missing.take())
    }
}

// === impl Peer ===

impl Peer {
    fn missing(why: &str, home: TempDir) -> Self {
        Self { contestant: None, missing: Some(why.into()), daemon: None, quit: None, _home: home }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some(quit) = &mut self.quit {
            drop(sh::capture(quit));
        }
        if let Some(daemon) = &mut self.daemon {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }
}
