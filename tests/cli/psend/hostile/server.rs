//! A server that plays the bytes of a row, over TCP or TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::frames::{Frame, Frames, Next};

/// One thing that the server does.
#[derive(Clone)]
pub(super) enum Step {
    /// Reads what there is, or waits for something to read.
    Read,
    /// Writes these bytes beneath TLS, if there is any.
    Beneath(Vec<u8>),
    /// Writes these frames of HTTP/2 so often, or until nobody reads them.
    Frames(Vec<Frame>, usize),
    /// Writes these bytes so often, or until nobody reads them.
    Write(Vec<u8>, usize),
    /// Writes these bytes one at a time, so long apart.
    Drip(Vec<u8>, Duration),
    /// Says nothing for so long.
    Pause(Duration),
    /// Says nothing until psend ends the connection.
    Hold,
    /// Says that it will write no more, and reads on.
    HalfClose,
    /// Ends the connection; over TLS with close_notify.
    Close,
    /// Ends the connection; over TLS without a word.
    Cut,
    /// Ends the connection with a reset.
    Reset,
}

/// What the server does when a request has arrived.
#[derive(Clone)]
pub(super) struct Play {
    /// Whether it reads the request first.
    pub(super) reads: bool,
    pub(super) steps: Vec<Step>,
}

/// What it does with each connection, and with the first request, the second and so on. The last play is for all that follow.
#[derive(Clone)]
pub(super) struct Plays {
    pub(super) greeting: Vec<Step>,
    pub(super) plays: Vec<Play>,
}

impl Plays {
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { greeting: Vec::new(), plays: vec![Play { reads: true, steps }] }
    }

    /// What it does first on each connection; over HTTP/2 after the client's preface.
    pub(super) fn greets(mut self, greeting: Vec<Step>) -> Self {
        self.greeting = greeting;
        self
    }

    /// What it does with the requests after.
    pub(super) fn then(mut self, next: impl Into<Self>) -> Self {
        self.plays.extend(next.into().plays);
        self
    }

    /// Does another thing after the last.
    pub(super) fn and(mut self, step: Step) -> Self {
        self.plays.last_mut().expect("a play").steps.push(step);
        self
    }

    /// Does all this without reading.
    pub(super) fn unread(mut self) -> Self {
        self.plays.iter_mut().for_each(|play| play.reads = false);
        self
    }
}

/// Answers with these bytes, and keeps the connection.
impl<T: AsRef<[u8]>> From<T> for Plays {
    fn from(bytes: T) -> Self {
        Self::of(vec![Step::Write(bytes.as_ref().to_vec(), 1)])
    }
}

/// A server that plays a row. It ends with the test.
pub(super) struct Server {
    port: u16,
    is_tls: bool,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Server {
    pub(super) fn start(plays: &Plays, tls: Option<Arc<ServerConfig>>, is_http2: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, is_tls: tls.is_some(), heard: Arc::default() };
        let (heard, requests) = (Arc::clone(&server.heard), Arc::<AtomicUsize>::default());
        let plays = Arc::new(plays.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (tls, plays) = (tls.clone(), Arc::clone(&plays));
                let (heard, requests) = (Arc::clone(&heard), Arc::clone(&requests));
                thread::spawn(move || {
                    let mut wire: Box<dyn Wire> = match tls {
                        None => Box::new(stream),
                        Some(config) => {
                            let session = ServerConnection::new(config).expect("a configuration");
                            let mut wire = StreamOwned::new(session, stream);
                            if wire.conn.complete_io(&mut wire.sock).is_err() {
                                return;
                            }
                            Box::new(wire)
                        }
                    };
                    let frames = is_http2.then(Frames::default);
                    let _ =
                        Played { wire: &mut *wire, plays: &plays, heard: &heard, requests: &requests, frames }.all();
                });
            }
        });
        server
    }

    pub(super) fn url(&self) -> String {
        format!("{}://localhost:{}", if self.is_tls { "https" } else { "http" }, self.port)
    }

    pub(super) fn address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.port)
    }

    /// Whether this event has arrived.
    pub(super) fn has_heard(&self, id: &str) -> bool {
        memchr::memmem::find(&self.heard.lock().expect("no holder panics"), format!("\"{id}\"").as_bytes()).is_some()
    }
}

/// A connection, with TLS or without.
trait Wire: Read + Write {
    fn socket(&self) -> &TcpStream;
    fn say_goodbye(&mut self) {}
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }

    fn say_goodbye(&mut self) {
        self.conn.send_close_notify();
        let _ = self.flush();
    }
}

