//! Order of service. Pure.

use std::collections::VecDeque;

/// Waiting items. Callers take turns, so one with a thousand connections delays another's first by one.
#[derive(Debug)]
pub(super) struct Turns<T> {
    /// The next one first; empty without waiting items.
    callers: VecDeque<(Option<u32>, VecDeque<T>)>,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { callers: VecDeque::new() }
    }
}

impl<T> Turns<T> {
    /// Nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.callers.is_empty()
    }

    /// The process `caller` waits for `item`.
    pub(super) fn push(&mut self, caller: Option<u32>, item: T) {
        match self.callers.iter_mut().find(|(known, _)| *known == caller) {
            Some((_, waiting)) => waiting.push_back(item),
            None => self.callers.push_back((caller, VecDeque::from([item]))),
        }
    }

    /// The oldest item of the next caller.
    pub(super) fn next(&mut self) -> Option<T> {
        let (caller, mut waiting) = self.callers.pop_front()?;
        let next = waiting.pop_front();
        if !waiting.is_empty() {
            self.callers.push_back((caller, waiting));
        }
        next
    }

    /// Drops the oldest items of each caller that were displaced.
    pub(super) fn sweep(&mut self, is_lost: impl Fn(&T) -> bool) {
        for (_, waiting) in &mut self.callers {
            while waiting.pop_front_if(|first| is_lost(first)).is_some() {}
        }
        self.callers.retain(|(_, waiting)| !waiting.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::Turns;

    #[test]
    fn who_waits_for_much_delays_others_by_one() {
        let mut turns = Turns::default();
        (0..1000).for_each(|number| turns.push(Some(1), (1, number)));
        turns.push(None, (2, 0));
        turns.push(Some(3), (3, 0));
        turns.push(None, (2, 1));
        let order: Vec<_> = std::iter::from_fn(|| turns.next()).take(6).collect();
        assert_eq!(order, [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2)]);
        turns.sweep(|(_, number)| *number < 999);
        assert_eq!((turns.next(), turns.next()), (Some((1, 999)), None));
        turns.push(Some(4), (4, 0));
        turns.sweep(|_| true);
        assert!(turns.is_empty());
    }
}
