//! A pserve for one test, on a free port and with a temporary database. It ends with the test.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::http::{self, Answer};
use super::{Run, tool};

/// The guide's test key, which a pserve without flags lets in.
pub const KEY: &str = "X-API-Key: test-api-key-12345";

/// The path of the API.
pub const API: &str = "/api/v1/ingestion";

/// A running pserve.
pub struct Server {
    child: Child,
    url: String,
    flags: Vec<String>,
    /// What `--db` names.
    named: String,
    folder: TempDir,
}

impl Server {
    /// Starts pserve with these flags in addition to `--listen` and `--db`, and waits until it is ready.
    #[track_caller]
    pub fn start(flags: &[&str]) -> Self {
        Self::over(None, flags)
    }

    /// The same over a database that is no file of its own.
    #[track_caller]
    pub fn over(db: Option<&str>, flags: &[&str]) -> Self {
        let folder = TempDir::new().expect("a temporary folder can be made");
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        let file = folder.path().join("events.db");
        let named = db.unwrap_or_else(|| file.to_str().expect("UTF-8")).to_owned();
        let (child, url) = spawn("127.0.0.1:0", &named, &flags);
        Self { child, url, flags, named, folder }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        self.url.strip_prefix("http://").expect("a URL begins with its scheme")
    }

    /// The database's file.
    pub fn db(&self) -> PathBuf {
        self.folder.path().join("events.db")
    }

    /// The process's id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks for a path below the API's, with the test key.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.request("GET", path, &[KEY], b"");
        (answer.status, answer.json())
    }

    /// Sends a body to a path below the API's, with the test key.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> (u16, Value) {
        let answer = self.request("POST", path, &[KEY], body.as_ref());
        (answer.status, answer.json())
    }

    /// Sends a request with these headers to a path below the API's.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
        http::request(self.address(), method, &format!("{API}{path}"), headers, body).expect("the server answers")
    }

    /// How many events the server says it holds.
    #[track_caller]
    pub fn count(&self) -> u64 {
        let (status, page) = self.get("/events/search?limit=1");
        assert_eq!(status, 200, "{page}");
        page["total_count"].as_u64().expect("a count is a number")
    }

    /// The event_ids in the database's file itself, sorted; no server needs to run.
    pub fn stored_ids(&self) -> Vec<String> {
        let store = rusqlite::Connection::open(self.db()).expect("the database can be opened");
        let mut select = store.prepare("SELECT external_id FROM events ORDER BY 1").expect("the table is there");
        let ids = select.query_map([], |row| row.get(0)).expect("the query runs");
        ids.collect::<Result<_, _>>().expect("the rows can be read")
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// Starts pserve again, on the same port and database, after [`Server::kill`] or [`Server::stop`].
    #[track_caller]
    pub fn restart(&mut self) {
        (self.child, self.url) = spawn(self.address(), &self.named, &self.flags);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process has an id");
        kill_process(pid, signal).expect("the process is there");
    }

    /// Stops it as Ctrl-C does, and gives what it left.
    pub fn stop(&mut self) -> Run {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Waits for it to end.
    pub fn wait(&mut self) -> Run {
        let mut stderr = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            let _ = pipe.read_to_string(&mut stderr);
        }
        Run { status: self.child.wait().expect("the process ends"), stdout: Vec::new(), stderr }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn spawn(listen: &str, db: &str, flags: &[String]) -> (Child, String) {
    let mut command = tool("pserve");
    command.args(["--listen", listen, "--db", db]).args(flags).stderr(Stdio::piped());
    let mut child = command.spawn().expect("pserve starts");
    let mut url = String::new();
    let stdout = child.stdout.take().expect("its standard output is a pipe");
    BufReader::new(stdout).read_line(&mut url).expect("its standard output can be read");
    if url.is_empty() {
        let mut said = String::new();
        let _ = child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        let _ = child.wait();
        panic!("pserve did not start: {said}");
    }
    (child, url.trim_end().to_owned())
}
