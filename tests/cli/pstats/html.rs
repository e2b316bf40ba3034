//! The page: its figures, and what a browser makes of it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{event, mixed_lines, outcome};
use crate::support::missing::lacks;
use crate::support::{run_with, sample};

/// The figures that the page names, as (path in the JSON report, value).
pub(super) fn figures_of(html: &str) -> Vec<(String, String)> {
    let parts = html.split("data-figure=\"").skip(1);
    let figures = parts.map(|part| {
        let (path, rest) = part.split_once("\" data-value=\"").expect("a figure has a value");
        (path.to_owned(), rest.split('"').next().expect("a quote ends it").to_owned())
    });
    figures.collect()
}

#[test]
fn the_html_report_has_the_figures_of_the_json_and_asks_for_nothing_outside() {
    let folder = tempfile::tempdir().expect("a folder");
    let json_file = folder.path().join("r.json");
    let beside = format!("json={}", json_file.display());
    let found = run_with("pstats", &["--format", "html", "--report", &beside], mixed_lines(500).concat().as_bytes())
        .expect_code(0);
    let json: Value = serde_json::from_slice(&std::fs::read(&json_file).expect("it was written")).expect("JSON");
    let figures = figures_of(found.text());
    assert!(figures.len() > 20, "{figures:?}");
    for (path, value) in figures {
        let wanted = json.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or_else(|| panic!("{path}"));
        let value: Value = serde_json::from_str(&value).expect("a number or null");
        assert_eq!(value.as_f64(), wanted.as_f64(), "{path}");
    }
    assert!(!found.text().contains("<script src") && found.text().contains("default-src 'none'"));
}

#[test]
fn the_page_and_the_markdown_begin_with_the_report_in_one_sentence() {
    let outcomes: String =
        (1..=40).map(|seq| outcome(seq, if seq <= 38 { "accepted" } else { "rejected" }, json!({}))).collect();
    let args = ["--require", "error_rate < 1%", "--require", "lost <= 5", "--partial", "-q"];
    let said = "95.0% of 40 events were delivered in 39.0 s; P99 10.0 ms";
    let failed = "1 of 2 requirements is not met: error rate 5.0%, not < 1%; the run is not complete";
    let markdown = run_with("pstats", &[&["--format", "markdown"], &args[..]].concat(), outcomes.as_bytes());
    let markdown = markdown.expect_code(99);
    assert!(markdown.text().contains(&format!("{said}; {}", failed.replace('<', "\\<"))), "{}", markdown.text());
    let args = [&["--format", "html", "--title", "Night run <7>"], &args[..]].concat();
    let html = run_with("pstats", &args, outcomes.as_bytes()).expect_code(99);
    for part in [said, &failed.replace("< ", "&lt;\u{a0}"), "<h1>Night run &lt;7&gt;</h1>"] {
        assert!(html.text().contains(part), "{part}: {}", &html.text()[..20_000]);
    }
}

#[test]
fn the_page_lists_hours_in_the_order_of_the_day_and_all_of_them() {
    let hours: String = (0..24).chain(20..24).map(|hour| event("a", 200, 5.0, hour * 60)).collect();
    let page = run_with("pstats", &["-q", "--format", "html"], hours.as_bytes()).expect_code(0);
    let (_, table) = page.text().split_once("data-table=\"events.hour\"").expect("a table of hours");
    let (table, _) = table.split_once("</table>").expect("its end");
    let shown: Vec<&str> = table.split("<td class=\"text short\" title=\"").skip(1).map(|row| &row[..2]).collect();
    let expected: Vec<String> = (0..24).map(|hour| format!("{hour:02}")).collect();
    assert_eq!(shown, expected);
}

/// What a browser makes of a page, as (the document, its log). `None` if there is no browser.
fn shown(page: &Path, zone: &str, flags: &[&str]) -> Option<(String, String)> {
    let browser = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok_and(|found| found.status.success()))?;
    let profile = tempfile::tempdir().expect("a folder");
    let shown = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(flags)
        .args(["--virtual-time-budget=10000", "--dump-dom", &format!("file://{}", page.display())])
        .env("TZ", zone)
        .output()
        .expect("the browser runs");
    Some((String::from_utf8_lossy(&shown.stdout).into_owned(), String::from_utf8_lossy(&shown.stderr).into_owned()))
}

/// The page on these lines in a file; `probe` is a script that runs in it last.
fn page_of(folder: &Path, args: &[&str], input: &str, probe: &str) -> PathBuf {
    let found = run_with("pstats", &[args, &["--format", "html", "-q"]].concat(), input.as_bytes()).expect_code(0);
    let page = folder.join("report.html");
    // The chart library contains a `</body>` too.
    let (before, end) = found.text().rsplit_once("</body>").expect("a page has a body");
    std::fs::write(&page, format!("{before}<script>{probe}</script></body>{end}")).expect("it is written");
    page
}

