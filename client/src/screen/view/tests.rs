use super::view;
use crate::{
    output::Glyphs,
    render::samples,
    screen::model::{Key, Message, Model, update},
};
use claviger::{
    proto::v1::{CacheEntry, Counters, Gate, GetStatusResponse, Version, WatchStatusResponse},
    remedy::Remedy,
};
use ratatui::{Terminal, backend::TestBackend, style::Modifier};

fn state() -> Message {
    let failed = CacheEntry {
        key: "ffee".into(),
        source: "aws-chain".into(),
        last_problem: samples::helped(
            "command-failed",
            "the command ended with status 1",
            "look at it",
            Remedy::refresh(),
        ),
        failures: 3,
        ..Default::default()
    };
    let mut work = samples::entry();
    (work.key, work.source, work.account) = ("aa".into(), "oauth-login".into(), "仕事".into());
    let status = GetStatusResponse {
        version: Some(Version { release: "0.1.0".into(), protocol: 1 }),
        started_at: samples::at(-7500),
        pid: 42,
        entries: vec![samples::entry(), failed, work],
        counters: Some(Counters { requests: 14, hits: 12, waits: 2, ..Default::default() }),
        watchers: 1,
        audit: None,
        locked: false,
        shares: 0,
        sources: Vec::new(),
        gates: Vec::new(),
    };
    Message::State(Box::new(WatchStatusResponse { status: Some(status), pending: Vec::new() }))
}

fn model(colour: bool, messages: impl IntoIterator<Item = Message>) -> Model {
    let model = Model::new(colour, Glyphs::Lines, samples::now());
    messages.into_iter().fold(model, |model, message| update(model, message, samples::now()))
}

fn drawn(model: &Model, width: u16, height: u16) -> (String, ratatui::buffer::Buffer) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| view(model, frame)).expect("drawn");
    let text = terminal.backend().to_string();
    let lines = text.lines().map(|line| {
        line.split("\" Hidden").next().unwrap_or_default().trim_matches('"').trim_end().to_owned() + "\n"
    });
    // The time of day depends on the zone of the machine.
    let lines = lines.map(|line| match line.get(..8) {
        Some(clock) if clock.bytes().filter(|byte| *byte == b':').count() == 2 => {
            format!("hh:mm:ss{}", &line[8..])
        }
        _ => line,
    });
    (lines.collect(), terminal.backend().buffer().clone())
}

#[test]
fn a_usual_terminal_has_room_for_everything() {
    let expected = "\
clavigerd 0.1.0, pid 42, up 2 h 5 min
14 requests: 12 cached, 2 waited, 1 watching
  FOR   SOURCE                  LEFT        GEN  AGE     SESSIONS  STATE
  app   api-key-helper  ━━━━━╸  4 min 12 s    3  48 s           2  fresh
> ffee  aws-chain               -             0  -              0  failed
  仕事  oauth-login     ━━━━━╸  4 min 12 s    3  48 s           2  fresh





 details ───────────────────────────────────────────────────────────────────────
the command ended with status 1 (command-failed), 3 times in a row
look at it
run: claviger refresh
configured  environment
refresh     none planned
so far      hits 0, run 0, rejected 0, watched by 0
 events ────────────────────────────────────────────────────────────────────────
hh:mm:ss clavigerd 0.1.0, pid 42, holds 3 credentials



 ↑↓ choose  r refresh  e explain  ? help  q quit
";
    let (text, _) = drawn(&model(false, [state(), Message::Key(Key::Down)]), 80, 24);
    assert_eq!(text, expected);
}

/// The screen with gates: two, or very many.
fn gated(count: usize) -> Model {
    let gates = (0..count).map(|number| Gate { name: format!("gate{number}"), ..samples::gate() }).collect();
    let mut message = state();
    if let Message::State(state) = &mut message
        && let Some(status) = &mut state.status
    {
        status.gates = gates;
    }
    model(false, [message, Message::Tick])
}

