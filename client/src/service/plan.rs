//! Plans steps from the current state. Pure.

use super::{
    Facts, File, Starter,
    units::{Manager, State},
};
use claviger::RELEASE;
use std::path::PathBuf;

/// Steps in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The steps.
    pub(crate) steps: Vec<Action>,
    /// Messages for a person: what stays unchanged, and what remains to be done.
    pub(crate) notes: Vec<String>,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write a file.
    Write {
        /// Where.
        path: PathBuf,
        /// Its content.
        text: String,
        /// Whether it exists.
        replaces: bool,
    },
    /// Remove a file.
    Remove(PathBuf),
    /// Stop the daemon with this pid, which the service manager did not start.
    StopDaemon(u32),
    /// Run a program of the service manager.
    Run(Vec<String>),
}

const SOCKET: &str = "clavigerd.socket";
const SERVICE: &str = "clavigerd.service";
const LABEL: &str = "dev.claviger.clavigerd";

/// Installs the daemon as a service. With `force`, also replaces edited files.
pub(crate) fn install(facts: &Facts, force: bool) -> Plan {
    let can_go = |file: &File| match file.state {
        State::Absent => false,
        State::Foreign => force,
        _ => true,
    };
    if !facts.packaged.is_empty() && facts.files.iter().any(can_go) {
        return make_way(facts, force);
    }
    let mut plan = Plan::default();
    let mut changed = Vec::new();
    match facts.packaged.is_empty() {
        true => changed = plan.write(&facts.files, force),
        // Only returns the obstacles.
        false => drop(plan.remove(&facts.files, false)),
    }
    match (facts.manager, facts.answers) {
        (Manager::Systemd, true) => plan.start_systemd(facts, &changed),
        (Manager::Systemd, false) => plan.start_later(facts),
        (Manager::Launchd, true) => plan.start_launchd(facts, !changed.is_empty()),
        (Manager::Launchd, false) => {
            plan.note("no user is logged in at the screen: it starts with the next login there")
        }
    }
    plan.other_socket(facts);
    plan
}

/// Removes own files, and what was enabled with them: they would hide those of the package.
fn make_way(facts: &Facts, force: bool) -> Plan {
    let mut plan = uninstall(facts, force);
    plan.notes.retain(|note| note.contains("--force"));
    let (enabled, active) = (facts.enabled && !facts.enabled_here, false);
    let rest = install(
        &Facts { files: Vec::new(), enabled, active, needs_reload: false, failed: false, ..facts.clone() },
        force,
    );
    plan.steps.extend(rest.steps);
    plan.notes.extend(rest.notes);
    plan
}

/// Undoes [`install`], and nothing else.
pub(crate) fn uninstall(facts: &Facts, force: bool) -> Plan {
    let mut plan = Plan::default();
    let has_own = facts.enabled_here || facts.has_own_files();
    match (facts.manager, facts.answers) {
        (Manager::Systemd, true) => plan.stop_systemd(facts, has_own),
        (Manager::Systemd, false) if facts.enabled_here => {
            plan.run(&["env", "SYSTEMD_OFFLINE=1", "systemctl", "--user", "disable", SOCKET]);
        }
        (Manager::Launchd, true) if facts.active => plan.run(&["launchctl", "bootout", &agent(facts)]),
        _ => {}
    }
    let removed = plan.remove(&facts.files, force);
    if removed && facts.manager == Manager::Systemd && facts.answers {
        plan.systemctl(&["daemon-reload"]);
    }
    for path in &facts.drop_ins {
        plan.note(&format!("{} is yours, and stays", path.display()));
    }
    if facts.enabled && !facts.packaged.is_empty() {
        plan.note(
            "the package has enabled its units for every user; `systemctl --user mask --now clavigerd.socket` turns them off for you",
        );
    }
    plan
}