#[test]
fn the_html_report_draws_in_a_browser_without_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = std::fs::read_to_string(sample()).expect("the sample is there");
    for (input, charts) in [(sample, 5), (mixed_lines(600).concat(), 10), (String::new(), 0)] {
        let page = page_of(folder.path(), &["--require", "input.lines >= 0", "--partial"], &input, "");
        let Some((dom, log)) = shown(&page, "UTC", &[]) else {
            eprintln!("skipped: needs chromium");
            return;
        };
        assert!(!log.contains("CONSOLE"), "{log}");
        assert!(!dom.contains("data-error="), "{}", dom.get(..300).unwrap_or_default());
        assert!(
            dom.contains(&format!("data-drawn=\"{charts}\"")),
            "{charts} charts: {}",
            dom.get(..300).unwrap_or_default()
        );
        assert_eq!(dom.matches("class=\"chart").count() - dom.matches("class=\"charts\"").count(), charts);
        assert_eq!(dom.matches("<svg").count(), charts);
        for heat_map in if charts > 0 { &["events-hours", "events-latency"][..] } else { &[] } {
            let heat_map = dom.split(&format!("id=\"{heat_map}\"")).nth(1).and_then(|rest| rest.split("</svg>").next());
            let cells = heat_map.expect("the heat map is there").matches("<rect").count();
            assert!(cells > 20, "the heat map has {cells} shapes");
        }
    }
}

#[test]
fn the_page_shows_utc_wherever_it_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let input: String = (0..48).map(|i| event("a", 200, 5.0, i * 30)).collect();
    let page = page_of(folder.path(), &["--window", "30m"], &input, "");
    let labels = |zone: &str| {
        let (dom, _) = shown(&page, zone, &[])?;
        let svg = dom.split("id=\"events-trend\"").nth(1)?.split("</svg>").next()?.to_owned();
        let texts =
            svg.split("<text").skip(1).filter_map(|text| text.split_once('>')?.1.split('<').next().map(str::to_owned));
        Some(texts.collect::<Vec<String>>())
    };
    let Some(here) = labels("UTC") else {
        eprintln!("skipped: needs chromium");
        return;
    };
    assert!(here.iter().any(|label| label == "5 Jan") && here.iter().any(|label| label == "12:00"), "{here:?}");
    assert_eq!(Some(here), labels("Asia/Tokyo"));
}

#[test]
fn the_page_fits_a_phone_and_darkness() {
    let folder = tempfile::tempdir().expect("a folder");
    let sample = std::fs::read_to_string(sample()).expect("the sample is there");
    let probe = "const at = document.documentElement; at.dataset.wide = at.scrollWidth > innerWidth;\
        at.dataset.paper = getComputedStyle(document.body).backgroundColor;\
        at.dataset.verdict = document.querySelector('td b').getBoundingClientRect().right <= innerWidth;\
        at.dataset.card = getComputedStyle(document.querySelector('.card b')).fontSize ===\
            getComputedStyle(document.querySelector('.card b span')).fontSize;";
    let args = ["--by", "service,endpoint", "--require", "service=payment-service: latency.p95 < 100 s"];
    let page = page_of(folder.path(), &args, &sample, probe);
    let Some((phone, _)) = shown(&page, "UTC", &["--window-size=390,844"]) else {
        eprintln!("skipped: needs chromium");
        return;
    };
    for holds in
        ["data-wide=\"false\"", "data-verdict=\"true\"", "data-card=\"true\"", "data-paper=\"rgb(255, 255, 255)\""]
    {
        assert!(phone.contains(holds), "{holds}: {}", phone.get(..400).unwrap_or_default());
    }
    let (dark, log) = shown(&page, "UTC", &["--blink-settings=preferredColorScheme=0"]).expect("it was there");
    assert!(dark.contains("data-paper=\"rgb(18, 22, 28)\"") && !log.contains("CONSOLE"), "{log}");
}

#[test]
fn the_page_prints_whole_tables() {
    if lacks("the text of a PDF", &["pdftotext"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let sample = std::fs::read_to_string(sample()).expect("the sample is there");
    // A table that scrolls is cut off on paper: none is wider than its panel there.
    let probe = "matchMedia('print').addEventListener('change', (e) => { if (e.matches) document.querySelector('h1').textContent =\
        [...document.querySelectorAll('table')].every((t) => t.scrollWidth <= t.parentElement.clientWidth) ? 'all fit' : 'cut off'; });";
    let page = page_of(folder.path(), &["--by", "service,endpoint"], &sample, probe);
    let pdf = folder.path().join("report.pdf");
    let to_pdf = format!("--print-to-pdf={}", pdf.display());
    if shown(&page, "UTC", &[&to_pdf]).is_none() {
        eprintln!("skipped: needs chromium");
        return;
    }
    let text = crate::support::shell(&format!("pdftotext -layout {} -", pdf.display())).expect_code(0);
    for words in ["By service, endpoint", "Hour of the day (UTC)", "P99", "max", "Input"] {
        assert!(text.text().contains(words), "{words}: {}", text.text());
    }
    assert!(!text.text().contains("cut off"), "{}", text.text());
}

#[test]
fn the_page_has_ids_order_delivery_and_the_base_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = folder.path().join("base.json");
    let base = base.to_str().expect("UTF-8");
    let input = mixed_lines(300).concat();
    run_with("pstats", &["--format", "json", "-q", "-o", base], input.as_bytes()).expect_code(0);
    let found = run_with("pstats", &["--format", "html", "--base", base, "-q"], input.as_bytes()).expect_code(0);
    for part in [
        "<h2>Compared with the base</h2>",
        "outcomes.latency.p95_ms",
        "duplicate ids",
        "longest gap",
        "events retried",
        "answers to retried events",
        "<dt>unknown</dt>",
    ] {
        assert!(found.text().contains(part), "{part}");
    }
}
