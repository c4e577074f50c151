//! Draws the screen. Pure: from a model to a frame.
//!
//! Foreign text is escaped before it is passed here: a terminal's buffer removes control characters, but not misleading
//! ones.

mod detail;
mod gates;
mod paint;
mod rows;

use super::model::{Model, Overlay};
use crate::{
    render::{columns, status},
    text::wrap,
};
use paint::Paint;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    text::{Line, Span},
    widgets::{Clear, Paragraph, Wrap},
};

/// Rows of a screen with room for everything.
const ROOMY: u16 = 16;
/// Rows of a screen with room for a log.
const MEDIUM: u16 = 9;
/// Short help for the keys, shown at the bottom as far as it fits.
const KEYS: [(&str, &str); 5] =
    [("↑↓", "choose"), ("r", "refresh"), ("e", "explain"), ("?", "help"), ("q", "quit")];
/// Long help for the keys.
const HELP: [(&str, &str); 8] = [
    ("↑ ↓  j k", "choose a credential, or scroll"),
    ("PgUp PgDn", "ten at a time"),
    ("g G", "the first, the last"),
    ("r", "refresh it now, ignoring any backoff"),
    ("e", "explain its source, and why it was picked"),
    ("?", "show or hide this help"),
    ("q  Esc", "back; from the table: quit"),
    ("Ctrl-C", "quit at once"),
];

/// Draws the screen.
pub(crate) fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    let paint = Paint { colour: model.colour };
    let details = if area.height >= ROOMY { detail::HEIGHT } else { 0 };
    let gates = if area.height >= ROOMY { gates::height(model, area.height) } else { 0 };
    let log = match area.height {
        ROOMY.. => (area.height - detail::HEIGHT - gates) / 3,
        MEDIUM.. => 3,
        _ => 0,
    };
    let [head, table, gates, details, log, foot] = Layout::vertical([
        Constraint::Length(if area.height >= MEDIUM { 2 } else { 1 }),
        Constraint::Min(1),
        Constraint::Length(gates),
        Constraint::Length(details),
        Constraint::Length(log),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(summary(model, head, paint)), head);
    rows::draw(model, frame, table, paint);
    gates::draw(model, frame, gates, paint);
    detail::draw(model, frame, details, paint);
    news(model, frame, log, paint);
    frame.render_widget(Paragraph::new(keys(foot.width, paint)), foot);
    let above = Rect { height: area.height.saturating_sub(1), ..area };
    match &model.overlay {
        Overlay::None => {}
        Overlay::Help => help(frame, above, paint),
        Overlay::Explanation(lines, top) => explanation(lines, *top, frame, above, paint),
    }
}

fn summary(model: &Model, area: Rect, paint: Paint) -> Vec<Line<'static>> {
    let width = usize::from(area.width);
    let cut = |text: &str| columns::cut(text, width);
    let Some(status) = model.state.as_ref().and_then(|state| state.status.as_ref()) else {
        return vec![Line::from("connecting …")];
    };
    let first = match (model.connected, status.locked) {
        (false, _) => Span::styled(cut("the daemon is gone; waiting for another"), paint.bad()),
        (true, true) => Span::styled(cut(&claviger::remedy::while_locked()), paint.busy()),
        (true, false) => Span::styled(cut(&status::title(status, model.now)), paint.bold()),
    };
    let counters = status::counters(status.counters.unwrap_or_default(), status.watchers);
    let lines = [Line::from(first), Line::styled(cut(&counters), paint.dim())];
    lines.into_iter().take(usize::from(area.height).max(1)).collect()
}

fn news(model: &Model, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    if area.height == 0 {
        return;
    }
    let block = paint.titled(" events ");
    let inside = block.inner(area);
    let (width, height) = (usize::from(inside.width), usize::from(inside.height));
    let skipped = model.log.len().saturating_sub(height);
    let line = |entry: &super::model::Entry| {
        let text = columns::cut(&entry.text, width.saturating_sub(entry.at.len() + 1));
        let style = paint.mood(entry.mood);
        Line::from(vec![Span::styled(format!("{} ", entry.at), paint.dim()), Span::styled(text, style)])
    };
    let lines: Vec<_> = model.log.iter().skip(skipped).map(line).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn keys(width: u16, paint: Paint) -> Line<'static> {
    let mut spans = Vec::new();
    let mut room = usize::from(width);
    for (key, what) in KEYS {
        let needed = crate::render::table::columns(key) + what.len() + 4;
        if needed > room {
            break;
        }
        room -= needed;
        spans.push(Span::styled(format!(" {key}"), paint.key()));
        spans.push(Span::styled(format!(" {what} "), paint.dim()));
    }
    Line::from(spans)
}

fn help(frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let line = |(key, what): &(&str, &'static str)| {
        Line::from(vec![
            Span::styled(format!(" {} ", columns::cell(key, 10, false)), paint.key()),
            Span::raw(*what),
        ])
    };
    let height = u16::try_from(HELP.len()).unwrap_or(u16::MAX).saturating_add(2);
    let place = middle(area, 60, height);
    frame.render_widget(Clear, place);
    let text: Vec<_> = HELP.iter().map(line).collect();
    frame.render_widget(Paragraph::new(text).block(paint.framed(" keys ")), place);
}

fn explanation(lines: &[String], top: usize, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    let block = paint.framed(" explain ");
    let inside = block.inner(area);
    let wrapped = |line: &String| wrap::line(line, inside.width.into());
    let text: Vec<Line<'_>> = lines.iter().skip(top).flat_map(wrapped).map(Line::from).collect();
    let text = Paragraph::new(text).wrap(Wrap { trim: false });
    frame.render_widget(Clear, area);
    frame.render_widget(text.block(block), area);
}

fn middle(area: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

#[cfg(test)]
mod tests;
