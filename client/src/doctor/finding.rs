//! Findings of the doctor.

use claviger::{
    proto::v1,
    reason::{Location, Problem},
    remedy::Remedy,
    wire,
};

/// Severity; the worst comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    /// Something does not work.
    Error,
    /// It works, but not as intended, or not for long.
    Warning,
    /// A note.
    Note,
}

/// A problem.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// Stable; one of [`IDS`].
    pub(crate) id: &'static str,
    /// One sentence.
    pub(crate) what: String,
    /// Its place.
    pub(crate) place: Option<Location>,
    /// Cause or consequence.
    pub(crate) cause: String,
    /// The remedy; `None` where only the cause describes it.
    pub(crate) remedy: Option<Remedy>,
}

/// Every possible finding: the words of [`claviger::reason`] for credentials, and these. Words are part of the
/// interface: add, never rename.
pub(crate) const IDS: [&str; 89] = [
    // Credentials.
    "peer-rejected",
    "peer-unknown",
    "foreign-caller",
    "stale-cookie",
    "stale-session",
    "malformed-request",
    "no-credential",
    "login-required",
    "workspace-untrusted",
    "settings-invalid",
    "policy-blocked",
    "command-failed",
    "command-output-invalid",
    "keyring-locked",
    "locked",
    "not-confirmed",
    "upstream-denied",
    "source-unavailable",
    "handover",
    "shutting-down",
    "source-timeout",
    "limits",
    "cancelled",
    "bug",
    "credential-slow",
    "credential-expired",
    "refresh-failing",
    "metadata-unreachable",
    // The daemon.
    "daemon-not-running",
    "daemon-not-started",
    "daemon-silent",
    "daemon-replaced",
    "daemon-out-of-reach",
    "socket-unsafe",
    "socket-taken",
    "version-skew",
    // Settings.
    "settings-kept",
    "policy-ineffective",
    "endpoint-plaintext",
    "vertex-project-overridden",
    "output-trimmed",
    "overruled",
    "resolution-warning",
    "config-elsewhere",
    // Accounts.
    "account-unusable",
    "keyring-silent",
    // Gates.
    "gate-closed",
    // Programs.
    "command-missing",
    "hook-missing",
    "hook-outdated",
    // Conflicts.
    "two-clouds",
    "key-and-token",
    "key-beside-helper",
    "token-beside-helper",
    "key-beside-login",
    "key-beside-cloud",
    "aws-keys-beside-profile",
    "aws-regions-differ",
    "aws-shadowed",
    "google-shadowed",
    "google-elsewhere",
    "google-impersonation",
    "google-quota-project",
    "azure-shadowed",
    "azure-incomplete",
    "azure-other-cloud",
    "azure-other-tenant",
    "variable-malformed",
    // Network.
    "proxy-malformed",
    "proxy-ambiguous",
    "certificates-missing",
    "certificates-unreadable",
    "certificates-not-pem",
    "tls-checks-off",
    "endpoint-unreachable",
    "endpoint-timeout",
    "endpoint-tls",
    "endpoint-proxy",
    "endpoint-failing",
    "credential-refused",
    "access-denied",
    "clock-skew",
    // Files.
    "open-to-others",
    "wrong-owner",
    "wrong-kind",
    // Services.
    "service-program-missing",
    "service-other-program",
    "service-outdated",
    "service-failed",
];

impl Finding {
    fn new(severity: Severity, id: &'static str, what: impl Into<String>) -> Self {
        debug_assert!(IDS.contains(&id), "{id} is not listed");
        Self { severity, id, what: what.into(), place: None, cause: String::new(), remedy: None }
    }

    /// Something does not work.
    pub(super) fn error(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Error, id, what)
    }

    /// Something is not as intended.
    pub(super) fn warning(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, id, what)
    }

    /// A note.
    pub(super) fn note(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, id, what)
    }

    /// Adds its place.
    #[must_use]
    pub(super) fn at<'a>(mut self, place: impl Into<Option<&'a Location>>) -> Self {
        self.place = place.into().cloned();
        self
    }

    /// Adds the cause.
    #[must_use]
    pub(super) fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = cause.into();
        self
    }

    /// Adds the remedy.
    #[must_use]
    pub(super) fn helped(mut self, remedy: impl Into<Option<Remedy>>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The remedy as a command to paste; in words where no command helps.
    pub(crate) fn fix(&self) -> Option<String> {
        let remedy = self.remedy.as_ref()?;
        remedy.line().or_else(|| Remedy::advice(Some(remedy), None))
    }

    /// File and line.
    pub(super) fn line(&self) -> Option<(String, u32)> {
        self.place.as_ref().map(|place| (place.file.clone(), place.line))
    }
}

impl Severity {
    /// For people and JSON.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A place from the daemon.
pub(super) fn place(at: Option<&v1::Location>) -> Option<Location> {
    at.filter(|at| !at.file.is_empty()).map(wire::from_location)
}

/// The finding for a problem: its reason, place, hint and remedy.
pub(super) fn of_problem(problem: &Problem, otherwise: &str) -> Finding {
    let said = problem.said.0.iter().map(|line| format!("its output: {line}"));
    let cause: Vec<_> = said.chain([problem.hint.clone().unwrap_or_else(|| otherwise.to_owned())]).collect();
    Finding::error(problem.reason.as_str(), problem.message.clone())
        .at(&problem.location)
        .because(cause.join("; "))
        .helped(problem.helps())
}

#[cfg(test)]
mod tests {
    use super::IDS;
    use claviger::reason::REASONS;
    use std::collections::HashSet;

    const PAGE: &str = include_str!("../../../docs/troubleshooting.md");

    #[test]
    fn ids_are_distinct_and_every_reason_is_one() {
        assert_eq!(IDS.iter().collect::<HashSet<_>>().len(), IDS.len());
        assert!(REASONS.iter().all(|reason| IDS.contains(&reason.as_str())));
    }

    #[test]
    fn the_page_has_a_row_for_every_finding_and_no_other() {
        let rows: HashSet<_> =
            PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
        assert_eq!(rows, IDS.into_iter().collect());
    }
}
