//! Restrictions of a session by the variables of a project's files, depending on the decision about them. Pure.
//!
//! A tool sets them in its own environment before a person decides, and keeps them after `trust ignore`. So a lent key
//! would be sent to the endpoint they choose. Claude Code (2.1.197) starts a helper of the user's settings without
//! them, but sends its requests with them. The session's variables do not show that, so the fact that a tool asks is
//! used.

use crate::settings::{Decision, Located, Settings, effective::untrusted};
use claviger::{
    reason::{Problem, Reason},
    remedy::Remedy,
    session::SessionContext,
    variables::{self, Use},
};

/// Why an undecided workspace gets only credentials of its session's own environment; `None` if it sets harmless
/// variables only.
pub fn undecided(settings: &Settings) -> Option<Problem> {
    if settings.decision != Decision::Undecided {
        return None;
    }
    let (name, value) = settings.of_workspace().next()?;
    Some(untrusted(settings, name, &value.at))
}

/// Why a session gets no credential although its workspace is ignored: it has a variable of an ignored file. A tool
/// that reads the file has all of them, though its helpers may not see them.
pub fn ignored(session: &SessionContext, settings: &Settings) -> Option<Problem> {
    if settings.decision != Decision::Ignored {
        return None;
    }
    let mut set = settings.of_workspace();
    let (name, value) = set.find(|(name, value)| session.reads_workspace || has(session, name, value))?;
    let root = settings.snapshot.workspace.root.to_string_lossy();
    let by_name = is_secret(name) || session.lent.contains_key(name);
    let (message, own) = match (session.reads_workspace, by_name) {
        (true, _) => (format!("the tool has {name} from the ignored files of the workspace {root}"), ""),
        (false, true) => {
            (format!("the session has {name}, which the ignored files of the workspace {root} set"), OWN)
        }
        (false, false) => {
            (format!("the session has {name} as the ignored files of the workspace {root} set it"), OWN)
        }
    };
    let hint = format!("remove {name} from that file{own}, and restart the session; or trust the workspace");
    let problem = Problem::new(Reason::WorkspaceUntrusted, message).hint(hint);
    Some(problem.remedy(Remedy::trust().within(&root)).at(&value.at))
}

/// Where else a variable can be set.
const OWN: &str = ", or from the session's own environment";

/// Whether the session's own environment has the file's value. A secret stays with the session, so its name is enough.
fn has(session: &SessionContext, name: &str, value: &Located<String>) -> bool {
    session.present.contains(name)
        || session.lent.contains_key(name)
        || !is_secret(name) && session.variables.get(name).is_some_and(|own| is_same(own, &value.value))
}

fn is_secret(name: &str) -> bool {
    matches!(variables::usage(name), Some(Use::Secret | Use::Handed | Use::Lent(_)))
}

/// A tool may write a number of a file in another form: `1e3`, `1000`.
fn is_same(own: &str, of_file: &str) -> bool {
    let numbers = || Some((own.parse::<f64>().ok()?, of_file.parse::<f64>().ok()?));
    own == of_file || numbers().is_some_and(|(own, of_file)| own == of_file)
}

#[cfg(test)]
mod tests {
    use super::{ignored, undecided};
    use crate::settings::{
        Decision, Directories, File, FileState, Layer, Scope, Settings, Snapshot, Workspace, parse,
    };
    use claviger::{reason::Reason, session::SessionContext};
    use std::{path::PathBuf, sync::Arc};

    fn settings(env: &str, decision: Decision, scope: Scope) -> Settings {
        let text = format!("{{\"env\": {env}}}");
        let content = Arc::new(parse::json(Layer::Project, "/w/s.json", text.as_bytes()).expect("valid"));
        let project =
            File { layer: Layer::Project, path: "/w/s.json".into(), state: FileState::Loaded, content };
        let config = b"[trust]\nharmless = [\"MYAPP_*\"]\n";
        let content = Arc::new(parse::toml(Layer::Config, "/c.toml", config).expect("valid"));
        let config = File { layer: Layer::Config, path: "/c.toml".into(), state: FileState::Loaded, content };
        let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
        let snapshot = Arc::new(Snapshot {
            workspace,
            files: vec![project, config],
            subject: None,
            directories: Directories::default(),
        });
        Settings { snapshot, explicit: None, decision, scope }
    }

    fn session(environment: &[(&str, &str)]) -> SessionContext {
        let environment = environment.iter().map(|&(name, value)| (name.into(), value.into()));
        SessionContext::new(PathBuf::from("/w"), environment).expect("valid")
    }

