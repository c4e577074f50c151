//! Everything that waits for a person: running sign-in commands, then refreshes that need one.

use crate::{
    auth_refresh,
    broker::{Broker, entry::Entry},
    key::SourceKey,
};
use claviger::{proto::v1, wire};
use std::{collections::BTreeSet, time::SystemTime};

/// The list, running commands first.
pub(super) fn list(broker: &Broker) -> Vec<v1::Pending> {
    let now = broker.host.clock.now();
    let running = broker.auth_refreshes.pending();
    let keys: BTreeSet<SourceKey> = running.iter().map(|run| run.key).collect();
    let mut pending: Vec<v1::Pending> = running.into_iter().map(of_run).collect();
    broker.each_entry(|_, entry| {
        let runs = entry.provider().sign_in().is_some_and(|sign_in| keys.contains(&sign_in.key));
        // Entries with the same need, such as one for each profile or scope, need a person only once.
        let is_new = |new: &v1::Pending| !pending.iter().any(|other| asks_the_same(new, other));
        let found = of_entry(entry, now).filter(|new| !runs && is_new(new));
        pending.extend(found);
    });
    pending
}

fn asks_the_same(one: &v1::Pending, other: &v1::Pending) -> bool {
    let what = |of: &v1::Pending| of.problem.as_ref().map(|what| (what.message.clone(), what.hint.clone()));
    one.source == other.source && one.location == other.location && what(one) == what(other)
}

fn of_run(run: auth_refresh::Pending) -> v1::Pending {
    v1::Pending {
        source: run.name.to_owned(),
        location: Some(wire::location(&run.at)),
        id: run.key.to_string(),
        started_at: Some(wire::timestamp(run.started_at)),
        deadline: Some(wire::timestamp(run.deadline)),
        waiting: run.waiting,
        lines: run.lines.iter().map(|line| line.to_string()).collect(),
        problem: None,
    }
}

fn of_entry(entry: &Entry, now: SystemTime) -> Option<v1::Pending> {
    entry.human_action()?;
    let location = entry.provider().sign_in().map(|sign_in| wire::location(&sign_in.at));
    Some(v1::Pending {
        source: entry.source().to_owned(),
        location,
        problem: Some(wire::problem(&entry.problem(now), now)),
        ..Default::default()
    })
}
