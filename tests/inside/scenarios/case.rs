//! A case as it is written, and what the daemon makes of it.

use claviger::{
    backend::{ANTHROPIC_BASE_URL, Backend, CLOUDS},
    reason::Problem,
    secret::Secret,
    session::{ExplicitSettings, SessionContext, SessionMode, Unlisted},
};
use claviger_tests::walk;
use clavigerd::{
    accounts::{Account, Index, Kind},
    config::Limits,
    resolve::{Given, Resolution, explain, resolve},
    settings::{
        Decision, Directories, File, FileState, Layer, Scope, Settings, Snapshot, Subject, Workspace, parse,
        store,
    },
    terminal::Terminal,
};
use serde::Deserialize;
use std::{collections::BTreeMap, sync::Arc};

/// A case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    /// What the case shows, in one sentence.
    pub(crate) docs: String,
    /// Where that is written.
    pub(crate) source: String,
    #[serde(default)]
    pub(crate) mode: String,
    #[serde(default)]
    pub(crate) interactive: bool,
    /// Whether a tool asks that reads the project's files by itself.
    #[serde(default)]
    pub(crate) reads_workspace: bool,
    /// Whether a tool runs the caller as its `apiKeyHelper`.
    #[serde(default)]
    pub(crate) key_helper: bool,
    /// "trusted", "ignored", or nothing decided.
    #[serde(default)]
    pub(crate) trust: String,
    /// Secret variables that the session has.
    #[serde(default)]
    pub(crate) present: Vec<String>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    /// Secrets for an SDK.
    #[serde(default)]
    pub(crate) lent: BTreeMap<String, String>,
    /// The backend that a tool asks for.
    pub(crate) wants: Option<String>,
    /// Passed with `--settings`.
    pub(crate) settings: Option<String>,
    /// The local store, in the order of its list.
    #[serde(default)]
    pub(crate) accounts: Vec<Listed>,
    /// The account that `claviger use` named.
    pub(crate) in_use: Option<String>,
    /// Content by layer.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) expect: Expect,
}

/// An account of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Listed {
    pub(crate) name: String,
    /// "oauth", "token" or "api-key".
    pub(crate) kind: Kind,
    /// Where its secret may go; Anthropic's API if not said.
    pub(crate) audience: Option<String>,
    pub(crate) method: Option<String>,
    pub(crate) organization: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Expect {
    pub(crate) winner: Option<String>,
    /// "own NAME", "fixed VALUE" or "provided".
    pub(crate) material: Option<String>,
    pub(crate) scheme: Option<String>,
    pub(crate) origin: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) project: Option<String>,
    pub(crate) base_url: Option<String>,
    pub(crate) headers: Option<Vec<String>>,
    pub(crate) own_headers: Option<String>,
    pub(crate) timeout_ms: Option<u64>,
    /// Parts of the provider's Debug text.
    pub(crate) provider: Vec<String>,
    /// What must not be in it.
    pub(crate) without: Vec<String>,
    pub(crate) backend: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) message: Option<String>,
    /// End of `file:line:column` of winner or problem.
    pub(crate) at: Option<String>,
    /// "source: outcome", in order.
    pub(crate) steps: Option<Vec<String>>,
    /// Parts of the warnings, in order; none may be left over.
    pub(crate) warnings: Vec<String>,
}

/// The files of a case: key, layer, path. The stronger of a layer comes first.
const FILES: [(&str, Layer, &str); 6] = [
    ("drop-in", Layer::Managed, "/etc/claude-code/managed-settings.d/10.json"),
    ("managed", Layer::Managed, "/etc/claude-code/managed-settings.json"),
    ("local", Layer::Local, "/w/.claude/settings.local.json"),
    ("project", Layer::Project, "/w/.claude/settings.json"),
    ("user", Layer::User, "/home/u/.claude/settings.json"),
    ("config", Layer::Config, "/home/u/.config/claviger/config.toml"),
];

fn file(layer: Layer, path: &str, text: Option<&String>) -> File {
    let parse = if layer == Layer::Config { parse::toml } else { parse::json };
    let (state, content) = match text.map(|text| parse(layer, path, text.as_bytes())) {
        None => (FileState::Absent, Arc::default()),
        Some(Ok(content)) => (FileState::Loaded, Arc::new(content)),
        Some(Err(problem)) => (FileState::Invalid(problem), Arc::default()),
    };
    File { layer, path: path.into(), state, content }
}

