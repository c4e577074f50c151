//! Logging: content, destination and level, which can be changed while the daemon runs.

use crate::live::lock;
use std::{
    fmt,
    fs::File,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::Instant;
use tracing::Level;
use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, ParseError, Targets, filter_fn},
    fmt::format::FmtSpan,
    layer::SubscriberExt as _,
    reload::{self, Handle},
    util::SubscriberInitExt as _,
};

/// Default filter.
pub const DEFAULT_FILTER: &str = "info";

/// Libraries that see requests never log more than this, whatever filter is set: their trace level prints headers and
/// frames. Warnings of h2 are about callers that break the protocol, which they can do any number of times.
const CAPPED: [(&str, Level); 6] = [
    ("h2", Level::ERROR),
    ("hyper", Level::INFO),
    ("hyper_util", Level::INFO),
    ("tonic", Level::INFO),
    ("tower", Level::INFO),
    ("mio", Level::INFO),
];

/// Interval of a warning that any caller can cause repeatedly.
const RARE: Duration = Duration::from_secs(60);

/// Whether such a warning is due: the first is, and repetitions within a minute are only logged as debug.
#[derive(Debug, Default)]
pub struct Rarely(Mutex<Option<Instant>>);

/// Format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Changes the level of a running daemon. The default does nothing: in tests there is no subscriber.
#[derive(Clone, Default)]
pub struct Logs {
    handle: Option<Handle<Targets, Registry>>,
    /// The filter of the command line, which no file overrides.
    asked: Option<String>,
    /// The current filter.
    current: Arc<Mutex<String>>,
}

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logs")
    }
}

impl Logs {
    /// Starts logging to `file`, or to stderr, with the filter `asked` for on the command line, else the `configured`
    /// one.
    ///
    /// # Errors
    /// If the filter is invalid, or logging was started before.
    pub fn start(
        asked: Option<&str>,
        configured: Option<&str>,
        format: Format,
        file: Option<File>,
    ) -> Result<Self, String> {
        let filter = asked.or(configured).unwrap_or(DEFAULT_FILTER);
        let (layer, handle) = reload::Layer::new(parse(filter)?);
        let ansi = file.is_none() && std::io::IsTerminal::is_terminal(&io::stderr());
        let writer = match file {
            Some(file) => tracing_subscriber::fmt::writer::BoxMakeWriter::new(Mutex::new(file)),
            None => tracing_subscriber::fmt::writer::BoxMakeWriter::new(io::stderr),
        };
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(writer)
            .with_span_events(FmtSpan::NONE)
            .with_ansi(ansi);
        let cap = filter_fn(|metadata| is_allowed(metadata.target(), *metadata.level()));
        let registry = tracing_subscriber::registry().with(layer).with(cap);
        let started = match format {
            Format::Human => registry.with(lines).try_init(),
            Format::Json => registry.with(lines.json().flatten_event(true)).try_init(),
        };
        started.map_err(|error| error.to_string())?;
        let current = Arc::new(Mutex::new(filter.to_owned()));
        Ok(Self { handle: Some(handle), asked: asked.map(str::to_owned), current })
    }

    /// Applies the `configured` filter, or the default, unless the command line set one; returns whether it changed.
    ///
    /// # Errors
    /// If it is not a filter.
    pub fn configure(&self, configured: Option<&str>) -> Result<bool, String> {
        // An invalid filter is an error, even if another one is in effect.
        configured.map(parse).transpose()?;
        let filter = self.asked.as_deref().or(configured).unwrap_or(DEFAULT_FILTER);
        let before = lock(&self.current).clone();
        self.set(filter).map(|()| before != filter)
    }

    /// Replaces the filter.
    ///
    /// # Errors
    /// If `filter` is not a filter.
    pub fn set(&self, filter: &str) -> Result<(), String> {
        let parsed = parse(filter)?;
        if let Some(handle) = &self.handle {
            handle.reload(parsed).map_err(|error| error.to_string())?;
        }
        filter.clone_into(&mut lock(&self.current));
        Ok(())
    }
}

impl Rarely {
    /// It is due.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Whether it is due; it is then not due again for a minute.
    pub fn is_due(&self) -> bool {
        let (now, mut last) = (Instant::now(), lock(&self.0));
        let due = last.is_none_or(|last| now.duration_since(last) >= RARE);
        if due {
            *last = Some(now);
        }
        due
    }
}

/// A single word that is neither a level nor one of our modules.
fn unknown(filter: &str) -> Option<&str> {
    let mut words = filter.split(',').map(str::trim).filter(|word| !word.contains(['=', '[', ']']));
    words.find(|word| {
        !word.is_empty() && !word.starts_with("clavigerd") && word.parse::<LevelFilter>().is_err()
    })
}

fn parse(filter: &str) -> Result<Targets, String> {
    if filter.trim().is_empty() {
        return Err("it is empty".into());
    }
    // Read as the name of an unknown module, it would turn everything off.
    if let Some(word) = unknown(filter) {
        return Err(format!("{word} is not a level, and a module needs one: {word}=debug"));
    }
    // The daemon has no spans, so a directive for one matches nothing.
    let directives =
        filter.split(',').map(str::trim).filter(|word| !word.is_empty() && !word.contains(['[', ']']));
    let capped =
        directives.map(str::to_owned).chain(CAPPED.iter().map(|(cap, level)| format!("{cap}={level}")));
    capped.collect::<Vec<_>>().join(",").parse().map_err(|error: ParseError| error.to_string())
}

// A filter can name a module of a library ("h2::codec=trace"), and normally the more specific name wins. Here it does
// not.
fn is_allowed(target: &str, level: Level) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    CAPPED.iter().all(|(capped, most)| *capped != library || level <= *most)
}

#[cfg(test)]
mod tests {
    use super::{RARE, Rarely, is_allowed, parse};
    use tracing::Level;

    #[tokio::test(start_paused = true)]
    async fn a_warning_is_due_once_a_minute() {
        let rarely = Rarely::default();
        assert_eq!([rarely.is_due(), rarely.is_due()], [true, false]);
        tokio::time::advance(RARE).await;
        assert_eq!([rarely.is_due(), rarely.is_due()], [true, false]);
    }

    #[test]
    fn libraries_stay_capped_whatever_is_asked_for() {
        for filter in ["trace", "h2=trace", "info,hyper=trace"] {
            let text = parse(filter).expect("a filter").to_string();
            assert!(text.contains("h2=error") && text.contains("hyper=info"), "{filter}: {text}");
        }
        for (target, level, allowed) in [
            ("h2::codec::framed_write", Level::TRACE, false),
            ("h2::proto::streams::recv", Level::WARN, false),
            ("h2", Level::ERROR, true),
            ("hyper::proto", Level::DEBUG, false),
            ("tonic", Level::INFO, true),
            ("clavigerd::broker", Level::TRACE, true),
            ("h2x::y", Level::TRACE, true),
        ] {
            assert_eq!(is_allowed(target, level), allowed, "{target} {level}");
        }
        assert!(parse("").is_err() && parse("clavigerd=loud").is_err());
    }

    #[test]
    fn a_typo_does_not_turn_everything_off() {
        for filter in
            ["debug", "INFO", "off", "3", "clavigerd", "clavigerd::broker", "info,hyper=warn", "[x]=debug"]
        {
            assert!(parse(filter).is_ok(), "{filter}");
        }
        for filter in ["debg", "info,verbose", "al"] {
            assert!(parse(filter).is_err(), "{filter}");
        }
    }
}
