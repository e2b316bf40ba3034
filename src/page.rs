//! Renders self-contained HTML pages: one file each, no network, light and dark, for screen, phone and print.
//!
//! A page is a title, a body, data, and a script that draws the data with what is in `page/`: `charts.js` draws charts as SVG,
//! `tables.js` makes tables sort, search and open, `numbers.js` shows numbers and times. Knows neither tools nor records.

use serde::Serialize;

/// The style of all pages.
pub(crate) const STYLE: &str = include_str!("page/style.css");
/// In this order: each uses those before it.
const SCRIPTS: [&str; 3] =
    [include_str!("page/numbers.js"), include_str!("page/tables.js"), include_str!("page/charts.js")];

/// Escapes text for HTML elements and attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Renders a page. `body` is HTML, and `script` finds `data` under that name. The page's content security policy forbids loading
/// anything from outside.
pub(crate) fn render(title: &str, body: &str, data: &impl Serialize, script: &str) -> String {
    // Only `<` could end a script element, and JSON has it only in strings.
    let data = serde_json::to_string(data).expect("names and numbers are JSON").replace('<', "\\u003c");
    let title = escape(title);
    let kit = SCRIPTS.concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; style-src \
         'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n<script>\n{kit}</script>\n\
         <script>\n{script}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_cannot_end_the_script_element() {
        let page = render("a <b>", "<p>x</p>", &["</script><script>alert(1)</script>"], "");
        assert!(!page.contains("alert(1)</script>"));
        assert!(page.contains("<title>a &lt;b&gt;</title>"));
    }

    #[test]
    fn a_page_loads_nothing_from_outside() {
        let page = render("t", "", &(), "");
        let own = page.replace("http://www.w3.org/2000/svg", "");
        assert!(!own.contains("http:") && !own.contains("https:") && !own.contains("//cdn"), "{own}");
    }
}
