//! `cargo xtask check`: the checks that CI runs before the tests. All steps run, or the named ones, then the failed
//! ones are listed.

mod darwin;
mod deny;
mod layers;
mod units;

use crate::{
    sh::{self, paint},
    test::needs,
};
use std::{path::Path, process::Command};

/// Result of a step.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Fine.
    Passed,
    /// Passed, with this information.
    Found(String),
    /// Passed, with a warning.
    Warned(Vec<String>),
    /// Not possible here.
    Skipped(&'static str),
    /// Found these faults.
    Failed(Vec<String>),
}

type Step = (&'static str, fn() -> sh::Result<Outcome>);

/// Quick ones first.
const STEPS: &[Step] = &[
    ("format", format),
    ("layers", layers::check),
    ("proto comments and imports", proto),
    ("links of the documentation", links),
    ("dependencies of client and daemon", slim_dependencies),
    ("systemd units", units::systemd),
    ("systemd exposure", units::exposure),
    ("dependency policy", deny::policy),
    ("advisories", deny::advisories),
    ("clippy", clippy),
    ("docs", docs),
    ("macOS", darwin::check),
];

/// Crates that do TLS, cloud SDKs, OAuth or the keyring; neither the client nor the daemon may link one.
const NOT_LINKED: &[&str] = &[
    "rustls",
    "openssl",
    "native-tls",
    "aws-",
    "reqwest",
    "ring",
    "azure_",
    "gcp_auth",
    "oauth2",
    "zbus",
    "secret-service",
    "keyring",
];

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    let is_wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|word| name.contains(word));
    let steps: Vec<&Step> = STEPS.iter().filter(|(name, _)| is_wanted(name)).collect();
    if steps.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
        return Err(format!("no step has such a name; there are: {}", names.join(", ")).into());
    }
    let mut failed = Vec::new();
    for (name, step) in steps {
        println!("{}", paint("1", &format!("── {name}")));
        let outcome = step().unwrap_or_else(|error| Outcome::Failed(vec![error.to_string()]));
        if !show(&outcome) {
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        println!("{}", paint("32", "check: all steps passed"));
        return Ok(());
    }
    Err(format!("check failed: {}", failed.join(", ")).into())
}

/// Prints a result; false if it is a failure.
fn show(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Passed => println!("   ok"),
        Outcome::Found(text) => println!("   ok: {text}"),
        Outcome::Warned(list) => {
            list.iter().for_each(|text| println!("   {} {text}", paint("33", "warning:")))
        }
        Outcome::Skipped(needs) => println!("   {}", paint("33", &format!("skipped: needs {needs}"))),
        Outcome::Failed(list) => list.iter().for_each(|text| println!("   {} {text}", paint("31", "error:"))),
    }
    !matches!(outcome, Outcome::Failed(_))
}

/// The result of a search for faults.
fn faults(list: Vec<String>) -> Outcome {
    if list.is_empty() { Outcome::Passed } else { Outcome::Failed(list) }
}

fn format() -> sh::Result<Outcome> {
    sh::run(sh::cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Outcome::Passed)
}

fn clippy() -> sh::Result<Outcome> {
    let scope =
        ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--features", "xtask/bench"];
    sh::run(sh::cargo().args(scope).args(["--", "-D", "warnings"]))?;
    Ok(Outcome::Passed)
}

fn docs() -> sh::Result<Outcome> {
    let mut cargo = sh::cargo();
    cargo.args(["doc", "--quiet", "--locked", "--workspace", "--no-deps", "--features", "xtask/bench"]);
    sh::run(cargo.env("RUSTDOCFLAGS", "-D warnings"))?;
    Ok(Outcome::Passed)
}

/// The API follows buf's rules (`proto/buf.yaml`), comments included; and inspection cannot reach a secret type.
fn proto() -> sh::Result<Outcome> {
    with_npm(|programs| {
        let buf = |words: &[&str]| {
            let mut buf = Command::new(programs.join("buf"));
            buf.args(words).current_dir(sh::root().join("proto"));
            buf
        };
        sh::run(&mut buf(&["lint"]))?;
        let inspect =
            ["build", "--path", "claviger/v1/inspect.proto", "--exclude-source-info", "-o", "-#format=json"];
        let reached = sh::stdout(&mut buf(&inspect))?.contains("\"claviger/v1/credentials.proto\"");
        Ok(faults(
            reached
                .then(|| "inspect.proto imports credentials.proto, where the secret types are".into())
                .into_iter()
                .collect(),
        ))
    })
}

/// Links between pages have existing targets, headings included.
fn links() -> sh::Result<Outcome> {
    with_npm(|programs| {
        let mut remark = Command::new(programs.join("remark"));
        remark.args(["--no-config", "--no-stdout", "--quiet", "--frail"]);
        remark.args(["--use", "remark-validate-links=repository:false"]);
        // Pages in the root, and all pages below these directories.
        let pages = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md", "docs", "tests", "fuzz"];
        // It looks for its plugin in its working directory.
        sh::run(remark.args(pages.map(|page| sh::root().join(page))).current_dir(programs))?;
        Ok(Outcome::Passed)
    })
}

/// A step that needs programs of npm packages.
fn with_npm(step: impl Fn(&Path) -> sh::Result<Outcome>) -> sh::Result<Outcome> {
    match needs::npm(true) {
        Ok(place) => step(&place.join("node_modules/.bin")),
        Err(error) if sh::strict() => Err(format!("in CI nothing may be missing: {error}").into()),
        Err(error) => {
            Ok(Outcome::Warned(vec![format!("skipped: needs the npm packages of tests/npm: {error}")]))
        }
    }
}

fn slim_dependencies() -> sh::Result<Outcome> {
    let mut found = Vec::new();
    for package in ["claviger-cli", "clavigerd"] {
        let mut cargo = sh::cargo();
        cargo.args(["tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}"]);
        let tree = sh::stdout(cargo.args(["--package", package]))?;
        let names = tree.lines().filter_map(|line| line.split(' ').next());
        let banned = names.filter(|name| NOT_LINKED.iter().any(|banned| is_of(name, banned)));
        found.extend(banned.map(|name| format!("{package} depends on {name}")));
    }
    found.sort();
    found.dedup();
    Ok(faults(found))
}

/// `aws-` and `azure_` mean every crate that starts so; `rustls` also means `rustls-webpki`, `tokio-rustls`, ….
fn is_of(name: &str, banned: &str) -> bool {
    if banned.ends_with(['-', '_']) {
        name.starts_with(banned)
    } else {
        name.split('-').any(|part| part == banned) || name == banned
    }
}

#[cfg(test)]
mod tests {
    use super::is_of;

    #[test]
    fn families_of_crates_are_recognised_and_strangers_are_not() {
        for (name, banned) in [
            ("rustls", "rustls"),
            ("tokio-rustls", "rustls"),
            ("aws-config", "aws-"),
            ("native-tls", "native-tls"),
        ] {
            assert!(is_of(name, banned), "{name}");
        }
        for (name, banned) in [("string", "ring"), ("laws", "aws-"), ("openssl-probe2", "native-tls")] {
            assert!(!is_of(name, banned), "{name}");
        }
    }
}
