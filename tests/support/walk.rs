//! Sessions as the resolver sees them: every mode, and every source of the chain configured in one way. Nothing is read
//! and nothing is run.

use claviger::{
    backend::ANTHROPIC_BASE_URL,
    reason::Reason,
    session::{SessionContext, SessionMode, explicit},
};
use clavigerd::{
    accounts::{Account, Index, Kind, Storage},
    config::Limits,
    resolve::{Given, Outcome, Resolution, explain, resolve},
    settings::{
        Decision, Directories, File, FileState, Layer, Scope, Settings, Snapshot, Subject, Workspace, parse,
        store,
    },
    terminal::Terminal,
};
use std::sync::Arc;

pub const CHOSEN: Option<Outcome> = Some(Outcome::Chosen);
pub const IGNORED: Option<Outcome> = Some(Outcome::Ignored);
pub const UNSET: Option<Outcome> = Some(Outcome::NotConfigured);

type Pairs = &'static [(&'static str, &'static str)];

/// The modes: name, what asks for it, and where that is written. Homespace is asked for by an option.
pub const MODES: [(&str, SessionMode, Pairs, &str); 5] = [
    ("standard", SessionMode::Standard, &[], "guide: Advanced Configuration & Priority, items 2 to 4"),
    ("homespace", SessionMode::Homespace, &[], "guide: Advanced Configuration & Priority, item 2"),
    (
        "bare",
        SessionMode::Bare,
        &[("CLAUDE_CODE_SIMPLE", "1")],
        "guide: Advanced Configuration & Priority, Note",
    ),
    (
        "remote",
        SessionMode::Managed,
        &[("CLAUDE_CODE_REMOTE", "true")],
        "guide: Advanced Configuration & Priority, item 1",
    ),
    (
        "host",
        SessionMode::Managed,
        &[("CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST", "1")],
        "behaviour.md A2, CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST",
    ),
];

/// The organisation of the account that satisfies every policy here.
pub const ORGANIZATION: &str = "11111111-1111-4111-8111-111111111111";

/// What one session has.
#[derive(Clone, Copy, Default)]
pub struct Setup<'a> {
    pub environment: &'a [(&'a str, &'a str)],
    pub files: &'a [(Layer, &'a str)],
    pub explicit: &'a str,
    pub account: Option<Who>,
}

/// The only account of the local store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A login by "console" in [`ORGANIZATION`].
    Login,
    /// A login of which neither is known.
    Stranger,
    Token,
    ApiKey,
}

/// A source that is configured in one way, and what becomes of it in each of [`MODES`].
pub struct Row {
    pub source: &'static str,
    pub setup: Setup<'static>,
    pub expect: [Option<Outcome>; 5],
    /// Where that is written, beside what is written of the modes.
    pub docs: &'static str,
}

/// An account whose secret may be sent to Anthropic's API.
pub fn account(name: &str, kind: Kind) -> Account {
    Account {
        name: name.into(),
        login: format!("{name}-1"),
        first_login: None,
        kind,
        audience: ANTHROPIC_BASE_URL.into(),
        registration: None,
        issuer: None,
        method: None,
        organization: None,
        subject: None,
        place: Storage::File,
        signed_in_at: std::time::UNIX_EPOCH,
        login_required: None,
        signing_out: None,
    }
}

impl Who {
    fn index(self) -> Index {
        let (kind, known) = match self {
            Self::Login => (Kind::Oauth, true),
            Self::Stranger => (Kind::Oauth, false),
            Self::Token => (Kind::Token, false),
            Self::ApiKey => (Kind::ApiKey, false),
        };
        let account = Account {
            method: known.then(|| "console".into()),
            organization: known.then(|| ORGANIZATION.into()),
            ..account("work", kind)
        };
        Index { accounts: vec![account], ..Index::default() }
    }
}

pub fn path(layer: Layer) -> &'static str {
    match layer {
        Layer::Managed => "/etc/claude-code/managed-settings.json",
        Layer::Explicit => "inline",
        Layer::Local => "/w/.claude/settings.local.json",
        Layer::Project => "/w/.claude/settings.json",
        Layer::User => "/home/u/.claude/settings.json",
        Layer::Config => "/home/u/.config/claviger/config.toml",
    }
}

