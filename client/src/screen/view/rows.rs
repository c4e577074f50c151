//! The table.

use super::paint::Paint;
use crate::{
    render::{
        bar::Left,
        columns::{self, GAP, Shown},
        status::{self, BAR, LEFT, STATE, TITLES},
    },
    screen::model::Model,
};
use claviger::proto::v1::CacheEntry;
use ratatui::{
    Frame,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::Paragraph,
};

/// Before each row.
const MARGIN: usize = 2;

/// Draws the table, with the chosen row in view.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let entries = model.entries();
    if entries.is_empty() {
        let text = if model.state.is_some() { "nothing is cached" } else { "" };
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let cells = status::rows(entries, model.now, Some(model.glyphs));
    let width = usize::from(area.width);
    let shown = columns::fit(&TITLES, &cells, Some(width.saturating_sub(MARGIN)));
    let title = |one: &Shown| columns::cell(TITLES[one.index].title, one.width, TITLES[one.index].right);
    let titles = shown.iter().map(title).collect::<Vec<_>>().join(GAP);
    let mut lines = vec![Line::styled(" ".repeat(MARGIN) + &titles, paint.dim())];
    let room = usize::from(area.height).saturating_sub(1);
    let top = (model.row() + 1).saturating_sub(room);
    for (number, (cells, entry)) in cells.iter().zip(entries).enumerate().skip(top).take(room) {
        let chosen = number == model.row();
        lines.push(line(model, cells, entry, &shown, chosen, paint));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn line(
    model: &Model,
    cells: &[String],
    entry: &CacheEntry,
    shown: &[Shown],
    chosen: bool,
    paint: Paint,
) -> Line<'static> {
    // Without colours the mark shows the selection.
    let mark = match (chosen, entry.last_problem.is_some()) {
        (true, _) => "> ",
        (false, true) => "! ",
        (false, false) => "  ",
    };
    // Reversed colours would turn the bar into a block; so only the name is reversed, and the rest is bold.
    let base = if chosen { paint.bold() } else { Style::new() };
    let marked = match (chosen, entry.last_problem.is_some()) {
        (true, _) => paint.key(),
        (false, true) => paint.bad(),
        (false, false) => base,
    };
    let mut spans = vec![Span::styled(mark, marked)];
    for (number, one) in shown.iter().enumerate() {
        let base = if chosen && number == 0 { paint.chosen() } else { base };
        if number > 0 {
            spans.push(Span::raw(GAP));
        }
        let text = columns::cell(&cells[one.index], one.width, TITLES[one.index].right);
        spans.extend(cell(model, entry, one, text, base, paint));
    }
    Line::from(spans)
}

fn cell(
    model: &Model,
    entry: &CacheEntry,
    one: &Shown,
    text: String,
    base: Style,
    paint: Paint,
) -> Vec<Span<'static>> {
    let left = Left::of(entry, model.now);
    let time = match left {
        Left::Over => paint.bad(),
        left if left.is_short() => paint.busy(),
        _ => Style::new(),
    };
    match one.index {
        BAR => {
            let (rest, gone) = left.bar(model.glyphs);
            let fill = " ".repeat(one.width.saturating_sub(rest.chars().count() + gone.chars().count()));
            let rest_style = if left.is_short() { paint.busy() } else { paint.good() };
            vec![
                Span::styled(rest, base.patch(rest_style)),
                Span::styled(gone, base.patch(paint.dim())),
                Span::styled(fill, base),
            ]
        }
        LEFT => vec![Span::styled(text, base.patch(time))],
        STATE => vec![Span::styled(text, base.patch(paint.mood(status::mood(entry, model.now))))],
        _ => vec![Span::styled(text, base)],
    }
}
