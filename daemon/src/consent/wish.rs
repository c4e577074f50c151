//! A request for a loan, and the wording of its question. Pure, except for looking at the process.

use crate::{caller::Caller, host::process::Group, peer::Peer, resolve::Winner, settings::Confirm};
use claviger::{reason::Location, session::SessionContext, text::is_printable};

/// Longest path that is shown, in characters.
const MAX_PATH: usize = 60;

/// Subject of one question: a credential and the caller's connection. Configuration and persons distinguish accounts
/// and sources; other differences of sessions do not lead to another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Id of the source.
    pub source: &'static str,
    /// The account of the local store.
    pub account: Option<String>,
    /// Where it is configured.
    pub at: Option<Location>,
    /// As [`Caller::via`] returns it.
    pub via: String,
}

/// When a person is asked before `caller` is lent the credential of `winner`.
pub fn wanted(winner: &Winner, caller: &Caller) -> Confirm {
    match caller {
        Caller::Share(share) if share.wanted.confirm && winner.is_lent() => Confirm::Always,
        Caller::Share(_) | Caller::Near | Caller::Foreign => winner.confirm,
    }
}

/// A request for a loan.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Its subject.
    pub subject: Subject,
    /// When a person is asked.
    pub confirm: Confirm,
    /// The process that asks.
    pub pid: Option<u32>,
    /// Its group: terminal or process.
    pub group: Option<Group>,
    /// Whether a person at its terminal can be asked.
    pub interactive: bool,
    /// Its program, and the one that started it.
    pub programs: (String, String),
    /// The directory of the session, if it has one of its own.
    pub directory: Option<String>,
}

// === impl Subject ===

impl Subject {
    /// The subject of a loan to `caller`.
    pub fn of(winner: &Winner, caller: &Caller) -> Self {
        Self {
            source: winner.source,
            account: winner.account().map(str::to_owned),
            at: winner.bound.at.clone(),
            via: caller.via().into_owned(),
        }
    }

    /// The credential, in words.
    pub fn what(&self) -> String {
        match (&self.account, &self.at) {
            (Some(account), _) => format!("the account {account}"),
            (None, Some(at)) => {
                let at = Location { column: 0, ..at.clone() };
                format!("the credential of {} ({})", self.source, cut(&at.to_string()))
            }
            (None, None) => format!("the credential of {}", self.source),
        }
    }
}

// === impl Wish ===

impl Wish {
    /// The wish of `peer`.
    pub fn of(peer: &Peer, session: &SessionContext, winner: &Winner) -> Self {
        let is_near = matches!(peer.caller, Caller::Near);
        Self {
            subject: Subject::of(winner, &peer.caller),
            confirm: wanted(winner, &peer.caller),
            pid: peer.pid,
            group: peer.pid.and_then(Group::of),
            interactive: is_near && session.interactive,
            programs: (peer.facts.program.clone(), peer.facts.parent.clone()),
            directory: is_near.then(|| session.cwd.to_string_lossy().into_owned()),
        }
    }

    /// The question, on one line without control characters.
    pub fn text(&self, others: usize) -> String {
        let (program, parent) = (&self.programs.0, &self.programs.1);
        let mut who = match (program.as_str(), self.pid) {
            ("", None) => "a process".to_owned(),
            ("", Some(pid)) => format!("process {pid}"),
            (program, None) => cut(program),
            (program, Some(pid)) => format!("{} (process {pid})", cut(program)),
        };
        if !parent.is_empty() {
            who.push_str(&format!(", started by {}", cut(parent)));
        }
        let way = match (self.subject.via.as_str(), &self.directory) {
            ("", Some(directory)) => format!(" in {}", cut(directory)),
            ("", None) => String::new(),
            ("foreign", _) => ", in a container or on another machine".to_owned(),
            (share, _) => format!(", through the {share}"),
        };
        let others = match others {
            0 => String::new(),
            1 => "; one more waits".to_owned(),
            others => format!("; {others} more wait"),
        };
        let what = self.subject.what();
        let text = format!("{who}{way} asks for {what}{others}");
        text.chars().map(|c| if is_printable(c) { c } else { '?' }).collect()
    }
}

/// Keeps both ends of a path: a long one must not hide the rest.
fn cut(path: &str) -> String {
    let count = path.chars().count();
    if count <= MAX_PATH {
        return path.to_owned();
    }
    let half = MAX_PATH / 2;
    let (head, tail) = (path.chars().take(half), path.chars().skip(count - half));
    head.chain(['…']).chain(tail).collect()
}