    #[test]
    fn an_undecided_workspace_is_refused_by_the_first_variable_that_is_not_harmless() {
        for (env, name) in [
            ("{}", None),
            (r#"{"CI": 1, "ANTHROPIC_MODEL": "m", "LC_ALL": "C", "MYAPP_X": "1"}"#, None),
            (r#"{"CI": 1, "HTTPS_PROXY": "http://p"}"#, Some("HTTPS_PROXY")),
            (r#"{"CI": 1, "https_proxy": ""}"#, Some("https_proxy")),
            (r#"{"CLAVIGER_SOCK": "/s"}"#, Some("CLAVIGER_SOCK")),
            (r#"{"MYAPP_PROXY": "x"}"#, Some("MYAPP_PROXY")),
            (r#"{"UNKNOWN": "x"}"#, Some("UNKNOWN")),
        ] {
            let problem = undecided(&settings(env, Decision::Undecided, Scope::All));
            assert_eq!(problem.is_some(), name.is_some(), "{env}");
            if let (Some(problem), Some(name)) = (problem, name) {
                assert_eq!(problem.reason, Reason::WorkspaceUntrusted);
                assert!(problem.message.contains(&format!(" sets {name} and ")), "{problem}");
                assert!(problem.location.expect("a place").to_string().starts_with("/w/s.json:1:"));
            }
            for (decision, scope) in [
                (Decision::Trusted, Scope::All),
                (Decision::Ignored, Scope::All),
                (Decision::Undecided, Scope::Explicit),
                (Decision::Undecided, Scope::Policy),
            ] {
                assert_eq!(undecided(&settings(env, decision, scope)), None, "{env}");
            }
        }
    }

    #[test]
    fn a_tool_has_what_an_ignored_file_sets_whatever_its_helper_sees() {
        let tool = SessionContext { reads_workspace: true, ..session(&[]) };
        let env = r#"{"CI": 1, "HTTPS_PROXY": "http://p"}"#;
        let problem = ignored(&tool, &settings(env, Decision::Ignored, Scope::All)).expect("refused");
        assert!(problem.message.starts_with("the tool has HTTPS_PROXY "), "{problem}");
        for (env, decision, scope) in [
            (r#"{"CI": 1}"#, Decision::Ignored, Scope::All),
            (env, Decision::Trusted, Scope::All),
            (env, Decision::Ignored, Scope::Explicit),
        ] {
            assert_eq!(ignored(&tool, &settings(env, decision, scope)), None, "{env}");
        }
    }

    #[test]
    fn an_ignored_file_is_recognised_in_the_session() {
        for (env, own, refused) in [
            (r#"{"ANTHROPIC_BASE_URL": "https://e"}"#, ("ANTHROPIC_BASE_URL", "https://e"), true),
            (r#"{"ANTHROPIC_BASE_URL": "https://e"}"#, ("ANTHROPIC_BASE_URL", "https://mine"), false),
            (r#"{"ANTHROPIC_BASE_URL": "https://e"}"#, ("HTTPS_PROXY", "https://e"), false),
            (r#"{"NODE_TLS_REJECT_UNAUTHORIZED": 0.0}"#, ("NODE_TLS_REJECT_UNAUTHORIZED", "0"), true),
            (r#"{"PATH": "/e:/bin"}"#, ("PATH", "/e:/bin"), true),
            (r#"{"LANG": "C"}"#, ("LANG", "C"), false),
            (r#"{"ANTHROPIC_API_KEY": "theirs"}"#, ("ANTHROPIC_API_KEY", "mine"), true),
            (r#"{"AZURE_CLIENT_SECRET": "theirs"}"#, ("AZURE_CLIENT_SECRET", "mine"), true),
            (r#"{"ANTHROPIC_API_KEY": ""}"#, ("LANG", "C"), false),
        ] {
            let session = session(&[own]);
            let problem = ignored(&session, &settings(env, Decision::Ignored, Scope::All));
            assert_eq!(problem.is_some(), refused, "{env} {own:?}");
            if let Some(problem) = problem {
                let text = format!("{problem} {problem:?}");
                assert_eq!(problem.reason, Reason::WorkspaceUntrusted);
                assert!(problem.message.contains(own.0) && !text.contains("theirs"), "{text}");
                let line = problem.remedy.and_then(|remedy| remedy.line());
                assert_eq!(line.as_deref(), Some("claviger --cwd /w trust grant"));
            }
            for (decision, scope) in [
                (Decision::Trusted, Scope::All),
                (Decision::Undecided, Scope::All),
                (Decision::Ignored, Scope::Explicit),
            ] {
                assert_eq!(ignored(&session, &settings(env, decision, scope)), None, "{env}");
            }
        }
    }
}