pub fn file(&(layer, text): &(Layer, &str)) -> File {
    let parse = if layer == Layer::Config { parse::toml } else { parse::json };
    let (state, content) = match parse(layer, path(layer), text.as_bytes()) {
        Ok(content) => (FileState::Loaded, Arc::new(content)),
        Err(problem) => (FileState::Invalid(problem), Arc::default()),
    };
    File { layer, path: path(layer).into(), state, content }
}

impl Setup<'_> {
    /// The walk to the end. What serves must agree with it.
    pub fn walk(&self, mode: usize, decision: Decision) -> Resolution {
        let (name, expected, asks, _) = MODES[mode];
        let own = [("HOME", "/home/u")];
        let environment = own.iter().chain(asks).chain(self.environment);
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let mut session = SessionContext::new("/w".into(), environment).expect("a session");
        if name == "homespace" {
            session.mode = SessionMode::Homespace;
        }
        assert_eq!(session.mode, expected, "{name}");
        session.explicit = explicit("inline".into(), self.explicit.into()).expect("small");
        let mut files: Vec<_> = self.files.iter().map(file).collect();
        files.sort_by_key(|file| file.layer);
        let workspace = Workspace { root: "/w".into(), device: 1, inode: 2 };
        let subject = Subject::of(&workspace, &files, &[]);
        let scope = Scope::of(session.mode);
        let explicit = if scope == Scope::Policy { None } else { store::explicit(&session).expect("valid") };
        let snapshot = Arc::new(Snapshot { workspace, files, subject, directories: Directories::default() });
        let settings = Settings { snapshot, explicit, decision, scope };
        let accounts = self.account.map(Who::index).unwrap_or_default();
        let limits = Limits::default();
        let terminal = Terminal::default();
        let given = Given {
            session: &session,
            settings: &settings,
            accounts: &accounts,
            terminal: &terminal,
            limits: &limits,
        };
        let (short, long) = (resolve(&given), explain(&given));
        assert_eq!(ended(&short), ended(&long), "what serves and what explains must agree");
        long
    }
}

/// The winning source, or why there is none.
pub fn ended(resolution: &Resolution) -> Result<&'static str, Reason> {
    resolution.winner.as_ref().map(|winner| winner.source).map_err(|problem| problem.reason)
}

pub fn outcome(resolution: &Resolution, source: &str) -> Option<Outcome> {
    resolution.steps.iter().find(|step| step.source == source).map(|step| step.outcome)
}

/// A session with nothing but these.
const fn with(environment: &'static [(&'static str, &'static str)]) -> Setup<'static> {
    Setup { environment, files: &[], explicit: "", account: None }
}

const fn of_user(
    environment: &'static [(&'static str, &'static str)],
    files: &'static [(Layer, &'static str)],
) -> Setup<'static> {
    Setup { environment, files, explicit: "", account: None }
}

const fn passed(explicit: &'static str) -> Setup<'static> {
    Setup { environment: &[], files: &[], explicit, account: None }
}

const fn saved(account: Who) -> Setup<'static> {
    Setup { environment: &[], files: &[], explicit: "", account: Some(account) }
}

const fn row(
    source: &'static str,
    setup: Setup<'static>,
    expect: [Option<Outcome>; 5],
    docs: &'static str,
) -> Row {
    Row { source, setup, expect, docs }
}

pub const BEDROCK: (&str, &str) = ("CLAUDE_CODE_USE_BEDROCK", "1");
pub const FOUNDRY: [(&str, &str); 2] =
    [("CLAUDE_CODE_USE_FOUNDRY", "1"), ("ANTHROPIC_FOUNDRY_RESOURCE", "r")];
const CLOUD: &str = "behaviour.md A6: cloud providers still read own creds";