impl Case {
    fn session(&self) -> SessionContext {
        let mode = match self.mode.as_str() {
            "" => SessionMode::Standard,
            "homespace" => SessionMode::Homespace,
            "bare" => SessionMode::Bare,
            "managed" => SessionMode::Managed,
            other => panic!("unknown mode {other}"),
        };
        let mut variables = self.variables.clone();
        variables.entry("HOME".into()).or_insert_with(|| "/home/u".into());
        let explicit = self
            .settings
            .as_ref()
            .map(|text| ExplicitSettings { name: "inline".into(), content: text.clone().into_bytes() });
        let wanted = |name: &String| {
            let mut clouds = CLOUDS.into_iter().map(|(cloud, ..)| cloud);
            clouds.find(|cloud| cloud.name() == name).unwrap_or_else(|| panic!("unknown backend {name}"))
        };
        let session = SessionContext {
            lent: self.lent.iter().map(|(name, value)| (name.clone(), Secret::new(value.clone()))).collect(),
            passed: None,
            settled: false,
            unlisted: Unlisted::default(),
            backend: self.wants.as_ref().map(wanted),
            cwd: "/w".into(),
            variables,
            present: self.present.iter().cloned().collect(),
            chosen: BTreeMap::new(),
            explicit,
            mode,
            interactive: self.interactive,
            inside_flight: None,
            reads_workspace: self.reads_workspace,
            key_helper: self.key_helper,
        };
        // A case that no client could send would prove nothing.
        SessionContext::from_proto(Some(session.to_proto())).expect("a session that a client can send")
    }

    fn settings(&self, session: &SessionContext) -> Result<Settings, Problem> {
        let known = |name: &String| FILES.iter().any(|(key, ..)| key == name);
        assert!(self.files.keys().all(known), "an unknown file");
        let files: Vec<File> =
            FILES.map(|(key, layer, path)| file(layer, path, self.files.get(key))).into_iter().collect();
        let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
        let decision = match self.trust.as_str() {
            "" => Decision::Undecided,
            "trusted" => Decision::Trusted,
            "ignored" => Decision::Ignored,
            other => panic!("unknown decision {other}"),
        };
        let subject = Subject::of(&workspace, &files, &[]);
        let scope = Scope::of(session.mode);
        // As the broker does: a managed session ignores whatever is passed.
        let explicit = if scope == Scope::Policy { None } else { store::explicit(session)? };
        Ok(Settings {
            snapshot: Arc::new(Snapshot { workspace, files, subject, directories: Directories::default() }),
            explicit,
            decision,
            scope,
        })
    }

    fn accounts(&self) -> Index {
        let account = |listed: &Listed| Account {
            audience: listed.audience.clone().unwrap_or_else(|| ANTHROPIC_BASE_URL.into()),
            method: listed.method.clone(),
            organization: listed.organization.clone(),
            ..walk::account(&listed.name, listed.kind)
        };
        let accounts = self.accounts.iter().map(account).collect();
        let mut index = Index { accounts, ..Index::default() };
        self.in_use.iter().for_each(|name| drop(index.use_account(name).expect("an account")));
        index
    }

    /// Who wins, with all that became of the others.
    pub(crate) fn resolve(&self) -> Resolution {
        let (session, limits) = (self.session(), Limits::default());
        let settings = match self.settings(&session) {
            Ok(settings) => settings,
            Err(problem) => {
                let backend = Backend::Anthropic;
                return Resolution { backend, winner: Err(problem), steps: Vec::new(), warnings: Vec::new() };
            }
        };
        let accounts = self.accounts();
        let terminal = Terminal::default();
        let given = Given {
            session: &session,
            settings: &settings,
            accounts: &accounts,
            terminal: &terminal,
            limits: &limits,
        };
        let (short, long) = (resolve(&given), explain(&given));
        let of = |one: &Resolution| one.winner.as_ref().map(|winner| winner.source).map_err(Clone::clone);
        // What serves and what explains may never disagree, whatever the rest of the walk finds.
        match (of(&short), of(&long)) {
            (Err(one), Err(other)) => assert_eq!(one.to_string(), other.to_string()),
            (one, other) => assert_eq!(one, other),
        }
        long
    }
}
