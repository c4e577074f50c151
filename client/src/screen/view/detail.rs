//! Details of the chosen row.

use super::paint::Paint;
use crate::{
    render::{columns, facts, status, time},
    screen::model::Model,
    text::{escape, wrap},
};
use claviger::proto::v1::CacheEntry;
use ratatui::{
    Frame,
    layout::Rect,
    text::{Line, Span},
    widgets::{Paragraph, Wrap},
};
use std::time::SystemTime;

/// Rows it takes, with its title.
pub(super) const HEIGHT: u16 = 7;
/// Columns of the names.
const NAME: usize = 12;

/// Draws it.
pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    if area.height == 0 {
        return;
    }
    let block = paint.titled(" details ");
    let width = usize::from(block.inner(area).width);
    let mut lines = Vec::new();
    if let Some(entry) = model.entry() {
        // The problem comes first: at the bottom it could be cut off.
        let trouble = entry
            .last_problem
            .as_ref()
            .map(|problem| status::trouble(problem, entry.failures))
            .unwrap_or_default();
        let trouble = trouble.iter().flat_map(|line| wrap::line(line, width));
        lines.extend(trouble.map(|line| Line::styled(line, paint.bad())));
        for (name, value) in pairs(entry, model.now).into_iter().filter(|(_, value)| !value.is_empty()) {
            let value = columns::cut(&value, width.saturating_sub(NAME));
            lines.push(Line::from(vec![
                Span::styled(columns::cell(name, NAME, false), paint.dim()),
                Span::raw(value),
            ]));
        }
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn pairs(entry: &CacheEntry, now: SystemTime) -> [(&'static str, String); 6] {
    let at = |at: &Option<_>| at.as_ref().map(|at| time::relative(at, now));
    let next = at(&entry.refresh_at).unwrap_or_else(|| "none planned".into());
    let used = at(&entry.last_used_at).map(|at| format!("{at}, from {}", escape::line(&entry.directory)));
    [
        ("configured", status::configured(entry)),
        ("refresh", next),
        ("used", used.unwrap_or_default()),
        (
            "so far",
            format!(
                "hits {}, run {}, rejected {}, watched by {}",
                entry.hits, entry.runs, entry.rejections, entry.watchers
            ),
        ),
        ("known", entry.facts.as_ref().map(facts::line).unwrap_or_default()),
        ("key", status::key(entry)),
    ]
}
