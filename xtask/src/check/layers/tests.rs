use super::{
    circles,
    house::House,
    source::{Import, read},
};
use std::collections::BTreeMap;

fn house(files: &[(&str, &str)]) -> House {
    let files: BTreeMap<_, _> = files.iter().copied().collect();
    let mut house = House::empty("src");
    let text = |file: &str| files.get(file).map(|text| (*text).to_owned()).ok_or_else(|| file.to_owned());
    house.add(Vec::new(), "lib.rs", "", &text).expect("all files");
    house
}

fn circles(files: &[(&str, &str)]) -> Vec<String> {
    circles::all(&house(files)).iter().map(ToString::to_string).collect()
}

#[test]
fn a_planted_circle_is_shown_with_file_line_and_name() {
    let files = [
        ("lib.rs", "mod low;\nmod high;\nmod apart;"),
        ("low.rs", "//! Words.\nuse crate::high::Rank;\npub struct Word(Rank);"),
        ("high/mod.rs", "mod rank;\npub use rank::Rank;\n"),
        ("high/rank.rs", "use crate::{\n    apart::Else,\n    low::Word,\n};\npub struct Rank;"),
        ("apart.rs", "pub struct Else;"),
    ];
    let expected = "src: a circle of 2 rooms (high, low)\n          src/high/rank.rs:3 -> Word\n          src/low.rs:2 -> Rank";
    assert_eq!(circles(&files), [expected]);
}

#[test]
fn paths_in_code_count_and_tests_and_texts_do_not() {
    let root = ("lib.rs", "mod a;\nmod b;");
    let b = ("b.rs", "use crate::a::A;\npub struct B;");
    let harmless = "pub struct A;\n// crate::b::B\nconst T: &str = \"crate::b::B\";\nconst R: &str = r#\"\"crate::b::B\"#;\n\
        fn c() -> (char, char) { ('\"', '\\'') }\nfn l<'a>(_: &'a str) -> impl Fn() + use<'a> { || () }\n#[cfg(test)]\nuse crate::b::B;\n\
        #[cfg(test)]\nmod tests {\n    use crate::b::B;\n    fn f() { crate::b::f() }\n}\n";
    assert_eq!(circles(&[root, b, ("a.rs", harmless)]), [""; 0]);
    let inline = format!("{harmless}fn f() {{ crate::b::f() }}\n");
    assert_eq!(circles(&[root, b, ("a.rs", &inline)]).len(), 1);
    let through_an_import = format!("{harmless}use super::b;\nfn f() {{ b::f() }}\n");
    assert_eq!(circles(&[root, b, ("a.rs", &through_an_import)]).len(), 1);
}

#[test]
fn a_folder_and_its_rooms_take_in_one_direction_only() {
    let files = |own: &'static str, child: &'static str| {
        circles(&[("lib.rs", "mod a;"), ("a.rs", own), ("a/b.rs", child), ("a/c.rs", "pub struct C;")])
    };
    // The folder uses its room.
    assert_eq!(files("mod b;\nmod c;\nuse b::B;\nfn f() -> B { b::f() }", "pub struct B;"), [""; 0]);
    // A room uses a type of the folder, which only lists it.
    assert_eq!(files("mod b;\nmod c;\npub struct A;", "use super::A;"), [""; 0]);
    // A room uses what the folder re-exports of its neighbour.
    assert_eq!(files("mod b;\nmod c;\npub use {b::B, c::C};", "use super::C;\npub struct B;"), [""; 0]);
    // Both.
    let both = files("mod b;\nmod c;\npub struct A;\nfn f() { b::f() }", "use super::A;");
    assert_eq!(
        both,
        ["src/a: a circle of 2 rooms ((itself), b)\n          src/a.rs:4 -> f\n          src/a/b.rs:1 -> A"]
    );
}

#[test]
fn neighbours_inside_a_folder_are_rooms_too() {
    let found = circles(&[
        ("lib.rs", "mod a;"),
        ("a/mod.rs", "mod b;\nmod c;"),
        ("a/b.rs", "use super::c;\nfn f() { c::f() }"),
        ("a/c.rs", "fn f() { super::b::f() }"),
    ]);
    assert!(found[0].starts_with("src/a: a circle of 2 rooms (b, c)"), "{found:?}");
}

#[test]
fn names_of_other_crates_make_no_room() {
    let found = circles(&[
        ("lib.rs", "mod a;\nmod b;\npub use tonic::Streaming;"),
        ("a.rs", "use crate::b::B;\npub use std::io;\nfn f() { io::stdout() }"),
        ("b.rs", "use std::io;\nuse crate::Streaming;\npub struct B;\nfn f() { io::stdin() }"),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn a_use_is_taken_apart() {
    let source = read("pub(crate) use a::{b::{self, C as D}, e, f::*};");
    let names: Vec<_> =
        source.imports.iter().map(|Import { name, path, .. }| (&**name, path.join("::"))).collect();
    let expected = [("b", "a::b"), ("D", "a::b::C"), ("e", "a::e"), ("*", "a::f::*")];
    assert_eq!(names, expected.map(|(name, path)| (name, path.to_owned())));
}
