//! The rows of the tables.

/// A key of a file.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value is, with the unit.
    pub kind: &'static str,
    /// What counts without it.
    pub default: String,
    /// What it does.
    pub meaning: &'static str,
    /// A value as TOML that differs from the default.
    pub example: &'static str,
}

/// Variables that have something in common.
#[derive(Debug)]
pub struct Group {
    /// Heading.
    pub title: &'static str,
    /// What is said below the heading.
    pub note: &'static str,
    /// The variables.
    pub rows: &'static [Variable],
}

/// An environment variable: its name, what its value is, its default, what it does.
pub type Variable = (&'static str, &'static str, &'static str, &'static str);
