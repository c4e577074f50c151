//! Aligned columns.

use unicode_width::UnicodeWidthStr as _;

/// Widest column. A longer cell moves only the rest of its own line: it must not fill all other lines with blanks.
const WIDEST: usize = 200;

/// Columns that grow with their rows.
pub(crate) struct Columns<const N: usize>([usize; N]);

impl<const N: usize> Default for Columns<N> {
    fn default() -> Self {
        Self([0; N])
    }
}

impl<const N: usize> Columns<N> {
    /// Makes each column as wide as its widest cell.
    pub(crate) fn widen(&mut self, rows: &[[String; N]]) {
        for (cell, width) in rows.iter().flat_map(|row| row.iter().zip(0..)) {
            self.0[width] = self.0[width].max(columns(cell).min(WIDEST));
        }
    }

    /// Whether a column contains anything.
    pub(crate) fn is_used(&self, column: usize) -> bool {
        self.0.get(column).is_some_and(|width| *width > 0)
    }

    /// A row as a line, without empty columns.
    pub(crate) fn line(&self, row: &[String; N]) -> String {
        let cells = row.iter().zip(&self.0).filter(|(_, width)| **width > 0);
        let pad = |cell: &str, width: usize| " ".repeat(width.saturating_sub(columns(cell)));
        let padded = cells.map(|(cell, width)| format!("{cell}{}", pad(cell, *width)));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    }
}

/// Lines of cells, each column as wide as its widest cell; the last one is free. Rows may be of different length.
pub(crate) fn align<const N: usize>(rows: &[[String; N]]) -> Vec<String> {
    let mut columns = Columns::default();
    columns.widen(rows);
    rows.iter().map(|row| columns.line(row)).collect()
}

/// As [`align`], with a title above each column that is not empty.
pub(crate) fn titled<const N: usize>(titles: [&str; N], rows: Vec<[String; N]>) -> Vec<String> {
    let mut column = 0..N;
    let head = titles.map(|title| {
        let is_used = column.next().is_some_and(|column| rows.iter().any(|row| !row[column].is_empty()));
        if is_used { title.to_owned() } else { String::new() }
    });
    align(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
}

/// Name and value pairs as lines, without empty values.
pub(crate) fn pairs(pairs: Vec<(&str, String)>) -> String {
    let present = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let rows: Vec<_> = present.map(|(name, value)| [name.to_owned(), value]).collect();
    align(&rows).into_iter().map(|line| line + "\n").collect()
}

/// Number of terminal columns that a text takes.
pub(crate) fn columns(text: &str) -> usize {
    text.width()
}

#[cfg(test)]
mod tests {
    use super::{align, pairs, titled};

    #[test]
    fn a_title_without_values_vanishes_with_its_column() {
        let row = |a: &str, c: &str| [a.to_owned(), String::new(), c.to_owned()];
        assert_eq!(
            titled(["A", "B", "C"], vec![row("long", "x"), row("", "y")]),
            ["A     C", "long  x", "      y"]
        );
        assert_eq!(titled(["A", "B", "C"], Vec::new()), [""]);
    }

    #[test]
    fn one_long_cell_does_not_widen_all_lines() {
        let long = "x".repeat(100_000);
        let row = |a: &str| [a.to_owned(), "y".to_owned()];
        let lines = align(&[row(&long), row("a")]);
        assert_eq!(lines[0], format!("{long}  y"));
        assert_eq!(lines[1].len(), super::WIDEST + 3);
    }

    #[test]
    fn columns_line_up_and_empty_ones_vanish() {
        let row = |a: &str, b: &str, c: &str| [a.to_owned(), b.to_owned(), c.to_owned()];
        assert_eq!(align(&[row("a", "", "x"), row("bcd", "", "yz")]), ["a    x", "bcd  yz"]);
        assert_eq!(align(&[row("a", "é", ""), row("bcd", "fg", "yz")]), ["a    é", "bcd  fg  yz"]);
        assert_eq!(align(&[row("鍵", "", "x"), row("bcd", "", "yz")]), ["鍵   x", "bcd  yz"]);
    }

    #[test]
    fn pairs_without_value_are_left_out() {
        let text = pairs(vec![("source", "x".into()), ("state", String::new()), ("key", "y".into())]);
        assert_eq!(text, "source  x\nkey     y\n");
    }
}
