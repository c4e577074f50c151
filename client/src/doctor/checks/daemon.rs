//! The daemon: runs, answers, fits.

use crate::doctor::{
    facts::{Daemon, Facts, Running},
    finding::{Finding, command_in, edit, id_of},
};
use crate::quote;
use claviger::{PROTOCOL, RELEASE, reason::Location};

/// Judges the way to the daemon, and the daemon itself.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    match &facts.daemon {
        Daemon::Absent => vec![
            Finding::note("daemon-not-running", "no daemon runs, so only half of this could be looked at")
                .because("--no-start was given; any other verb starts one")
                .mend("claviger daemon start"),
        ],
        Daemon::NotStarted(words) => vec![not_started(words)],
        Daemon::Unsafe { path, why } => vec![
            Finding::error("socket-unsafe", format!("the socket is not used: {why}"))
                .at(&Location { file: path.clone(), ..Location::default() })
                .because("whoever owns it could answer in the daemon's place")
                .mend("unset CLAVIGER_SOCK; claviger daemon start"),
        ],
        Daemon::Stranger(why) => vec![
            Finding::error("socket-taken", "another program answers on the socket")
                .because(why.clone())
                .mend("claviger --socket \"$XDG_RUNTIME_DIR/claviger-2.sock\" daemon start"),
        ],
        Daemon::Silent(after) => vec![
            Finding::error(
                "daemon-silent",
                format!("the daemon does not answer within {} s", after.as_secs()),
            )
            .because("it is stopped or hangs; its log is in ~/.local/state/claviger/clavigerd.log")
            .mend("claviger daemon stop --timeout 5 || kill -CONT $(pidof clavigerd)"),
        ],
        Daemon::Refused(problem) => vec![
            Finding::error(id_of(&problem.reason), problem.message.clone())
                .because(problem.hint.clone())
                .mend(command_in(&problem.hint).unwrap_or_else(|| "claviger daemon stop".into())),
        ],
        Daemon::Running(running) => version(running).into_iter().chain(replaced(running)).collect(),
    }
}

/// The daemon's own words often start with a place: "clavigerd: /h/config.toml:3:7: …".
fn not_started(words: &str) -> Finding {
    let text = words.strip_prefix("clavigerd: ").unwrap_or(words);
    let finding =
        |text: &str| Finding::error("daemon-not-started", format!("the daemon does not start: {text}"));
    match place_in(text) {
        // The finding says where by itself.
        Some(place) => finding(text.split_once(": ").map_or(text, |(_, what)| what))
            .at(&place)
            .because("it reads this file when it starts")
            .mend(edit(&place)),
        None => finding(text).because("these are its last words").mend("claviger daemon run"),
    }
}

fn place_in(text: &str) -> Option<Location> {
    let mut parts = text.split(':');
    let file = parts.next().filter(|file| file.starts_with('/'))?;
    let number = |part: Option<&str>| part.and_then(|part| part.parse().ok());
    let line = number(parts.next())?;
    let column = number(parts.next()).unwrap_or(0);
    Some(Location { file: file.into(), line, column, ..Location::default() })
}

fn version(running: &Running) -> Option<Finding> {
    let Running { release, protocol, .. } = running;
    let what = format!("the daemon is release {release} (protocol {protocol}), this client is {RELEASE}");
    match (*protocol == PROTOCOL, release == RELEASE) {
        (true, true) => None,
        (true, false) => Some(
            Finding::warning("version-skew", what)
                .because("one of them was updated, the other was not")
                .mend("claviger daemon restart"),
        ),
        (false, _) => Some(
            Finding::error("version-skew", what)
                .because("they refuse each other")
                .mend("claviger daemon stop"),
        ),
    }
}

fn replaced(running: &Running) -> Option<Finding> {
    let path = running.replaced.as_ref()?;
    let what = format!("the program of the daemon (pid {}) was replaced after it had started", running.pid);
    let place = Location { file: path.display().to_string(), ..Location::default() };
    let finding = Finding::warning("daemon-replaced", what).at(&place);
    let cause =
        "it goes over to the new one when somebody next asks, unless that does not start; the log says why";
    Some(finding.because(cause).mend("claviger daemon restart"))
}

/// As a command line shows a path.
pub(super) fn quoted(path: &std::path::Path) -> String {
    quote::shell(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::{not_started, place_in, version};
    use crate::doctor::{facts::Running, finding::Severity};
    use claviger::{PROTOCOL, RELEASE};

    #[test]
    fn another_release_is_told_and_another_protocol_is_an_error() {
        let skew = |release: &str, protocol| {
            let running = Running { release: release.into(), protocol, ..Running::default() };
            version(&running).map(|finding| finding.severity)
        };
        assert_eq!(skew(RELEASE, PROTOCOL), None);
        assert_eq!(skew("9.9.9", PROTOCOL), Some(Severity::Warning));
        assert_eq!(skew("9.9.9", PROTOCOL + 1), Some(Severity::Error));
    }

    #[test]
    fn places_in_the_words_of_a_daemon_are_found() {
        let place = place_in("/h/config.toml:3:7: unknown key").expect("a place");
        assert_eq!((place.file.as_str(), place.line, place.column), ("/h/config.toml", 3, 7));
        for none in ["cannot run: no", "", "/h/config.toml: x", "config.toml:3:7"] {
            assert!(place_in(none).is_none(), "{none}");
        }
    }

    #[test]
    fn what_is_mended_by_an_editor_says_where() {
        let finding = not_started("clavigerd: /h/c.toml:3:7: unknown key `x`");
        assert_eq!(finding.mend, "${EDITOR:-vi} +3 '/h/c.toml'");
        assert_eq!(not_started("no memory").mend, "claviger daemon run");
    }
}
