//! Text for a terminal: headings, facts, sentences, tables, each line within a width. Knows no report. Names and cells may come from the
//! data: what would steer a terminal is shown in them.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::console::visible;

/// The least that a column of text is cut to.
const LEAST: usize = 8;

/// How the text is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// Whether headings and what is wrong are coloured.
    pub color: bool,
    /// How many columns a line may take.
    pub width: usize,
    /// Everything, and not only what fits a screen.
    pub full: bool,
}

pub(crate) struct Page {
    pub(crate) text: String,
    style: Style,
}

/// Which side the cells of a column stand at.
#[derive(Clone, Copy, PartialEq)]
enum Align {
    Left,
    Right,
}

/// A column of a table.
#[derive(Clone, Copy)]
pub(crate) struct Column<'a> {
    name: &'a str,
    align: Align,
    /// 0 stays. Of the others, the highest leaves first if the table is too wide.
    rank: u8,
}

impl<'a> Column<'a> {
    /// A column of text. It is cut if nothing else makes the table fit.
    pub(crate) const fn left(name: &'a str) -> Self {
        Self { name, align: Align::Left, rank: 0 }
    }

    /// A column of figures.
    pub(crate) const fn right(name: &'a str) -> Self {
        Self { name, align: Align::Right, rank: 0 }
    }

