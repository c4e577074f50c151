//! One line of the audit log, as docs/audit.md describes it. Never a secret: no field can hold one.

use super::json::{number, text, time};
use crate::{
    accounts::Account,
    broker::loan::{Denied, Loan, LoanMaterial},
    key::SourceKey,
    peer::Peer,
    resolve::Winner,
};
use claviger::{
    audit::AuditEvent,
    reason::{Location, Problem},
    session::SessionContext,
};
use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// One line. Fields that do not apply are left out.
#[derive(Debug, Default)]
pub struct Line<'a> {
    /// Since 1970.
    time: Duration,
    event: AuditEvent,
    decision: Cow<'a, str>,
    pid: Option<u32>,
    uid: Option<u32>,
    program: &'a str,
    client: &'a str,
    session: Option<u32>,
    via: Cow<'a, str>,
    cwd: Cow<'a, str>,
    mode: &'static str,
    source: &'static str,
    account: Cow<'a, str>,
    layer: Cow<'a, str>,
    file: Cow<'a, str>,
    line: u64,
    key: Option<SourceKey>,
    generation: u64,
    about: Cow<'a, str>,
    count: u64,
    since: Option<Duration>,
}

// === impl Line ===

impl<'a> Line<'a> {
    /// The event, and the decision about it.
    pub fn of(event: AuditEvent, decision: impl Into<Cow<'a, str>>) -> Self {
        Self { event, decision: decision.into(), ..Self::default() }
    }

    /// As [`Line::of`], with `decision` or the reason of a refusal, and its place.
    pub fn ended<T>(event: AuditEvent, decision: &'static str, ended: &'a Result<T, Problem>) -> Self {
        match ended {
            Ok(_) => Self::of(event, decision),
            Err(problem) => Self::refused(event, problem),
        }
    }

    /// A refused request, and the place of the reason.
    fn refused(event: AuditEvent, problem: &'a Problem) -> Self {
        Self::of(event, problem.reason.as_str()).at(problem.location.as_ref())
    }

    /// A refused credential, with the source that would have provided it.
    pub fn denied(event: AuditEvent, denied: &'a Denied) -> Self {
        let line = Self::refused(event, &denied.problem);
        match &denied.winner {
            Some(winner) => line.rule(winner),
            None => line,
        }
    }

    /// A lent credential.
    pub fn loan(event: AuditEvent, loan: &'a Loan) -> Self {
        let decision = match &loan.material {
            LoanMaterial::Cached { stale: true, .. } => "lent-stale",
            LoanMaterial::Cached { .. } | LoanMaterial::Fixed => "lent",
            LoanMaterial::OwnVariable(_) => "own-variable",
        };
        let line = Self::of(event, decision).rule(&loan.winner);
        match &loan.material {
            LoanMaterial::Cached { issue, .. } => line.generation(issue.generation),
            _ => line,
        }
    }

    /// Adds the process that caused it.
    #[must_use]
    pub fn by(mut self, peer: &'a Peer) -> Self {
        (self.pid, self.uid) = (peer.pid, peer.uid);
        (self.program, self.client) = peer.facts.who();
        self.session = peer.facts.session;
        self.via = peer.caller.via();
        self
    }

    /// Adds the process of this user that did it by itself.
    #[must_use]
    pub fn pid(mut self, pid: u32) -> Self {
        self.pid = Some(pid);
        self.uid = Some(nix::unistd::Uid::effective().as_raw());
        self
    }

    /// Adds the session it was for.
    #[must_use]
    pub fn session(mut self, session: &'a SessionContext) -> Self {
        (self.cwd, self.mode) = (session.cwd.to_string_lossy(), session.mode.name());
        self
    }

    /// Adds the source of the credential, and where it is configured, unless a better place is known.
    #[must_use]
    pub fn rule(mut self, winner: &'a Winner) -> Self {
        self.source = winner.source;
        if let Some(provider) = winner.provider() {
            self.key = Some(provider.key());
            self.account = provider.account().map_or("", |account: &Account| &account.name).into();
        }
        if self.file.is_empty() { self.at(winner.bound.at.as_ref()) } else { self }
    }

    /// Adds the place of the cause.
    #[must_use]
    pub fn at(mut self, at: Option<&'a Location>) -> Self {
        if let Some(at) = at {
            (self.layer, self.file) = (at.layer.as_str().into(), at.file.as_str().into());
            self.line = at.line.into();
        }
        self
    }

    /// Adds the account.
    #[must_use]
    pub fn account(mut self, name: impl Into<Cow<'a, str>>) -> Self {
        self.account = name.into();
        self
    }

