//! The HTML of a page: panels, tiles, tables. Cells are HTML; headings and labels are text.

use crate::cli::console::visible;
use crate::page::escape;

/// A name of so many letters stays on one line, as in `tables.js`.
const SHORT: usize = 16;

/// A cell of a table: its HTML, its class, and the value that it is sorted by.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    html: String,
    class: &'static str,
    sort: Option<String>,
}

impl Cell {
    /// Text that may come from the data.
    pub(super) fn text(text: &str) -> Self {
        Self { html: shown(text), class: "text", sort: None }
    }

    /// A sentence, which may take several lines.
    pub(super) fn words(text: &str) -> Self {
        Self { html: prose(text), class: "text words", sort: None }
    }

    /// HTML on the left.
    pub(super) fn html(html: String) -> Self {
        Self { html, class: "text", sort: None }
    }

    /// The cell, whose text does not wrap.
    pub(super) fn on_one_line(self) -> Self {
        Self { class: "text short", ..self }
    }

    /// A figure as it is shown, which sorts as it is read.
    pub(super) fn figure(text: &str) -> Self {
        Self { html: shown(text), class: "", sort: None }
    }

    /// A count.
    pub(super) fn count(n: u64) -> Self {
        Self { html: crate::cli::numbers::count(n), class: "", sort: Some(n.to_string()) }
    }

    /// A measured value, sorted by this number.
    pub(super) fn measured(value: Option<f64>, html: String) -> Self {
        Self { html, class: "", sort: Some(value.map_or_else(String::new, |value| value.to_string())) }
    }
}

/// Text as HTML that shows control characters.
pub(super) fn shown(text: &str) -> String {
    escape(&visible(text))
}

/// A sentence as HTML, in which a flag does not break behind its dashes.
pub(super) fn prose(text: &str) -> String {
    let words = shown(text);
    let words = words.split(' ').map(|word| match word.starts_with("--") {
        true => format!("<span class=\"one\">{word}</span>"),
        false => word.to_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A verdict as HTML, in which a bound stays on the line of its sign: `< 5%`.
pub(super) fn verdict(text: &str) -> String {
    [" &lt; ", " &lt;= ", " &gt; ", " &gt;= ", " = ", " != "]
        .iter()
        .fold(prose(text), |html, sign| html.replace(sign, &format!(" {}\u{a0}", sign.trim())))
}

/// A name as HTML: a path may break behind its slashes.
fn breakable(name: &str) -> String {
    name.split_inclusive('/').map(escape).collect::<Vec<_>>().join("<wbr>")
}

/// A figure of the JSON report, marked with its path, so that a test can hold the two against each other.
pub(super) fn figure(path: &str, value: &str, shown: &str) -> String {
    format!("<span data-figure=\"{path}\" data-value=\"{value}\">{}</span>", escape(shown))
}

/// A figure that may have no data.
pub(super) fn maybe(path: &str, value: Option<f64>, shown: &str) -> String {
    figure(path, &value.map_or("null".to_owned(), |value| value.to_string()), shown)
}

/// A count of the JSON report.
pub(super) fn counted(path: &str, n: u64) -> String {
    figure(path, &n.to_string(), &crate::cli::numbers::count(n))
}

/// The page's body as it grows.
#[derive(Default)]
pub(super) struct Body(pub(super) String);

impl Body {
    pub(super) fn put(&mut self, html: &str) {
        self.0.push_str(html);
    }

    /// Opens a panel with a heading.
    pub(super) fn begin(&mut self, heading: &str, class: &str) {
        self.put(&format!(
            "<section class=\"panel {class}\" aria-label=\"{0}\">\n<div class=\"tools\"><h3>{0}</h3></div>\n",
            shown(heading)
        ));
    }

    pub(super) fn end(&mut self) {
        self.put("</section>\n");
    }

    /// A table that sorts. `class` is `sentences` if rows become cards on a phone. Columns whose cells are text are on the left.
    pub(super) fn table(&mut self, label: &str, class: &str, head: &[&str], rows: Vec<Vec<Cell>>) {
        self.open_table(label, &format!("sortable {class}"), "", head, |column| {
            rows.first().map_or(column == 0, |row| row[column].class.starts_with("text"))
        });
        for row in &rows {
            let cells = row.iter().zip(head).map(|(cell, head)| {
                // On a phone these rows are cards, whose figures need a name.
                let label = if class == "sentences" && !cell.class.starts_with("text") {
                    format!(" data-label=\"{}\"", escape(head))
                } else {
                    String::new()
                };
                let class = if cell.class.is_empty() { String::new() } else { format!(" class=\"{}\"", cell.class) };
                let sort = cell.sort.as_ref().map_or(String::new(), |sort| format!(" data-sort=\"{sort}\""));
                format!("<td{class}{sort}{label}>{}</td>", cell.html)
            });
            let cells: String = cells.collect();
            self.put(&format!("<tr>{cells}</tr>\n"));
        }
        self.close_table();
    }

    /// A table whose first rows are these, and all of whose rows are in the page's data under this name. Its first `texts` columns
    /// are text.
    pub(super) fn table_of(
        &mut self,
        (label, name): (&str, &str),
        texts: usize,
        head: &[&str],
        rows: impl Iterator<Item = Vec<String>>,
    ) {
        let name = format!(" data-table=\"{}\"", escape(name));
        self.open_table(label, "sortable", &name, head, |column| column < texts);
        for row in rows {
            let cells = row.iter().enumerate().map(|(column, cell)| {
                let text = escape(cell);
                match (column < texts, cell.chars().count() <= SHORT) {
                    (true, true) => format!("<td class=\"text short\" title=\"{text}\"><span>{text}</span></td>"),
                    (true, false) => {
                        let parts = breakable(cell);
                        format!("<td class=\"text\" title=\"{text}\"><span>{parts}</span></td>")
                    }
                    (false, _) => format!("<td>{text}</td>"),
                }
            });
            let cells: String = cells.collect();
            self.put(&format!("<tr>{cells}</tr>\n"));
        }
        self.close_table();
    }

    fn open_table(&mut self, label: &str, class: &str, more: &str, head: &[&str], is_text: impl Fn(usize) -> bool) {
        let heads = head.iter().enumerate().map(|(column, name)| {
            let class = if is_text(column) { " class=\"text\"" } else { "" };
            format!("<th scope=\"col\"{class}>{}</th>", shown(name))
        });
        let heads: String = heads.collect();
        let label = shown(label);
        self.put(&format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{label}: table\">\n\
             <table class=\"{class}\" aria-label=\"{label}\"{more}>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n"
        ));
    }

    fn close_table(&mut self) {
        self.put("</tbody>\n</table>\n</div>\n");
    }

    /// A panel of names and figures; figures are HTML.
    pub(super) fn facts(&mut self, heading: &str, facts: &[(&str, String)]) {
        self.begin(heading, "");
        self.put("<dl class=\"facts\">\n");
        for (name, value) in facts {
            self.put(&format!("<div><dt>{}</dt><dd>{value}</dd></div>\n", shown(name)));
        }
        self.put("</dl>\n");
        self.end();
    }

    /// A panel that a script draws a chart in.
    pub(super) fn chart(&mut self, id: &str, heading: &str, class: &str) {
        self.begin(heading, class);
        let tall = if class.contains("wide") { " tall" } else { "" };
        self.put(&format!("<div class=\"chart{tall}\" id=\"{id}\" data-label=\"{}\"></div>\n", escape(heading)));
        self.end();
    }
}
