//! `claviger audit`: which process was lent which credential, when and by which rule. Reads files and starts no daemon.

use crate::{
    audit_log::{self, Filter, Reader},
    complete,
    failure::{Failure, exit},
    output::{self, Style},
    render::audit::Table,
    session::{context::Context, user::user_file},
    text::escape,
};
use clap::builder::PossibleValuesParser;
use clap_complete::engine::ArgValueCandidates;
use claviger::{
    audit::AuditEvent,
    client::{request, unwrap},
    proto::v1::GetStatusRequest,
    reason::{Problem, Reason},
};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// File of decisions, beside that of loans.
const DECISIONS: &str = "decisions.jsonl";
/// How often to look for new lines.
const POLL: Duration = Duration::from_millis(250);
/// Time limit for the daemon to report where its files are.
const ASK: Duration = Duration::from_secs(2);
/// Lines shown before following.
const BEFORE: usize = 10;

/// Arguments of `audit`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Follow: print new lines as they are written
    #[arg(long, short)]
    pub(crate) follow: bool,
    /// Only lines since: 2h, 7d, 2026-11-21, "2026-11-21 15:00"
    #[arg(long, value_name = "TIME|DURATION", value_parser = audit_log::since)]
    pub(crate) since: Option<Timestamp>,
    /// Only the last lines [default: all; with --follow: 10]
    #[arg(long, short = 'n', value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Only this source; may be given several times
    #[arg(long, value_name = "SOURCE", add = ArgValueCandidates::new(complete::sources))]
    pub(crate) source: Vec<String>,
    /// Only this event: get, watch, refresh, report, trust, login, …; may be given several times
    #[arg(long, value_name = "EVENT", hide_possible_values = true, value_parser = events())]
    pub(crate) event: Vec<String>,
    /// Another file; its older parts are read from beside it
    #[arg(long, value_name = "PATH")]
    pub(crate) file: Option<PathBuf>,
}

fn events() -> PossibleValuesParser {
    PossibleValuesParser::new(AuditEvent::ALL.iter().map(|event| event.as_str()))
}

/// Results of reading.
struct Lines {
    filter: Filter,
    limit: usize,
    /// Counts of the current file.
    found: VecDeque<(Vec<u8>, Value)>,
    /// Counts of finished files.
    read: Vec<(Vec<u8>, Value)>,
    /// Number of valid lines, and how many of them matched the filter.
    seen: u64,
    taken: u64,
    /// Lines that are not JSON objects.
    broken: u64,
}

/// Shows the lines.
///
/// # Errors
/// If a file cannot be read, or a named one does not exist.
pub(crate) async fn run(context: &Context, arguments: Arguments) -> Result<(), Failure> {
    let paths = match &arguments.file {
        Some(path) => vec![path.clone()],
        None => {
            let lends = place(context).await?;
            vec![lends.with_file_name(DECISIONS), lends]
        }
    };
    let (follow, is_named) = (arguments.follow, arguments.file.is_some());
    let mut lines = Lines::of(arguments);
    let mut readers: Vec<_> = paths.iter().map(|path| Reader::new(path)).collect();
    let mut read = |lines: &mut Lines| {
        readers.iter_mut().zip(&paths).try_for_each(|(reader, path)| {
            reader.read(|line| lines.add(line)).map_err(|error| unreadable(path, &error))?;
            lines.end_file();
            Ok::<_, Failure>(())
        })
    };
    read(&mut lines)?;
    let mut table = Table::new(Style::stdout());
    if !follow {
        print(context, &mut lines, &mut table)?;
        return end(context, readers, &lines, paths.last().map_or(Path::new(""), PathBuf::as_path), is_named);
    }
    exit::when_interrupted();
    table.keep_columns();
    loop {
        print(context, &mut lines, &mut table)?;
        lines.limit = usize::MAX;
        tokio::time::sleep(POLL).await;
        read(&mut lines)?;
    }
}

