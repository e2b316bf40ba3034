//! The page as people see it: seven real runs, on four screens, light and dark. The pictures stay in `target/tmp/pages`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::html::figures_of;
use crate::support::browser::Browser;
use crate::support::server::Server;
use crate::support::{run, shell_in};

const SCREENS: [(u32, u32); 4] = [(390, 844), (820, 1180), (1280, 800), (1920, 1080)];
const THEMES: [&str; 2] = ["light", "dark"];

/// Makes a page and the JSON report beside it, and returns the page.
fn page(folder: &Path, name: &str, args: &[&str]) -> PathBuf {
    let file = |form: &str| folder.join(format!("{name}.{form}")).display().to_string();
    let (html, json) = (file("html"), format!("json={}", file("json")));
    let run = run("pstats", &[args, &["-q", "--format", "html", "-o", &html, "--report", &json]].concat());
    assert!([0, 99].contains(&run.code()), "{name}: {}", run.stderr);
    PathBuf::from(html)
}

fn event(seq: u64, service: &str, endpoint: &str, ms: f64, status: u64) -> String {
    let time = format!("2026-01-05T09:{:02}:{:02}Z", seq / 60 % 60, seq % 60);
    let event = json!({"event_id": format!("e{seq}"), "timestamp": time, "source": {"service": service, "endpoint": endpoint},
        "metrics": {"response_time_ms": ms, "status_code": status}, "error_details": {"error_message": service}});
    format!("{event}\n")
}

/// Values that would break out of markup, lines or columns.
const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "\u{202e}evil",
    "日本語サービス",
    "\u{1b}[2J",
    "' OR 1=1 --",
    "very-long-service-name-very-long-service-name-very-long-service-name",
    "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww",
];

/// The seven runs, as (name, page).
fn pages(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        fs::write(&file, text).expect("it is written");
        file.display().to_string()
    };
    let server = Server::start(&["--quiet", "--rate-limit", "400/1s"]);
    let script =
        "pgen -n 1500 --seed 7 -q | pshape --malformed 2% --duplicates 2% --seed 7 --truth truth.jsonl -q > in.jsonl
        psend in.jsonl --stages 2s:300,2s:450,1s:100 -q > open.jsonl
        psend in.jsonl -c 20 -q > base.jsonl
        pgen -n 20k --seed 1 --start 2026-01-05 --end 2026-01-12 -q > week.jsonl";
    shell_in(folder, script, &[("PULSE_URL", server.url())]).expect_code(0);
    let at = |name: &str| folder.join(name).display().to_string();
    let (open, base, truth, week) = (at("open.jsonl"), at("base.jsonl"), at("truth.jsonl"), at("week.jsonl"));
    let tiny = write("tiny.jsonl", event(1, "auth", "/login", 12.0, 200) + &event(2, "auth", "/login", 14.5, 500));
    let hostile = (0..600).map(|n| {
        let of = |k: u64| HOSTILE[usize::try_from(n * k % 8).expect("below 8")];
        event(n, of(1), of(3), [0.0, 0.001, 5.0, 3.5e6, 1e7][(n % 5) as usize], [200, 500, 0, 9999][(n % 4) as usize])
    });
    let hostile = write("hostile.jsonl", hostile.collect::<String>() + "not json\n{\"a\":\n[1]\n");
    let many = (0..20_000).map(|n: u64| {
        let status = if n.is_multiple_of(11) { 500 } else { 200 };
        #[allow(clippy::cast_precision_loss)] // below 997
        event(n, &format!("service-{}", n % 1000), &format!("/api/v1/things/{}", n % 2999), (n % 997) as f64, status)
    });
    let many = write("many.jsonl", many.collect());
    vec![
        ("tiny", page(folder, "tiny", &[&tiny, "--require", "error_rate < 5%"])),
        ("week", page(folder, "week", &[&week, "--require", "error_rate < 50%"])),
        (
            "open-loop",
            page(folder, "open-loop", &[&open, "--require", "end_to_end.p99 < 1ms", "--by", "service,endpoint"]),
        ),
        (
            "faults",
            page(
                folder,
                "faults",
                &[&open, "--truth", &truth, "--require", "truth.missed = 0", "--require", "count > 9k"],
            ),
        ),
        ("comparison", page(folder, "comparison", &[&open, "--base", &base, "--require", "latency.p95 not worse"])),
        (
            "hostile",
            page(folder, "hostile", &[&hostile, "--title", "Hostile <b>values</b>", "--require", "error_rate < 5%"]),
        ),
        (
            "groups",
            page(
                folder,
                "groups",
                &[&many, "--by", "service,endpoint", "--require", "service=service-0: error_rate < 1%"],
            ),
        ),
    ]
}

