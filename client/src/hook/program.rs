//! How a hook names this program.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// The absolute path of this program: that of `PATH` where it leads here, for it outlives an upgrade that the file behind
/// its links may not; else our own. Absolute, because the `PATH` of a desktop or of an editor is another one.
///
/// # Errors
/// The system's, if it does not say what runs.
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
        // AWS documents double quotes; what is special inside them is rare enough in a path.
        false if !path.contains(['"', '\\', '$', '`', '!']) => format!("\"{path}\""),
        false => crate::text::quote::shell(path),
    }
}

/// Whether the program that a hook names is there.
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
