//! `cargo xtask pictures`: what a terminal shows, as pictures for the documentation. Real programs, a real terminal
//! (tmux), a temporary home; only what would differ from run to run is written over.

mod scene;
mod stable;
mod svg;

use crate::{
    programs::{self, Profile},
    sh,
};
use scene::Scene;
use std::fs;

/// A terminal as most are.
const USUAL: (u16, u16) = (80, 24);
/// One in which nothing scrolls away.
const TALL: (u16, u16) = (110, 40);

pub(crate) fn run(arguments: &[String]) -> sh::Result {
    if let Some(argument) = arguments.first() {
        return Err(format!("pictures takes no arguments, not even {argument}").into());
    }
    if !sh::exists("tmux") {
        return Err("tmux is not installed".into());
    }
    let scene = Scene::new(programs::build(Profile::Dev)?)?;
    scene.lend()?;
    save("status", &scene, scene.terminal(USUAL, "status", &[], "FRESH")?)?;
    let keys: &[&[&str]] = &[&["Down"], &["Down"], &["r"]];
    save("watch", &scene, scene.terminal(USUAL, "status --watch", keys, "refreshed, generation 2")?)?;
    save("explain", &scene, scene.terminal(TALL, "explain", &[], "took:")?)?;
    save("trust", &scene, scene.stranger((80, 30), "(default: n)")?)
}

fn save(name: &str, scene: &Scene, captured: scene::Captured) -> sh::Result {
    let text = stable::stable(&captured.text, &scene.home());
    let picture = svg::picture(&text, captured.size, captured.title);
    let directory = sh::root().join("docs/images");
    fs::create_dir_all(&directory)?;
    let path = directory.join(format!("{name}.svg"));
    fs::write(&path, &picture)?;
    println!("{} ({} KiB)", path.display(), picture.len().div_ceil(1024));
    Ok(())
}
