//! Desktop notifications about decisions, made or needed. Another process may have made the decision, and a tool may
//! not show why it gets no credential.

use super::desktop::ask;
use crate::{broker::Broker, live::lock, peer::Peer};
use claviger::{reason::Problem, remedy::Remedy};
use claviger_child::{Notice, Request};
use std::{mem::discriminant, sync::Mutex, time::Duration};
use tokio::time::Instant;

/// Most notifications of a kind in [`SPAN`]: a loop of decisions must not flood the desktop. The audit log has all of
/// them.
const MOST: usize = 20;
/// Span of that limit.
const SPAN: Duration = Duration::from_secs(600);

/// The last of these notifications: time and subject.
#[derive(Debug, Default)]
pub struct Deeds(Mutex<Vec<(Instant, Notice)>>);

impl Deeds {
    /// Reports an action of `peer`, or of the daemon itself, within three seconds. Does nothing without a session bus,
    /// or if notifications are off.
    pub async fn tell(&self, broker: &Broker, peer: Option<&Peer>, what: &str) {
        let by = match peer.map(|peer| (&*peer.facts.program, peer.pid)) {
            None | Some(("", None)) => String::new(),
            Some(("", Some(pid))) => format!(" (by process {pid})"),
            Some((program, pid)) => format!(" (by {program}, process {})", pid.unwrap_or_default()),
        };
        self.show(broker, Notice::Done(format!("{what}{by}"))).await;
    }

    /// Reports why the hook of a tool got no credential, once in ten minutes: the tool asks again and again, and Claude
    /// Code 2.1.197 shows "API error" in its window instead of the hook's message.
    pub async fn tell_refused(&self, broker: &Broker, problem: &Problem) {
        let advice = Remedy::advice(problem.remedy.as_ref(), None).map(|advice| format!("; {advice}"));
        self.show(broker, Notice::Needed(format!("{problem}{}", advice.unwrap_or_default()))).await;
    }

    async fn show(&self, broker: &Broker, notice: Notice) {
        if broker.store.bus.address().is_none()
            || broker.limits().notifications == 0
            || !self.has_room(&notice)
        {
            return;
        }
        if let Err(problem) = ask(broker, Request::Show(notice)).await {
            tracing::info!(%problem, "the desktop notification of a decision failed");
        }
    }

    fn has_room(&self, notice: &Notice) -> bool {
        let (mut told, now) = (lock(&self.0), Instant::now());
        told.retain(|(at, _)| now.duration_since(*at) < SPAN);
        let is_repeated = |before: &Notice| matches!(notice, Notice::Needed(_)) && before == notice;
        let kind = told.iter().filter(|(_, before)| discriminant(before) == discriminant(notice));
        if kind.count() >= MOST || told.iter().any(|(_, before)| is_repeated(before)) {
            return false;
        }
        told.push((now, notice.clone()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{Deeds, MOST, SPAN};
    use claviger_child::Notice;

    #[tokio::test(start_paused = true)]
    async fn there_are_only_so_many() {
        let (deeds, done) = (Deeds::default(), Notice::Done("trusted".into()));
        assert_eq!((0..MOST * 2).filter(|_| deeds.has_room(&done)).count(), MOST);
        tokio::time::advance(SPAN).await;
        assert!(deeds.has_room(&done));
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_for_a_decision_is_told_once() {
        let (deeds, first, second) =
            (Deeds::default(), Notice::Needed("one".into()), Notice::Needed("two".into()));
        assert!(deeds.has_room(&first) && deeds.has_room(&second));
        assert!(!deeds.has_room(&first) && !deeds.has_room(&second));
        tokio::time::advance(SPAN).await;
        assert!(deeds.has_room(&first));
    }
}
