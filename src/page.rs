//! The kit for pages that people look at: one file of HTML each, without network, light and dark, for screen, phone and print.
//!
//! Charts are drawn by Apache ECharts (`page/vendor`, Apache-2.0), as SVG, so that they print sharp. Knows no tool and no record:
//! a page is a title, a body, data, and a script that draws the data with the kit's functions (`page/charts.js`).

use serde::Serialize;

const STYLE: &str = include_str!("page/style.css");
const CHARTS: &str = include_str!("page/charts.js");
const ECHARTS: &str = include_str!("page/vendor/echarts-5.6.0.min.js");

/// Text as HTML, in an attribute too.
pub fn escape(text: &str) -> String {
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

/// A whole page. `body` is HTML; `data` becomes the `data` that `script` finds; the policy in its head lets nothing in from
/// outside.
pub fn render(title: &str, body: &str, data: &impl Serialize, script: &str) -> String {
    // Inside a script element only `<` could end it; in JSON it stands in strings alone.
    let data = serde_json::to_string(data).expect("names and numbers are JSON").replace('<', "\\u003c");
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'unsafe-inline'; style-src \
         'unsafe-inline'; img-src data:\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n{body}\n\
         <script type=\"application/json\" id=\"data\">{data}</script>\n<script>{ECHARTS}</script>\n<script>\n{CHARTS}</script>\n\
         <script>\n{script}</script>\n</body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_data_ends_the_script() {
        let page = render("a <b>", "<p>x</p>", &["</script><script>alert(1)</script>"], "");
        assert!(!page.contains("alert(1)</script>"));
        assert!(page.contains("<title>a &lt;b&gt;</title>"));
    }

    #[test]
    fn a_page_asks_for_nothing_from_outside() {
        let page = render("t", "", &(), "");
        let own = page.replace(ECHARTS, "");
        assert!(!own.contains("http:") && !own.contains("https:") && !own.contains("//cdn"), "{own}");
    }
}
