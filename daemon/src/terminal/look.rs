//! Looks for programs and at surroundings. It can hang on a dead mount, so it must run on a thread for blocking work.

use super::{
    found::{Programs, Terminal},
    surroundings::{Named, named},
    words::words,
};
use crate::host::{files, system};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Directories below the home, then of the system, in which every terminal's commands find programs.
const OF_USER: [&str; 2] = [".local/bin", "bin"];
const OF_SYSTEM: &[&str] = if cfg!(target_os = "macos") {
    &[
        "/opt/homebrew/bin",
        "/opt/homebrew/sbin",
        "/usr/local/bin",
        "/usr/local/sbin",
        "/usr/bin",
        "/usr/sbin",
        "/sbin",
        "/bin",
    ]
} else {
    &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin"]
};
/// Most directories of one `PATH` that are searched.
const MOST: usize = 256;

/// Input of the search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The session's home.
    pub home: Option<PathBuf>,
    /// Its `PATH`.
    pub path: String,
    /// Additional directories for every command, from the user's settings.
    pub more: Vec<PathBuf>,
    /// The root of the session's workspace, if it is not trusted: it is not searched.
    pub closed: Option<PathBuf>,
    /// Texts of commands.
    pub commands: Vec<String>,
    /// Files of a cloud that can name programs, and its tools.
    pub chain: Chain,
    /// The session's surroundings.
    pub surroundings: BTreeMap<String, String>,
    /// Variables of commands that hold a path.
    pub paths: BTreeMap<String, String>,
}

/// Programs that the SDK of a cloud can run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Tools of the cloud.
    pub tools: &'static [&'static str],
    /// Files with lines that name programs.
    pub files: Vec<PathBuf>,
}

/// Looks.
pub fn look(question: &Question) -> Terminal {
    let Question { home, path, more, closed, commands, chain, surroundings, paths } = question;
    let home_is = home.as_deref().and_then(|home| files::canonical(home).ok());
    let repositories = |path: &Path| files::repositories(path, home_is.as_deref());
    // The repositories around a nested one are no more trusted than it.
    let closed = closed.as_deref().map(|root| repositories(root).pop().unwrap_or_else(|| root.to_owned()));
    let is_open = |path: &Path| closed.as_deref().is_none_or(|root| !path.starts_with(root));
    let safe = |path: &Path| files::canonical(path).ok().filter(|path| files::is_private_directory(path));
    let searched: Vec<PathBuf> = (path.split(':').take(MOST).map(Path::new))
        .filter(|path| path.is_absolute())
        .filter_map(|path| safe(path).filter(|path| is_open(path)))
        .collect();
    let of_user = home.iter().flat_map(|home| OF_USER.map(|below| home.join(below)));
    let of_system = OF_SYSTEM.iter().filter_map(|path| files::canonical(Path::new(path)).ok());
    let of_system = of_system.filter(|path| files::is_system_directory(path));
    let fixed = more.iter().cloned().chain(of_user).filter_map(|path| safe(&path));
    let fixed: Vec<PathBuf> = fixed.chain(of_system).collect();
    let programs = |text: &str| programs(text, &searched, &fixed, is_open);
    let chain = programs(&chain.text());
    let (mut lent, mut kept) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in surroundings {
        let may_be_lent = match named(name, value) {
            Named::Nothing => true,
            Named::Paths(paths) => {
                // Files of a repository are used only by sessions that name them: sessions can be in any other
                // directory.
                let is_own = |path: PathBuf| is_open(&path) && repositories(&path).is_empty();
                paths.iter().all(|path| files::is_private(path).is_some_and(is_own))
            }
            Named::Other => false,
        };
        let kind = if may_be_lent { &mut lent } else { &mut kept };
        kind.insert(name.clone(), value.clone());
    }
    let commands = commands.iter().map(|text| (text.clone(), programs(text))).collect();
    let lead = |(name, value): (&String, &String)| {
        let canonical = files::canonical(Path::new(value)).ok()?.into_os_string().into_string().ok()?;
        (canonical != *value).then(|| (name.clone(), canonical))
    };
    let leads = paths.iter().filter_map(lead).collect();
    Terminal { commands, chain, other: programs(""), searched: joined(&searched, &fixed), lent, kept, leads }
}

// === impl Chain ===

impl Chain {
    /// The parts of its files about programs, and the names of its tools.
    fn text(&self) -> String {
        let names = |line: &&str| {
            ["credential_process", "\"command\"", "\"executable\""].iter().any(|key| line.contains(key))
        };
        let mut text = self.tools.join(" ");
        for file in self.files.iter().filter_map(|file| system::read_text(file).ok().flatten()) {
            for line in file.lines().filter(names) {
                text.extend(["\n", line]);
            }
        }
        text
    }
}

/// The programs that `text` names, and a `PATH` on which its words have the same meaning as on the session's.
fn programs(
    text: &str,
    searched: &[PathBuf],
    fixed: &[PathBuf],
    is_open: impl Fn(&Path) -> bool,
) -> Programs {
    let words = words(text);
    let has = |directory: &Path| -> Vec<(&String, bool)> {
        let real = |word: &&String| files::program(&directory.join(word));
        words.iter().filter_map(|word| Some((word, is_open(&real(&word)?)))).collect()
    };
    let (mut named, mut files, mut directories) = (BTreeSet::new(), Vec::new(), Vec::new());
    for directory in searched {
        let programs = has(directory);
        // One of them leads into a repository: its directory is not on this PATH.
        if programs.iter().any(|(_, is_open)| !is_open) {
            continue;
        }
        let is_first = |(word, _): &(&String, bool)| !named.contains(*word);
        let first: Vec<&String> = programs.into_iter().filter(is_first).map(|(word, _)| word).collect();
        if !first.is_empty() {
            // In the order of the session's own, so that no word gets another program's meaning.
            directories.push(directory.clone());
        }
        for word in first {
            named.insert(word.clone());
            files.extend(directory.join(word).to_str().map(str::to_owned));
        }
    }
    Programs { path: joined(&directories, fixed), files }
}

fn joined(named: &[PathBuf], fixed: &[PathBuf]) -> String {
    let mut path: Vec<&str> = Vec::new();
    for directory in named.iter().chain(fixed).filter_map(|directory| directory.to_str()) {
        if !path.contains(&directory) && !directory.contains(':') {
            path.push(directory);
        }
    }
    path.join(":")
}