    /// The column, to be left out with this rank.
    pub(crate) fn spare(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

impl Page {
    /// An empty page.
    pub(crate) fn new(style: Style) -> Self {
        Self { text: String::new(), style }
    }

    /// How many columns a line has behind its indentation.
    pub(crate) fn room(&self) -> usize {
        self.style.width.saturating_sub(2)
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.style.color && !text.is_empty() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// An empty line between two parts.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }

    /// A line, cut if it is too long.
    pub(crate) fn line(&mut self, text: &str) {
        self.painted("", text);
    }

    fn painted(&mut self, code: &str, text: &str) {
        let text = shortened(visible(text).trim_end(), self.room());
        let text = if code.is_empty() { text } else { self.paint(code, &text) };
        self.text.push_str("  ");
        self.text.push_str(&text);
        self.text.push('\n');
    }

    pub(crate) fn title(&mut self, text: &str) {
        self.gap();
        let title = self.paint("1;36", text);
        self.text.push_str(&title);
        self.text.push('\n');
    }

    pub(crate) fn section(&mut self, text: &str) {
        self.text.push('\n');
        self.painted("1", text);
    }

    /// A sentence, on as many lines as it takes.
    pub(crate) fn sentence(&mut self, text: &str) {
        self.broken("", text);
    }

    /// A sentence that a reader must not miss.
    pub(crate) fn warning(&mut self, text: &str) {
        self.broken("33", text);
    }

    /// The sentence at the top.
    pub(crate) fn headline(&mut self, code: &str, text: &str) {
        for line in broken(&visible(text), self.style.width) {
            let line = self.paint(code, &line);
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn broken(&mut self, code: &str, text: &str) {
        for line in broken(&visible(text), self.room()) {
            self.painted(code, &line);
        }
    }

    /// A mark, its subject padded to `widest`, and a sentence on it: beside it, or below where that is too wide.
    pub(crate) fn marked(&mut self, code: &str, mark: &str, subject: &str, widest: usize, message: &str) {
        let (subject, message) = (visible(subject), visible(message));
        let indent = width(mark) + 2;
        let one_line = indent + widest + 3 + width(&message) <= self.room();
        let beside = if one_line { format!("{}   {message}", left(&subject, widest)) } else { subject.into_owned() };
        let beside = shortened(beside.trim_end(), self.room().saturating_sub(indent));
        let mark = self.paint(code, mark);
        self.text.push_str(&format!("  {mark}  {beside}\n"));
        if !one_line {
            for line in broken(&message, self.room().saturating_sub(indent)) {
                self.line(&format!("{}{line}", " ".repeat(indent)));
            }
        }
    }

    /// A name and its figure, with an explanation if it needs one.
    pub(crate) fn fact(&mut self, name: &str, figure: &str, more: &str) {
        let gap = if more.is_empty() { "" } else { "   " };
        self.line(&format!("  {}{}{gap}{}", left(&visible(name), 18), right(figure, 14), visible(more)));
    }

    /// A table. What makes it too wide leaves: columns by their rank, then the ends of texts.
    pub(crate) fn table(&mut self, head: &[Column<'_>], rows: &[Vec<String>]) {
        self.titled_table(None, head, rows);
    }

    /// A table whose head begins with its title.
    pub(crate) fn block(&mut self, title: &str, head: &[Column<'_>], rows: &[Vec<String>]) {
        self.gap();
        self.titled_table(Some(title), head, rows);
    }

    fn titled_table(&mut self, title: Option<&str>, head: &[Column<'_>], rows: &[Vec<String>]) {
        let (margin, indent) = if title.is_some() { (0, "  ") } else { (4, "") };
        let name = |column: usize| if column == 0 { title.unwrap_or(head[0].name) } else { head[column].name };
        let cell = |row: &Vec<String>, column: usize| {
            let text = visible(&row[column]);
            if column == 0 { format!("{indent}{text}") } else { text.into_owned() }
        };
        let widest = |column: usize| {
            let cells = rows.iter().map(|row| width(&cell(row, column)));
            cells.max().unwrap_or(0).max(width(name(column)))
        };
        let widths: Vec<usize> = (0..head.len()).map(widest).collect();
        let columns = fitting(head, &widths, self.style.width.saturating_sub(margin));
        let draw = |cell: &dyn Fn(usize) -> String| -> Vec<String> {
            let cells = columns.iter().map(|(column, width)| {
                let cell = shortened(&cell(*column), *width);
                if head[*column].align == Align::Left { left(&cell, *width) } else { right(&cell, *width) }
            });
            cells.collect()
        };
        let heads = draw(&|column| name(column).to_owned());
        let (first, rest) = heads.split_at(1);
        let rest = self.paint("2", rest.join("  ").trim_end());
        let first = self.paint(if title.is_some() { "1;36" } else { "2" }, &first[0]);
        let margin = " ".repeat(margin);
        self.text.push_str(format!("{margin}{first}  {rest}").trim_end());
        self.text.push('\n');
        for row in rows {
            let cells = draw(&|column| cell(row, column)).join("  ");
            self.text.push_str(format!("{margin}{cells}").trim_end());
            self.text.push('\n');
        }
    }
}

/// The columns that fit into this width, with the width of each.
fn fitting(head: &[Column<'_>], widths: &[usize], room: usize) -> Vec<(usize, usize)> {
    let mut columns: Vec<(usize, usize)> = widths.iter().copied().enumerate().collect();
    let total =
        |columns: &[(usize, usize)]| columns.iter().map(|(_, width)| width + 2).sum::<usize>().saturating_sub(2);
    while total(&columns) > room {
        let spare = columns.iter().map(|(column, _)| head[*column].rank).max().filter(|rank| *rank > 0);
        if let Some(rank) = spare {
            columns.retain(|(column, _)| head[*column].rank != rank);
            continue;
        }
        let texts = columns.iter_mut().filter(|(column, width)| head[*column].align == Align::Left && *width > LEAST);
        match texts.max_by_key(|(_, width)| *width) {
            Some((_, width)) => *width -= 1,
            None => break,
        }
    }
    columns
}

/// Text as it is, or its beginning and an ellipsis.
fn shortened(text: &str, columns: usize) -> String {
    if width(text) <= columns { text.to_owned() } else { format!("{}…", cut(text, columns.saturating_sub(1))) }
}

/// A sentence as lines, broken between words, behind a colon or a semicolon if one stands in the second half of a line. A word that is
/// longer than a line is cut.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = shortened(word, columns);
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(&word) <= columns => {
                line.push(' ');
                line.push_str(&word);
            }
            Some(line) => {
                let end = line.rfind(": ").max(line.rfind("; ")).filter(|at| *at > line.len() / 2);
                let mut next = end.map_or_else(String::new, |at| line.split_off(at + 1));
                next.push(' ');
                next.push_str(&word);
                lines.push(shortened(next.trim_start(), columns));
            }
            None => lines.push(word),
        }
    }
    lines
}

/// The first columns of a line on a terminal.
pub(crate) fn cut(line: &str, columns: usize) -> &str {
    let mut width = 0;
    let end = line.char_indices().find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > columns
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

/// How many columns a text takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.width()
}

/// Pads text on the right to this many columns.
fn left(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Pads text on the left to this many columns.
fn right(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(columns: usize, head: &[Column<'_>], row: &[&str]) -> String {
        let mut page = Page::new(Style { color: false, width: columns, full: false });
        page.block("Title", head, &[row.iter().map(|cell| (*cell).to_owned()).collect()]);
        page.text
    }

    #[test]
    fn a_table_that_is_too_wide_loses_columns_by_rank_and_then_the_ends_of_texts() {
        let head =
            [Column::left(""), Column::right("mean").spare(1), Column::right("P90").spare(2), Column::right("P95")];
        let row = ["a-long-name", "1.00 ms", "2.00 ms", "3.00 ms"];
        let all = "Title             mean      P90      P95\n  a-long-name  1.00 ms  2.00 ms  3.00 ms\n";
        assert_eq!(drawn(40, &head, &row), all);
        assert_eq!(drawn(39, &head, &row), "Title             mean      P95\n  a-long-name  1.00 ms  3.00 ms\n");
        assert_eq!(drawn(20, &head, &row), "Title            P95\n  a-long-n…  3.00 ms\n");
    }

    #[test]
    fn text_takes_the_columns_that_a_terminal_gives_it() {
        assert_eq!([width("São Paulo"), width("東京"), width("e\u{301}")], [9, 4, 1]);
        assert_eq!([cut("東京 ab", 4), cut("東京 ab", 3), cut("ab", 9)], ["東京", "東", "ab"]);
    }

    #[test]
    fn sentences_break_between_words_and_long_words_are_cut() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("a 123456789 b", 5), ["a", "1234…", "b"]);
        assert_eq!(broken("it was late: the clock stood still", 20), ["it was late:", "the clock stood", "still"]);
        assert_eq!(shortened("東京東京", 5), "東京…");
    }
}
