//! Whether what the doctor says helps: the remedy is run or applied, and the finding is gone.

use super::{CANARY, Home, binary, text};
use serde_json::Value;
use std::{
    any::Any,
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// What happens beside a row.
type Meanwhile = Box<dyn Fn(&Home)>;

/// A home with something wrong.
pub struct Sick {
    pub home: Home,
    client: PathBuf,
    arguments: &'static str,
    stdin: String,
    change: Option<(String, String)>,
    meanwhile: Option<Meanwhile>,
    beside: Vec<Box<dyn Any>>,
}

impl Sick {
    pub fn new(home: Home) -> Self {
        Self {
            home,
            client: binary("claviger"),
            arguments: "",
            stdin: String::new(),
            change: None,
            meanwhile: None,
            beside: Vec::new(),
        }
    }

    /// Further arguments of the doctor.
    pub fn with(mut self, arguments: &'static str) -> Self {
        self.arguments = arguments;
        self
    }

    /// Another client.
    pub fn by(mut self, client: PathBuf) -> Self {
        self.client = client;
        self
    }

    /// What a person types.
    pub fn typed(mut self, stdin: &str) -> Self {
        self.stdin = format!("{stdin}\n");
        self
    }

    /// What an editor puts in the place of `part`, which stands in the line that the remedy names.
    pub fn edited(mut self, part: impl Into<String>, with: impl Into<String>) -> Self {
        self.change = Some((part.into(), with.into()));
        self
    }

    /// What passes by itself before the remedy is tried.
    pub fn meanwhile(mut self, passes: impl Fn(&Home) + 'static) -> Self {
        self.meanwhile = Some(Box::new(passes));
        self
    }

    /// What has to live as long.
    pub fn beside(mut self, other: impl Any) -> Self {
        self.beside.push(Box::new(other));
        self
    }

    /// The doctor finds `id`, and after its remedy does not.
    #[track_caller]
    pub fn is_cured_of(self, id: &str, kind: &str) {
        let before = self.examine(None);
        let finding = found(&before, id).unwrap_or_else(|| panic!("{id} is not found: {before:#}"));
        let remedy = &finding["remedy"];
        assert_eq!(remedy["kind"], kind, "{finding:#}");
        if kind == "administrator" {
            assert!(remedy["what"].as_str().is_some_and(|what| what.len() > 10), "{finding:#}");
            return;
        }
        if let Some(passes) = &self.meanwhile {
            passes(&self.home);
        }
        let after = match kind {
            "run" => self.examine(finding["fix"].as_str()),
            _ => {
                self.edit(&remedy["location"], finding);
                self.examine(None)
            }
        };
        assert!(found(&after, id).is_none(), "{} does not help: {after:#}", finding["fix"]);
    }

    /// What the doctor says, in a shell elsewhere that has run `fix`.
    fn examine(&self, fix: Option<&str>) -> Value {
        // At a terminal a person sees what is trusted; a script says what it has seen.
        let seen = |fix: &str| format!("{fix} --digest {}", self.home.digest(&[]));
        let fix = fix.map(|fix| match fix {
            _ if fix.ends_with(" trust grant") => seen(fix),
            _ if fix.ends_with(" --gate") => format!("{fix} --yes"),
            _ => fix.to_owned(),
        });
        let script = format!(
            "claviger() {{ '{}' \"$@\"; }}\n{{ {}; }} >&2 || exit 99\nclaviger --cwd '{}' doctor --json {}",
            self.client.display(),
            fix.as_deref().unwrap_or(":"),
            self.home.path("work").display(),
            self.arguments,
        );
        let like = self.home.claviger(&[]);
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &script]).current_dir("/").env_clear();
        shell.envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut shell = shell.spawn().expect("a shell");
        // A reader that wants nothing of it may have gone already.
        drop(shell.stdin.take().expect("stdin").write_all(self.stdin.as_bytes()));
        let output = shell.wait_with_output().expect("ends");
        let (shown, talk) = (text(&output.stdout), text(&output.stderr));
        assert!(!shown.contains(CANARY) && !talk.contains(CANARY), "{shown}{talk}");
        assert_ne!(output.status.code(), Some(99), "{fix:?} fails: {talk}");
        serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}{talk}"))
    }

    fn edit(&self, at: &Value, finding: &Value) {
        let (part, with) = self.change.as_ref().expect("what to change");
        let file = at["file"].as_str().expect("a file");
        let number = at["line"].as_u64().and_then(|line| usize::try_from(line).ok()).expect("a line");
        let content = fs::read_to_string(file).expect("the file is there");
        let mut lines: Vec<_> = content.lines().map(str::to_owned).collect();
        let line = &mut lines[number - 1];
        assert!(line.contains(part.as_str()), "line {number} is {line:?}: {finding:#}");
        *line = line.replace(part.as_str(), with);
        // As editors do.
        let fresh = format!("{file}.new");
        fs::write(&fresh, lines.join("\n")).expect("written");
        fs::rename(fresh, file).expect("renamed");
    }
}

fn found<'a>(diagnosis: &'a Value, id: &str) -> Option<&'a Value> {
    diagnosis["findings"].as_array().expect("a list").iter().find(|finding| finding["id"] == id)
}
