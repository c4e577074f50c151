//! The manual pages: one for the program, one for each verb. Options come from the definition of the command line, the
//! rest from [`text`].

mod text;

pub(crate) use text::EXAMPLES;

use crate::{failure::Failure, failure::exit, output};
use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use std::{fs, io, path::PathBuf};

/// Arguments of `man`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The directory for the pages; it is created if absent
    directory: PathBuf,
}

/// A page: its file name and its roff text.
struct Page {
    file: String,
    roff: String,
}

/// Writes every page of `command`, and prints their names.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn run(arguments: &Arguments, command: Command) -> Result<(), Failure> {
    let directory = &arguments.directory;
    let failed = |error: io::Error| Failure::service(format!("{}: {error}", directory.display()), "");
    fs::create_dir_all(directory).map_err(failed)?;
    for page in pages(command) {
        let path = directory.join(&page.file);
        fs::write(&path, &page.roff).map_err(failed)?;
        output::data(&format!("{}\n", path.display()))?;
    }
    Ok(())
}

fn pages(command: Command) -> Vec<Page> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = vec![page(&command, "")];
    verbs(&command, "", &mut pages);
    pages
}

fn verbs(command: &Command, above: &str, pages: &mut Vec<Page>) {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let name = format!("{above} {}", verb.get_name());
        pages.push(page(verb, name.trim()));
        verbs(verb, name.trim(), pages);
    }
}

/// The page of a verb; of the program itself if `verb` is empty.
fn page(command: &Command, verb: &str) -> Page {
    let is_root = verb.is_empty();
    // The common options are described once.
    let told = command.clone().mut_args(|option| match option.is_global_set() && !is_root {
        true => option.hide(true),
        false => option,
    });
    let has_options = told.get_arguments().any(|option| !option.is_hide_set());
    let man = Man::new(told).date("").manual("Claviger").source(format!("claviger {}", claviger::RELEASE));
    let file = man.get_filename();
    let mut roff = Vec::new();
    // Writing to a Vec cannot fail.
    drop(generated(&man, [has_options, command.has_subcommands()], &mut roff));
    let roff = String::from_utf8_lossy(&roff).into_owned() + &rest(command, verb).render();
    Page { file, roff }
}

/// The parts from the definition of the command line.
fn generated(man: &Man, [options, verbs]: [bool; 2], to: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(to)?;
    man.render_name_section(to)?;
    man.render_synopsis_section(to)?;
    man.render_description_section(to)?;
    if options {
        man.render_options_section(to)?;
    }
    if verbs {
        man.render_subcommands_section(to)?;
    }
    Ok(())
}

/// The other parts.
fn rest(command: &Command, verb: &str) -> Roff {
    let mut roff = Roff::new();
    if verb.is_empty() {
        listed(
            &mut roff,
            "EXIT STATUS",
            exit::HELP.lines().skip(1).filter_map(|line| line.trim().split_once("  ")),
        );
        listed(&mut roff, "ENVIRONMENT", text::VARIABLES.iter().copied());
        listed(&mut roff, "FILES", text::FILES.iter().copied());
    } else {
        let more = command.get_after_long_help().or(command.get_after_help());
        if let Some(more) = more {
            prose(&mut roff, "NOTES", &more.to_string());
        }
        roff.control("SH", ["OPTIONS OF EVERY VERB, EXIT STATUS, FILES"]).text([
            roman("See "),
            bold("claviger"),
            roman("(1)."),
        ]);
    }
    let examples: Vec<_> = text::EXAMPLES.iter().filter(|(of, ..)| *of == verb).collect();
    if !examples.is_empty() {
        listed(&mut roff, "EXAMPLES", examples.iter().map(|(_, line, what)| (*line, *what)));
    }
    let also = if verb.is_empty() { "clavigerd" } else { "claviger" };
    roff.control("SH", ["SEE ALSO"]).text([bold(also), roman("(1)")]);
    roff
}

/// Terms, each with its meaning below.
fn listed<'a>(roff: &mut Roff, title: &str, list: impl Iterator<Item = (&'a str, &'a str)>) {
    roff.control("SH", [title]);
    for (term, meaning) in list {
        roff.control("TP", []).text([bold(term)]).text([roman(meaning.trim())]);
    }
}

/// Text of a help screen. Indented text keeps its form.
fn prose(roff: &mut Roff, title: &str, text: &str) {
    roff.control("SH", [title]);
    for paragraph in text.split("\n\n") {
        let as_it_is = paragraph.lines().any(|line| line.starts_with("    "));
        roff.control("PP", []);
        if as_it_is {
            roff.control("nf", []);
        }
        for line in paragraph.lines() {
            roff.text([roman(line)]);
        }
        if as_it_is {
            roff.control("fi", []);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{pages, text};
    use crate::args::Cli;
    use clap::CommandFactory as _;
    use std::collections::BTreeSet;

    #[test]
    fn every_verb_has_a_page_and_hidden_ones_have_none() {
        let files: BTreeSet<String> = pages(Cli::command()).into_iter().map(|page| page.file).collect();
        for verb in Cli::command().get_subcommands() {
            let file = format!("claviger-{}.1", verb.get_name());
            assert_eq!(files.contains(&file), !verb.is_hide_set(), "{file}");
        }
        for nested in ["claviger.1", "claviger-trust-grant.1", "claviger-daemon-install.1"] {
            assert!(files.contains(nested), "{nested}");
        }
    }

    #[test]
    fn the_programs_page_has_every_section() {
        let page = &pages(Cli::command())[0];
        for section in
            ["NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES", "SEE ALSO"]
        {
            let title = format!(".SH \"{section}\"");
            assert!(
                page.roff.contains(&title) || page.roff.contains(&format!(".SH {section}\n")),
                "{section}"
            );
        }
    }

    #[test]
    fn examples_are_command_lines_of_verbs_that_exist() {
        let command = Cli::command();
        for (verb, line, _) in text::EXAMPLES {
            let first = verb.split(' ').next().unwrap_or_default();
            assert!(verb.is_empty() || command.find_subcommand(first).is_some(), "{verb}");
            let words = line.rsplit(" | ").next().unwrap_or(line).split_whitespace();
            let words: Vec<_> =
                words.skip_while(|word| *word != "claviger").map(|word| word.trim_matches('\'')).collect();
            if let Err(error) = command.clone().try_get_matches_from(words) {
                panic!("{line}: {error}");
            }
        }
    }
}
