use super::{End, Key, Message, Model, Overlay, Wish, update};
use crate::{output::Glyphs, render::samples};
use claviger::proto::v1::{CacheEntry, Gate, GateUse, GetStatusResponse, WatchStatusResponse};
use std::time::Duration;

fn entry(key: &str, generation: u64) -> CacheEntry {
    CacheEntry { key: key.into(), source: format!("source-{key}"), generation, ..samples::entry() }
}

fn state(pid: u32, entries: Vec<CacheEntry>) -> Message {
    let status = GetStatusResponse { pid, entries, ..Default::default() };
    Message::State(Box::new(WatchStatusResponse { status: Some(status), pending: Vec::new() }))
}

fn after(messages: impl IntoIterator<Item = Message>) -> Model {
    let model = Model::new(false, Glyphs::Lines, samples::now());
    messages.into_iter().fold(model, |model, message| update(model, message, samples::now()))
}

fn three() -> Message {
    state(1, vec![entry("c", 1), entry("a", 1), entry("b", 1)])
}

fn log(model: &Model) -> Vec<&str> {
    model.log.iter().map(|entry| entry.text.as_str()).collect()
}

#[test]
fn rows_stand_by_name_and_keys_choose_among_them() {
    for (keys, chosen) in [
        (&[][..], "a"),
        (&[Key::Up], "a"),
        (&[Key::Down], "b"),
        (&[Key::Down, Key::Down, Key::Down], "c"),
        (&[Key::Last], "c"),
        (&[Key::Last, Key::Up], "b"),
        (&[Key::PageDown, Key::First], "a"),
        (&[Key::PageDown, Key::PageUp], "a"),
    ] {
        let model = after(std::iter::once(three()).chain(keys.iter().map(|key| Message::Key(*key))));
        assert_eq!(model.chosen, chosen, "{keys:?}");
    }
}

#[test]
fn the_choice_follows_its_row_and_finds_another_when_it_goes() {
    let model = after([three(), Message::Key(Key::Down), state(1, vec![entry("b", 2), entry("0", 1)])]);
    assert_eq!((model.chosen.as_str(), model.row()), ("b", 1));
    let model = update(model, state(1, vec![entry("0", 1)]), samples::now());
    assert_eq!(model.chosen, "0");
    let model = update(model, state(1, Vec::new()), samples::now());
    assert_eq!((model.chosen.as_str(), model.entry().is_none()), ("", true));
}

#[test]
fn what_is_wished_for_is_about_the_chosen_row() {
    let keys = [Key::Down, Key::Refresh, Key::Explain].map(Message::Key);
    let model = after(std::iter::once(three()).chain(keys));
    assert_eq!(model.wishes, [Wish::Refresh("b".into()), Wish::Explain("b".into())]);
    let nothing = after([Message::Key(Key::Refresh), three(), Message::Lost, Message::Key(Key::Refresh)]);
    assert_eq!(nothing.wishes, []);
    assert_eq!(after([Message::Resized]).wishes, [Wish::StartOver]);
}

#[test]
fn ends_have_their_codes_and_an_overlay_goes_first() {
    let end = |keys: &[Key]| after(keys.iter().map(|key| Message::Key(*key))).end;
    for (keys, expected) in [
        (&[Key::Quit][..], Some(End::Quit)),
        (&[Key::Back], Some(End::Quit)),
        (&[Key::Interrupt], Some(End::Code(130))),
        (&[Key::Help, Key::Quit], None),
        (&[Key::Help, Key::Help, Key::Quit], Some(End::Quit)),
        (&[Key::Help, Key::Interrupt], Some(End::Code(130))),
        (&[Key::Help, Key::Back, Key::Quit], Some(End::Quit)),
    ] {
        assert_eq!(end(keys), expected, "{keys:?}");
    }
    assert_eq!(after([Message::Signal(143)]).end, Some(End::Code(143)));
}

#[test]
fn an_explanation_scrolls_to_its_end_and_no_further() {
    let text = (0..30).map(|n| format!("line {n}\n")).collect::<String>();
    let top = |keys: &[Key]| {
        let model = after(
            std::iter::once(Message::Explained(text.clone()))
                .chain(keys.iter().map(|key| Message::Key(*key))),
        );
        match model.overlay {
            Overlay::Explanation(_, top) => Some(top),
            _ => None,
        }
    };
    for (keys, expected) in [
        (&[][..], Some(0)),
        (&[Key::Down, Key::Down, Key::Up], Some(1)),
        (&[Key::PageDown], Some(10)),
        (&[Key::Last], Some(29)),
        (&[Key::Last, Key::First], Some(0)),
        (&[Key::Explain], None),
        (&[Key::Quit], None),
    ] {
        assert_eq!(top(keys), expected, "{keys:?}");
    }
}

#[test]
fn the_log_tells_what_happened_and_forgets_the_oldest() {
    let model = after([three(), state(1, vec![entry("a", 2), entry("b", 1), entry("c", 1)])]);
    assert_eq!(log(&model).len(), 2);
    assert!(log(&model)[1].starts_with("source-a: refreshed, generation 2"), "{:?}", model.log);
    let gone = update(model, Message::Lost, samples::now());
    assert!(!gone.connected && log(&gone)[2].starts_with("the daemon is gone"));
    let same = update(gone.clone(), state(1, vec![entry("a", 2)]), samples::now());
    assert!(same.connected && log(&same)[3].starts_with("clavigerd"), "{:?}", same.log);
    let other = update(gone, state(2, Vec::new()), samples::now());
    assert_eq!(log(&other)[3], "daemon restarted: clavigerd , pid 2");
    let many = after((0..2000).map(|n| Message::Trouble(n.to_string())));
    assert_eq!((many.log.len(), log(&many)[0]), (500, "1500"));
}

#[test]
fn the_rate_is_that_of_the_last_ten_seconds() {
    let seen = |requests| {
        let used = GateUse { requests, ..GateUse::default() };
        let gate = Gate { r#use: Some(used), ..samples::gate() };
        let status = GetStatusResponse { gates: vec![gate], ..Default::default() };
        Message::State(Box::new(WatchStatusResponse { status: Some(status), pending: Vec::new() }))
    };
    let mut model = after([seen(100)]);
    let mut second = 0;
    let mut pass = |mut model: Model, seconds: u64| {
        for _ in 0..seconds {
            second += 1;
            model = update(model, Message::Tick, samples::now() + Duration::from_secs(second));
        }
        model
    };
    assert_eq!(model.rate("1a2b"), 0.0);
    model = pass(model, 1);
    assert_eq!(model.rate("1a2b"), 0.0, "what was before is not counted");
    model = pass(update(model, seen(103), samples::now()), 2);
    assert_eq!((model.rate("1a2b"), model.rate("another")), (1.5, 0.0));
    model = pass(model, 8);
    assert_eq!(model.rate("1a2b"), 0.3);
    model = pass(model, 1);
    assert_eq!(model.rate("1a2b"), 0.0, "it is over");
    // Another program serves it.
    model = pass(update(model, seen(2), samples::now()), 2);
    assert_eq!(model.rate("1a2b"), 0.0);
}
