//! The help screens: verbs in groups, an example for each, and the common options in one line.

use super::examples::EXAMPLES;
use crate::{output, text::wrap};
use clap::{
    Command,
    builder::styling::{AnsiColor, Styles},
    error::{ContextKind, ContextValue},
};

/// Every verb, in groups by purpose.
const GROUPS: [(&str, &[&str]); 6] = [
    ("Use the credential", &["token", "get", "env", "exec"]),
    ("For the clouds' own tools", &["aws", "gcp", "azure"]),
    ("See what happens", &["status", "explain", "doctor", "audit", "pending"]),
    ("Act on it", &["refresh", "confirm", "lock", "unlock"]),
    ("Keep accounts", &["login", "logout", "accounts", "use", "reset"]),
    ("Set up", &["hook", "trust", "share", "gate", "daemon", "completions"]),
];
/// Names that other programs use for one of our verbs.
const OTHER_NAMES: [(&str, &str); 28] = [
    ("auth", "login"),
    ("signin", "login"),
    ("signout", "logout"),
    ("whoami", "explain"),
    ("who", "explain"),
    ("why", "explain"),
    ("ls", "status"),
    ("list", "status"),
    ("ps", "status"),
    ("info", "status"),
    ("top", "status --watch"),
    ("logs", "audit"),
    ("log", "audit"),
    ("history", "audit"),
    ("config", "doctor"),
    ("check", "doctor"),
    ("setup", "hook install claude"),
    ("init", "hook install claude"),
    ("install", "hook install claude"),
    ("start", "daemon start"),
    ("stop", "daemon stop"),
    ("run", "exec"),
    ("headers", "get --headers"),
    ("report", "refresh --rejected 401"),
    ("cancel", "pending --cancel"),
    ("service", "daemon status"),
    ("version", "daemon status"),
    ("watch", "get --watch"),
];
/// Columns of the name of a verb.
const NAME: usize = 13;
/// Smallest width of wrapped text.
const NARROW: usize = 40;
/// Colours as in cargo's help.
const STYLES: Styles = Styles::styled()
    .header(AnsiColor::BrightGreen.on_default().bold())
    .usage(AnsiColor::BrightGreen.on_default().bold())
    .literal(AnsiColor::BrightCyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// `command` with these screens.
pub(super) fn dressed(command: Command) -> Command {
    let width = output::layout().width;
    let text = screen(&command, width.unwrap_or(usize::from(u16::MAX)).max(NARROW));
    let folded = command.mut_args(|argument| match argument.is_global_set() {
        true => argument.hide_short_help(true),
        false => argument,
    });
    let exemplary = folded.mut_subcommands(|verb| {
        let with = |text: Option<&_>| {
            text.map(|text| unfolded(&format!("{text}\n\n"))).unwrap_or_default() + &examples(verb.get_name())
        };
        let (short, long) =
            (with(verb.get_after_help()), verb.get_after_long_help().map(|text| with(Some(text))));
        let verb = verb.after_help(short);
        match long {
            Some(long) => verb.after_long_help(long),
            None => verb,
        }
    });
    // Text read by a program is not wrapped.
    exemplary.styles(STYLES).term_width(width.unwrap_or(0)).override_help(text)
}

/// Paragraphs as single lines, which are wrapped to the terminal; lines that are indented stay.
fn unfolded(text: &str) -> String {
    let mut whole = String::new();
    let is_prose = |line: &str| !line.is_empty() && !line.starts_with(' ');
    for line in text.split_inclusive('\n') {
        let before = whole.lines().last().unwrap_or_default();
        if is_prose(line.trim_end()) && is_prose(before) && whole.ends_with('\n') {
            whole.pop();
            whole.push(' ');
        }
        whole.push_str(line);
    }
    whole
}

/// Likely intended verb for an unknown one.
pub(super) fn meant(error: &clap::Error) -> Option<&'static str> {
    let ContextValue::String(word) = error.get(ContextKind::InvalidSubcommand)? else { return None };
    OTHER_NAMES.iter().find(|(other, _)| other == word).map(|(_, verb)| *verb)
}

fn examples(verb: &str) -> String {
    let examples = EXAMPLES.iter().filter(|(of, ..)| *of == verb);
    let lines: String = examples.map(|(_, line, what)| format!("\n  {line}\n      {what}")).collect();
    if lines.is_empty() { lines } else { format!("Examples:{lines}") }
}

/// The screen of the program itself.
fn screen(command: &Command, width: usize) -> String {
    let (header, literal) = (STYLES.get_header(), STYLES.get_literal());
    let mut lines = vec![command.get_about().map(ToString::to_string).unwrap_or_default()];
    lines.push(format!("\n{header}Usage:{header:#} {literal}claviger{literal:#} <VERB> [OPTIONS]\n"));
    for (title, verbs) in GROUPS {
        lines.push(format!("{header}{title}:{header:#}"));
        for verb in verbs.iter().filter_map(|verb| command.find_subcommand(verb)) {
            let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
            lines.push(format!("  {literal}{:NAME$}{literal:#}{about}", verb.get_name()));
        }
    }
    lines.push(format!("\n{header}Examples:{header:#}"));
    let examples = EXAMPLES.iter().filter(|(of, ..)| of.is_empty());
    lines.extend(examples.map(|(_, line, what)| format!("  {literal}{line:29}{literal:#} {what}")));
    let options: Vec<_> = command.get_arguments().filter_map(|option| option.get_long()).collect();
    let options = format!(
        "Options of every verb: --{}. `claviger VERB -h` shows those of a verb, --help explains all; exit codes: man claviger",
        options.join(", --")
    );
    lines.push(String::new());
    lines.push(options);
    wrap::text(&(lines.join("\n") + "\n"), width)
}

#[cfg(test)]
mod tests {
    use super::{GROUPS, OTHER_NAMES, dressed, meant, screen};
    use crate::args::Cli;
    use clap::{CommandFactory as _, Parser as _};

    #[test]
    fn every_verb_is_in_one_group_and_the_screen_is_short() {
        let command = Cli::command();
        let mut grouped: Vec<_> = GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().copied()).collect();
        let mut verbs: Vec<_> = command
            .get_subcommands()
            .filter(|verb| !verb.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        grouped.sort_unstable();
        verbs.sort_unstable();
        assert_eq!(grouped, verbs);
        let plain = anstream::adapter::strip_str(&screen(&command, 80)).to_string();
        assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
        assert!(plain.lines().count() <= 50, "{} lines:\n{plain}", plain.lines().count());
    }

    #[test]
    fn every_verb_shows_an_example() {
        for verb in dressed(Cli::command()).get_subcommands_mut().filter(|verb| !verb.is_hide_set()) {
            let name = verb.get_name().to_owned();
            assert!(verb.render_help().to_string().contains("Examples:"), "{name}");
        }
    }

    #[test]
    fn verbs_of_other_programs_lead_to_ours() {
        for (word, verb) in OTHER_NAMES {
            let Err(error) = Cli::try_parse_from(["claviger", word]) else { panic!("{word} is a verb") };
            assert_eq!(meant(&error), Some(verb));
            let words: Vec<_> = ["claviger"].into_iter().chain(verb.split(' ')).collect();
            let parsed = Cli::try_parse_from(&words);
            assert!(parsed.is_ok() || verb == "exec", "{verb}");
        }
    }
}
