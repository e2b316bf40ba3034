//! The server's life: open the database, listen, print the URL, serve until a signal or the command's end, finish the
//! requests in flight, close.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::future::OptionFuture;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::access_log::AccessLog;
use super::api::{self, App, Room};
use super::chaos::{Chaos, Truth};
use super::config::{ChaosConfig, Config, Until};
use super::figures::{Figures, Keeper};
use super::limit::Limiter;
use super::metrics::Metrics;
use super::signals::Signals;
use super::socket::Socket;
use super::store::StoreError;
use super::store::commit::Committer;
use super::store::readers::Readers;
use super::{connection, exec};
use crate::cli::output::Output;
use crate::cli::{Console, Ending, numbers};
use crate::clock::{Clock, Micros, SystemClock};
use crate::error::{Error, Result};

/// How long requests in flight may take to finish once the server stops.
const GRACE: Duration = Duration::from_secs(10);

pub(super) fn run(config: Config, console: &Console) -> Result<Ending> {
    let (store, writer) = config.db.open()?;
    let failed = |e: StoreError| Error::failed(e.to_string());
    let figures = store.reader().and_then(|mut reader| Figures::of(&mut *reader)).map_err(failed)?;
    let figures = Arc::new(figures);
    let access_log = config.access_log.as_deref().map(AccessLog::open).transpose()?;
    raise_file_limit();
    let process = |e: std::io::Error| Error::failed(format!("cannot start the server: {e}"));
    // One thread for all connections: the writer's thread is the bottleneck, and a second one would only take its core.
    let runtime = Builder::new_current_thread().enable_all().build().map_err(process)?;
    let (committer, writing) = Committer::start(writer, Keeper(Arc::clone(&figures))).map_err(process)?;

    let ending = runtime.block_on(async {
        let mut signals = Signals::listen().map_err(process)?;
        let (listener, address) = bind(&config.listen).await?;
        let unix = config.unix_socket.as_deref().map(UnixPath::bind).transpose()?;
        let url = format!("http://{}", reachable(address));
        if !config.quiet {
            let key = if config.keys.is_test_key() { "; the key is the guide's test key" } else { "" };
            console.note(format_args!("storing events in {}{key}", config.db));
        }
        let clock = SystemClock::start();
        let chaos = config.chaos.map(|chaos| inject(chaos, clock.now(), config.quiet, console)).transpose()?;
        let (stop, stopped) = watch::channel(false);
        let app = App {
            shows_key: config.keys.is_test_key() && config.listen.iter().all(|address| address.ip().is_loopback()),
            keys: config.keys,
            rate: config.rate,
            limiter: Limiter::default(),
            duplicates: config.duplicates,
            page: config.page,
            clock: Box::new(clock),
            committer,
            readers: Readers::new(store),
            figures,
            metrics: Metrics::default(),
            access_log,
            stopped: stopped.clone(),
            chaos,
            room: Room::default(),
        };
        let app = Arc::new(app);
        let serving = tokio::spawn(accept(listener, unix, app, stopped));

        let ending = match &config.until {
            Until::Exit { command, key } => exec::run(command, &url, key, &mut signals).await?,
            Until::Signal => {
                announce(&url)?;
                Ending::Signalled(signals.next().await.as_raw())
            }
        };
        let _ = stop.send(true);
        tokio::select! {
            _ = timeout(GRACE, serving) => {}
            signal = signals.next() => return Ok(Ending::Signalled(signal.as_raw())),
        }
        Ok(ending)
    });
    // Ends the connections that did not finish in time, and with the last of them the writer's queue.
    runtime.shutdown_timeout(Duration::from_secs(1));
    let stored = close(writing);
    let (ending, stored) = (ending?, stored?);
    if !config.quiet {
        let events = numbers::counted(stored, "event", "events");
        console.note(format_args!("{events} stored in {}", config.db));
    }
    Ok(ending)
}

