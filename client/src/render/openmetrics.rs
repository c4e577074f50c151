//! The state of the daemon as figures in the text format of OpenMetrics 1.0, which Prometheus and its kin read.

use claviger::proto::v1::{CacheEntry, Counters, Durations, Gate, GateUse, GetStatusResponse, SourceTotals};
use std::{
    collections::BTreeMap,
    fmt::Display,
    time::{SystemTime, UNIX_EPOCH},
};

/// Names and values of labels.
type Labels<'a> = &'a [(&'static str, &'a str)];

/// A page that grows. Every sample has the user's number: a machine may have several daemons.
struct Page {
    text: String,
    uid: String,
}

/// All figures of the daemon of user `uid`.
pub(crate) fn render(status: &GetStatusResponse, uid: u32) -> String {
    let mut page = Page { text: String::new(), uid: uid.to_string() };
    daemon(&mut page, status);
    sources(&mut page, &status.sources);
    entries(&mut page, &status.entries);
    gates(&mut page, &status.gates);
    page.text + "# EOF\n"
}

fn daemon(page: &mut Page, status: &GetStatusResponse) {
    let version = status.version.as_ref().map_or("", |version| &version.release);
    page.family("claviger_build_info", "gauge", "Release of the daemon; always 1.");
    page.sample("claviger_build_info", &[("version", version)], 1);
    let started = seconds(status.started_at.as_ref());
    page.one("claviger_start_time_seconds", "gauge", "When the daemon started, since 1970.", started);
    page.one("claviger_locked", "gauge", "Whether nothing is lent until unlock.", u8::from(status.locked));
    page.one("claviger_streams", "gauge", "Open streams that follow a credential.", status.watchers);
    page.one("claviger_shares", "gauge", "Shares that exist.", status.shares);
    let audit = status.audit.clone().unwrap_or_default();
    page.one("claviger_audit_lost_lines", "counter", "Lines of the audit log that were lost.", audit.lost);
    page.one(
        "claviger_audit_waiting_lines",
        "gauge",
        "Lines of the audit log that wait for the disk.",
        audit.waiting,
    );
}

fn sources(page: &mut Page, sources: &[SourceTotals]) {
    let counted = |source: &SourceTotals| (source.source.clone(), source.counters.unwrap_or_default());
    let all: Vec<_> = sources.iter().map(counted).collect();
    page.family("claviger_requests", "counter", "Requests for a credential, by how they were answered.");
    for (source, counters) in &all {
        for (answer, count) in [
            ("hit", counters.hits),
            ("wait", counters.waits),
            ("own", counters.own),
            ("refused", counters.refused),
        ] {
            page.sample("claviger_requests_total", &[("source", source), ("answer", answer)], count);
        }
    }
    for (name, help, get) in [
        (
            "claviger_failed_requests",
            "Requests that ended with an error, at once or after a wait.",
            (|counters| counters.failed) as fn(&Counters) -> u64,
        ),
        ("claviger_runs", "Commands and SDK processes that were run.", |counters| counters.runs),
        ("claviger_rejections", "Reports that the API rejected a credential.", |counters| {
            counters.rejections
        }),
    ] {
        page.family(name, "counter", help);
        for (source, counters) in &all {
            page.sample(&format!("{name}_total"), &[("source", source)], get(counters));
        }
    }
    let name = "claviger_refresh_duration_seconds";
    page.family(name, "histogram", "Time that refreshes took, all attempts of one together.");
    for source in sources.iter().filter(|source| !source.source.is_empty()) {
        for (outcome, durations) in [("refreshed", &source.refreshed), ("failed", &source.failed)] {
            let durations = durations.clone().unwrap_or_default();
            page.histogram(name, &[("source", &source.source), ("outcome", outcome)], &durations);
        }
    }
}

fn entries(page: &mut Page, entries: &[CacheEntry]) {
    let mut of_source: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for entry in entries {
        let (all, failing) = of_source.entry(&entry.source).or_default();
        (*all, *failing) = (*all + 1, *failing + u32::from(entry.failures > 0));
    }
    page.family("claviger_entries", "gauge", "Entries of the cache.");
    for (source, (all, _)) in &of_source {
        page.sample("claviger_entries", &[("source", source)], all);
    }
    page.family("claviger_failing_entries", "gauge", "Entries whose last refresh failed.");
    for (source, (_, failing)) in &of_source {
        page.sample("claviger_failing_entries", &[("source", source)], failing);
    }
    let name = "claviger_expiry_time_seconds";
    page.family(name, "gauge", "When the credential of an entry expires, since 1970.");
    for entry in entries.iter().filter(|entry| entry.expires_at.is_some()) {
        let expiry = seconds(entry.expires_at.as_ref());
        page.sample(name, &[("source", &entry.source), ("key", &entry.key)], expiry);
    }
}

/// A gate's figures end with the gate.
fn gates(page: &mut Page, gates: &[Gate]) {
    for (name, help, get) in [
        (
            "claviger_gate_requests",
            "Requests that a gate sent on.",
            (|used| used.requests) as fn(&GateUse) -> u64,
        ),
        ("claviger_gate_replays", "Requests that a gate sent once more, with a newer credential.", |used| {
            used.replayed
        }),
    ] {
        page.family(name, "counter", help);
        for gate in gates {
            let count = gate.r#use.as_ref().map_or(0, get);
            page.sample(&format!("{name}_total"), &[("gate", &gate.name)], count);
        }
    }
    page.family("claviger_gate_tokens", "counter", "Tokens through a gate, as answers of the API say.");
    for gate in gates {
        let used = gate.r#use.as_ref().map_or((0, 0), |used| (used.input_tokens, used.output_tokens));
        for (direction, count) in [("in", used.0), ("out", used.1)] {
            let labels = [("gate", &*gate.name), ("direction", direction)];
            page.sample("claviger_gate_tokens_total", &labels, count);
        }
    }
}

fn seconds(at: Option<&prost_types::Timestamp>) -> f64 {
    let at = at.copied().map_or(UNIX_EPOCH, |at| SystemTime::try_from(at).unwrap_or(UNIX_EPOCH));
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

// === impl Page ===

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A unit is the end of the name.
        let unit =
            if name.ends_with("_seconds") { format!("# UNIT {name} seconds\n") } else { String::new() };
        self.text += &format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{unit}");
    }

    /// A family with one sample.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.family(name, kind, help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        self.sample(&format!("{name}{suffix}"), &[], value);
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let escaped = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels = labels.iter().map(|(name, value)| format!(",{name}=\"{}\"", escaped(value)));
        let labels: String = labels.collect();
        self.text += &format!("{name}{{uid=\"{}\"{labels}}} {value}\n", self.uid);
    }

    fn histogram(&mut self, name: &str, labels: Labels<'_>, durations: &Durations) {
        for bucket in &durations.buckets {
            let bound = match bucket.at_most.is_finite() {
                true => format!("{:?}", bucket.at_most),
                false => "+Inf".to_owned(),
            };
            let labels = [labels, &[("le", &bound)]].concat();
            self.sample(&format!("{name}_bucket"), &labels, bucket.count);
        }
        let count = durations.buckets.last().map_or(0, |bucket| bucket.count);
        self.sample(&format!("{name}_count"), labels, count);
        self.sample(&format!("{name}_sum"), labels, durations.seconds);
    }
}
