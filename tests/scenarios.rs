//! Who wins, as scenario files: each file of `tests/cases` is one session with its settings files and what must come
//! of it. Pure: nothing is read but the cases, nothing is run.

#![allow(clippy::disallowed_methods, reason = "the daemon's rules are about the daemon; tests stand outside")]

mod support;

use claviger::{
    backend::{ANTHROPIC_BASE_URL, CLOUDS},
    reason::Problem,
    secret::Secret,
    session::{ExplicitSettings, SessionContext, SessionMode},
};
use clavigerd::{
    accounts::{Account, Index, Kind},
    config::Limits,
    resolve::{Given, Outcome, Resolution, explain, resolve},
    settings::{File, FileState, Layer, Scope, Settings, Snapshot, Workspace, parse, store},
    sources::Material,
    trust::{Decision, Subject},
};
use serde::Deserialize;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use support::{CANARY, walk};

/// Fewer would mean that the walk over the files went wrong.
const AT_LEAST: usize = 250;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the case shows, in one sentence.
    docs: String,
    /// Where that is written.
    source: String,
    #[serde(default)]
    mode: String,
    #[serde(default)]
    interactive: bool,
    /// "trusted", "ignored", or nothing decided.
    #[serde(default)]
    trust: String,
    /// Secret variables that the session has.
    #[serde(default)]
    present: Vec<String>,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// Secrets for an SDK.
    #[serde(default)]
    lent: BTreeMap<String, String>,
    /// The backend that a tool asks for.
    wants: Option<String>,
    /// Passed with `--settings`.
    settings: Option<String>,
    /// The local store, in the order of its list.
    #[serde(default)]
    accounts: Vec<Listed>,
    /// The account that `claviger use` named.
    in_use: Option<String>,
    /// Content by layer.
    #[serde(default)]
    files: BTreeMap<String, String>,
    expect: Expect,
}

