//! `clavigerd man`: the manual page of this program, for packages.

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::io::{self, Write as _};

/// What the page says of signals.
const SIGNALS: &str = "SIGTERM and SIGINT end it: what was asked is answered, for 5 s at most.";

/// Files, and what they are.
const FILES: [(&str, &str); 5] = [
    (
        "$XDG_RUNTIME_DIR/claviger/claviger.sock",
        "The socket; without such a directory it is ~/.local/state/claviger/run/claviger.sock. One that systemd hands over comes first.",
    ),
    (
        "~/.config/claviger/config.toml",
        "The configuration, read at the start and by `claviger daemon reload`.",
    ),
    (
        "~/.local/state/claviger/",
        "Trust decisions, audit log, accounts, and the log of a daemon started on demand.",
    ),
    ("/etc/claude-code/", "Managed settings."),
    (
        "clavigerd.socket, clavigerd.service",
        "Units of systemd --user, in ~/.config/systemd/user or /usr/lib/systemd/user; `claviger daemon status` says which.",
    ),
];

/// Prints the page of `command`.
///
/// # Errors
/// If stdout takes no more.
pub(crate) fn print(command: Command) -> io::Result<()> {
    let man = Man::new(command.disable_help_subcommand(true))
        .date("")
        .manual("Claviger")
        .source(format!("claviger {}", claviger::RELEASE));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    page.extend(rest().render().into_bytes());
    io::stdout().write_all(&page)
}

fn rest() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["SIGNALS"]).text([roman(SIGNALS)]);
    roff.control("SH", ["EXIT STATUS"]);
    roff.text([roman(
        "0 if it was told to end, 1 if it could not start or go on (stderr says why), 2 for a wrong option.",
    )]);
    roff.control("SH", ["FILES"]);
    for (file, what) in FILES {
        roff.control("TP", []).text([bold(file)]).text([roman(what)]);
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, what) in [
        ("clavigerd --log debug", "Run it in the foreground and see what it does."),
        ("claviger daemon install", "Let systemd or launchd start it."),
    ] {
        roff.control("TP", []).text([bold(line)]).text([roman(what)]);
    }
    roff.control("SH", ["SEE ALSO"]).text([
        bold("claviger"),
        roman("(1), "),
        bold("systemctl"),
        roman("(1)"),
    ]);
    roff
}
