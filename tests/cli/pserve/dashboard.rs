//! The dashboard in a browser.

use serde_json::{Value, json};

use super::event;
use crate::support::browser::{Browser, ENTER, ESCAPE, TAB};
use crate::support::run;
use crate::support::server::{KEY, Server};

const ROWS: &str = "return [...document.querySelectorAll('#events tr')].map((row) => row.innerText).join('\\n')";

#[test]
fn an_event_is_seen_live_found_by_filter_and_opened() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    browser.open(server.url());
    browser.wait_until("return document.getElementById('state').textContent === 'live'");
    assert_eq!(browser.ask(ROWS), "");
    assert_eq!(server.post("/events", event("evt_seen").to_string()).0, 200);
    browser.wait_until("return document.getElementById('events').innerText.includes('evt_seen')");
    browser.wait_until("return document.querySelector('#cards b').textContent === '1'");

    let mut other = event("evt_other");
    other["source"]["service"] = json!("auth-service");
    other["metrics"]["status_code"] = json!(503);
    assert_eq!(server.post("/events", other.to_string()).0, 200);
    browser.wait_until("return document.querySelectorAll('#events tr').length === 2");
    browser.ask(
        "document.querySelector('[name=service]').value = 'auth-service'; document.getElementById('filters').requestSubmit()",
    );
    browser.wait_until("return document.querySelectorAll('#events tr').length === 1");
    assert!(browser.ask(ROWS).as_str().expect("text").contains("evt_other"));

    // The address keeps the view, and the tab the key.
    browser.open("about:blank");
    browser.open(&format!("{}/#service=auth-service", server.url()));
    browser.wait_until("return document.querySelectorAll('#events tr').length === 1");
    browser.ask("document.querySelector('#events button').click()");
    browser.wait_until("return document.getElementById('event').open");
    let shown = browser.ask("return document.getElementById('json').textContent");
    assert_eq!(serde_json::from_str::<Value>(shown.as_str().expect("text")).expect("JSON"), other);
    assert_eq!(browser.errors(), [Value::Null; 0]);
}

#[test]
fn every_screen_reads_well_light_and_dark_for_everybody() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let events = run("pgen", &["-q", "-n", "300", "--seed", "7"]).expect_code(0);
    for line in events.text().lines() {
        assert_eq!(server.post("/events", line).0, 200);
    }
    let mut long = event(&"evt_that_never_ends_".repeat(5));
    long["source"]["service"] = json!("a-service-with-a-name-that-never-ends-".repeat(2));
    assert_eq!(server.post("/events", long.to_string()).0, 200);
    let check = |at: &str| {
        assert_eq!(browser.layout_faults(""), json!([]), "{at}");
        assert_eq!(browser.violations(), json!([]), "{at}");
    };
    for (width, height) in [(390, 844), (1280, 800)] {
        for theme in ["light", "dark"] {
            browser.show_at((width, height), theme);
            for (path, shown) in [
                ("/", "return document.querySelectorAll('#events tr').length === 50"),
                ("/docs", "return document.querySelectorAll('#operations section').length > 5"),
            ] {
                browser.open("about:blank");
                browser.open(&format!("{}{path}", server.url()));
                browser.wait_until(shown);
                check(&format!("{path} at {width} wide, {theme}"));
            }
        }
    }
    browser.open("about:blank");
    browser.open(server.url());
    browser.wait_until("return document.querySelectorAll('#events tr').length === 50");
    browser.ask("document.querySelector('#events button').click()");
    browser.wait_until("return document.getElementById('event').open");
    check("an open event");
    assert_eq!(browser.errors(), [Value::Null; 0]);
}

