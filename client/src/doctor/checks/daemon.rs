//! The daemon: runs, answers, is compatible.

use crate::doctor::{
    facts::{Daemon, Facts, Holder, Running},
    finding::{Finding, of_problem},
};
use claviger::{
    PROTOCOL, RELEASE,
    reason::{Location, Problem},
    remedy::Remedy,
    socket::SOCKET_VARIABLE,
};

/// Checks the connection to the daemon, and the daemon itself.
pub(crate) fn check(facts: &Facts) -> Vec<Finding> {
    match &facts.daemon {
        Daemon::Absent if facts.names_socket => vec![
            Finding::error("daemon-not-running", "no daemon answers on the socket that CLAVIGER_SOCK names")
                .because("that socket was named, so no daemon is started in its place")
                .helped(another(facts)),
        ],
        Daemon::Absent => vec![
            Finding::note("daemon-not-running", "no daemon runs, so only half of the checks are possible")
                .because("--no-start was given; any other verb starts one")
                .helped(Remedy::claviger(&["daemon", "start"])),
        ],
        Daemon::NotStarted(problem) => vec![not_started(problem)],
        Daemon::Unsafe { path, why, remedy } => vec![
            Finding::error("socket-unsafe", format!("the socket is not used: {why}"))
                .at(&Location { file: path.clone(), ..Location::default() })
                .because("others could answer in the daemon's place")
                .helped(remedy.clone()),
        ],
        Daemon::Blocked { path, why, hint, remedy } => vec![
            Finding::error("daemon-out-of-reach", format!("the daemon cannot be reached: {why}"))
                .at(&Location { file: path.clone(), ..Location::default() })
                .because(hint.clone())
                .helped(remedy.clone()),
        ],
        Daemon::Stranger { own, why } => vec![
            Finding::error("socket-taken", "another program answers on the socket")
                .because(match own {
                    Some(_) => why.clone(),
                    None => format!("{why}; it was named, and is not a daemon's"),
                })
                .helped(another(facts).or_else(|| own.as_deref().map(Remedy::move_away))),
        ],
        Daemon::Silent { after, holder } => vec![silent(after.as_secs(), *holder)],
        Daemon::Refused(problem) => {
            vec![of_problem(problem, "the daemon refuses every request of this session")]
        }
        Daemon::Running(running) => {
            let findings = version(running).into_iter().chain(replaced(running));
            findings.chain(facts.next_start.as_ref().map(next_start)).collect()
        }
    }
}

/// The remedy if a variable names this socket: use the default one.
fn another(facts: &Facts) -> Option<Remedy> {
    facts.names_socket.then(|| Remedy::unset(&[SOCKET_VARIABLE]))
}

fn silent(seconds: u64, holder: Option<Holder>) -> Finding {
    let (cause, remedy) = match holder {
        Some(Holder::Daemon { pid, stopped: true }) => (
            format!("it is stopped by SIGSTOP (pid {pid})"),
            Remedy::run(&["kill", "-CONT", &pid.to_string()]),
        ),
        Some(Holder::Daemon { pid, stopped: false }) => (
            format!("it hangs (pid {pid}); its log is in ~/.local/state/claviger/clavigerd.log"),
            Remedy::run(&["kill", "-KILL", &pid.to_string()]),
        ),
        Some(Holder::Manager) => (
            "systemd holds the socket, and its service does not answer".to_owned(),
            Remedy::run(&["systemctl", "--user", "restart", "clavigerd.service"]),
        ),
        None => ("it is stopped or hangs".to_owned(), Remedy::stop_daemon()),
    };
    Finding::error("daemon-silent", format!("the daemon does not answer within {seconds} s"))
        .because(cause)
        .helped(remedy)
}

fn not_started(problem: &Problem) -> Finding {
    let cause = match problem.location {
        Some(_) => "it reads this file when it starts",
        None => "these are its last lines; in the foreground it shows more",
    };
    Finding::error("daemon-not-started", format!("the daemon does not start: {}", problem.message))
        .at(problem.location.as_ref())
        .because(cause)
        .helped(problem.helps())
}

fn next_start(problem: &Problem) -> Finding {
    Finding::error(problem.reason.as_str(), problem.message.clone())
        .at(&problem.location)
        .because("the running daemon continues with what it read before; the next one does not start")
        .helped(problem.helps())
}

fn version(running: &Running) -> Option<Finding> {
    let Running { release, protocol, .. } = running;
    let what = format!("the daemon is release {release} (protocol {protocol}), this client is {RELEASE}");
    match (*protocol == PROTOCOL, release == RELEASE) {
        (true, true) => None,
        (true, false) => Some(
            Finding::warning("version-skew", what)
                .because("one of them was updated, the other was not")
                .helped(Remedy::restart_daemon()),
        ),
        (false, _) => Some(
            Finding::error("version-skew", what)
                .because("they refuse each other")
                .helped(Remedy::stop_daemon()),
        ),
    }
}

fn replaced(running: &Running) -> Option<Finding> {
    let path = running.replaced.as_ref()?;
    let what = format!("the program of the daemon (pid {}) was replaced after it had started", running.pid);
    let place = Location { file: path.display().to_string(), ..Location::default() };
    let finding = Finding::warning("daemon-replaced", what).at(&place);
    let cause = "it switches to the new program at the next request, unless that does not start; the log has the \
        reason";
    Some(finding.because(cause).helped(Remedy::restart_daemon()))
}

#[cfg(test)]
mod tests {
    use super::{not_started, version};
    use crate::doctor::{facts::Running, finding::Severity};
    use claviger::{
        PROTOCOL, RELEASE,
        reason::{Location, Problem, Reason},
        remedy::Remedy,
    };

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
    fn what_is_mended_by_an_editor_says_where() {
        let at = Location { file: "/h/c.toml".into(), line: 3, column: 7, ..Location::default() };
        let line = |problem: &Problem| not_started(problem).remedy.and_then(|remedy| remedy.line());
        let problem = Problem::new(Reason::SettingsInvalid, "unknown key `x`").at(&at);
        assert_eq!(line(&problem).as_deref(), Some("${EDITOR:-vi} +3 /h/c.toml"));
        let run = Remedy::claviger(&["daemon", "run"]);
        let problem = Problem::new(Reason::SourceUnavailable, "no memory").remedy(run);
        assert_eq!(line(&problem).as_deref(), Some("claviger daemon run"));
    }
}