#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("env-auth-token", with(&[("ANTHROPIC_AUTH_TOKEN", "k")]), [CHOSEN, IGNORED, IGNORED, IGNORED, IGNORED], "guide: Note, only respects ANTHROPIC_API_KEY"),
    row("env-auth-token", of_user(&[], &[(Layer::User, r#"{"env":{"ANTHROPIC_AUTH_TOKEN":"k"}}"#)]), [CHOSEN, IGNORED, UNSET, IGNORED, IGNORED], "behaviour.md A1, env block"),
    row("env-auth-token", passed(r#"{"env":{"ANTHROPIC_AUTH_TOKEN":"k"}}"#), [CHOSEN, IGNORED, CHOSEN, IGNORED, IGNORED], "guide: Note, explicitly passed settings"),
    row("env-api-key", with(&[("ANTHROPIC_API_KEY", "k")]), [CHOSEN, IGNORED, CHOSEN, IGNORED, IGNORED], "guide: Note, only respects ANTHROPIC_API_KEY"),
    row("env-api-key", of_user(&[], &[(Layer::User, r#"{"env":{"ANTHROPIC_API_KEY":"k"}}"#)]), [CHOSEN, IGNORED, UNSET, IGNORED, IGNORED], "behaviour.md A1, env block"),
    row("env-api-key", passed(r#"{"env":{"ANTHROPIC_API_KEY":"k"}}"#), [CHOSEN, IGNORED, CHOSEN, IGNORED, IGNORED], "guide: Note, explicitly passed settings"),
    row("api-key-helper", of_user(&[], &[(Layer::User, r#"{"apiKeyHelper":"u"}"#)]), [CHOSEN, CHOSEN, UNSET, IGNORED, IGNORED], "guide: Priority, item 3"),
    row("api-key-helper", of_user(&[], &[(Layer::Managed, r#"{"apiKeyHelper":"m"}"#)]), [CHOSEN, CHOSEN, UNSET, IGNORED, IGNORED], "behaviour.md A6: apiKeyHelper from --settings; bugs when Desktop used managed apiKeyHelper"),
    row("api-key-helper", passed(r#"{"apiKeyHelper":"x"}"#), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], "guide: Note, explicitly passed settings"),
    row("oauth-token", with(&[("CLAUDE_CODE_OAUTH_TOKEN", "k")]), [CHOSEN, CHOSEN, IGNORED, IGNORED, IGNORED], "behaviour.md A6: bare never CLAUDE_CODE_OAUTH_TOKEN"),
    row("oauth-token", passed(r#"{"env":{"CLAUDE_CODE_OAUTH_TOKEN":"k"}}"#), [CHOSEN, CHOSEN, IGNORED, IGNORED, IGNORED], "behaviour.md A6: bare never CLAUDE_CODE_OAUTH_TOKEN"),
    row("oauth-login", saved(Who::Login), [CHOSEN, CHOSEN, IGNORED, CHOSEN, CHOSEN], "guide: Priority, items 1 and 4; Note, ignoring the local keychain and OAuth tokens"),
    row("oauth-login", saved(Who::Token), [CHOSEN, CHOSEN, IGNORED, CHOSEN, CHOSEN], "guide: Priority, items 1 and 4; Note, ignoring the local keychain and OAuth tokens"),
    row("saved-api-key", saved(Who::ApiKey), [CHOSEN, CHOSEN, IGNORED, IGNORED, IGNORED], "guide: Priority, item 4; item 1, ignore local API keys"),
    row("env-bedrock-token", with(&[BEDROCK, ("AWS_BEARER_TOKEN_BEDROCK", "k")]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("aws-export", of_user(&[BEDROCK], &[(Layer::User, r#"{"awsCredentialExport":"x"}"#)]), [CHOSEN, CHOSEN, UNSET, IGNORED, IGNORED], "guide: AWS Bedrock, Custom Auth; Note"),
    row("env-aws-keys", with(&[BEDROCK, ("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "k")]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("aws-chain", with(&[BEDROCK]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("google-adc", with(&[("CLAUDE_CODE_USE_VERTEX", "1"), ("ANTHROPIC_VERTEX_PROJECT_ID", "p")]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("env-foundry-token", with(&[FOUNDRY[0], FOUNDRY[1], ("ANTHROPIC_FOUNDRY_AUTH_TOKEN", "k")]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("env-foundry-key", with(&[FOUNDRY[0], FOUNDRY[1], ("ANTHROPIC_FOUNDRY_API_KEY", "k")]), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
    row("azure-default", with(&FOUNDRY), [CHOSEN, CHOSEN, CHOSEN, IGNORED, IGNORED], CLOUD),
];
