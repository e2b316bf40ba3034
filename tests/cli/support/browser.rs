//! Headless Chromium, driven over WebDriver's own HTTP.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use serde_json::{Value, json};

/// Keys as WebDriver names them.
pub const TAB: &str = "\u{E004}";
pub const ENTER: &str = "\u{E007}";
pub const ESCAPE: &str = "\u{E00C}";

/// A browser with one page. It ends with the test.
pub struct Browser {
    driver: Child,
    session: String,
    client: reqwest::blocking::Client,
    axe: Option<String>,
}

impl Browser {
    /// Starts one; `None`, and a word about it, if it is not installed.
    #[allow(clippy::print_stderr)] // the test is skipped by name
    pub fn start() -> Option<Self> {
        // With --port=0 it picks a port that another one may take first. Then it ends, and is started again.
        let (driver, port) = (0..20).find_map(|_| driver().transpose()).map_or_else(
            || panic!("chromedriver does not say its port"),
            |begun| begun.map_err(|_| eprintln!("skipped: needs chromedriver")).ok(),
        )?;
        let client = reqwest::blocking::Client::builder().no_proxy().timeout(Duration::from_secs(120)).build();
        let client = client.expect("a client");
        let options = json!({"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]});
        let capabilities =
            json!({"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let base = format!("http://127.0.0.1:{port}/session");
        let asked = client.post(&base).json(&json!({"capabilities": {"alwaysMatch": capabilities}})).send();
        let begun: Value = asked.and_then(reqwest::blocking::Response::json).expect("a session begins");
        let id = begun["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{begun}"));
        let axe = std::env::var("NODE_PATH").ok();
        let axe = axe.and_then(|path| fs::read_to_string(Path::new(&path).join("axe-core/axe.min.js")).ok());
        Some(Self { driver, session: format!("{base}/{id}"), client, axe })
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.client.post(format!("{}{path}", self.session)).json(body).send().expect("it answers");
        let answer: Value = answer.json().expect("JSON");
        assert!(answer["value"]["error"].is_null(), "{path} {body}: {answer}");
        answer["value"].clone()
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    /// What a script returns.
    pub fn ask(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Waits until a script returns true.
    #[track_caller]
    pub fn wait_until(&self, script: &str) {
        let begun = Instant::now();
        while self.ask(script) != true {
            let page = || self.ask("return document.body.innerText");
            assert!(begun.elapsed() < Duration::from_secs(60), "{script}\n{}", page().as_str().unwrap_or_default());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// What a script hands to its last argument, a function.
    pub fn ask_later(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({"script": script, "args": []}))
    }

    /// What is wrong with how the page is laid out: it scrolls sideways, or has text that is too small. `also` is a script that adds
    /// what it finds to the list `wrong`; `root` is the page.
    pub fn layout_faults(&self, also: &str) -> Value {
        self.ask(&format!(
            "const wrong = [];
            const root = document.documentElement;
            if (root.scrollWidth > root.clientWidth) wrong.push('scrolls sideways: ' + root.scrollWidth);
            const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (texts.nextNode()) {{
                const at = texts.currentNode.parentElement;
                if (!texts.currentNode.data.trim() || ['SCRIPT', 'STYLE'].includes(at.tagName) || !at.checkVisibility()) continue;
                if (parseFloat(getComputedStyle(at).fontSize) < 11) wrong.push('small: ' + texts.currentNode.data);
            }}
            {also}
            return wrong;"
        ))
    }

    /// What axe finds wrong with the page for people who cannot see it well or use a mouse. Empty, and a word about it, if axe is
    /// not installed.
    #[allow(clippy::print_stderr)] // a part of a test is skipped by name
    pub fn violations(&self) -> Value {
        let Some(axe) = &self.axe else {
            eprintln!("skipped: what axe finds in a page needs npm's axe-core in NODE_PATH");
            return json!([]);
        };
        self.ask_later(&format!(
            "{axe}; const done = arguments[arguments.length - 1]; axe.run().then((found) => done(found.violations\
             .flatMap((v) => v.nodes.slice(0, 3).map((n) => v.id + ': ' + n.html.slice(0, 120) + ' ' + n.failureSummary))));"
        ))
    }

    /// Shows pages at this size, light or dark.
    pub fn show_at(&self, (width, height): (u32, u32), theme: &str) {
        let devtools =
            |command: &str, params: Value| self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}));
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500});
        devtools("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({"features": [{"name": "prefers-color-scheme", "value": theme}]});
        devtools("Emulation.setEmulatedMedia", scheme);
    }

    /// A picture of the page from top to bottom, as PNG.
    pub fn picture(&self) -> Vec<u8> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.post("/goog/cdp/execute", &json!({"cmd": "Page.captureScreenshot", "params": params}));
        base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().expect("a picture")).expect("Base64")
    }

    /// Types keys, one after the other, where the page has its focus.
    pub fn press(&self, keys: &str) {
        let key = |key: char| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()}));
        let actions: Vec<Value> = keys.chars().flat_map(key).collect();
        self.post("/actions", &json!({"actions": [{"type": "key", "id": "keyboard", "actions": actions}]}));
    }

    /// What the page wrote to the console as errors.
    pub fn errors(&self) -> Vec<Value> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        entries.as_array().expect("a list").iter().filter(|entry| entry["level"] == "SEVERE").cloned().collect()
    }
}

/// A chromedriver and its port. `None` if it ended at once.
///
/// # Errors
/// If there is none.
fn driver() -> io::Result<Option<(Child, String)>> {
    let mut command = Command::new("chromedriver");
    let mut driver = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let lines = BufReader::new(driver.stdout.take().expect("a pipe")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| {
        line.contains("started successfully")
            .then(|| line.trim_end_matches('.').rsplit(' ').next().map(str::to_owned))?
    });
    if port.is_none() {
        driver.wait()?;
    }
    Ok(port.map(|port| (driver, port)))
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.client.delete(&self.session).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
