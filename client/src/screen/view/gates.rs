//! The gates.

use super::paint::Paint;
use crate::{render::gate, screen::model::Model};
use ratatui::{Frame, layout::Rect, text::Line, widgets::Paragraph};

/// Rows that it takes of a screen of `height` rows: a title, and as many gates as have room beside the rest.
pub(super) fn height(model: &Model, height: u16) -> u16 {
    let count = u16::try_from(model.gates().len()).unwrap_or(u16::MAX);
    if count == 0 { 0 } else { count.min(height / 6) + 1 }
}

/// Draws a line for each gate, those in use first.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let gates = model.gates().into_iter().take(usize::from(area.height).saturating_sub(1));
    let rows: Vec<_> = gates.map(|one| gate::short(one, Some(model.rate(&one.name)))).collect();
    let lines = gate::lines(&rows, Some(area.width.into())).into_iter().enumerate();
    let line = |(number, line): (usize, String)| match number {
        0 => Line::styled(line, paint.dim()),
        _ => Line::raw(line),
    };
    frame.render_widget(Paragraph::new(lines.map(line).collect::<Vec<_>>()), area);
}