    /// Adds the generation of the credential that was lent or replaced.
    #[must_use]
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = generation;
        self
    }

    /// Adds the subject, where no other field names it.
    #[must_use]
    pub fn about(mut self, about: impl Into<Cow<'a, str>>) -> Self {
        self.about = about.into();
        self
    }

    /// Sets the time.
    pub(super) fn stamped(mut self, now: SystemTime) -> Self {
        self.time = since_1970(now);
        self
    }

    /// Whether it belongs to the file of decisions.
    pub(super) fn is_decision(&self) -> bool {
        !self.event.is_about_lending()
    }

    /// Whether equal lines are counted.
    pub(super) fn can_repeat(&self) -> bool {
        self.event == AuditEvent::Get
    }

    /// Appends it as JSON, written directly: every request has a line, and a serializer takes five times as long.
    pub(super) fn write(&self, to: &mut Vec<u8>) {
        to.push(b'{');
        time(to, "time", self.time);
        self.fields(to, self.pid);
        number(to, "count", Some(self.count).filter(|count| *count > 0));
        if let Some(since) = self.since {
            to.push(b',');
            time(to, "since", since);
        }
        to.push(b'}');
    }

    /// The parts by which equal lines are recognised.
    pub(super) fn without_time(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(512);
        self.fields(&mut text, None);
        text
    }

    /// Appends the line with the number of lines equal to [`Line::without_time`], the first time and the last.
    pub(super) fn write_repeat(
        to: &mut Vec<u8>,
        line: &[u8],
        (count, since): (u64, SystemTime),
        last: SystemTime,
    ) {
        to.push(b'{');
        time(to, "time", since_1970(last));
        to.extend_from_slice(line);
        number(to, "count", Some(count));
        to.push(b',');
        time(to, "since", since_1970(since));
        to.push(b'}');
    }

    fn fields(&self, to: &mut Vec<u8>, pid: Option<u32>) {
        text(to, "event", self.event.as_str());
        text(to, "decision", &self.decision);
        number(to, "pid", pid);
        number(to, "uid", self.uid);
        text(to, "program", self.program);
        text(to, "client", self.client);
        number(to, "session", self.session);
        text(to, "via", &self.via);
        text(to, "cwd", &self.cwd);
        text(to, "mode", self.mode);
        text(to, "source", self.source);
        text(to, "account", &self.account);
        text(to, "layer", &self.layer);
        text(to, "file", &self.file);
        number(to, "line", Some(self.line).filter(|line| *line > 0));
        self.key.iter().for_each(|key| text(to, "key", &key.to_string()));
        number(to, "generation", Some(self.generation).filter(|generation| *generation > 0));
        text(to, "about", &self.about);
    }

    /// Adds the number of equal lines, and the first time.
    #[must_use]
    pub fn count(mut self, count: u64, since: Option<SystemTime>) -> Self {
        (self.count, self.since) = (count, since.map(since_1970));
        self
    }
}

fn since_1970(at: SystemTime) -> Duration {
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::Line;
    use crate::key::SourceKey;
    use claviger::{audit::AuditEvent, reason::Location};
    use std::{collections::BTreeSet, time::Duration};

    const DOCS: &str = include_str!("../../../docs/audit.md");

    fn full() -> Line<'static> {
        let filled = "x";
        Line {
            pid: Some(1),
            uid: Some(1),
            program: filled,
            client: filled,
            session: Some(1),
            via: filled.into(),
            cwd: filled.into(),
            mode: filled,
            source: filled,
            key: Some(SourceKey::of(filled, [])),
            since: Some(Duration::ZERO),
            layer: filled.into(),
            file: filled.into(),
            line: 3,
            ..Line::of(AuditEvent::Get, "lent").account(filled).generation(1).about(filled).count(1, None)
        }
    }

    fn json(line: &Line<'_>) -> String {
        let mut text = Vec::new();
        line.write(&mut text);
        String::from_utf8(text).expect("UTF-8")
    }

    fn keys(line: &Line<'_>) -> BTreeSet<String> {
        let value: serde_json::Value = serde_json::from_str(&json(line)).expect("JSON");
        value.as_object().expect("an object").keys().cloned().collect()
    }

    #[test]
    fn the_documentation_has_every_field_and_no_other() {
        let row = |line: &str| line.strip_prefix("| `")?.split('`').next().map(str::to_owned);
        let table = DOCS.split("## Fields").nth(1).and_then(|rest| rest.split("\n## ").next());
        let documented: BTreeSet<String> = table.expect("a section").lines().filter_map(row).collect();
        assert_eq!(documented, keys(&full()));
    }

    #[test]
    fn what_does_not_apply_is_left_out() {
        let line = Line::of(AuditEvent::Lock, "locked");
        assert_eq!(keys(&line), ["decision", "event", "time"].map(str::to_owned).into());
        let at = Location { layer: "user".into(), file: "/s.json".into(), line: 3, column: 7 };
        let text = json(&Line::of(AuditEvent::Get, "x").at(Some(&at)));
        let expected = r#"{"time":"1970-01-01T00:00:00.000Z","event":"get","decision":"x","layer":"user","file":"/s.json","line":3}"#;
        assert_eq!(text, expected);
    }
}
