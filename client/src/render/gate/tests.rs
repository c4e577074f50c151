use super::{lines, list, short};
use crate::render::samples;
use claviger::proto::v1::{Gate, GateModelUse, GateUse};
use std::time::SystemTime;

#[test]
fn a_gate_says_whose_it_is_and_what_went_through() {
    let gate = Gate { directory: "/work".into(), opened_at: None, ..samples::gate() };
    let expected = "\
NAME  FOR    SENT  AGAIN  REFUSED  TOKENS  NOW  STATUS  ADDED    ROTATED  WITH    ADDRESS
1a2b  /work  7     1      1        9+3     2    200     0.08 ms  1        pid 42  /run/gate/1a2b.sock
  claude-opus   6 requests  8+2
  claude-small  1 request   1+1
";
    assert_eq!(list(std::slice::from_ref(&gate), SystemTime::UNIX_EPOCH), expected);
    let shared = Gate { share: "box".into(), r#use: None, ..gate };
    let text = list(&[shared], SystemTime::UNIX_EPOCH);
    assert_eq!(
        text,
        "NAME  FOR        SENT  WITH    ADDRESS\n1a2b  share box  0     pid 42  /run/gate/1a2b.sock\n"
    );
    assert_eq!(list(&[], SystemTime::UNIX_EPOCH), "no gate is open\n");
}

#[test]
fn what_a_hostile_program_says_of_gates_stays_text() {
    let models = vec![GateModelUse { model: "a\u{1b}[2J\nb".into(), ..GateModelUse::default() }];
    let used = GateUse { models, ..GateUse::default() };
    let gate = Gate { name: "\u{1b}c".into(), r#use: Some(used), ..samples::gate() };
    let all = list(std::slice::from_ref(&gate), SystemTime::UNIX_EPOCH)
        + &lines(&[short(&gate, None)], None).concat();
    assert!(!all.contains('\u{1b}') && all.contains("\\u{1b}[2J\\nb"), "{all}");
}

#[test]
fn a_status_has_a_line_for_each_gate_at_any_width() {
    let idle = Gate { name: "3c4d".into(), directory: "/h/web".into(), r#use: None, ..samples::gate() };
    let rows = [short(&samples::gate(), Some(1.25)), short(&idle, Some(0.0))];
    assert_eq!(lines(&[], Some(80)), [""; 0]);
    for width in [1, 20, 60, 80, 120] {
        let lines = lines(&rows, Some(width));
        assert_eq!(lines.len(), 3);
        assert!(width < 20 || lines.iter().all(|line| line.chars().count() <= width), "{lines:?}");
    }
    let wide = [
        "GATE  FOR  NOW  SENT  PER S  TOKENS  STATUS    ADDED  KEY",
        "1a2b  app    2     7    1.2     9+3     200  0.08 ms  rotated in use",
        "3c4d  web    0     0    0.0",
    ];
    assert_eq!(lines(&rows, Some(120)), wide);
    assert_eq!(lines(&rows, Some(80)), wide);
    let narrow = [
        "GATE  FOR  NOW  PER S  TOKENS  STATUS  KEY",
        "1a2b  app    2    1.2     9+3     200  rotated in use",
        "3c4d  web    0    0.0",
    ];
    assert_eq!(lines(&rows, Some(60)), narrow);
}