/// An account of a case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    /// "oauth", "token" or "api-key".
    kind: Kind,
    /// Where its secret may go; Anthropic's API if not said.
    audience: Option<String>,
    method: Option<String>,
    organization: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Expect {
    winner: Option<String>,
    /// "own NAME", "fixed VALUE" or "provided".
    material: Option<String>,
    scheme: Option<String>,
    origin: Option<String>,
    region: Option<String>,
    project: Option<String>,
    base_url: Option<String>,
    headers: Option<Vec<String>>,
    own_headers: Option<String>,
    timeout_ms: Option<u64>,
    /// Parts of the provider's Debug text.
    provider: Vec<String>,
    /// What must not be in it.
    without: Vec<String>,
    backend: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    /// End of `file:line:column` of winner or problem.
    at: Option<String>,
    /// "source: outcome", in order.
    steps: Option<Vec<String>>,
    /// Parts of the warnings, in order; none may be left over.
    warnings: Vec<String>,
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

fn cases(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("tests/cases").flatten() {
        match entry.path() {
            path if path.is_dir() => cases(&path, found),
            path if path.extension().is_some_and(|end| end == "toml") => {
                found.push(path.display().to_string())
            }
            path => panic!("{} is not a case", path.display()),
        }
    }
}

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
            backend: self.wants.as_ref().map(wanted),
            cwd: "/w".into(),
            variables,
            present: self.present.iter().cloned().collect(),
            explicit,
            mode,
            interactive: self.interactive,
            inside_flight: None,
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
        let subject = Subject::of(&workspace, &files);
        let scope = Scope::of(session.mode);
        // As the broker does: a managed session ignores whatever is passed.
        let explicit = if scope == Scope::Policy { None } else { store::explicit(session)? };
        Ok(Settings { snapshot: Arc::new(Snapshot { workspace, files, subject }), explicit, decision, scope })
    }

    fn accounts(&self) -> Index {
        let account = |listed: &Listed| Account {
            audience: listed.audience.clone().unwrap_or_else(|| ANTHROPIC_BASE_URL.into()),
            method: listed.method.clone(),
            organization: listed.organization.clone(),
            ..walk::account(&listed.name, listed.kind)
        };
        let accounts = self.accounts.iter().map(account).collect();
        Index { accounts, in_use: self.in_use.clone(), fault: None }
    }

    fn resolve(&self) -> Resolution {
        let (session, limits) = (self.session(), Limits::default());
        let settings = match self.settings(&session) {
            Ok(settings) => settings,
            Err(problem) => {
                let backend = claviger::backend::Backend::Anthropic;
                return Resolution { backend, winner: Err(problem), steps: Vec::new(), warnings: Vec::new() };
            }
        };
        let accounts = self.accounts();
        let given = Given { session: &session, settings: &settings, accounts: &accounts, limits: &limits };
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

/// The differences between what was expected and what came out.
fn compare(case: &Case, got: &Resolution) -> Vec<String> {
    let expect = &case.expect;
    let mut wrong = Vec::new();
    let mut check = |what: &str, expected: Option<&String>, got: String| {
        if let Some(expected) = expected.filter(|expected| **expected != got) {
            wrong.push(format!("{what}: expected {expected:?}, got {got:?}"));
        }
    };
    check("backend", expect.backend.as_ref(), got.backend.name().into());
    let steps = got.steps.iter().map(|step| format!("{}: {}", step.source, outcome(step.outcome)));
    check(
        "steps",
        expect.steps.as_ref().map(|all| all.join(", ")).as_ref(),
        steps.collect::<Vec<_>>().join(", "),
    );
    let at = |at: Option<&claviger::reason::Location>| at.map(ToString::to_string).unwrap_or_default();
    let place = match &got.winner {
        Ok(winner) => {
            check("winner", Some(&expect.winner.clone().unwrap_or_default()), winner.source.into());
            check("material", expect.material.as_ref(), material(&winner.bound.material));
            check("scheme", expect.scheme.as_ref(), format!("{:?}", winner.bound.scheme));
            check("origin", expect.origin.as_ref(), winner.endpoint.origin.clone());
            check("region", expect.region.as_ref(), winner.place.region.clone().unwrap_or_default());
            check("project", expect.project.as_ref(), winner.place.project.clone().unwrap_or_default());
            check("base_url", expect.base_url.as_ref(), winner.endpoint.base_url.clone());
            let headers =
                winner.extras.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
            let headers = headers.collect::<Vec<_>>().join("\n");
            check("headers", expect.headers.as_ref().map(|all| all.join("\n")).as_ref(), headers);
            check(
                "own_headers",
                expect.own_headers.as_ref(),
                winner.extras.own_headers.unwrap_or("none").into(),
            );
            let timeout = expect.timeout_ms.map(|ms| ms.to_string());
            check("timeout_ms", timeout.as_ref(), winner.extras.timeout.as_millis().to_string());
            at(winner.bound.at.as_ref())
        }
        Err(problem) => {
            check("winner", expect.winner.as_ref(), "none".into());
            check("reason", Some(&expect.reason.clone().unwrap_or_default()), problem.reason.to_string());
            at(problem.location.as_ref())
        }
    };
    let text = format!("{:?}", got.winner.as_ref().map(|winner| &winner.bound.material));
    let missing = expect.provider.iter().filter(|part| !text.contains(*part));
    let surplus = expect.without.iter().filter(|part| text.contains(*part));
    wrong.extend(surplus.map(|part| format!("provider: {part:?} is in {text}")));
    wrong.extend(missing.map(|part| format!("provider: {part:?} is not in {text}")));
    if let Some(part) = expect.message.as_ref().filter(|part| !message(got).contains(*part)) {
        wrong.push(format!("message: {part:?} is not in {:?}", message(got)));
    }
    if let Some(end) =
        expect.at.as_ref().filter(|end| !place.ends_with(*end) || place.is_empty() != end.is_empty())
    {
        wrong.push(format!("at: expected {end:?}, got {place:?}"));
    }
    let warned = |(warning, part): (&String, &String)| warning.contains(part);
    if expect.warnings.len() != got.warnings.len() || !got.warnings.iter().zip(&expect.warnings).all(warned) {
        wrong.push(format!("warnings: expected {:?}, got {:?}", expect.warnings, got.warnings));
    }
    if expect.winner.is_some() == expect.reason.is_some() {
        wrong.push("a case expects either a winner or a reason".into());
    }
    wrong
}

fn message(got: &Resolution) -> String {
    got.winner.as_ref().err().map(|problem| problem.message.clone()).unwrap_or_default()
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Chosen => "chosen",
        Outcome::NotConfigured => "not-configured",
        Outcome::Ignored => "ignored",
        Outcome::Outranked => "outranked",
        Outcome::Refused => "refused",
    }
}

fn material(material: &Material) -> String {
    match material {
        Material::OwnVariable(name) => format!("own {name}"),
        Material::Fixed(secret) => format!("fixed {}", secret.expose()),
        Material::Provided(_) => "provided".into(),
    }
}

/// Whatever is printed, logged or sent about a resolution: no secret of the case is in it.
fn leaks(got: &Resolution) -> Option<String> {
    let mut texts = vec![format!("{got:?}"), got.warnings.join("\n")];
    texts.extend(got.steps.iter().map(|step| format!("{}: {} {:?}", step.source, step.why, step.at)));
    texts.extend(got.winner.as_ref().err().map(|problem| format!("{problem} {problem:?}")));
    texts.into_iter().find(|text| text.contains(CANARY)).map(|text| format!("a secret leaks: {text}"))
}

#[test]
fn every_case_comes_out_as_written() {
    let mut paths = Vec::new();
    cases(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases"), &mut paths);
    paths.sort();
    assert!(paths.len() >= AT_LEAST, "only {} cases", paths.len());
    let mut failures = Vec::new();
    for path in &paths {
        let text = fs::read_to_string(path).expect("a case");
        let case: Case = toml_edit::de::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert!(!case.docs.is_empty() && !case.source.is_empty(), "{path}: says neither what nor where");
        let got = case.resolve();
        let wrong = compare(&case, &got).into_iter().chain(leaks(&got));
        failures.extend(wrong.map(|what| format!("{path} ({}): {what}", case.docs)));
    }
    assert!(failures.is_empty(), "{} of {} cases:\n{}", failures.len(), paths.len(), failures.join("\n"));
}
