//! The tools: the files of their hooks, and the changes to them.

use super::{
    arguments::{How, Install, Remove},
    standing::Standing,
};
use crate::{
    failure::Failure,
    hook::{
        Guidance, aws, claude,
        file::Target,
        google,
        plan::{self, FileChange},
        program,
        record::{Changed, Kind, Ledger},
    },
    session::{
        context::Context,
        user::{settings, user_file},
    },
    text::quote,
};
use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

/// A tool, and the options of its hook.
pub(super) enum Tool {
    /// Claude Code, and its standing gate.
    Claude(Option<Standing>),
    /// A profile of AWS, and the one it gets keys from.
    Aws(String, String),
    /// A credentials file of Google's, and its content.
    Google { file: PathBuf, audience: String, token_url: String, credentials: Option<PathBuf> },
    /// Azure, which has no file.
    Azure,
}

impl Tool {
    /// From the arguments of `hook install`.
    pub(super) fn installed(context: &Context, arguments: Install) -> Result<(Self, How), Failure> {
        Ok(match arguments {
            Install::Claude { gate, account, how } => {
                let standing = gate.then(|| Standing::of(context, account)).transpose()?;
                (Self::Claude(standing), how)
            }
            Install::Aws { profile, from, how } => {
                let own = || env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty() && *name != profile);
                let from = from.or_else(own).unwrap_or_else(|| "default".into());
                (Self::Aws(profile, from), how)
            }
            Install::Google { audience, token_url, credentials, file, how } => {
                let file = google_file(file)?;
                let credentials = credentials.map(|path| absolute(&path)).transpose()?;
                (Self::Google { file, audience, token_url, credentials }, how)
            }
            Install::Azure(how) => (Self::Azure, how),
        })
    }

    /// From the arguments of `hook remove`.
    pub(super) fn removed(arguments: Remove) -> Result<(Self, How), Failure> {
        Ok(match arguments {
            Remove::Claude(how) => (Self::Claude(None), how),
            Remove::Aws { profile, how } => (Self::Aws(profile, String::new()), how),
            Remove::Google { file, how } => {
                let file = google_file(file)?;
                let (audience, token_url) = Default::default();
                (Self::Google { file, audience, token_url, credentials: None }, how)
            }
            Remove::Azure(how) => (Self::Azure, how),
        })
    }

    /// Its name in the record. Two configuration directories have two hooks.
    pub(super) fn id(&self) -> String {
        let of = |tool: &str, path: Option<PathBuf>| format!("{tool}:{}", path.unwrap_or_default().display());
        match self {
            Self::Claude(_) => of("claude", settings()),
            Self::Aws(profile, _) => of(&format!("aws:{profile}"), aws_config()),
            Self::Google { file, .. } => of("google", Some(file.clone())),
            Self::Azure => "azure".into(),
        }
    }

    /// The changes that install the hook, and the record of them.
    ///
    /// # Errors
    /// If a file is broken, or the hook would not work.
    pub(super) fn plan(&self, ledger: &Ledger) -> Result<(Vec<FileChange>, Vec<Changed>, Guidance), Failure> {
        if matches!(self, Self::Claude(_)) {
            settings().map_or(Ok(()), |path| is_the_users(&path))?;
        }
        let id = self.id();
        let mut begun = plan::begin(ledger, &id, &self.files()?)?;
        let own = program::own()
            .map_err(|error| Failure::Setup(format!("cannot determine what this program is: {error}")))?;
        let own = own.to_str().ok_or_else(|| {
            Failure::usage("the path of claviger is not UTF-8", "install it somewhere else")
        })?;
        let word = program::word(own);
        let outcome = match (self, &mut begun[..]) {
            (Self::Claude(standing), [(_, config), (_, settings)]) => {
                let directory = settings.path.parent().and_then(Path::to_str).ok_or_else(|| {
                    Failure::usage("the path of the settings is not UTF-8", "set another CLAUDE_CONFIG_DIR")
                })?;
                config.directory = Some(directory.to_owned());
                let text = |(name, value): (OsString, OsString)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                };
                let own = env::vars_os().filter_map(text).collect();
                let installed = ledger.records.hooks.contains_key(&id);
                let outcome = claude::draft(config, settings, &word, (&own, installed))?;
                if let Some(standing) = standing {
                    claude::lead_to(&standing.gate, config, settings)?;
                }
                outcome
            }
            (Self::Aws(profile, from), [(_, config)]) => {
                let keys =
                    user_file("AWS_SHARED_CREDENTIALS_FILE", "", ".aws/credentials").ok_or_else(no_home)?;
                let keys = Target::read(&keys)?.text.unwrap_or_default();
                aws::draft(config, &keys, (profile, from), &word)?
            }
            (Self::Google { audience, token_url, credentials, .. }, [(_, file)]) => {
                let pool = google::Pool { audience, token_url, credentials: credentials.as_deref() };
                google::draft(file, &pool, own)?
            }
            _ => azure(&word),
        };
        let (steps, record) = plan::finish(ledger, &id, begun);
        Ok((steps, record, Guidance { next: self.next(), ..outcome }))
    }

    /// The changes that undo the hook.
    ///
    /// # Errors
    /// If a file is broken.
    pub(super) fn back(&self, ledger: &Ledger) -> Result<(Vec<FileChange>, Guidance), Failure> {
        let id = self.id();
        let mut outcome = Guidance::default();
        if !ledger.records.hooks.contains_key(&id) {
            outcome.notes.push("there is no record of this hook: claviger has not installed it".into());
        }
        Ok((plan::back(ledger, &id)?, outcome))
    }

    /// Opens the gate that the settings are to lead to, if any.
    ///
    /// # Errors
    /// Why there cannot be one.
    pub(super) async fn open(&self, context: &Context) -> Result<(), Failure> {
        match self {
            Self::Claude(Some(standing)) => standing.open(context).await,
            _ => Ok(()),
        }
    }

    /// Whether this is Claude Code with a gate.
    pub(super) fn has_gate(&self) -> bool {
        matches!(self, Self::Claude(Some(_)))
    }

    /// Whether this is Claude Code without a gate.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Claude(None))
    }

    fn next(&self) -> Option<String> {
        let file = |file: &Path| quote::shell(&file.display().to_string());
        Some(match self {
            Self::Claude(Some(_)) => {
                "`claude` in any directory; `claviger gate list` shows how many requests it has sent".into()
            }
            Self::Claude(None) => {
                "`claude` in any directory; `claviger explain` shows what that directory gets, and why".into()
            }
            Self::Aws(profile, _) => {
                format!("`aws --profile {} sts get-caller-identity`", quote::shell(profile))
            }
            Self::Google { file: own, .. } => {
                format!(
                    "`GOOGLE_APPLICATION_CREDENTIALS={} gcloud auth application-default print-access-token`",
                    file(own)
                )
            }
            Self::Azure => return None,
        })
    }

    /// Its files, in the order in which they are written.
    fn files(&self) -> Result<Vec<(PathBuf, Kind)>, Failure> {
        Ok(match self {
            Self::Claude(_) => {
                let config = config("config.toml").ok_or_else(no_home)?;
                vec![(config, Kind::Toml), (settings().ok_or_else(no_home)?, Kind::Json)]
            }
            Self::Aws(..) => vec![(aws_config().ok_or_else(no_home)?, Kind::Ini)],
            Self::Google { file, .. } => vec![(file.clone(), Kind::Whole)],
            Self::Azure => Vec::new(),
        })
    }
}

