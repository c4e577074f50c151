//! The modules of a crate, and their imports.

use super::source::{self, Import, Source};
use crate::sh;
use std::{collections::BTreeMap, fs, path::Path};

/// Where a module is in its crate; empty for the root.
pub(super) type Module = Vec<String>;

/// The modules of a crate.
pub(super) struct House {
    /// The folder of the sources, as messages name it.
    pub(super) place: String,
    rooms: BTreeMap<Module, Room>,
}

struct Room {
    file: String,
    source: Source,
}

/// An import of a name from another module.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Taking {
    pub(super) from: Module,
    pub(super) to: Module,
    /// `file:line -> name`.
    pub(super) seen: String,
}

impl House {
    /// A crate without modules yet.
    pub(super) fn empty(place: &str) -> Self {
        Self { place: place.to_owned(), rooms: BTreeMap::new() }
    }

    /// Reads the crate whose sources are in `place`, below `root`.
    pub(super) fn read(root: &Path, place: &str) -> sh::Result<Self> {
        let mut house = Self::empty(place);
        // The program beside a library depends on it: it has no modules of its own.
        let file = if root.join(place).join("lib.rs").is_file() { "lib.rs" } else { "main.rs" };
        house.add(Vec::new(), file, "", &|file| fs::read_to_string(root.join(place).join(file)))?;
        Ok(house)
    }

    /// Adds a module and all below it. `below` is where the files of its submodules are; `read` gives the text of a file.
    pub(super) fn add<E>(
        &mut self,
        module: Module,
        file: &str,
        below: &str,
        read: &dyn Fn(&str) -> Result<String, E>,
    ) -> Result<(), E> {
        let mut source = source::read(&read(file)?);
        for (name, path) in std::mem::take(&mut source.children) {
            let inner = format!("{below}{name}/");
            let beside = file.rsplit_once('/').map_or("", |(directory, _)| directory);
            let (own, deep) = (format!("{below}{name}.rs"), format!("{inner}mod.rs"));
            let file = match path {
                Some(path) => format!("{beside}/{path}"),
                None if read(&own).is_ok() => own,
                None => deep,
            };
            let child = module.iter().cloned().chain([name]).collect();
            self.add(child, &file, &inner, read)?;
        }
        let file = format!("{}/{file}", self.place);
        self.rooms.insert(module, Room { file, source });
        Ok(())
    }

    /// The imports of every module.
    pub(super) fn takings(&self) -> Vec<Taking> {
        let mut found = Vec::new();
        for (from, Room { file, source }) in &self.rooms {
            let imports = source.imports.iter().map(|import| (import.line, &import.path));
            for (line, path) in imports.chain(source.paths.iter().map(|(line, path)| (*line, path))) {
                let Some((to, rest)) = self.find(from, path, 0) else { continue };
                // The name of an enclosing module is only part of a path.
                if to != *from && (!rest.is_empty() || !from.starts_with(&to)) {
                    let name = rest.first().or(to.last()).map_or("crate", String::as_str);
                    let seen = format!("{file}:{line} -> {name}");
                    found.push(Taking { from: from.clone(), to, seen });
                }
            }
        }
        found
    }

    /// The module that `path` leads to from `from`, and the words left over; `None` if it leaves the crate.
    fn find(&self, from: &Module, path: &[String], depth: usize) -> Option<(Module, Vec<String>)> {
        let (first, rest) = path.split_first()?;
        let start = match first.as_str() {
            "crate" => Vec::new(),
            "self" => from.clone(),
            "super" => from.split_last()?.1.to_vec(),
            _ => return self.step(from, path, depth, false),
        };
        if rest.first().is_some_and(|word| word == "super") {
            return self.find(&start, rest, depth);
        }
        self.step(&start, rest, depth, true)
    }

    /// Follows `path` inside `module`: to a child, through an import, or to the module's own item.
    fn step(
        &self,
        module: &Module,
        path: &[String],
        depth: usize,
        is_inside: bool,
    ) -> Option<(Module, Vec<String>)> {
        let Some((first, rest)) = path.split_first() else { return Some((module.clone(), Vec::new())) };
        let child: Module = module.iter().chain([first]).cloned().collect();
        if self.rooms.contains_key(&child) {
            return self.step(&child, rest, depth, true);
        }
        let own = || is_inside.then(|| (module.clone(), path.to_vec()));
        let imports = self.rooms.get(module).map_or(&[][..], |room| &room.source.imports);
        match imports.iter().find(|import| import.name == *first) {
            // An import of the same path that is followed: a name of another crate.
            Some(Import { path: import, .. }) if depth < 8 && import != path => {
                let whole: Vec<String> = import.iter().chain(rest).cloned().collect();
                self.find(module, &whole, depth + 1)
            }
            Some(_) => None,
            None => own(),
        }
    }
}
