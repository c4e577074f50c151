//! docs/schemas/output.json: what `--json` prints, a property for each verb. `cargo xtask docs` writes it anew.

use super::*;
use crate::{commands::hook::FoundHook, doctor::json as doctor, failure::Failed, service::json as service};
use expect_test::expect_file;
use schemars::{JsonSchema, schema_for};
use std::collections::BTreeMap;

macro_rules! outputs {
    ($($(#[$doc:meta])* $words:literal: $field:ident $type:ty,)*) => {
        /// What `claviger VERB --json` prints, by verb. Verbs that are followed print an object a line. Fields are added, never renamed.
        #[derive(JsonSchema)]
        #[schemars(title = "claviger --json")]
        #[allow(dead_code, reason = "only its form counts")]
        struct Outputs { $($(#[$doc])* #[schemars(rename = $words)] $field: Option<$type>,)* }
    };
}

outputs! {
    /// Every verb that fails, on stderr.
    "error": error Failed,
    "get": get lease::Lease,
    "get --headers": headers Vec<lease::Header>,
    "get --watch": watch lease::Event,
    /// Variables to set; null: to unset.
    "env": env BTreeMap<String, Option<String>>,
    "status": status inspect::Status,
    "status --watch": news news::News,
    "explain": explain inspect::Explanation,
    "doctor": doctor doctor::Diagnosis,
    /// A line for each event.
    "audit": audit AuditLine,
    "pending": pending inspect::Pending,
    "pending --cancel": cancel verbs::Cancelled,
    "refresh": refresh inspect::Entry,
    "refresh --rejected": reported lease::Reported,
    "lock": lock verbs::Locked,
    "unlock": unlock verbs::Unlocked,
    /// A line for each event.
    "login": login account::Login,
    /// The account, where a secret is kept.
    "login --api-key": api_key account::Login,
    "logout": logout account::LeftAccounts,
    "accounts": accounts account::Accounts,
    "accounts move": moved Vec<account::Account>,
    "use": used verbs::Used,
    "reset": reset account::Reset,
    "hook install": hook_install verbs::HookChanged,
    "hook remove": hook_remove verbs::HookChanged,
    "hook list": hook_list Vec<FoundHook>,
    "trust show": trust_show trust::Workspace,
    "trust grant": trust_grant trust::Workspace,
    "trust ignore": trust_ignore trust::Workspace,
    "trust revoke": trust_revoke verbs::Revoked,
    "trust list": trust_list Vec<trust::Record>,
    "share": share share::Share,
    "share list": share_list verbs::Shares,
    "share stop": share_stop verbs::ShareStopped,
    "gate list": gate_list verbs::Gates,
    "gate close": gate_close verbs::GateClosed,
    "daemon start": daemon_start verbs::Started,
    "daemon stop": daemon_stop verbs::Stopped,
    "daemon restart": daemon_restart verbs::Restarted,
    "daemon reload": daemon_reload verbs::Reloaded,
    "daemon status": daemon_status DaemonStatus,
    "daemon install": daemon_install service::Steps,
    "daemon uninstall": daemon_uninstall service::Steps,
}

/// With and without a service manager.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "only its form counts")]
enum DaemonStatus {
    With(service::Service),
    Without(service::Sides),
}

/// A line of the audit log, which the daemon writes; docs/audit.md explains the fields.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its form counts")]
struct AuditLine {
    time: String,
    event: String,
    decision: String,
    pid: Option<u32>,
    uid: Option<u32>,
    program: Option<String>,
    client: Option<String>,
    session: Option<u32>,
    via: Option<String>,
    cwd: Option<String>,
    mode: Option<String>,
    source: Option<String>,
    account: Option<String>,
    layer: Option<String>,
    file: Option<String>,
    line: Option<u64>,
    key: Option<String>,
    generation: Option<u64>,
    about: Option<String>,
    count: Option<u64>,
    since: Option<String>,
}

#[test]
fn the_schemas_are_what_the_types_say() {
    let schema = serde_json::to_string_pretty(&schema_for!(Outputs)).expect("JSON");
    expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/schemas/output.json")]
        .assert_eq(&(schema + "\n"));
}
