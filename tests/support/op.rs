//! A stand-in for a password manager's command: a person sits behind it, who may say no, and it may want a terminal.

use super::{CANARY, Home};
use std::{fs, path::PathBuf};

/// The command line of the helper.
pub const COMMAND: &str = "op read op://Private/api/credential";

/// One run: when it began and ended, in seconds since 1970, and whether it printed a key.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    pub began: f64,
    pub ended: f64,
    pub ok: bool,
}

/// What the person does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    Approves,
    SaysNo,
    /// Is asked on a terminal only.
    WantsTerminal,
}

/// Puts the command on the `PATH` of sessions in `home`; each run takes `seconds`. The settings have it as their helper, whose key
/// lives for `lifetime` seconds.
pub fn install(home: &mut Home, seconds: f32, lifetime: u64, on_demand: bool) {
    let (runs, no, terminal) = (home.path("op.runs"), home.path("op.no"), home.path("op.terminal"));
    let body = format!(
        "began=$(date +%s.%N)\nended() {{ echo \"$began $(date +%s.%N) $1\" >> '{runs}'; }}\nsleep {seconds}\n\
         if [ -e '{no}' ]; then ended no; echo '[ERROR] authorization prompt dismissed, please try again' >&2; exit 1; fi\n\
         if [ -e '{terminal}' ] && ! [ -t 0 ]; then ended no; echo '[ERROR] cannot ask: not a terminal' >&2; exit 1; fi\n\
         ended ok\necho {CANARY}key-$(wc -l < '{runs}')",
        runs = runs.display(),
        no = no.display(),
        terminal = terminal.display()
    );
    let directory = home.script("home/tools/op", &body).parent().map(PathBuf::from).expect("a directory");
    home.set("PATH", &format!("{}:/usr/local/bin:/usr/bin:/bin", directory.display()));
    let lifetime = format!("{}", lifetime * 1000);
    home.user_settings(COMMAND.as_ref(), &[("CLAUDE_CODE_API_KEY_HELPER_TTL_MS", &lifetime)]);
    if on_demand {
        let refresh = "[settings]\nrefresh = { apiKeyHelper = \"on-demand\" }\n";
        home.write("home/.config/claviger/config.toml", refresh);
    }
}

/// From now on the person is like that.
pub fn person(home: &Home, person: Person) {
    for (file, is_on) in
        [("op.no", person == Person::SaysNo), ("op.terminal", person == Person::WantsTerminal)]
    {
        match is_on {
            true => drop(home.write(file, "")),
            false => drop(fs::remove_file(home.path(file))),
        }
    }
}

/// All runs that have ended.
pub fn runs(home: &Home) -> Vec<Run> {
    let run = |line: &str| {
        let [began, ended, how] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line:?}") };
        let seconds = |text: &str| text.parse().expect("seconds");
        Run { began: seconds(began), ended: seconds(ended), ok: how == "ok" }
    };
    home.read("op.runs").lines().map(run).collect()
}
