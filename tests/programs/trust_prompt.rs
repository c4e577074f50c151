//! The question that a person at a terminal is asked, on a real one.

use claviger_tests::{CANARY, Home, skipped, terminal::Terminal, tmux::Tmux};

const PROJECT: &str = "work/.claude/settings.json";
/// The end of the question.
const QUESTION: &str = "(default: n): ";

fn plant(home: &Home) -> String {
    let helper = home.counting_helper("project", 0.0);
    home.write(PROJECT, &claviger_tests::settings(&helper, &[("ANTHROPIC_BASE_URL", "https://gw.example")]));
    helper.display().to_string()
}

#[test]
fn the_question_shows_command_and_place_and_t_trusts() {
    let home = Home::new();
    let helper = plant(&home);
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "t\n");
    let (code, stdout, screen) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), format!("{CANARY}project-1\n").as_str()), "{screen}");
    // Long lines are wrapped behind a bar.
    let flat: String = screen.replace("\r\n      | ", "");
    for part in ["apiKeyHelper", &helper, "work/.claude/settings.json:2", "https://gw.example"] {
        assert!(flat.contains(part), "no {part} in {screen}");
    }
    assert!(!screen.contains(CANARY), "{screen}");
    home.ok(&["token"]);
}

#[test]
fn anything_but_a_clear_answer_does_nothing() {
    let home = Home::new();
    plant(&home);
    let _daemon = home.daemon();
    for keys in ["\n", "n\n", "N\n", "nothing\n", "y\n", "yes\n", "trust me\n", "tt\n", "\u{1b}[A\n", "\u{4}"]
    {
        let mut terminal = Terminal::start(&home, &["token"]);
        terminal.answer(QUESTION, keys);
        let (code, stdout, screen) = terminal.end();
        assert_eq!((code, stdout.as_str()), (Some(4), ""), "{keys:?}: {screen}");
    }
    assert_eq!(home.runs("project"), 0);
    assert!(home.ok(&["trust", "list"]).contains("nothing has been decided"));
}

#[test]
fn i_leaves_the_project_out() {
    let home = Home::new();
    home.user_settings(&home.counting_helper("user", 0.0), &[]);
    plant(&home);
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "i\n");
    let (code, stdout, screen) = terminal.end();
    assert_eq!((code, stdout.as_str()), (Some(0), format!("{CANARY}user-1\n").as_str()), "{screen}");
    assert_eq!(home.runs("project"), 0);
}

#[test]
fn what_a_repository_writes_cannot_move_the_cursor() {
    let home = Home::new();
    let command = "evil\u{1b}[2K\u{1b}[1A\r\n\u{202e}\u{9b}31m\u{7}claviger: trusted already";
    home.write(PROJECT, &serde_json::json!({"apiKeyHelper": command, "env": {"B": command}}).to_string());
    let _daemon = home.daemon();
    let mut terminal = Terminal::start(&home, &["token"]);
    terminal.answer(QUESTION, "n\n");
    let (_, _, screen) = terminal.end();
    let shown = [screen, home.ok(&["trust", "show"]), home.ok(&["explain"]), home.fails(4, &["token"])];
    for (number, shown) in shown.iter().enumerate() {
        let bad = |c: char| (c.is_control() && !"\r\n\t".contains(c)) || c == '\u{202e}';
        assert!(!shown.contains(bad), "{number}: {shown:?}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("claviger: trusted")), "{shown}");
    }
    assert!(shown[0].contains("\\u{1b}[2K"), "{}", shown[0]);
}

#[test]
fn every_way_to_say_it_counts() {
    for (keys, secret, decision) in [
        ("trust\n", "project-1", "trusted"),
        ("  T \n", "project-1", "trusted"),
        ("TRUST\n", "project-1", "trusted"),
        // Corrected before it was sent.
        ("i\u{7f}t\n", "project-1", "trusted"),
        ("ignore\n", "user-1", "ignored"),
        ("I\n", "user-1", "ignored"),
    ] {
        let home = Home::new();
        home.user_settings(&home.counting_helper("user", 0.0), &[]);
        plant(&home);
        let _daemon = home.daemon();
        let mut terminal = Terminal::start(&home, &["token"]);
        terminal.answer(QUESTION, keys);
        let (code, stdout, screen) = terminal.end();
        assert_eq!((code, stdout), (Some(0), format!("{CANARY}{secret}\n")), "{keys:?}: {screen}");
        assert!(home.ok(&["trust", "list"]).starts_with(decision), "{keys:?}");
    }
}

#[test]
fn a_person_sees_the_question_and_may_walk_away() {
    let home = Home::new();
    let helper = plant(&home);
    let _daemon = home.daemon();
    let Some(tmux) = Tmux::start(&home, (80, 30), &["token"]) else { return skipped("tmux") };
    tmux.shows(QUESTION.trim_end());
    let flat =
        |screen: &str| screen.lines().map(|line| line.trim_start_matches("      | ")).collect::<String>();
    assert!(flat(&tmux.screen()).contains(&helper), "{}", tmux.screen());
    // What the terminal wraps anew was asked already, and can still be answered.
    for (columns, rows) in [(40, 40), (120, 30), (80, 30)] {
        tmux.resize(columns, rows);
        tmux.shows_that("the end of the question", |screen| {
            screen.replace('\n', "").contains("(default: n)")
        });
    }
    tmux.press(&["C-c"]);
    tmux.ended(130);
    assert_eq!(home.runs("project"), 0);
    assert!(home.ok(&["trust", "list"]).contains("nothing has been decided"));
    drop(tmux);
    let Some(tmux) = Tmux::start(&home, (80, 30), &["explain"]) else { return skipped("tmux") };
    tmux.ended(0);
    assert!(!tmux.screen().contains(QUESTION), "explain asks nothing:\n{}", tmux.screen());
    drop(tmux);
    let Some(tmux) = Tmux::start(&home, (100, 40), &["token"]) else { return skipped("tmux") };
    tmux.shows("(default: n)");
    tmux.press(&["x", "BSpace", "t", "Enter"]);
    tmux.ended(0);
    assert_eq!(home.runs("project"), 1);
}
