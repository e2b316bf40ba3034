//! The colours of the live screen, and what stands for them where there are none.

use ratatui::style::{Color, Modifier, Style};

/// What a text or a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Plain,
    Faint,
    Title,
    /// The view that is shown.
    Chosen,
    Good,
    Doubtful,
    Bad,
    Rate,
}

impl Ink {
    /// Its style, with colours or without.
    pub(super) fn style(self, in_color: bool) -> Style {
        let style = match self {
            Self::Title => Style::default().add_modifier(Modifier::BOLD),
            Self::Chosen => Style::default().add_modifier(Modifier::REVERSED),
            Self::Bad => Style::default().add_modifier(Modifier::BOLD),
            Self::Plain | Self::Faint | Self::Good | Self::Doubtful | Self::Rate => Style::default(),
        };
        let color = match self {
            Self::Plain | Self::Chosen => None,
            Self::Faint => Some(Color::DarkGray),
            Self::Title | Self::Rate => Some(Color::Cyan),
            Self::Good => Some(Color::Green),
            Self::Doubtful => Some(Color::Yellow),
            Self::Bad => Some(Color::Red),
        };
        color.filter(|_| in_color).map_or(style, |color| style.fg(color))
    }
}
