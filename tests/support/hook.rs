//! What tests of hooks start from, and compare.

use super::Home;
use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::PathBuf};

/// A home of which nothing of claude's or claviger's is there yet.
pub fn bare() -> Home {
    let home = Home::new();
    fs::remove_dir_all(home.path("home")).expect("removed");
    fs::create_dir(home.path("home")).expect("a home");
    home
}

/// Everything below the home but our state: path, mode, and content or target of a link.
pub fn everything(home: &Home) -> BTreeMap<PathBuf, (u32, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut todo = vec![home.path("home")];
    while let Some(path) = todo.pop() {
        let metadata = fs::symlink_metadata(&path).expect("it is there");
        if path.ends_with(".local") {
            continue;
        }
        let content = match () {
            () if metadata.is_dir() => {
                todo.extend(fs::read_dir(&path).expect("read").flatten().map(|entry| entry.path()));
                Vec::new()
            }
            () if metadata.is_symlink() => {
                fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
            }
            () => fs::read(&path).expect("read"),
        };
        found.insert(path, (metadata.mode(), content));
    }
    found
}
