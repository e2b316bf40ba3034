//! Text for a terminal: headings, facts, tables. Knows no report. Names and cells may come from the data: what would steer a
//! terminal is shown in them.

use unicode_width::UnicodeWidthStr;

use super::console::visible;

/// How wide a table is at most, where leaving columns out can do it.
const WIDEST: usize = 100;

/// How the text is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Whether headings and what is wrong are coloured.
    pub color: bool,
}

pub(crate) struct Page {
    pub(crate) text: String,
    style: Style,
}

/// How a column of a table stands.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Align {
    Left,
    Right,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.style.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.text.push_str("  ");
        self.text.push_str(text);
        self.text.push('\n');
    }

    pub(crate) fn title(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        let title = self.paint("1;36", text);
        self.text.push_str(&title);
        self.text.push('\n');
    }

    pub(crate) fn section(&mut self, text: &str) {
        self.text.push('\n');
        let heading = self.paint("1", &visible(text));
        self.line(&heading);
    }

    /// A sentence.
    pub(crate) fn note(&mut self, text: &str) {
        self.line(&visible(text));
    }

    /// A name and its figure, with an explanation if it needs one.
    pub(crate) fn fact(&mut self, name: &str, figure: &str, more: &str) {
        let gap = if more.is_empty() { "" } else { "   " };
        self.line(format!("  {}{}{gap}{}", left(&visible(name), 18), right(figure, 14), visible(more)).trim_end());
    }

    /// A table without those of the columns `spare`, the first first, that make it too wide.
    pub(crate) fn table_without(&mut self, spare: &[&str], head: &[(&str, Align)], rows: &[Vec<String>]) {
        let mut columns: Vec<usize> = (0..head.len()).collect();
        let widths = widths(head, rows);
        for name in spare {
            // Each column has a blank on either side.
            if columns.iter().map(|column| widths[*column] + 2).sum::<usize>() + 3 <= WIDEST {
                break;
            }
            columns.retain(|column| head[*column].0 != *name);
        }
        let head: Vec<(&str, Align)> = columns.iter().map(|column| head[*column]).collect();
        let pick = |row: &Vec<String>| columns.iter().map(|column| row[*column].clone()).collect();
        self.table(&head, &rows.iter().map(pick).collect::<Vec<_>>());
    }

    pub(crate) fn table(&mut self, head: &[(&str, Align)], rows: &[Vec<String>]) {
        let widths = widths(head, rows);
        let draw = |cells: &mut dyn Iterator<Item = &str>| {
            let mut line = String::from(" ");
            for ((cell, (_, side)), width) in cells.zip(head).zip(&widths) {
                let cell = visible(cell);
                let cell = if *side == Align::Left { left(&cell, *width) } else { right(&cell, *width) };
                line.push_str(&format!(" {cell} "));
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

/// How wide each column has to be.
fn widths(head: &[(&str, Align)], rows: &[Vec<String>]) -> Vec<usize> {
    let of = |text: &str| width(&visible(text));
    let widest = |column: usize| rows.iter().map(|row| of(&row[column])).max().unwrap_or(0).max(of(head[column].0));
    (0..head.len()).map(widest).collect()
}

/// How many columns a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Pads text on the right to this many columns.
pub(crate) fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Pads text on the left to this many columns.
fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_takes_the_columns_that_a_terminal_gives_it() {
        assert_eq!([width("São Paulo"), width("東京"), width("e\u{301}")], [9, 4, 1]);
    }
}