/// Prepares the faults on purpose, and says with which seed they can be repeated.
fn inject(config: ChaosConfig, now: Micros, quiet: bool, console: &Console) -> Result<Chaos> {
    let ChaosConfig { rules, seed, is_drawn, truth } = config;
    if is_drawn && !quiet {
        console.note(format_args!("--seed {seed} repeats the faults of --chaos"));
    }
    let truth = truth.map(|path| Truth::begin(&path, seed, &rules, now)).transpose()?;
    Ok(Chaos::new(rules, seed, truth))
}

/// Serves all who connect until `stop`, then waits until those that are connected have their answers.
async fn accept(tcp: TcpListener, unix: Option<UnixPath>, app: Arc<App>, mut stop: watch::Receiver<bool>) {
    /// How long to wait if the system has no resources for one more connection.
    const BREATH: Duration = Duration::from_millis(100);
    let (mut connections, handed_on) = (JoinSet::new(), stop.clone());
    let router = api::router(Arc::clone(&app));
    loop {
        let from_unix = OptionFuture::from(unix.as_ref().map(|unix| unix.listener.accept()));
        let accepted = tokio::select! {
            accepted = tcp.accept() => accepted.map(|(connection, _)| {
                // Answers are small and written in one piece: waiting to send more at once would only delay them.
                let _ = connection.set_nodelay(true);
                Socket::Tcp(connection)
            }),
            Some(accepted) = from_unix => accepted.map(|(connection, _)| Socket::Unix(connection)),
            Some(_) = connections.join_next() => continue,
            () = async { drop(stop.wait_for(|stopped| *stopped).await) } => break,
        };
        match accepted {
            Ok(socket) => {
                let (app, router, stop) = (Arc::clone(&app), router.clone(), handed_on.clone());
                connections.spawn(async move {
                    app.metrics.connection(1);
                    connection::serve(socket, router, stop).await;
                    app.metrics.connection(-1);
                });
            }
            Err(_) => sleep(BREATH).await,
        }
    }
    drop((tcp, unix));
    while connections.join_next().await.is_some() {}
}

/// A Unix socket to listen on, whose name is removed at the end.
struct UnixPath {
    listener: UnixListener,
    path: PathBuf,
}

impl UnixPath {
    /// Listens. Replaces a socket that nobody listens on.
    fn bind(path: &Path) -> Result<Self> {
        let failed = |e: &dyn std::fmt::Display| Error::failed(format!("--unix-socket {}: {e}", path.display()));
        match UnixStream::connect(path) {
            Ok(_) => return Err(failed(&"another server listens on it")),
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path).map_err(|e| failed(&e))?;
            }
            Err(_) => {}
        }
        let listener = UnixListener::bind(path).map_err(|e| failed(&e))?;
        Ok(Self { listener, path: path.to_owned() })
    }
}

impl Drop for UnixPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Waits for the last commit. Returns how many events are stored.
fn close(writing: thread::JoinHandle<Result<u64, StoreError>>) -> Result<u64> {
    match writing.join() {
        Ok(Ok(stored)) => Ok(stored),
        Ok(Err(error)) => Err(Error::failed(error.to_string())),
        Err(_) => Err(Error::failed("the thread that writes to the database panicked")),
    }
}

async fn bind(addresses: &[SocketAddr]) -> Result<(TcpListener, SocketAddr)> {
    let failed = |e: &dyn std::fmt::Display| {
        let list: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        Error::failed(format!("cannot listen on {}: {e}", list.join(", ")))
    };
    let listener = TcpListener::bind(addresses).await.map_err(|e| failed(&e))?;
    let address = listener.local_addr().map_err(|e| failed(&e))?;
    Ok((listener, address))
}

/// The address under which this machine reaches a server that listens on all of its addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn announce(url: &str) -> Result<()> {
    Output::open(None)?.put(format!("{url}\n").as_bytes())
}

/// Allows as many connections as the system permits. The usual soft limit of 1024 files is meant for a shell, not a server.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
