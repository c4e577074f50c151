//! Who waits for a refresh.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

/// Who is asking for a credential. It decides whether a person may be troubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Demand {
    /// Nobody: it is refreshed ahead of expiry.
    #[default]
    Background,
    /// A session waits for it.
    Session,
    /// A person asked for a refresh, past any pause.
    Person,
}

/// The demand of whoever waits for one refresh now; it can rise and fall while the refresh is under way.
#[derive(Clone, Debug, Default)]
pub struct SharedDemand(Arc<[AtomicUsize; 2]>);

/// One who waits for a refresh, until this is dropped.
#[derive(Debug)]
#[must_use = "who does not keep it does not wait"]
pub struct Waits {
    refresh: SharedDemand,
    demand: Demand,
}

// === impl SharedDemand ===

impl SharedDemand {
    /// Somebody waits from now on.
    pub fn join(&self, demand: Demand) -> Waits {
        let waits = Waits { refresh: self.clone(), demand };
        if let Some(count) = waits.count() {
            count.fetch_add(1, SeqCst);
        }
        waits
    }

    /// The highest of those who wait.
    pub fn get(&self) -> Demand {
        match self.0.each_ref().map(|count| count.load(SeqCst)) {
            [0, 0] => Demand::Background,
            [_, 0] => Demand::Session,
            _ => Demand::Person,
        }
    }
}

// === impl Waits ===

impl Waits {
    fn count(&self) -> Option<&AtomicUsize> {
        let [sessions, persons] = &*self.refresh.0;
        match self.demand {
            Demand::Background => None,
            Demand::Session => Some(sessions),
            Demand::Person => Some(persons),
        }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        if let Some(count) = self.count() {
            count.fetch_sub(1, SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand, SharedDemand};

    #[test]
    fn demand_is_that_of_whoever_waits() {
        let demand = SharedDemand::default();
        let background = demand.join(Demand::Background);
        assert_eq!(demand.get(), Demand::Background);
        let sessions = [Demand::Session; 2].map(|session| demand.join(session));
        let person = demand.join(Demand::Person);
        drop(background);
        assert_eq!(demand.get(), Demand::Person);
        drop(person);
        assert_eq!(demand.get(), Demand::Session);
        drop(sessions);
        assert_eq!(demand.get(), Demand::Background);
    }
}
