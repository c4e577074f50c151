//! The feature for dev containers: what the specification asks of its JSON, and its script in a file system of its own.

use claviger_tests::{Home, binary, skipped, text};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// What a feature may say ("Dev Container Features reference", "devcontainer-feature.json properties").
const PROPERTIES: [&str; 22] = [
    "id",
    "version",
    "name",
    "description",
    "documentationURL",
    "licenseURL",
    "keywords",
    "options",
    "containerEnv",
    "privileged",
    "init",
    "capAdd",
    "securityOpt",
    "entrypoint",
    "customizations",
    "dependsOn",
    "installsAfter",
    "legacyIds",
    "deprecated",
    "mounts",
    "onCreateCommand",
    "postCreateCommand",
];
/// Of the image, besides system directories: nothing may be installed elsewhere.
const BIN: &str = "/usr/local/bin";

fn feature() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/devcontainer/claviger")
}

fn json() -> Value {
    let text = fs::read_to_string(feature().join("devcontainer-feature.json")).expect("a file");
    serde_json::from_str(&text).expect("JSON")
}

fn words<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no text {name}: {value}"))
}

/// The mount of a project that uses the feature, as docs/containers.md has it.
fn documented_mount() -> String {
    let page = fs::read_to_string(feature().join("../../containers.md")).expect("a page");
    let line = page.lines().find(|line| line.trim_start().starts_with("\"mounts\":")).expect("a line");
    let json: Value =
        serde_json::from_str(&format!("{{{}}}", line.trim().trim_end_matches(','))).expect("JSON");
    json["mounts"][0].as_str().expect("a mount").to_owned()
}

/// A copy of the feature with the program beside it, plain and in an archive.
fn prepared(home: &Home) -> String {
    let place = home.path("feature");
    let script = format!(
        "mkdir {place} && cp {}/* {place} && cp {} {place}/claviger && mkdir {place}/release && \
         cp {place}/claviger {place}/release && tar -czf {place}/claviger.tar.gz -C {place} release && tar -czf {place}/empty.tgz -T /dev/null",
        feature().display(),
        binary("claviger").display(),
        place = place.display()
    );
    assert!(Command::new("sh").args(["-c", &script]).status().expect("sh runs").success());
    place.display().to_string()
}

/// Runs `script` in the directory of the feature, where only that and [`BIN`] can be written, with the variables that a
/// builder sets for the option `from`, and with `mounts` and variables of a container.
fn inside(
    place: &str,
    from: &str,
    mounts: &[(String, String)],
    variables: &[(&str, &str)],
    script: &str,
) -> Output {
    let mut command = Command::new("bwrap");
    command.args([
        "--ro-bind",
        "/",
        "/",
        "--dev",
        "/dev",
        "--proc",
        "/proc",
        "--tmpfs",
        "/run",
        "--tmpfs",
        BIN,
    ]);
    command.args(["--tmpfs", "/tmp", "--bind", place, "/tmp/feature", "--chdir", "/tmp/feature"]);
    command.args(["--unshare-all", "--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"]);
    command.args(["--setenv", "FROM", from, "--setenv", "_REMOTE_USER", "root"]);
    for (source, target) in mounts {
        command.args(["--bind", source, target]);
    }
    for (name, value) in variables {
        command.args(["--setenv", name, value]);
    }
    command.args(["sh", "-c", script]).output().expect("bwrap runs")
}

#[test]
fn the_feature_says_what_the_specification_asks_for() {
    let feature = json();
    for name in feature.as_object().expect("an object").keys() {
        assert!(PROPERTIES.contains(&name.as_str()), "{name}");
    }
    // The name of its directory.
    assert_eq!(words(&feature, "id"), "claviger");
    assert!(!words(&feature, "name").is_empty());
    let version: Vec<u32> =
        words(&feature, "version").split('.').map(|part| part.parse().expect("a number")).collect();
    assert_eq!(version.len(), 3);
    for option in feature["options"].as_object().expect("options").values() {
        assert_eq!(words(option, "type"), "string");
        words(option, "default");
        words(option, "description");
    }
    assert!(words(&feature["containerEnv"], "CLAVIGER_SOCK").starts_with('/'));
}

#[test]
fn what_it_installs_borrows_through_the_share() {
    if !Path::new("/usr/bin/bwrap").exists() {
        return skipped("the Debian package bubblewrap");
    }
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    let (place, feature) = (prepared(&home), json());
    home.ok(&["share", "devcontainer", "--ttl", "12h"]);
    let mount =
        documented_mount().replace("${localEnv:XDG_RUNTIME_DIR}", &home.path("run").display().to_string());
    let part =
        |name: &str| mount.split(',').find_map(|part| part.strip_prefix(name)).expect("a part").to_owned();
    let mounts = [(part("source="), part("target="))];
    let variables = feature["containerEnv"].as_object().expect("variables");
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
    let default = words(&feature["options"]["from"], "default");
    for from in [default, "claviger.tar.gz", "/tmp/feature/claviger"] {
        let output = inside(&place, from, &mounts, &variables, "./install.sh && exec claviger token");
        assert_eq!(text(&output.stdout), home.ok(&["token"]), "{from}: {}", text(&output.stderr));
    }
    for (from, said) in
        [("absent", "there is no absent"), ("empty.tgz", "no program claviger in the archive")]
    {
        let output = inside(&place, from, &[], &[], "./install.sh");
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
}
