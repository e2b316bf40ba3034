//! A PostgreSQL of the tests' own: a new cluster in a temporary folder, reached by a Unix socket. It ends with the tests.

use std::fs::Permissions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The user `nobody`. PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// The oldest version that pserve supports.
const OLDEST: u32 = 14;

/// Serves until its input ends, and cleans up behind itself even if the tests were killed.
const SERVE: &str = r#""$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=200 "${@:3}" >>"$2/log" 2>&1 &
    read -r word; kill -s "${word:-INT}" $!; wait; [ "$word" ] || rm -rf "$2""#;

/// A running cluster.
pub struct Cluster {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    settings: Vec<String>,
    server: Mutex<Option<Child>>,
}

impl Cluster {
    /// Makes and starts a cluster. `None` if PostgreSQL is not installed, which it says.
    pub fn start(what: &str) -> Option<Self> {
        Self::start_with(what, &[], &[])
    }

    /// The same with these settings, such as `ssl=on`, and these files beside the folder of its data.
    #[allow(clippy::print_stderr)] // a test that is skipped says so
    pub fn start_with(what: &str, settings: &[&str], files: &[(&str, &str)]) -> Option<Self> {
        let Some(programs) = programs() else {
            eprintln!("skipped: {what} needs PostgreSQL {OLDEST} or later");
            return None;
        };
        let folder = tempfile::tempdir().expect("a folder").keep();
        give_away(&folder);
        for (name, content) in files {
            let path = folder.join(name);
            std::fs::write(&path, content).expect("the folder is new");
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("the file is ours");
            give_away(&path);
        }
        let port = port();
        let listened = format!("port={port}");
        let settings = [&listened[..]]
            .iter()
            .chain(settings)
            .flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()])
            .collect();
        let cluster = Self { programs, folder, port, settings, server: Mutex::default() };
        let made = unprivileged(&cluster.programs.join("initdb"))
            .args(["--no-sync", "--auth=trust", "--username=tester", "--encoding=UTF8", "--no-locale", "-D"])
            .arg(cluster.folder.join("data"))
            .output()
            .expect("initdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        cluster.resume();
        Some(cluster)
    }

    /// Starts the server again after [`Cluster::end`].
    pub fn resume(&self) {
        let mut server = unprivileged(Path::new("bash"));
        server.args(["-c", SERVE, "serve"]).args([&self.programs, &self.folder]).args(&self.settings);
        let server = server.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("bash starts");
        *self.server.lock().expect("no panic") = Some(server);
        let begun = Instant::now();
        let mut ready = self.client("pg_isready");
        while !ready.arg("--quiet").status().expect("pg_isready starts").success() {
            let log = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(30), "PostgreSQL does not start: {}", log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Ends the server with this signal: INT as an operator does, QUIT as a crash does.
    pub fn end(&self, signal: &str) {
        let mut server = self.server.lock().expect("no panic").take().expect("it runs");
        writeln!(server.stdin.take().expect("a pipe"), "{signal}").expect("it reads");
        server.wait().expect("it ends");
    }

    /// The URL of a new database.
    pub fn database(&self) -> String {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let created = self.client("createdb").arg(&name).output().expect("createdb starts");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stderr));
        format!("postgres:///{name}?host={}&port={}&user=tester", self.folder.display(), self.port)
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What a statement in a database prints.
    pub fn sql(&self, url: &str, statement: &str) -> String {
        let name = url.split(['/', '?']).nth(3).expect("a URL has a database");
        let ran = self.client("psql").args(["-XAtq", "-c", statement, name]).output().expect("psql starts");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).expect("UTF-8").trim_end().to_owned()
    }

    /// One of PostgreSQL's programs that connect to the server.
    pub fn client(&self, program: &str) -> Command {
        let mut client = Command::new(self.programs.join(program));
        client.arg("-h").arg(&self.folder).args(["-U", "tester", "-p", &self.port.to_string()]);
        client
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.lock().ok().and_then(|mut server| server.take()) {
            drop(server.stdin.take());
            let _ = server.wait();
        }
    }
}

/// Where PostgreSQL's programs are.
fn programs() -> Option<PathBuf> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    let anywhere = std::env::split_paths(&search).collect::<Vec<_>>();
    let debians = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = debians.map(|version| version.path().join("bin")).chain(anywhere).collect();
    all.retain(|folder| folder.join("initdb").exists());
    all.into_iter().find(|folder| {
        let said = Command::new(folder.join("postgres")).arg("--version").output().map(|out| out.stdout);
        let said = String::from_utf8_lossy(&said.unwrap_or_default()).into_owned();
        let number = said.split(|c: char| !c.is_ascii_digit()).find(|number| !number.is_empty());
        number.and_then(|number| number.parse().ok()).is_some_and(|version: u32| version >= OLDEST)
    })
}

/// A free port that no outgoing connection is given.
fn port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).expect("it is small");
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (first..32_000).find(is_free).expect("a port is free")
}

/// Makes the user that PostgreSQL runs as the owner.
fn give_away(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may do that");
    }
}

/// A command that does not run as root.
fn unprivileged(program: &Path) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).current_dir("/");
    command
}