#[test]
fn an_event_is_found_and_opened_with_the_keyboard_alone() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    for id in ["evt_first", "evt_second"] {
        assert_eq!(server.post("/events", event(id).to_string()).0, 200);
    }
    browser.open(server.url());
    browser.wait_until("return document.querySelectorAll('#events tr').length === 2");
    let tab_until = |script: &str| {
        let reached = (0..80).any(|_| {
            browser.press(TAB);
            browser.ask(script) == true
        });
        assert!(reached, "{script}");
    };
    tab_until("return document.activeElement.matches('[name=event_id_contains]')");
    browser.press("first");
    browser.press(ENTER);
    browser.wait_until("return document.querySelectorAll('#events tr').length === 1");
    tab_until("return document.activeElement.matches('#events button')");
    browser.press(ENTER);
    browser.wait_until("return document.getElementById('event').open");
    assert!(
        browser.ask("return document.getElementById('json').textContent").as_str().expect("text").contains("evt_first")
    );
    browser.press(ESCAPE);
    browser.wait_until("return !document.getElementById('event').open");
    assert_eq!(browser.ask("return document.activeElement.matches('#events button')"), true);
}

#[test]
fn text_from_events_is_never_markup() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&[]);
    let evil = "<script>window.hit=1</script><img src=x onerror=window.hit=1>";
    let mut event = event(evil);
    for (place, field) in [("", "title"), ("/source", "service"), ("/source", "endpoint")] {
        event.pointer_mut(place).expect("it is there")[field] = json!(evil);
    }
    event["context"] =
        json!({"user_id": evil, "tags": {"country": evil, "city": evil, "region": evil, "device_type": evil}});
    assert_eq!(server.post("/events", event.to_string()).0, 200);
    browser.open(server.url());
    browser.wait_until("return document.querySelectorAll('#events tr').length === 1");
    browser.wait_until("return document.querySelectorAll('#groups li').length >= 7");
    assert!(browser.ask(ROWS).as_str().expect("text").contains("<script>window.hit=1</script>"));
    browser.ask("document.querySelector('#events button').click()");
    browser.wait_until("return document.getElementById('event').open");
    assert_eq!(
        browser.ask("return document.querySelectorAll('main script, main img, dialog script, dialog img').length"),
        0
    );
    assert_eq!(browser.ask("return window.hit === undefined"), true);
    assert_eq!(browser.errors(), [Value::Null; 0]);
}

#[test]
fn the_page_asks_for_a_key_that_it_was_not_given() {
    let Some(browser) = Browser::start() else { return };
    let server = Server::start(&["--api-key", "s3cret"]);
    browser.open(server.url());
    assert_eq!(browser.ask("return document.getElementById('key').value"), "");
    assert_eq!(browser.ask("return document.getElementById('main').hidden"), true);
    let submit = |key: &str| {
        browser.ask(&format!(
            "document.getElementById('key').value = '{key}'; document.getElementById('key-form').requestSubmit()"
        ))
    };
    submit("wrong");
    browser.wait_until("return document.getElementById('state').textContent === 'The key is not accepted.'");
    assert_eq!(browser.ask("return document.getElementById('main').hidden"), true);
    submit("s3cret");
    browser.wait_until("return document.getElementById('state').textContent === 'live'");
    assert_eq!(browser.ask("return sessionStorage.getItem('pserve-key')"), "s3cret");
    assert_eq!(browser.ask("return localStorage.length"), 0);
}

#[test]
fn the_page_holds_no_data_and_allows_no_script_of_its_own_text() {
    let server = Server::start(&[]);
    assert_eq!(server.post("/events", event("evt_hidden").to_string()).0, 200);
    for path in ["/", "/docs"] {
        let page = crate::support::http::request(server.address(), "GET", path, &[], b"").expect("an answer");
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        let text = page.text();
        assert!(!text.contains("evt_hidden") && !text.contains("<style") && !text.contains("http"), "{text}");
        let scripts = text.matches("<script").count();
        assert_eq!(scripts, text.matches("<script src=\"/assets/").count());
    }
    let other = Server::start(&["--api-key", "s3cret"]);
    let page = crate::support::http::request(other.address(), "GET", "/", &[], b"").expect("an answer");
    assert!(!page.text().contains("s3cret") && !page.text().contains(KEY.split_once(": ").expect("a header").1));
}
