//! State of the screen, and its change by a message. Pure: effects are returned as wishes.

use crate::{
    news::{News, compare},
    output::Glyphs,
    render::{news, status::Mood, time},
};
use claviger::proto::v1::{CacheEntry, Gate, WatchStatusResponse};
use std::{
    collections::{BTreeMap, VecDeque},
    time::SystemTime,
};

/// Number of events that are kept.
const LOG: usize = 500;
/// Lines that a page key scrolls.
const PAGE: isize = 10;
/// Samples for the rate of requests, one each second: the rate is that of the last ten seconds.
const SAMPLES: usize = 11;

/// State of the screen.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// The last state of the daemon; none at the start.
    pub(crate) state: Option<Box<WatchStatusResponse>>,
    /// Key of the chosen row.
    pub(crate) chosen: String,
    /// Events, oldest first.
    pub(crate) log: VecDeque<Entry>,
    /// Whether the daemon is connected.
    pub(crate) connected: bool,
    /// The overlay above the table.
    pub(crate) overlay: Overlay,
    /// The time for display.
    pub(crate) now: SystemTime,
    /// Whether there are colours.
    pub(crate) colour: bool,
    /// When gates had sent so many requests, by name; oldest first.
    samples: VecDeque<(SystemTime, BTreeMap<String, u64>)>,
    /// Characters of bars.
    pub(crate) glyphs: Glyphs,
    /// Requested effects.
    pub(crate) wishes: Vec<Wish>,
    /// How the screen ends, if it should.
    pub(crate) end: Option<End>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The time of day.
    pub(crate) at: String,
    /// Its mood.
    pub(crate) mood: Mood,
    /// The event.
    pub(crate) text: String,
}

/// The overlay above the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// Help for the keys.
    Help,
    /// An explanation, from this line on.
    Explanation(Vec<String>, usize),
}

/// A command of the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// The row above.
    Up,
    /// The row below.
    Down,
    /// Many rows up.
    PageUp,
    /// Many rows down.
    PageDown,
    /// The first row.
    First,
    /// The last row.
    Last,
    /// Refresh the credential of the row.
    Refresh,
    /// Explain the row.
    Explain,
    /// Show the keys.
    Help,
    /// Back to the table; from there, quit.
    Back,
    /// Quit.
    Quit,
    /// Ctrl-C.
    Interrupt,
}

/// An event for the screen.
#[derive(Clone, Debug)]
pub(crate) enum Message {
    /// A key was pressed.
    Key(Key),
    /// The daemon has a new state.
    State(Box<WatchStatusResponse>),
    /// The daemon is gone.
    Lost,
    /// An answer to [`Wish::Explain`].
    Explained(String),
    /// A wish failed.
    Trouble(String),
    /// A second has passed.
    Tick,
    /// The terminal has another size.
    Resized,
    /// A signal, or the terminal is gone.
    Signal(u8),
}

/// A requested effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Refresh the entry with this key.
    Refresh(String),
    /// Explain the entry with this key.
    Explain(String),
    /// Redraw everything for the current size of the terminal.
    StartOver,
}

/// How the screen ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The person closes the screen.
    Quit,
    /// With this exit code.
    Code(u8),
}

/// Applies `message` to `model` at `now`.
pub(crate) fn update(mut model: Model, message: Message, now: SystemTime) -> Model {
    model.now = now;
    match message {
        Message::Key(key) => model.press(key),
        Message::State(state) => model.take(state),
        Message::Lost => {
            model.connected = false;
            model.note(&News::Lost);
        }
        Message::Explained(text) => {
            model.overlay = Overlay::Explanation(text.lines().map(str::to_owned).collect(), 0);
        }
        Message::Trouble(text) => model.say(Mood::Bad, text),
        Message::Tick => model.sample(),
        Message::Resized => model.wishes.push(Wish::StartOver),
        Message::Signal(code) => model.end = Some(End::Code(code)),
    }
    model
}

// === impl Model ===

impl Model {
    /// Before the first state.
    pub(crate) fn new(colour: bool, glyphs: Glyphs, now: SystemTime) -> Self {
        Self {
            state: None,
            chosen: String::new(),
            log: VecDeque::new(),
            connected: true,
            overlay: Overlay::None,
            now,
            samples: VecDeque::new(),
            colour,
            glyphs,
            wishes: Vec::new(),
            end: None,
        }
    }

    /// The rows.
    pub(crate) fn entries(&self) -> &[CacheEntry] {
        self.state.as_ref().and_then(|state| state.status.as_ref()).map_or(&[], |status| &status.entries)
    }

    /// Number of the chosen row.
    pub(crate) fn row(&self) -> usize {
        self.entries().iter().position(|entry| entry.key == self.chosen).unwrap_or(0)
    }

    /// The chosen row.
    pub(crate) fn entry(&self) -> Option<&CacheEntry> {
        self.entries().get(self.row())
    }

