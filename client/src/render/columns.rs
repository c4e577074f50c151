//! Columns that fit a terminal: if there is no room, the least important are dropped first, and finally text is
//! truncated.

use super::table;
use unicode_width::UnicodeWidthChar as _;

/// Space between two columns.
pub(crate) const GAP: &str = "  ";

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Its title.
    pub(crate) title: &'static str,
    /// Order of dropping: the highest first, 0 never.
    pub(crate) rank: u8,
    /// Whether it is right-aligned.
    pub(crate) right: bool,
    /// Minimum width on a terminal, for columns that would otherwise change with every second.
    pub(crate) least: usize,
}

/// A visible column and its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its index among the columns.
    pub(crate) index: usize,
    /// In columns of the terminal.
    pub(crate) width: usize,
}

/// The visible columns for `width` (`None`: unlimited). A column without text in any row is hidden.
pub(crate) fn fit<const N: usize>(
    columns: &[Column; N],
    rows: &[[String; N]],
    width: Option<usize>,
) -> Vec<Shown> {
    let wide = |index: usize| rows.iter().map(|row| table::columns(&row[index])).max().unwrap_or(0);
    let used = (0..N).filter(|index| wide(*index) > 0);
    let least = |index: usize| if width.is_some() { columns[index].least } else { 0 };
    let of = |index: usize| {
        let title = table::columns(columns[index].title);
        Shown { index, width: wide(index).max(title).max(least(index)) }
    };
    let mut shown: Vec<Shown> = used.map(of).collect();
    let Some(most) = width else { return shown };
    while total(&shown) > most {
        let last = shown.iter().filter(|one| columns[one.index].rank > 0);
        let Some(last) = last.max_by_key(|one| columns[one.index].rank).copied() else { break };
        shown.retain(|one| *one != last);
    }
    // Only required columns are left: the widest becomes narrower.
    while total(&shown) > most {
        let Some(widest) = shown.iter_mut().max_by_key(|one| one.width).filter(|one| one.width > 1) else {
            break;
        };
        widest.width -= 1;
    }
    shown
}

/// Text of exactly `width` columns: padded, or truncated with an ellipsis.
pub(crate) fn cell(text: &str, width: usize, right: bool) -> String {
    let text = cut(text, width);
    let space = " ".repeat(width.saturating_sub(table::columns(&text)));
    if right { space + &text } else { text + &space }
}

/// Text of at most `width` columns.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if table::columns(text) <= width {
        return text.to_owned();
    }
    let (mut kept, mut room) = (String::new(), width.saturating_sub(1));
    for c in text.chars() {
        let needed = c.width().unwrap_or(0);
        if needed > room {
            break;
        }
        room -= needed;
        kept.push(c);
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

fn total(shown: &[Shown]) -> usize {
    shown.iter().map(|one| one.width + GAP.len()).sum::<usize>().saturating_sub(GAP.len())
}

#[cfg(test)]
mod tests {
    use super::{Column, cell, cut, fit};

    const COLUMNS: [Column; 4] = [
        Column { title: "NAME", rank: 0, right: false, least: 0 },
        Column { title: "A", rank: 2, right: false, least: 0 },
        Column { title: "B", rank: 1, right: true, least: 0 },
        Column { title: "EMPTY", rank: 3, right: true, least: 0 },
    ];

    fn shown(width: Option<usize>) -> Vec<(usize, usize)> {
        let row = |cells: [&str; 4]| cells.map(str::to_owned);
        let rows = [row(["鍵鍵鍵", "12345", "123", ""]), row(["x", "", "", ""])];
        fit(&COLUMNS, &rows, width).iter().map(|one| (one.index, one.width)).collect()
    }

    #[test]
    fn the_highest_rank_goes_first_and_the_rest_gives_way() {
        assert_eq!(shown(None), [(0, 6), (1, 5), (2, 3)]);
        assert_eq!(shown(Some(18)), [(0, 6), (1, 5), (2, 3)]);
        assert_eq!(shown(Some(17)), [(0, 6), (2, 3)]);
        assert_eq!(shown(Some(10)), [(0, 6)]);
        assert_eq!(shown(Some(4)), [(0, 4)]);
        assert_eq!(shown(Some(0)), [(0, 1)]);
    }

    #[test]
    fn cells_are_as_wide_as_they_should_be() {
        assert_eq!(cell("鍵鍵", 5, false), "鍵鍵 ");
        assert_eq!(cell("鍵鍵", 3, false), "鍵…");
        assert_eq!(cell("鍵鍵", 2, false), "… ");
        assert_eq!(cell("12", 4, true), "  12");
        assert_eq!(cut("abc", 0), "");
    }
}