impl Plan {
    /// Writes missing and outdated files; returns those that it writes.
    fn write(&mut self, files: &[File], force: bool) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        for file in files {
            match file.state {
                State::Current => continue,
                State::Foreign if !force => {
                    self.note(&format!(
                        "{} was edited and stays as it is; --force replaces it, and a drop-in is the place for changes",
                        file.path.display()
                    ));
                    continue;
                }
                _ => {}
            }
            let (path, text) = (file.path.clone(), file.wanted.clone());
            changed.push(path.clone());
            self.steps.push(Action::Write { path, text, replaces: file.state != State::Absent });
        }
        changed
    }

    /// Removes own files; returns whether there were any.
    fn remove(&mut self, files: &[File], force: bool) -> bool {
        let before = self.steps.len();
        for file in files.iter().filter(|file| file.state != State::Absent) {
            match file.state == State::Foreign && !force {
                true => {
                    self.note(&format!("{} was edited and stays; --force removes it", file.path.display()))
                }
                false => self.steps.push(Action::Remove(file.path.clone())),
            }
        }
        self.steps.len() > before
    }

    fn start_systemd(&mut self, facts: &Facts, changed: &[PathBuf]) {
        if !changed.is_empty() || facts.needs_reload {
            self.systemctl(&["daemon-reload"]);
        }
        if facts.failed {
            self.systemctl(&["reset-failed", SOCKET, SERVICE]);
        }
        // A socket cannot be restarted while its service runs.
        let rebind = facts.active && changed.iter().any(|path| path.ends_with(SOCKET));
        if rebind {
            self.systemctl(&["stop", SOCKET, SERVICE]);
        }
        if rebind || !facts.active || !facts.enabled {
            self.stop_others(facts);
            match facts.enabled {
                true => self.systemctl(&["start", SOCKET]),
                false => self.systemctl(&["enable", "--now", SOCKET]),
            }
        } else if facts.main_pid.is_some() && (!changed.is_empty() || facts.is_of_another_release()) {
            self.systemctl(&["try-restart", SERVICE]);
        }
    }

    /// The manager reads files and links when it starts.
    fn start_later(&mut self, facts: &Facts) {
        if !facts.enabled {
            self.run(&["env", "SYSTEMD_OFFLINE=1", "systemctl", "--user", "enable", SOCKET]);
        }
        self.note(
            "no user manager answers: systemd starts the socket with your next login; until then a client starts the daemon",
        );
    }

    fn start_launchd(&mut self, facts: &Facts, changed: bool) {
        if facts.active && changed {
            self.run(&["launchctl", "bootout", &agent(facts)]);
        }
        if !facts.active || changed {
            self.stop_others(facts);
            let plist = facts.files.first().map(|file| file.path.to_string_lossy().into_owned());
            let directories: Vec<_> = facts.directories.iter().map(|it| it.to_string_lossy()).collect();
            let made = directories.iter().map(AsRef::as_ref);
            self.run(&["install", "-d", "-m", "700"].into_iter().chain(made).collect::<Vec<_>>());
            self.run(&["launchctl", "enable", &agent(facts)]);
            self.run(&["launchctl", "bootstrap", &facts.domain, &plist.unwrap_or_default()]);
        } else if facts.is_of_another_release() {
            self.run(&["launchctl", "kickstart", "-k", &agent(facts)]);
        }
    }

    /// Stops daemons of this user's own units. Those of the package's units are the administrator's.
    fn stop_systemd(&mut self, facts: &Facts, has_own: bool) {
        if facts.enabled_here {
            self.systemctl(&["disable", SOCKET]);
        }
        if has_own && (facts.active || facts.main_pid.is_some()) {
            self.systemctl(&["stop", SOCKET, SERVICE]);
        }
    }

    /// A process that holds the socket would block the service manager.
    fn stop_others(&mut self, facts: &Facts) {
        let others = facts.serving.iter().filter(|serving| serving.by != Starter::Manager);
        self.steps.extend(others.map(|serving| Action::StopDaemon(serving.pid)));
    }

    fn other_socket(&mut self, facts: &Facts) {
        if let Some(path) = &facts.other_socket {
            self.note(&format!(
                "--socket or $CLAVIGER_SOCK names {}, which is not the service's",
                path.display()
            ));
        }
    }

    fn systemctl(&mut self, words: &[&str]) {
        self.run(&[&["systemctl", "--user"], words].concat());
    }

    fn run(&mut self, words: &[&str]) {
        self.steps.push(Action::Run(words.iter().map(|word| (*word).to_owned()).collect()));
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.to_owned());
    }
}

impl Facts {
    fn has_own_files(&self) -> bool {
        self.files.iter().any(|file| file.state != State::Absent)
    }

    /// Whether the daemon run by the service manager is of another release.
    pub(crate) fn is_of_another_release(&self) -> bool {
        let mut managed = self.serving.iter().filter(|serving| serving.by == Starter::Manager);
        managed.any(|serving| serving.version.release != RELEASE)
    }
}

fn agent(facts: &Facts) -> String {
    format!("{}/{LABEL}", facts.domain)
}

impl Action {
    /// The step in words: `done`, or to be done.
    pub(crate) fn words(&self, done: bool) -> String {
        let tense =
            |past: &str, present: &str| if done { past.to_owned() } else { format!("would {present}") };
        match self {
            Self::Write { path, replaces: false, .. } => {
                format!("{} {}", tense("wrote", "write"), path.display())
            }
            Self::Write { path, .. } => format!("{} {}", tense("replaced", "replace"), path.display()),
            Self::Remove(path) => format!("{} {}", tense("removed", "remove"), path.display()),
            Self::StopDaemon(pid) => format!("{} clavigerd with pid {pid}", tense("stopped", "stop")),
            Self::Run(words) => format!("{} {}", tense("ran", "run"), words.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests;