    /// The gates, those in use first.
    pub(crate) fn gates(&self) -> Vec<&Gate> {
        let status = self.state.as_ref().and_then(|state| state.status.as_ref());
        let mut gates: Vec<_> = status.map_or(&[][..], |status| &status.gates).iter().collect();
        let last = |gate: &Gate| {
            let used = gate.r#use.as_ref();
            let at = used.and_then(|used| used.last_request_at).map_or((0, 0), |at| (at.seconds, at.nanos));
            (used.is_some_and(|used| used.in_progress > 0), at)
        };
        gates.sort_by_key(|gate| std::cmp::Reverse(last(gate)));
        gates
    }

    /// How many requests a second the gate `name` has sent in the last seconds.
    pub(crate) fn rate(&self, name: &str) -> f64 {
        let of = |(at, counts): &(SystemTime, BTreeMap<String, u64>)| Some((*at, *counts.get(name)?));
        let (Some(first), Some(last)) = (self.samples.iter().find_map(of), self.samples.back().and_then(of))
        else {
            return 0.0;
        };
        let time = last.0.duration_since(first.0).unwrap_or_default().as_secs_f64();
        // It starts anew if another program serves the gate.
        let count = u32::try_from(last.1.saturating_sub(first.1)).unwrap_or(u32::MAX);
        if time > 0.0 { f64::from(count) / time } else { 0.0 }
    }

    fn sample(&mut self) {
        let count = |gate: &&Gate| (gate.name.clone(), gate.r#use.as_ref().map_or(0, |used| used.requests));
        let counts = self.gates().iter().map(count).collect();
        if self.samples.len() >= SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((self.now, counts));
    }

    fn take(&mut self, mut state: Box<WatchStatusResponse>) {
        // Rows keep their order while a person selects one: sorted by name, not by last use.
        if let Some(status) = &mut state.status {
            let name = |entry: &CacheEntry| (entry.source.clone(), entry.account.clone(), entry.key.clone());
            status.entries.sort_by_key(name);
        }
        let news = match &self.state {
            None => vec![News::connected(&state)],
            Some(last) => {
                let back = (!self.connected).then(|| News::connected(&state));
                let news = compare(last, &state);
                // Another daemon that answers is also connected.
                let restarted = news.iter().any(|news| matches!(news, News::Restarted { .. }));
                back.filter(|_| !restarted).into_iter().chain(news).collect()
            }
        };
        let row = self.row();
        (self.state, self.connected) = (Some(state), true);
        news.iter().for_each(|news| self.note(news));
        if !self.entries().iter().any(|entry| entry.key == self.chosen) {
            self.choose(row);
        }
    }

    fn press(&mut self, key: Key) {
        match (key, &mut self.overlay) {
            (Key::Interrupt, _) => self.end = Some(End::Code(crate::failure::exit::INTERRUPTED)),
            (Key::Quit, Overlay::None) | (Key::Back, Overlay::None) => self.end = Some(End::Quit),
            (Key::Quit | Key::Back, _) => self.overlay = Overlay::None,
            (Key::Help, Overlay::Help) => self.overlay = Overlay::None,
            (Key::Help, _) => self.overlay = Overlay::Help,
            (Key::Explain, Overlay::Explanation(..)) => self.overlay = Overlay::None,
            (Key::Explain, _) => self.wish(Wish::Explain),
            (Key::Refresh, _) => self.wish(Wish::Refresh),
            (key, Overlay::Explanation(lines, top)) => *top = moved(*top, key, lines.len()),
            (key, Overlay::None) => self.choose(moved(self.row(), key, self.entries().len())),
            (_, Overlay::Help) => {}
        }
    }

    fn wish(&mut self, wish: fn(String) -> Wish) {
        if let Some(key) = self.entry().map(|entry| entry.key.clone()).filter(|_| self.connected) {
            self.wishes.push(wish(key));
        }
    }

    fn choose(&mut self, row: usize) {
        let last = self.entries().len().saturating_sub(1);
        self.chosen = self.entries().get(row.min(last)).map(|entry| entry.key.clone()).unwrap_or_default();
    }

    fn note(&mut self, news: &News) {
        let (mood, text) = news::line(news, self.now);
        self.say(mood, text);
    }

    fn say(&mut self, mood: Mood, text: String) {
        if self.log.len() >= LOG {
            self.log.pop_front();
        }
        self.log.push_back(Entry { at: time::clock(self.now), mood, text });
    }
}

/// The new position for a key, from `place` among `count`.
fn moved(place: usize, key: Key, count: usize) -> usize {
    let by = match key {
        Key::Up => -1,
        Key::Down => 1,
        Key::PageUp => -PAGE,
        Key::PageDown => PAGE,
        Key::First => isize::MIN,
        Key::Last => isize::MAX,
        _ => 0,
    };
    place.saturating_add_signed(by).min(count.saturating_sub(1))
}

#[cfg(test)]
mod tests;
