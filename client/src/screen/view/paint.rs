//! Styles: the terminal's own colours, or none.

use crate::render::status::Mood;
use ratatui::{
    style::{Color, Modifier, Style},
    text::Span,
    widgets::{Block, BorderType, Borders},
};

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    /// Whether there are colours.
    pub(super) colour: bool,
}

impl Paint {
    /// Important text.
    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Less important text.
    pub(super) fn dim(self) -> Style {
        if self.colour { Style::new().add_modifier(Modifier::DIM) } else { Style::new() }
    }

    /// A key to press.
    pub(super) fn key(self) -> Style {
        self.colour(Color::Cyan).add_modifier(Modifier::BOLD)
    }

    /// Good state.
    pub(super) fn good(self) -> Style {
        self.colour(Color::Green)
    }

    /// Unusual state.
    pub(super) fn busy(self) -> Style {
        self.colour(Color::Yellow)
    }

    /// Error.
    pub(super) fn bad(self) -> Style {
        self.colour(Color::Red)
    }

    /// The chosen row.
    pub(super) fn chosen(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// The style of `mood`.
    pub(super) fn mood(self, mood: Mood) -> Style {
        match mood {
            Mood::Good => self.good(),
            Mood::Busy => self.busy(),
            Mood::Bad => self.bad(),
        }
    }

    /// A line with a title above what follows.
    pub(super) fn titled(self, title: &'static str) -> Block<'static> {
        Block::new().borders(Borders::TOP).border_style(self.dim()).title(Span::styled(title, self.bold()))
    }

    /// A frame with a title.
    pub(super) fn framed(self, title: &'static str) -> Block<'static> {
        Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(self.dim())
            .title(Span::styled(title, self.bold()))
    }

    fn colour(self, colour: Color) -> Style {
        if self.colour { Style::new().fg(colour) } else { Style::new() }
    }
}
