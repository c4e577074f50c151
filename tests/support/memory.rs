//! What other processes hold: their command lines, environments and memory, and the files that they leave.

use super::{Home, text};
use claviger::process::Stat;
use memchr::memmem::Finder;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

/// Bytes per read of a mapping, whole pages.
const PART: usize = 4 * 1024 * 1024;
/// Smallest page of a machine, and what pagemap has for each (Documentation/admin-guide/mm/pagemap.rst of Linux).
const PAGE: usize = 4096;
const ENTRY: usize = 8;
/// The inode of a mapping that is of no file.
const NO_FILE: &str = "0";

/// `pid`, its children, and theirs.
pub fn family(pid: u32) -> Vec<u32> {
    let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let parent =
        |pid: &u32| Some(Stat::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?.parent);
    let all = fs::read_dir("/proc").expect("/proc").flatten().filter_map(number);
    let parents: BTreeMap<_, _> = all.filter_map(|pid| Some((pid, parent(&pid)?))).collect();
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len() {
        let of = family[next];
        family.extend(parents.iter().filter(|(_, parent)| **parent == of).map(|(pid, _)| pid));
        next += 1;
    }
    family
}

/// Where each of `needles` is in a process: `environ`, `cmdline`, or the name of a mapping.
///
/// # Panics
/// If the memory cannot be read, for then nothing is known of it.
pub fn places<const N: usize>(pid: u32, needles: [&str; N]) -> [BTreeSet<String>; N] {
    let finders = needles.map(Finder::new);
    let overlap = needles.iter().map(|needle| needle.len()).max().unwrap_or_default();
    let of = |name: &str| format!("/proc/{pid}/{name}");
    let mut found = [const { BTreeSet::new() }; N];
    let mut look = |name: &str, bytes: &[u8]| {
        for (finder, places) in finders.iter().zip(&mut found) {
            if finder.find(bytes).is_some() {
                places.insert(name.to_owned());
            }
        }
    };
    for name in ["environ", "cmdline"] {
        look(name, &fs::read(of(name)).expect("a process"));
    }
    let memory = File::open(of("mem")).expect("its memory");
    let present = File::open(of("pagemap")).expect("its pages");
    let (mut part, mut entries, mut all) = (Vec::new(), Vec::new(), 0);
    for line in fs::read_to_string(of("maps")).expect("its mappings").lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        let name = words.get(5).copied().unwrap_or("[anonymous]");
        let (from, to) = words[0].split_once('-').expect("a range");
        let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16).expect("an address"));
        // The kernel and devices let no other process read theirs.
        let is_foreign = ["[vvar", "[vsyscall", "/dev/"].iter().any(|other| name.starts_with(other));
        if !words[1].starts_with('r') || is_foreign {
            continue;
        }
        let mut kept = 0;
        for at in (from..to).step_by(PART) {
            let length = PART.min(to - at);
            // What was never touched has no page; programs reserve gigabytes of it.
            entries.resize(length / PAGE * ENTRY, 0);
            present.read_exact_at(&mut entries, (at / PAGE * ENTRY) as u64).expect("its pages");
            if words[4] == NO_FILE && entries.iter().all(|byte| *byte == 0) {
                kept = 0;
                continue;
            }
            // It begins with the end of the part before, for what lies on the border.
            part.drain(..part.len() - kept);
            part.resize(kept + length, 0);
            // A mapping may have gone, or be longer than its file.
            let Ok(count) = memory.read_at(&mut part[kept..], at as u64) else { break };
            part.truncate(kept + count);
            all += count;
            look(name, &part);
            kept = overlap.min(part.len());
        }
    }
    assert!(all > 0, "the memory of {pid} cannot be read");
    found
}

/// The files below a home that contain `needle`.
pub fn files(home: &Home, needle: &str) -> BTreeSet<String> {
    let finder = Finder::new(needle);
    let has_it = |path: &std::path::PathBuf| fs::read(path).is_ok_and(|bytes| finder.find(&bytes).is_some());
    let root = home.path("");
    let name = |path: std::path::PathBuf| {
        text(path.strip_prefix(&root).expect("below").as_os_str().as_encoded_bytes())
    };
    home.files("").into_iter().filter(has_it).map(name).collect()
}
