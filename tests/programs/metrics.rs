//! `claviger status --format openmetrics`, read by the parser of Prometheus's own client library.

use claviger_tests::{Home, binary, skipped, text};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

const PAGE: &str = include_str!("../../docs/metrics.md");

/// Every family with its samples; the parser refuses what is not OpenMetrics.
const PARSE: &str = "\
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
print(json.dumps([[f.name, f.type, f.unit, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in parse(sys.argv[1])]))
";

/// What the parser finds on the page that claviger prints.
fn families(home: &Home, venv: &Path) -> Vec<Value> {
    let page = home.ok(&["status", "--format", "openmetrics"]);
    assert!(page.ends_with("\n# EOF\n"), "{page}");
    let output =
        Command::new(venv.join("bin/python")).args(["-c", PARSE, &page]).output().expect("python runs");
    assert!(output.status.success(), "{page}\n{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The sum of the samples `name` whose labels have all of `labels`.
fn value(families: &[Value], name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = families.iter().flat_map(|family| family[4].as_array().expect("samples"));
    let matches =
        |sample: &&Value| sample[0] == name && labels.iter().all(|(label, value)| sample[1][label] == *value);
    samples.filter(matches).map(|sample| sample[2].as_f64().expect("a number")).sum()
}

#[test]
fn a_monitoring_system_reads_the_figures_by_source() {
    let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from) else {
        return skipped(
            "Python with prometheus-client ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)",
        );
    };
    let home = Home::new();
    assert_eq!(home.run(&["--no-start", "status", "--format", "openmetrics"]).status.code(), Some(8));
    home.user_settings(&home.counting_helper("key", 0.3), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    home.ok(&["token"]);
    home.user_settings(&home.script("bad.sh", "exit 3"), &[]);
    home.fails(6, &["token"]);
    let families = families(&home, &venv);
    let helper = ("source", "api-key-helper");
    let uid = nix::unistd::Uid::effective().to_string();
    for family in &families {
        assert!(family[3].as_str().is_some_and(|help| help.ends_with('.')), "{family}");
        assert!(
            family[4].as_array().expect("samples").iter().all(|sample| sample[1]["uid"] == uid),
            "{family}"
        );
    }
    for (answer, count) in [("hit", 1.0), ("wait", 2.0), ("own", 0.0), ("refused", 0.0)] {
        assert_eq!(
            value(&families, "claviger_requests_total", &[helper, ("answer", answer)]),
            count,
            "{answer}"
        );
    }
    assert_eq!(value(&families, "claviger_failed_requests_total", &[helper]), 1.0);
    let duration = |what: &str, outcome, labels: &[(&str, &str)]| {
        let name = format!("claviger_refresh_duration_seconds_{what}");
        value(&families, &name, &[&[helper, ("outcome", outcome)], labels].concat())
    };
    assert_eq!((duration("count", "refreshed", &[]), duration("count", "failed", &[])), (1.0, 1.0));
    // The helper takes 0.3 s: none of the buckets below has it, and the last one does.
    assert_eq!(duration("bucket", "refreshed", &[("le", "0.25")]), 0.0);
    assert_eq!(duration("bucket", "refreshed", &[("le", "+Inf")]), 1.0);
    assert!(duration("sum", "refreshed", &[]) >= 0.3);
    assert_eq!(value(&families, "claviger_entries", &[helper]), 2.0);
    assert_eq!(value(&families, "claviger_failing_entries", &[helper]), 1.0);
    let status = home.status();
    assert_eq!(
        value(&families, "claviger_runs_total", &[]),
        status["counters"]["runs"].as_f64().expect("a number")
    );

    let printed: BTreeSet<&str> = families.iter().filter_map(|family| family[0].as_str()).collect();
    let row = |line: &'static str| line.strip_prefix("| `claviger_")?.split('`').next();
    let section = PAGE.split("## OpenMetrics").nth(1).and_then(|rest| rest.split("\n### ").next());
    let section = section.expect("a section");
    let documented: BTreeSet<String> =
        section.lines().filter_map(row).map(|name| format!("claviger_{name}")).collect();
    assert_eq!(documented.iter().map(String::as_str).collect::<BTreeSet<_>>(), printed);
    // The totals go along when the daemon is replaced.
    home.ok(&["daemon", "restart"]);
    assert_eq!(value(&self::families(&home, &venv), "claviger_requests_total", &[helper]), 3.0);

    for wrong in [
        &["--format", "prometheus"][..],
        &["--format", "openmetrics", "--watch"],
        &["--format", "openmetrics", "--json"],
    ] {
        home.fails(2, &[&["status"], wrong].concat());
    }
}

/// The same for the older text format, in which the textfile collector of node exporter reads.
const PARSE_TEXT: &str = "\
import json, sys
from prometheus_client.parser import text_string_to_metric_families as parse
print(json.dumps([[f.name, f.type, f.unit, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]]
                  for f in parse(open(sys.argv[1]).read())]))
";

#[test]
fn the_script_of_the_page_writes_what_node_exporter_reads() {
    let Some(venv) = std::env::var_os("CLAVIGER_TEST_VENV").map(PathBuf::from) else {
        return skipped(
            "Python with prometheus-client ($CLAVIGER_TEST_VENV; `cargo xtask test` installs it)",
        );
    };
    let uid = nix::unistd::Uid::effective();
    if !uid.is_root() {
        return skipped("root, as the script does");
    }
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    let _daemon = home.daemon();
    home.ok(&["token"]);
    let old = home.write("exporter/claviger-99999.prom", "");
    let long_ago = SystemTime::UNIX_EPOCH;
    File::open(&old).and_then(|file| file.set_modified(long_ago)).expect("an old file");

    let script = PAGE.split("```sh\n").find(|block| block.starts_with("#!/bin/sh\n")).expect("a script");
    let script = script.split("```").next().unwrap_or_default();
    let places = [
        ("/var/lib/prometheus/node-exporter", home.path("exporter")),
        ("/run/user/$uid", home.path("run")),
        ("/usr/bin/claviger", binary("claviger")),
    ];
    let script = places.iter().fold(script.to_owned(), |script, (place, ours)| {
        assert!(script.contains(place), "{place} in {script}");
        script.replace(place, &ours.display().to_string())
    });
    let output = Command::new("sh").args(["-ec", &script]).output().expect("sh runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!old.exists(), "of a user without a daemon");

    let page = home.path(format!("exporter/claviger-{uid}.prom"));
    let output = Command::new(venv.join("bin/python")).args(["-c", PARSE_TEXT]).arg(page).output();
    let output = output.expect("python runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let families: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value(&families, "claviger_runs_total", &[("source", "api-key-helper")]), 1.0);
    for family in &families {
        // This parser calls a counter by its name without the suffix.
        let name = family[0].as_str().expect("a name");
        assert!(
            PAGE.contains(&format!("| `{name}` | {} |", family[1].as_str().unwrap_or_default())),
            "{family}"
        );
        assert!(family[3].as_str().is_some_and(|help| help.ends_with('.')), "{family}");
    }
}
