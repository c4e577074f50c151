//! Directories of an installation.

use crate::{sh, units::Manager};
use std::{
    env,
    path::{Path, PathBuf},
};

/// A directory for each kind of file.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) programs: PathBuf,
    pub(super) units: PathBuf,
    pub(super) man: PathBuf,
    pub(super) bash: PathBuf,
    pub(super) zsh: PathBuf,
    pub(super) fish: PathBuf,
}

/// The user's home directory.
pub(super) fn home() -> sh::Result<PathBuf> {
    let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    Ok(home.ok_or("HOME is not set")?)
}

/// The directories below `prefix`; without one, those of this user.
pub(super) fn places(prefix: Option<&Path>) -> sh::Result<Places> {
    let or_home = |variable: &str, default: &str| -> sh::Result<PathBuf> {
        let set = env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        Ok(match set {
            Some(path) => path,
            None => home()?.join(default),
        })
    };
    let (programs, data, config) = match prefix {
        Some(prefix) => {
            let prefix = std::path::absolute(prefix)?;
            (prefix.join("bin"), prefix.join("share"), prefix.join("share"))
        }
        None => (
            home()?.join(".local/bin"),
            or_home("XDG_DATA_HOME", ".local/share")?,
            or_home("XDG_CONFIG_HOME", ".config")?,
        ),
    };
    let manager = Manager::of_system();
    Ok(Places {
        units: match (prefix, manager) {
            (None, _) => manager.directory(&home()?, Some(&config)),
            (Some(_), Manager::Systemd) => data.join("systemd/user"),
            (Some(_), Manager::Launchd) => data.join("launchd"),
        },
        man: data.join("man/man1"),
        programs,
        bash: data.join("bash-completion/completions/claviger"),
        zsh: data.join("zsh/site-functions/_claviger"),
        fish: if prefix.is_some() {
            data.join("fish/vendor_completions.d")
        } else {
            config.join("fish/completions")
        }
        .join("claviger.fish"),
    })
}