/// A connection on which the plays are played.
struct Played<'a> {
    wire: &'a mut dyn Wire,
    plays: &'a Plays,
    heard: &'a Mutex<Vec<u8>>,
    requests: &'a AtomicUsize,
    /// What was read of HTTP/2, if that is spoken.
    frames: Option<Frames>,
}

impl Played<'_> {
    /// Plays until the connection is over, which is an error.
    fn all(&mut self) -> io::Result<()> {
        let Plays { greeting, plays } = self.plays;
        self.read_preface()?;
        greeting.iter().try_for_each(|step| self.play(step))?;
        loop {
            let play = &plays[self.requests.load(Ordering::SeqCst).min(plays.len() - 1)];
            if play.reads {
                self.read_request()?;
            }
            self.requests.fetch_add(1, Ordering::SeqCst);
            play.steps.iter().try_for_each(|step| self.play(step))?;
            if !play.reads {
                self.hold()?;
            }
        }
    }

    fn play(&mut self, step: &Step) -> io::Result<()> {
        let over = || Err(io::ErrorKind::NotConnected.into());
        match step {
            Step::Read => self.read().map(drop),
            Step::Beneath(bytes) => self.wire.socket().write_all(bytes),
            Step::Frames(frames, times) => {
                let stream = self.frames.as_ref().map_or(0, Frames::stream);
                let bytes: Vec<u8> = frames.iter().flat_map(|frame| frame.bytes(stream)).collect();
                (0..*times).try_for_each(|_| self.wire.write_all(&bytes))?;
                self.wire.flush()
            }
            Step::Write(bytes, times) => {
                (0..*times).try_for_each(|_| self.wire.write_all(bytes))?;
                self.wire.flush()
            }
            Step::Drip(bytes, apart) => bytes.iter().try_for_each(|byte| {
                thread::sleep(*apart);
                self.wire.write_all(&[*byte])?;
                self.wire.flush()
            }),
            Step::Pause(time) => {
                thread::sleep(*time);
                Ok(())
            }
            Step::Hold => self.hold(),
            Step::HalfClose => {
                self.wire.say_goodbye();
                self.wire.socket().shutdown(Shutdown::Write)
            }
            Step::Close => {
                self.wire.say_goodbye();
                let _ = self.wire.socket().shutdown(Shutdown::Both);
                over()
            }
            Step::Cut => {
                let _ = self.wire.socket().shutdown(Shutdown::Both);
                over()
            }
            Step::Reset => {
                rustix::net::sockopt::set_socket_linger(self.wire.socket(), Some(Duration::ZERO))?;
                over()
            }
        }
    }

    fn hold(&mut self) -> io::Result<()> {
        while self.read()? > 0 {}
        Err(io::ErrorKind::UnexpectedEof.into())
    }

    fn read_preface(&mut self) -> io::Result<()> {
        while self.frames.as_mut().is_some_and(|frames| !frames.has_preface()) {
            self.read_some()?;
        }
        Ok(())
    }

    fn read_request(&mut self) -> io::Result<()> {
        if self.frames.is_some() {
            return self.read_frames();
        }
        let from = self.heard.lock().expect("no holder panics").len();
        loop {
            self.read_some()?;
            let heard = self.heard.lock().expect("no holder panics");
            let request = &heard[from..];
            let Some(end) = memchr::memmem::find(request, b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            if request.len() >= end + 4 + length.unwrap_or(0) {
                return Ok(());
            }
        }
    }

    /// Reads frames up to the end of a request, and says what is due to the others.
    fn read_frames(&mut self) -> io::Result<()> {
        loop {
            let next = self.frames.as_mut().and_then(Frames::next);
            match next {
                Some(Next::Request) => return Ok(()),
                Some(Next::Due(frame)) => {
                    self.wire.write_all(&frame.bytes(0))?;
                    self.wire.flush()?;
                }
                None => self.read_some()?,
            }
        }
    }

    fn read_some(&mut self) -> io::Result<()> {
        if self.read()? > 0 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn read(&mut self) -> io::Result<usize> {
        let mut block = [0; 8 << 10];
        let length = self.wire.read(&mut block)?;
        self.heard.lock().expect("no holder panics").extend_from_slice(&block[..length]);
        if let Some(frames) = &mut self.frames {
            frames.take(&block[..length]);
        }
        Ok(length)
    }
}
