//! A server that answers as a test tells it to, right or wrong, one thread a connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// A request as it came in.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its number over all connections, from 1.
    pub number: usize,
    /// Its number on its connection, from 1.
    pub on_connection: usize,
    /// When it was whole.
    pub at: Instant,
    /// Method and path.
    pub line: String,
    /// Header lines, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The event_id in its body.
    pub fn event_id(&self) -> String {
        let event: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        event["event_id"].as_str().unwrap_or_default().to_owned()
    }
}

/// What to do with a request.
#[derive(Debug, Clone)]
#[allow(dead_code)] // some are for tests to come
pub enum Act {
    /// Answer with a status, header lines and a body, and keep the connection.
    Answer(u16, Vec<String>, String),
    /// Write these bytes and close.
    Raw(Vec<u8>),
    /// Write this answer a byte at a time, so long apart, then keep the connection.
    Drip(Vec<u8>, Duration),
    /// Close without a word.
    Close,
    /// Break the connection with a reset.
    Reset,
    /// Say nothing for so long, then close.
    Stall(Duration),
    /// Wait so long, then do the other.
    After(Duration, Box<Act>),
}

impl Act {
    /// 200 in PulseStream's words.
    pub fn accept() -> Self {
        Self::answer(200, r#"{"success":true,"message":"Event queued for processing","errors":null}"#)
    }

    /// 200 for an event that is there already.
    pub fn duplicate() -> Self {
        Self::answer(200, r#"{"success":true,"message":"Event already exists (idempotent)","errors":null}"#)
    }

    pub fn answer(status: u16, body: &str) -> Self {
        Self::Answer(status, Vec::new(), body.to_owned())
    }

    pub fn with_header(status: u16, header: &str) -> Self {
        Self::Answer(status, vec![header.to_owned()], String::new())
    }
}

/// A running server. It ends with the test.
pub struct Scripted {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
    connections: Arc<AtomicUsize>,
    ended: Arc<AtomicBool>,
}

impl Scripted {
    /// Starts a server that does with each request as `script` says.
    pub fn start(script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("a port is free"), script)
    }

    /// The same on a port that is known already.
    pub fn on(listener: TcpListener, script: impl Fn(&Request) -> Act + Send + Sync + 'static) -> Self {
        let server = Self {
            address: listener.local_addr().expect("a listener has an address"),
            seen: Arc::default(),
            connections: Arc::default(),
            ended: Arc::default(),
        };
        let (seen, connections, ended) =
            (Arc::clone(&server.seen), Arc::clone(&server.connections), Arc::clone(&server.ended));
        let (script, numbers) = (Arc::new(script), Arc::new(AtomicUsize::new(0)));
        thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                connections.fetch_add(1, Ordering::SeqCst);
                let (seen, script, numbers) = (Arc::clone(&seen), Arc::clone(&script), Arc::clone(&numbers));
                thread::spawn(move || serve(&stream, &seen, &numbers, &*script));
            }
        });
        server
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// All requests so far, in the order in which they were whole.
    pub fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no holder panics").clone()
    }

    /// How many connections were made.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, seen: &Mutex<Vec<Request>>, numbers: &AtomicUsize, script: &dyn Fn(&Request) -> Act) {
    let mut reader = BufReader::new(stream);
    let mut on_connection = 0;
    while let Some(mut request) = read(&mut reader) {
        on_connection += 1;
        request.number = numbers.fetch_add(1, Ordering::SeqCst) + 1;
        request.on_connection = on_connection;
        seen.lock().expect("no holder panics").push(request.clone());
        if !act(stream, script(&request)) {
            break;
        }
    }
    let _ = stream.shutdown(Shutdown::Both);
}

/// Does it; `false` where the connection is over.
fn act(mut stream: &TcpStream, act: Act) -> bool {
    match act {
        Act::Answer(status, headers, body) => {
            let headers: String = headers.iter().map(|h| format!("{h}\r\n")).collect();
            let answer = format!("HTTP/1.1 {status} Told\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).is_ok()
        }
        Act::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Act::Drip(bytes, apart) => bytes.iter().all(|byte| {
            thread::sleep(apart);
            stream.write_all(&[*byte]).is_ok()
        }),
        Act::Close => false,
        Act::Reset => {
            rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)).expect("a socket lingers as told");
            false
        }
        Act::Stall(time) => {
            thread::sleep(time);
            false
        }
        Act::After(time, then) => {
            thread::sleep(time);
            self::act(stream, *then)
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok().filter(|n| *n > 0)?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, n)| n.parse().unwrap_or(0));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    Some(Request { number: 0, on_connection: 0, at: Instant::now(), line, headers, body })
}