/// What may be wrong with the layout of a report beside what any page may have.
const LAYOUT: &str = r"
    if (root.dataset.error) wrong.push(root.dataset.error);
    for (const label of document.querySelectorAll('.chart svg text')) {
        const [at, chart] = [label, label.ownerSVGElement].map((e) => e.getBoundingClientRect());
        if (at.left < chart.left - 1 || at.right > chart.right + 1) wrong.push('cut off: ' + label.textContent);
    }
    const said = document.querySelector('.headline b.bad');
    if (said && said.getBoundingClientRect().bottom + scrollY > 300) wrong.push('the failure stands low');
    if (said && !/not met/.test(said.textContent)) wrong.push('no failure in words');";

#[test]
fn every_kind_of_run_reads_well_on_every_screen_in_light_and_dark() {
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&pictures).expect("a folder for pictures");
    for (name, page) in pages(folder.path()) {
        let html = fs::read_to_string(&page).expect("it was written");
        assert!(html.len() <= 700_000, "{name}: {} bytes", html.len());
        let json: Value =
            serde_json::from_slice(&fs::read(page.with_extension("json")).expect("it was written")).expect("JSON");
        let figures = figures_of(&html);
        assert!(figures.len() > 10, "{name}: {figures:?}");
        for (path, value) in figures {
            let wanted = json.pointer(&format!("/{}", path.replace('.', "/"))).and_then(Value::as_f64);
            assert_eq!(
                serde_json::from_str::<Value>(&value).expect("a number or null").as_f64(),
                wanted,
                "{name}: {path}"
            );
        }
        assert_eq!(html.contains("<b class=\"bad\">✗"), name != "week", "{name}");
        for screen in SCREENS {
            for theme in THEMES {
                browser.show_at(screen, theme);
                browser.open(&format!("file://{}", page.display()));
                let at = format!("{name} at {}x{}, {theme}", screen.0, screen.1);
                assert_eq!(browser.layout_faults(LAYOUT), json!([]), "{at}");
                let picture = pictures.join(format!("{name}-{}-{theme}.png", screen.0));
                fs::write(picture, browser.picture()).expect("it is written");
                if screen.0 == 390 || screen.0 == 1280 {
                    assert_eq!(browser.violations(), json!([]), "{at}");
                }
            }
        }
    }
    assert_eq!(browser.errors(), [Value::Null; 0]);
}

