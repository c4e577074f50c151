//! How a hook names this program.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The absolute path of this program: the one found on `PATH` if it leads here, because it survives an upgrade that may
/// remove the file behind its links; otherwise our own path. It is absolute because a desktop or an editor has another
/// `PATH`.
///
/// # Errors
/// The system's error, if our path is unknown.
pub(crate) fn own() -> std::io::Result<PathBuf> {
    let own = env::current_exe()?;
    let real = fs::canonicalize(&own)?;
    let directories = env::var_os("PATH").unwrap_or_default();
    let named = env::split_paths(&directories).filter(|directory| directory.is_absolute());
    let mut found = named.map(|directory| directory.join("claviger"));
    let same = found.find(|path| fs::canonicalize(path).is_ok_and(|path| path == real));
    Ok(same.unwrap_or(own))
}

/// `path` as one word, for a shell and for programs that split words like one.
pub(crate) fn word(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@%,".contains(c) || !c.is_ascii();
    match path.chars().all(plain) && !path.is_empty() {
        true => path.to_owned(),
        // AWS documents double quotes; characters special inside them are rare in paths.
        false if !path.contains(['"', '\\', '$', '`', '!']) => format!("\"{path}\""),
        false => crate::text::quote::shell(path),
    }
}

/// Whether the program that a hook names exists.
pub(crate) fn is_there(program: &str) -> bool {
    let is_file = |path: &Path| path.is_file();
    match program.contains('/') {
        true => is_file(Path::new(program)),
        false => {
            let directories = env::var_os("PATH").unwrap_or_default();
            env::split_paths(&directories).any(|directory| is_file(&directory.join(program)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::word;

    #[test]
    fn a_path_is_one_word() {
        for (path, expected) in [
            ("/usr/bin/claviger", "/usr/bin/claviger"),
            ("/opt/my tools/claviger", "\"/opt/my tools/claviger\""),
            ("/opt/it's/claviger", "\"/opt/it's/claviger\""),
            ("/opt/$x y/claviger", "'/opt/$x y/claviger'"),
        ] {
            assert_eq!(word(path), expected);
            let hook = format!("{} token --hook", word(path));
            assert_eq!(claviger::hook::program(&hook).as_deref(), Some(path));
        }
    }
}
