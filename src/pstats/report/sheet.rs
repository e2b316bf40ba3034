//! Text for a terminal: headings, facts, tables. Knows no report.

/// How the text is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Whether headings and what is wrong are coloured.
    pub color: bool,
}

pub(super) struct Page {
    pub(super) text: String,
    style: Style,
}

/// How a column of a table stands.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Side {
    Left,
    Right,
}

impl Page {
    /// An empty page.
    pub(super) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    pub(super) fn paint(&self, code: &str, text: &str) -> String {
        if self.style.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn line(&mut self, text: &str) {
        self.text.push_str("  ");
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(super) fn title(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let title = self.paint("1;36", text);
        self.text.push_str(&title);
        self.text.push('\n');
    }

    pub(super) fn section(&mut self, text: &str) {
        self.text.push('\n');
        let heading = self.paint("1", text);
        self.line(&heading);
    }

    /// A name and its figure, with an explanation where it needs one.
    pub(super) fn fact(&mut self, name: &str, figure: &str, more: &str) {
        let gap = if more.is_empty() { "" } else { "   " };
        self.line(format!("  {name:<18}{figure:>14}{gap}{more}").trim_end());
    }

    pub(super) fn table(&mut self, head: &[(&str, Side)], rows: &[Vec<String>]) {
        let widths: Vec<usize> = (0..head.len())
            .map(|column| {
                let cells = rows.iter().map(|row| row[column].chars().count());
                cells.max().unwrap_or(0).max(head[column].0.chars().count())
            })
            .collect();
        let draw = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::from(" ");
            for ((cell, (_, side)), width) in cells.zip(head).zip(&widths) {
                let padding = " ".repeat(width - cell.chars().count());
                let (before, behind) = if *side == Side::Left { ("", &*padding) } else { (&*padding, "") };
                line.push_str(&format!(" {before}{cell}{behind} "));
            }
            line.trim_end().to_owned()
        };
        let heading = draw(&mut head.iter().map(|(name, _)| *name));
        let heading = self.paint("2", &heading);
        self.line(&heading);
        for row in rows {
            let row = draw(&mut row.iter().map(String::as_str));
            self.line(&row);
        }
    }
}
