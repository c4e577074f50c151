//! What stands in the audit log, as `claviger audit` shows it.

use super::{Home, wait};
use serde_json::Value;

/// A home whose sessions have a helper.
pub fn with_helper() -> Home {
    let home = Home::new();
    home.user_settings(&home.counting_helper("key", 0.0), &[]);
    home
}

/// What `claviger audit --json` prints with `arguments`.
pub fn lines(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let printed = home.ok(&[&["--no-start", "audit", "--json"], arguments].concat());
    printed.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

pub fn field<'a>(line: &'a Value, name: &str) -> &'a str {
    line[name].as_str().unwrap_or_default()
}

/// Every event and its decision.
pub fn decisions(home: &Home) -> Vec<(String, String)> {
    let both = |line: &Value| (field(line, "event").to_owned(), field(line, "decision").to_owned());
    lines(home, &[]).iter().map(both).collect()
}

pub fn until_noted(home: &Home, event: &str, decision: &str) {
    let wanted = (event.to_owned(), decision.to_owned());
    wait::until(&format!("{event} {decision} is noted"), || decisions(home).contains(&wanted));
}
