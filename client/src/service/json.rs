//! The daemon as a service, as JSON.

use super::{
    Facts, File, Serving, Starter,
    plan::{Action, Plan},
    units::{Manager, State},
};
use claviger::{PROTOCOL, RELEASE};
use serde_json::{Value, json};

/// The current state, and the steps of `install`.
pub(crate) fn service(facts: &Facts, plan: &Plan) -> Value {
    json!({
        "manager": match facts.manager { Manager::Systemd => "systemd", Manager::Launchd => "launchd" },
        "answers": facts.answers,
        "enabled": facts.enabled,
        "active": facts.active,
        "program": facts.program,
        "files": facts.files.iter().map(file).collect::<Vec<_>>(),
        "package_files": facts.packaged.iter().map(file).collect::<Vec<_>>(),
        "drop_ins": facts.drop_ins,
        "client": client(),
        "daemon": facts.serving.as_ref().map(daemon),
        "to_do": steps_of(plan),
        "notes": plan.notes,
    })
}

/// Both sides, where no service manager is to be found.
pub(crate) fn sides(serving: Option<&Serving>) -> Value {
    json!({"client": client(), "daemon": serving.map(daemon)})
}

fn client() -> Value {
    json!({"release": RELEASE, "protocol": PROTOCOL})
}

fn daemon(serving: &Serving) -> Value {
    json!({
        "pid": serving.pid,
        "release": serving.version.release,
        "protocol": serving.version.protocol,
        "started_by": match serving.by {
            Starter::Manager => "manager",
            Starter::Client => "client",
            Starter::Other => "other",
        },
    })
}

/// Steps, done or planned.
pub(crate) fn steps(plan: &Plan, done: bool) -> Value {
    json!({"done": done, "steps": steps_of(plan), "notes": plan.notes})
}

fn steps_of(plan: &Plan) -> Vec<Value> {
    let one = |step: &Action| match step {
        Action::Write { path, replaces, .. } => json!({"step": "write", "path": path, "replaces": replaces}),
        Action::Remove(path) => json!({"step": "remove", "path": path}),
        Action::StopDaemon(pid) => json!({"step": "stop-daemon", "pid": pid}),
        Action::Run(words) => json!({"step": "run", "command": words}),
    };
    plan.steps.iter().map(one).collect()
}

fn file(file: &File) -> Value {
    let state = match file.state {
        State::Absent => "absent",
        State::Current => "current",
        State::Outdated => "outdated",
        State::Foreign => "changed",
    };
    json!({"path": file.path, "state": state, "release": file.release})
}