#[test]
fn tables_sort_search_and_say_what_they_lack_and_the_address_keeps_the_time() {
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let many: String = (0..9000)
        .map(|n: u64| {
            let (service, endpoint) =
                (format!("service-{}", n % 3000), format!("/api/v1/things/with/a/long/path/{}", n % 2999));
            #[allow(clippy::cast_precision_loss)] // below 997
            event(n, &service, &endpoint, (n % 997) as f64, if n < 9 { 500 } else { 200 })
        })
        .collect();
    let file = folder.path().join("many.jsonl");
    fs::write(&file, many).expect("it is written");
    let file = file.display().to_string();
    let by = ["--by", "service,endpoint", "--by", "endpoint,service", "--max-groups", "5000"];
    let page = page(folder.path(), "many", &[&[file.as_str()], &by[..]].concat());
    browser.show_at((1280, 800), "light");
    browser.open(&format!("file://{}", page.display()));
    let table = "const table = document.querySelector('table[data-table=\"events.service\"]'); const panel = table.closest('.panel');";
    let shown = |what: &str| browser.ask(&format!("{table} return {what};"));
    let first = "table.tBodies[0].rows[0].cells[0].textContent";
    assert_eq!(shown("table.tBodies[0].rows.length"), 10);
    assert!(shown(first).as_str().expect("a name").starts_with("service-"));

    let sort = |column: u32| shown(&format!("table.tHead.rows[0].cells[{column}].firstChild.click()"));
    sort(0);
    assert_eq!(shown(first), "service-0");
    sort(0);
    assert_ne!(shown(first), "service-0");
    assert_eq!(shown("table.tHead.rows[0].cells[0].ariaSort"), "descending");

    let search =
        "const at = panel.querySelector('input'); at.value = 'SERVICE-7'; at.dispatchEvent(new Event('input'));";
    browser.ask(&format!("{table} {search}"));
    let found = shown("[...table.tBodies[0].rows].map((row) => row.cells[0].textContent)");
    let found: Vec<&str> = found.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    assert!(!found.is_empty() && found.iter().all(|name| name.starts_with("service-7")), "{found:?}");

    // Rows that the page has no room for are counted.
    let kept = "return Object.values(data.tables).filter((t) => t.more).map((t) => t.rows.length + t.more)";
    let kept = browser.ask(kept);
    assert!(kept.as_array().expect("tables").iter().any(|all| *all == 5001), "{kept}");
    let told = browser.ask("return [...document.querySelectorAll('p')].filter((p) => /^and [0-9,]+ more .*JSON/.test(p.textContent)).length");
    assert_eq!(told.as_u64(), kept.as_array().map(|tables| tables.len() as u64));

    let drag = "const at = document.getElementById('events-rate'); at.scrollIntoView(); const box = at.getBoundingClientRect();
        const put = (kind, share) => at.dispatchEvent(new PointerEvent(kind, { clientX: box.left + box.width * share, clientY: box.top + 40, pointerId: 1 }));
        at.setPointerCapture = () => {}; put('pointerdown', 0.3); put('pointermove', 0.5); put('pointerup', 0.6);
        return location.href;";
    let narrowed = browser.ask(drag);
    let narrowed = narrowed.as_str().expect("an address");
    assert!(narrowed.contains("#2026-01-05T09:"), "{narrowed}");
    let range = "return document.getElementById('range').innerText";
    let told = browser.ask(range);
    assert!(told.as_str().expect("text").contains("events, "), "{told}");
    browser.open("about:blank");
    browser.open(narrowed);
    assert_eq!(browser.ask(range), told);
    browser.ask("document.getElementById('all').click()");
    assert_eq!(browser.ask("return location.hash + document.getElementById('range').hidden"), "true");
    assert_eq!(browser.errors(), [Value::Null; 0]);
}

#[test]
fn the_page_writes_numbers_as_the_other_reports_do() {
    let Some(browser) = Browser::start() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.jsonl");
    fs::write(&file, event(1, "auth", "/login", 12.0, 200)).expect("it is written");
    let page = page(folder.path(), "one", &[&file.display().to_string()]);
    browser.open(&format!("file://{}", page.display()));
    // The forms that the tests of src/cli/numbers.rs expect.
    for (call, values, wanted) in [
        (
            "showNumber",
            json!([3.214, 54.32, 1_204.4, 0.421, 0.042_14, 0.042, 0.001_234, 0, 0.099_96]),
            json!(["3.21", "54.3", "1,204", "0.421", "0.0421", "0.042", "0.00123", "0.00", "0.100"]),
        ),
        ("showShare", json!([0.974, 1, 0.99999, 0.00001, 0]), json!(["97.4%", "100.0%", ">99.9%", "<0.1%", "0.0%"])),
        (
            "showMs",
            json!([3, 9_999.4, 25_445, 250_000, 86_399_000, 604_800_000, null]),
            json!(["3.00 ms", "9,999 ms", "25.4 s", "4 min 10 s", "23 h 59 min", "7 d", "–"]),
        ),
        ("showCount", json!([0, 999, 1_000, 1_234_567]), json!(["0", "999", "1,000", "1,234,567"])),
    ] {
        assert_eq!(browser.ask(&format!("return {values}.map((n) => {call}(n))")), wanted, "{call}");
    }
}
