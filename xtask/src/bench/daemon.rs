//! A daemon to measure, and the kernel's figures for it.

use super::Bench;
use crate::{
    sh,
    stage::{Helper, Pace, Stage, err, out},
};
use claviger::{client::Client, session::SessionContext};
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// Keys that outlive every measurement.
pub(super) const LASTING: Pace = Pace { helper: Duration::ZERO, ttl: Duration::from_secs(86_400) };

/// Context switches of each thread.
pub(super) type Switches = BTreeMap<OsString, u64>;

/// A home with one running daemon.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) stage: Stage,
    pub(super) helper: Helper,
    pub(super) pid: u32,
}

impl Measured {
    /// Starts an empty daemon.
    pub(super) fn empty(bench: &Bench, pace: Pace) -> sh::Result<Self> {
        let stage = Stage::new(bench.programs.clone())?;
        let helper = stage.own_helper(pace)?;
        let status = stage.claviger(&stage.project(), &["daemon", "start"])?;
        let [pid] = stage.daemons()[..] else {
            return Err(format!("no daemon came up: {}{}", out(&status), err(&status)).into());
        };
        Ok(Self { stage, helper, pid })
    }

    /// Starts a daemon that holds one key.
    pub(super) fn with_key(bench: &Bench) -> sh::Result<Self> {
        let measured = Self::empty(bench, LASTING)?;
        let token = measured.stage.claviger(&measured.stage.project(), &["token"])?;
        if token.status.success() { Ok(measured) } else { Err(err(&token).into()) }
    }

    /// The session of a client in the project directory, as `claviger` describes it.
    pub(super) fn session(&self) -> sh::Result<SessionContext> {
        let environment = self.stage.environment().into_iter().map(|(name, value)| (name.into(), value));
        Ok(SessionContext::new(self.stage.project(), environment).map_err(|problem| problem.to_string())?)
    }

    /// A connection of its own.
    pub(super) async fn connect(&self) -> sh::Result<Client> {
        Ok(Client::connect(&self.stage.socket()).await?)
    }

    /// Resident memory in KiB.
    pub(super) fn resident(&self) -> sh::Result<u64> {
        resident(self.pid)
    }

    /// Peak of resident memory, in KiB.
    pub(super) fn most_resident(&self) -> sh::Result<u64> {
        number(&fs::read_to_string(proc(self.pid).join("status"))?, "VmHWM:").ok_or_else(|| "no VmHWM".into())
    }

    /// Context switches of each thread since it started.
    pub(super) fn switches(&self) -> sh::Result<Switches> {
        switches(self.pid)
    }
}

/// Resident memory of a process, in KiB.
pub(super) fn resident(pid: u32) -> sh::Result<u64> {
    number(&fs::read_to_string(proc(pid).join("status"))?, "VmRSS:").ok_or_else(|| "no VmRSS".into())
}

/// How often each thread of a process was given a core, since it started.
pub(super) fn switches(pid: u32) -> sh::Result<Switches> {
    let mut all = Switches::new();
    for thread in fs::read_dir(proc(pid).join("task"))? {
        let thread = thread?;
        // A thread that ends between the two calls has no file any more.
        let Ok(text) = fs::read_to_string(thread.path().join("status")) else { continue };
        let count = |name| number(&text, name).ok_or("no context switches");
        let total = count("voluntary_ctxt_switches:")? + count("nonvoluntary_ctxt_switches:")?;
        all.insert(thread.file_name(), total);
    }
    Ok(all)
}

fn proc(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

/// A runtime of one thread, as in the client.
pub(super) fn runtime() -> sh::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

fn number(status: &str, name: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn names_are_matched_whole() {
        let status = "VmRSS:\t    8120 kB\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(number(status, "VmRSS:"), Some(8120));
        assert_eq!(number(status, "voluntary_ctxt_switches:"), Some(5));
        assert_eq!(number(status, "nonvoluntary_ctxt_switches:"), Some(7));
    }
}
