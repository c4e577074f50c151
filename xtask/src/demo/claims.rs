//! Claims of the demo, and whether they hold.

use crate::sh::{self, paint};

/// Prints claims and counts those that do not hold.
#[derive(Debug, Default)]
pub(super) struct Claims {
    scenes: usize,
    made: usize,
    broken: usize,
}

impl Claims {
    /// Opens the next scene.
    pub(super) fn scene(&mut self, title: &str) {
        self.scenes += 1;
        println!("\n{}", paint("1", &format!("{}. {title}", self.scenes)));
    }

    /// States a checked claim.
    pub(super) fn claim(&mut self, holds: bool, text: &str) {
        self.made += 1;
        self.broken += usize::from(!holds);
        let mark = if holds { paint("32", "✓") } else { paint("31", "✗ NOT TRUE:") };
        println!("   {mark} {text}");
    }

    /// Shows a command line and its output.
    pub(super) fn show(&self, command: &str, output: &str) {
        println!("   {}", paint("36", &format!("$ {command}")));
        for line in output.trim_end().lines() {
            println!("     {line}");
        }
    }

    /// The verdict.
    pub(super) fn end(self) -> sh::Result {
        match self.broken {
            0 => {
                println!("\n{}", paint("32", &format!("All {} claims hold.", self.made)));
                Ok(())
            }
            broken => Err(format!("{broken} of {} claims do not hold", self.made).into()),
        }
    }
}
