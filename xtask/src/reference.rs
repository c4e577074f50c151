//! `cargo xtask docs`: writes the pages that the code prints.

use crate::sh;
use std::fs;

/// The page, from the root of the workspace.
const PAGE: &str = "docs/configuration.md";

/// Writes the page anew.
pub(crate) fn run(arguments: &[String]) -> sh::Result {
    if let Some(word) = arguments.first() {
        return Err(format!("docs takes no {word}").into());
    }
    fs::write(sh::root().join(PAGE), printed()?)?;
    println!("wrote {PAGE}");
    Ok(())
}

/// What is wrong with the page that is there.
pub(crate) fn faults() -> sh::Result<Vec<String>> {
    let is_same =
        fs::read_to_string(sh::root().join(PAGE)).is_ok_and(|page| printed().is_ok_and(|now| now == page));
    Ok(if is_same {
        Vec::new()
    } else {
        vec![format!("{PAGE} is not what the code says: `cargo xtask docs`")]
    })
}

fn printed() -> sh::Result<String> {
    let words = ["run", "--quiet", "--locked", "--package", "clavigerd", "--", "reference"];
    // What a program prints comes without its last line break.
    Ok(sh::stdout(sh::cargo().args(words))? + "\n")
}