impl Lines {
    fn of(arguments: Arguments) -> Self {
        let Arguments { follow, since, limit, source, event, file: _ } = arguments;
        let filter = Filter { since, sources: source, events: event };
        let limit = limit.unwrap_or(if follow { BEFORE } else { usize::MAX });
        Self { filter, limit, found: VecDeque::new(), read: Vec::new(), seen: 0, taken: 0, broken: 0 }
    }

    fn add(&mut self, line: &[u8]) {
        match serde_json::from_slice(line) {
            Ok(value @ Value::Object(_)) => {
                self.seen += 1;
                if self.filter.takes(&value) {
                    self.taken += 1;
                    self.found.push_back((line.to_owned(), value));
                }
                if self.found.len() > self.limit {
                    self.found.pop_front();
                }
            }
            _ => self.broken += 1,
        }
    }

    fn end_file(&mut self) {
        self.read.extend(self.found.drain(..));
    }

    /// New lines of all files, in order of time.
    fn take(&mut self) -> Vec<(Vec<u8>, Value)> {
        let mut read = std::mem::take(&mut self.read);
        read.sort_by_cached_key(|(_, line)| audit_log::time(&line["time"]));
        read.drain(..read.len().saturating_sub(self.limit));
        read
    }
}

fn print(context: &Context, lines: &mut Lines, table: &mut Table) -> Result<(), Failure> {
    let found = lines.take();
    // Nothing is written while no lines arrive, so a closed pipe goes unnoticed until then.
    match context.options.json {
        _ if found.is_empty() => {}
        true => output::data(
            &found.iter().map(|(line, _)| escape::json(&String::from_utf8_lossy(line))).collect::<String>(),
        )?,
        false => output::show(&table.render(found.iter().map(|(_, value)| value)))?,
    }
    Ok(())
}

fn end(
    context: &Context,
    mut readers: Vec<Reader>,
    lines: &Lines,
    path: &Path,
    is_named: bool,
) -> Result<(), Failure> {
    readers.iter_mut().for_each(Reader::end);
    let found_any = readers.iter().any(Reader::found_any);
    if !found_any && is_named {
        return Err(unreadable(path, &io::Error::new(io::ErrorKind::NotFound, "there is no such file")));
    }
    let mut talk = String::new();
    if !found_any {
        talk += &format!("claviger: no entries yet in {}\n", escape::line(&path.display().to_string()));
    }
    // A mistyped filter must not look as if no credential had been lent.
    if lines.seen > 0 && lines.taken == 0 {
        talk += &format!("claviger: none of {} lines matches\n", lines.seen);
    }
    match lines.broken + readers.iter().map(|reader| reader.broken).sum::<u64>() {
        0 => {}
        1 => talk += "claviger: 1 broken line was skipped\n",
        count => talk += &format!("claviger: {count} broken lines were skipped\n"),
    }
    if readers.iter().any(|reader| reader.gaps > 0) {
        talk += "claviger: some lines were rotated away before they could be read\n";
    }
    if !context.options.quiet {
        output::talk(&talk);
    }
    Ok(())
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("cannot read the audit log {}: {error}", path.display());
    Problem::new(Reason::MalformedRequest, message).hint("--file names another one").into()
}

/// Location of the running daemon's audit log, or else its default location.
async fn place(context: &Context) -> Result<PathBuf, Failure> {
    let asked = tokio::time::timeout(ASK, async {
        let mut service = context.connect_running().await.ok()?.inspect();
        let status = unwrap(service.get_status(request(GetStatusRequest {})).await).ok()?;
        status.audit.map(|audit| audit.file).filter(|file| !file.is_empty())
    });
    if let Ok(Some(file)) = asked.await {
        return Ok(file.into());
    }
    user_file("XDG_STATE_HOME", "claviger/audit.jsonl", ".local/state").ok_or_else(|| {
        Failure::usage("HOME is not set, so the audit log cannot be found", "name it with --file")
    })
}