/// Refuses settings inside the workspace: a project's commands must not become the user's own, which need no trust. The
/// daemon does not take them for the user's either (`daemon/src/settings/load.rs`).
fn is_the_users(settings: &Path) -> Result<(), Failure> {
    let canonical = |path: &Path| std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let directory = canonical(settings.parent().unwrap_or(Path::new("/")));
    let home = env::var_os("HOME").map(|home| canonical(Path::new(&home))).unwrap_or_default();
    let cwd = canonical(&env::current_dir().unwrap_or_default());
    let is_marked = |path: &&Path| path.join(".git").symlink_metadata().is_ok();
    // The location of the file counts as well as the working directory: another working directory does not make it
    // another file.
    let mut marked = directory.ancestors().take_while(|path| *path != home).filter(is_marked);
    let is_own = home.starts_with(&cwd) || !directory.starts_with(&cwd);
    if directory == canonical(&home.join(".claude")) || (is_own && marked.next().is_none()) {
        return Ok(());
    }
    let message = format!("{} is inside a workspace, so it is not yours alone", settings.display());
    Err(Failure::usage(message, "unset CLAUDE_CONFIG_DIR, and try again"))
}

/// Where the profiles of AWS are.
pub(super) fn aws_config() -> Option<PathBuf> {
    user_file("AWS_CONFIG_FILE", "", ".aws/config")
}

/// A file of claviger's own configuration.
pub(super) fn config(name: &str) -> Option<PathBuf> {
    user_file("XDG_CONFIG_HOME", &format!("claviger/{name}"), ".config")
}

fn google_file(named: Option<PathBuf>) -> Result<PathBuf, Failure> {
    match named {
        Some(path) => absolute(&path),
        None => config("google.json").ok_or_else(no_home),
    }
}

/// Without a home directory no file can be named.
pub(super) fn no_home() -> Failure {
    Failure::usage("HOME is not set", "set HOME")
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| {
        Failure::usage(format!("cannot use {}: {error}", path.display()), "name it by its absolute path")
    })
}

/// There is no file to change: Azure's libraries ask `az`, and the CLIs read a variable.
fn azure(program: &str) -> Guidance {
    let notes = [
        format!("Foundry, for one command, with a fresh token: `{program} exec -- COMMAND`"),
        format!("Foundry, for a shell: `eval \"$({program} env)\"`; such a token is valid for about an hour"),
        format!(
            "any other tool that accepts a token: `{program} azure --scope SCOPE --query accessToken -o tsv`"
        ),
    ];
    Guidance {
        notes: notes.into(),
        variables: vec![("CLAUDE_CODE_USE_FOUNDRY".into(), "1".into())],
        ..Guidance::default()
    }
}
