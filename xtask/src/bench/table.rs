//! Prints a table in Markdown, so that it can be pasted.

/// Rows under a heading.
#[derive(Debug)]
pub(super) struct Table {
    title: String,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

impl Table {
    pub(super) fn new(title: &str, columns: &[&str]) -> Self {
        let heading = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { title: title.to_owned(), rows: vec![heading], notes: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn text(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
        let width = |column| self.rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut lines = vec![format!("### {}", self.title), String::new()];
        for (number, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = widths
                .iter()
                .enumerate()
                .map(|(column, width)| format!("{:<width$}", cell(row, column)))
                .collect();
            lines.push(format!("| {} |", cells.join(" | ")));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                lines.push(format!("| {} |", rules.join(" | ")));
            }
        }
        lines.extend(self.notes.iter().map(|note| format!("\n{note}")));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new("T", &["a", "long"]);
        table.row(["wider".into(), "1".into()]);
        table.note("n");
        assert_eq!(table.text(), "### T\n\n| a     | long |\n| ----- | ---- |\n| wider | 1    |\n\nn");
    }
}
