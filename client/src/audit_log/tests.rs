use super::{Reader, part};
use std::{fs, io::Write as _, path::Path};

fn lines(reader: &mut Reader) -> String {
    let mut all = String::new();
    reader.read(|line| all.push_str(std::str::from_utf8(line).expect("text"))).expect("readable");
    all
}

fn append(path: &Path, text: &str) {
    let mut file = fs::File::options().create(true).append(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

fn rotate(path: &Path, parts: usize) {
    (1..=parts).rev().for_each(|number| drop(fs::rename(part(path, number - 1), part(path, number))));
}

#[test]
fn parts_are_read_from_the_oldest_on() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    append(&part(&path, 2), "a\nb\n");
    append(&part(&path, 1), "c\n");
    append(&path, "d\nto");
    let mut reader = Reader::new(&path);
    assert_eq!(lines(&mut reader), "a\nb\nc\nd\n");
    reader.end();
    assert_eq!((reader.broken, reader.gaps, reader.found_any()), (1, 0, true));
}

#[test]
fn reading_goes_on_over_rotations() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let mut reader = Reader::new(&path);
    assert_eq!(lines(&mut reader), "");
    append(&path, "a\n");
    assert_eq!(lines(&mut reader), "a\n");
    append(&path, "b\n");
    rotate(&path, 3);
    assert_eq!(lines(&mut reader), "b\n", "the next part is not there yet");
    append(&path, "c\n");
    rotate(&path, 3);
    append(&path, "d\n");
    assert_eq!(lines(&mut reader), "c\nd\n");
    for text in ["e\n", "f\n", "g\n", "h\n"] {
        rotate(&path, 3);
        append(&path, text);
    }
    // The part that replaced d is gone, and so is e, if only three are kept.
    assert_eq!(lines(&mut reader), "e\nf\ng\nh\n");
    assert_eq!((reader.broken, reader.gaps), (0, 1));
}

#[test]
fn a_line_that_is_not_whole_is_read_again() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    append(&path, "a\nto");
    let mut reader = Reader::new(&path);
    assert_eq!(lines(&mut reader), "a\n");
    fs::File::options().write(true).open(&path).expect("a file").set_len(2).expect("cut");
    append(&path, "whole\n");
    assert_eq!(lines(&mut reader), "whole\n");
    append(&path, "torn");
    rotate(&path, 3);
    append(&path, "next\n");
    assert_eq!(lines(&mut reader), "next\n");
    assert_eq!(reader.broken, 1);
}

#[test]
fn a_line_without_end_is_no_line() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    append(&path, &"x".repeat(3 * super::MAX_LINE));
    append(&path, "\nb\n");
    let mut reader = Reader::new(&path);
    assert!(lines(&mut reader).ends_with("\nb\n"));
    assert!(reader.broken > 0);
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    assert!(Reader::new(&path).read(|_| {}).is_err());
}
