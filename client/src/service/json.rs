//! The daemon as a service, as JSON.

use super::{
    Facts, Serving, Starter,
    plan::{Action, Plan},
    units::{Manager, State},
};
use crate::json::form;
use claviger::{PROTOCOL, RELEASE};
use serde::Serialize;

form! {
    /// The current state, and the steps of `install`.
    fn service(facts: &Facts, plan: &Plan) -> Service {
        /// `systemd` or `launchd`.
        manager: &'static str = match facts.manager { Manager::Systemd => "systemd", Manager::Launchd => "launchd" },
        /// Whether it answers for this user.
        answers: bool = facts.answers,
        enabled: bool = facts.enabled,
        active: bool = facts.active,
        program: String = facts.program.clone(),
        files: Vec<File> = facts.files.iter().map(file).collect(),
        package_files: Vec<File> = facts.packaged.iter().map(file).collect(),
        drop_ins: Vec<String> = facts.drop_ins.iter().map(|path| path.display().to_string()).collect(),
        client: Client = client(),
        daemon: Option<Daemon> = facts.serving.as_ref().map(daemon),
        to_do: Vec<Step> = plan.steps.iter().map(step).collect(),
        notes: Vec<String> = plan.notes.clone(),
    }

    /// Both sides, where no service manager is to be found.
    fn sides(serving: Option<&Serving>) -> Sides {
        client: Client = client(),
        daemon: Option<Daemon> = serving.map(daemon),
    }

    /// This program.
    fn client() -> Client {
        release: String = RELEASE.to_owned(),
        protocol: u32 = PROTOCOL,
    }

    /// The daemon that answers.
    fn daemon(serving: &Serving) -> Daemon {
        pid: u32 = serving.pid,
        release: String = serving.version.release.clone(),
        protocol: u32 = serving.version.protocol,
        /// `manager`, `client` or `other`.
        started_by: &'static str = match serving.by {
            Starter::Manager => "manager",
            Starter::Client => "client",
            Starter::Other => "other",
        },
    }

    /// Steps, done or planned.
    fn steps(plan: &Plan, done: bool) -> Steps {
        done: bool = done,
        steps: Vec<Step> = plan.steps.iter().map(step).collect(),
        notes: Vec<String> = plan.notes.clone(),
    }

    /// A unit file.
    fn file(file: &super::File) -> File {
        path: String = file.path.display().to_string(),
        /// `absent`, `current`, `outdated` or `changed`.
        state: &'static str = match file.state {
            State::Absent => "absent",
            State::Current => "current",
            State::Outdated => "outdated",
            State::Foreign => "changed",
        },
        release: Option<String> = file.release.clone(),
    }
}

/// A step.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(tag = "step", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// A file is written.
    Write { path: String, replaces: bool },
    /// A file is removed.
    Remove { path: String },
    /// A daemon is stopped.
    StopDaemon { pid: u32 },
    /// A command is run.
    Run { command: Vec<String> },
}

fn step(step: &Action) -> Step {
    match step.clone() {
        Action::Write { path, replaces, .. } => Step::Write { path: path.display().to_string(), replaces },
        Action::Remove(path) => Step::Remove { path: path.display().to_string() },
        Action::StopDaemon(pid) => Step::StopDaemon { pid },
        Action::Run(command) => Step::Run { command },
    }
}
