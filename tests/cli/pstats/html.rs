//! The page: its figures, and what a browser makes of it.

use serde_json::Value;

use super::mixed_lines;
use crate::support::{run_with, sample};

/// The figures that the page names, as (path in the JSON report, value).
fn figures_of(html: &str) -> Vec<(String, String)> {
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
fn the_html_report_draws_in_a_browser_without_an_error() {
    let browser = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| {
        std::process::Command::new(name).arg("--version").output().is_ok_and(|found| found.status.success())
    });
    let Some(browser) = browser else {
        eprintln!("skipped: needs chromium");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = folder.path().join("report.html");
    let sample = std::fs::read_to_string(sample()).expect("the sample is there");
    for (input, charts) in [(sample, 7), (mixed_lines(300).concat(), 9), (String::new(), 0)] {
        let args =
            ["--format", "html", "--require", "input.lines >= 0", "--partial", "-o", page.to_str().expect("UTF-8")];
        run_with("pstats", &args, input.as_bytes()).expect_code(0);
        let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
        let shown = std::process::Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--enable-logging=stderr",
                &profile,
            ])
            .args(["--virtual-time-budget=10000", "--dump-dom", &format!("file://{}", page.display())])
            .output()
            .expect("the browser runs");
        let (dom, log) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(!log.contains("CONSOLE"), "{log}");
        assert!(!dom.contains("data-error="), "{}", dom.get(..300).unwrap_or_default());
        assert!(
            dom.contains(&format!("data-drawn=\"{charts}\"")),
            "{charts} charts: {}",
            dom.get(..300).unwrap_or_default()
        );
        assert_eq!(dom.matches("class=\"chart").count() - dom.matches("class=\"charts\"").count(), charts);
        assert_eq!(dom.matches("<svg").count(), charts);
        if charts > 0 {
            let heat_map = dom.split("id=\"events-hours\"").nth(1).and_then(|rest| rest.split("</svg>").next());
            let cells = heat_map.expect("the heat map is there").matches("<path").count();
            assert!(cells > 60, "the heat map has {cells} shapes");
        }
    }
}