#[test]
fn gates_have_a_line_each_if_there_are_any() {
    let lines = |count, width, height| {
        let (text, _) = drawn(&gated(count), width, height);
        let gates = text.lines().filter(|line| line.starts_with("GATE") || line.starts_with("gate"));
        gates.map(str::to_owned).collect::<Vec<_>>()
    };
    let wide = [
        "GATE   FOR  NOW  SENT  PER S  TOKENS  STATUS    ADDED  KEY",
        "gate0  app    2     7    0.0     9+3     200  0.08 ms  rotated in use",
        "gate1  app    2     7    0.0     9+3     200  0.08 ms  rotated in use",
    ];
    assert_eq!(lines(2, 120, 24), wide);
    assert_eq!(lines(2, 80, 24), wide);
    assert_eq!(lines(1, 60, 24)[0], "GATE   FOR  NOW  PER S  TOKENS  STATUS  KEY");
    assert_eq!((lines(0, 80, 24).len(), lines(2, 80, 15).len()), (0, 0));
    // The table and the rest stay.
    let (text, _) = drawn(&gated(128), 80, 24);
    assert!(text.contains("> app ") && text.contains(" details ") && text.contains(" events "), "{text}");
    assert_eq!(lines(128, 80, 24).len(), 1 + 4);
}

#[test]
fn a_tiny_terminal_shows_what_matters_most() {
    let (text, _) = drawn(&model(false, [state(), Message::Key(Key::Last)]), 20, 5);
    let expected = "\
clavigerd 0.1.0, pi…
  FOR  SO…  LE…  ST…
! ff…  aw…  -    fa…
> 仕…  oa…  4 …  fr…
 ↑↓ choose
";
    assert_eq!(text, expected);
}

#[test]
fn no_size_breaks_it() {
    let overlays =
        [vec![], vec![Message::Key(Key::Help)], vec![Message::Explained("a long line\n".repeat(50))]];
    for messages in overlays {
        let model = model(true, std::iter::once(state()).chain(messages));
        for (width, height) in [(1, 1), (2, 2), (20, 5), (40, 9), (80, 16), (250, 70), (3, 60), (200, 1)] {
            drawn(&model, width, height);
        }
    }
    drawn(&self::model(true, []), 80, 24);
    drawn(&self::model(true, [state(), Message::Lost]), 80, 24);
}

#[test]
fn the_chosen_row_is_in_view_and_stands_out() {
    let many: Vec<_> = (0..40)
        .map(|n| CacheEntry { key: format!("{n:02}"), source: format!("source-{n:02}"), ..samples::entry() })
        .collect();
    let status = GetStatusResponse { pid: 1, entries: many, ..Default::default() };
    let many = Message::State(Box::new(WatchStatusResponse { status: Some(status), pending: Vec::new() }));
    let (text, buffer) = drawn(&model(true, [many, Message::Key(Key::Last)]), 80, 12);
    assert!(text.contains("> source-39") && !text.contains("source-00"), "{text}");
    let row = text.lines().position(|line| line.starts_with('>')).expect("a row");
    let row = u16::try_from(row).expect("small");
    assert!(buffer[(5, row)].modifier.contains(Modifier::REVERSED));
}

#[test]
fn without_colours_there_are_none() {
    let (_, buffer) = drawn(&model(false, [state(), Message::Lost]), 80, 24);
    assert!(buffer.content.iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
    let (_, buffer) = drawn(&model(true, [state()]), 80, 24);
    assert!(buffer.content.iter().any(|cell| cell.fg == ratatui::style::Color::Green));
}

#[test]
fn help_and_explanations_lie_above_and_a_lost_daemon_is_told() {
    let (text, _) = drawn(&model(false, [state(), Message::Key(Key::Help)]), 80, 24);
    assert!(text.contains("ignoring any backoff") && text.contains("╭ keys "), "{text}");
    let long = format!("anthropic credential\n{}", "word ".repeat(40));
    let (text, _) = drawn(&model(false, [state(), Message::Explained(long)]), 40, 12);
    assert!(text.contains("anthropic credential") && text.contains("╭ explain "), "{text}");
    let (text, _) = drawn(&model(false, [state(), Message::Lost]), 80, 24);
    assert!(text.starts_with("the daemon is gone; waiting for another"), "{text}");
}
