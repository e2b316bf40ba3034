//! HTTP/2: the same outcomes as over HTTP/1.1, and an end where there can be none.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use super::network::{Certificates, certificates, server_config, tls_server};
use super::{events, outcomes, send, words};
use crate::scripted::{Act, Scripted};
use crate::support::{Run, run_with};

/// What to do with a request.
#[derive(Clone, Copy)]
enum Told {
    Answer(u16),
    Stall,
    /// End the connection with the request unanswered.
    Break,
}

/// A server with only HTTP/2. A function decides what it does with the nth request, from 1.
struct Http2 {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<(hyper::http::request::Parts, Bytes)>>>,
}

impl Http2 {
    fn start(told: impl Fn(usize) -> Told + Send + Sync + 'static) -> Self {
        Self::over(None, told)
    }

    fn over(tls: Option<rustls::ServerConfig>, told: impl Fn(usize) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let shared = Arc::clone(&seen);
        let told = Arc::new(told);
        let numbers = Arc::new(AtomicUsize::new(0));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                listener.set_nonblocking(true).expect("a socket");
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let acceptor = tls.map(|config| tokio_rustls::TlsAcceptor::from(Arc::new(config)));
                while let Ok((stream, _)) = listener.accept().await {
                    let (told, seen, numbers) = (Arc::clone(&told), Arc::clone(&shared), Arc::clone(&numbers));
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        match acceptor {
                            None => serve(stream, told, seen, numbers).await,
                            Some(acceptor) => {
                                if let Ok(stream) = acceptor.accept(stream).await {
                                    serve(stream, told, seen, numbers).await;
                                }
                            }
                        }
                    });
                }
            });
        });
        Self { address, seen }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    told: Arc<dyn Fn(usize) -> Told + Send + Sync>,
    seen: Arc<Mutex<Vec<(hyper::http::request::Parts, Bytes)>>>,
    numbers: Arc<AtomicUsize>,
) {
    let broken = Arc::new(tokio::sync::Notify::new());
    let end = Arc::clone(&broken);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let (told, seen, numbers, broken) =
            (Arc::clone(&told), Arc::clone(&seen), Arc::clone(&numbers), Arc::clone(&broken));
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            seen.lock().expect("no holder panics").push((parts, body));
            let status = match told(numbers.fetch_add(1, Ordering::SeqCst) + 1) {
                Told::Answer(status) => status,
                Told::Stall => {
                    tokio::time::sleep(Duration::from_secs(20)).await;
                    200
                }
                Told::Break => {
                    broken.notify_one();
                    std::future::pending().await
                }
            };
            let answer = Full::new(Bytes::from_static(b"{\"success\":true,\"message\":\"Event queued\"}"));
            let answer = hyper::Response::builder().status(status).body(answer).expect("a status");
            Ok::<_, hyper::Error>(answer)
        }
    });
    let connection =
        hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        () = end.notified() => {}
    }
}

/// The URL of a server that takes every event over HTTP/2 and TLS, with these certificates.
pub(super) fn over_tls(certificates: &Certificates) -> String {
    let mut config = server_config(certificates, None);
    config.alpn_protocols = vec![b"h2".to_vec()];
    format!("https://localhost:{}", Http2::over(Some(config), |_| Told::Answer(200)).address.port())
}

const SOON: [&str; 6] = ["--http2", "--wait-for-server", "300ms", "--retry-base", "1ms", "-c"];

#[test]
fn events_go_out_over_http2_without_tls_and_over_a_unix_socket() {
    let server = Http2::start(|_| Told::Answer(200));
    let run = run_with("psend", &["--http2", "--url", &server.url()], &events(50)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 50]);
    let seen = server.seen.lock().expect("no holder panics");
    assert_eq!(seen.len(), 50);
    assert_eq!(seen[0].0.version, hyper::Version::HTTP_2);
    assert_eq!(seen[0].0.headers["x-api-key"], "test-api-key-12345");

    // The server at the socket has no HTTP/2. It only matters that it is asked.
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("psend connects");
        let mut preface = [0; 14];
        std::io::Read::read_exact(&mut stream, &mut preface).expect("a preface");
        preface
    });
    run_with(
        "psend",
        &["--http2", "--unix-socket", path.to_str().expect("a path"), "--wait-for-server", "0s"],
        &events(1),
    );
    assert_eq!(&asked.join().expect("asked"), b"PRI * HTTP/2.0");
}

#[test]
fn each_way_to_fail_has_its_outcome_over_http2_too() {
    for (told, word, kind) in [
        (Told::Answer(503), "failed", "http"),
        (Told::Answer(502), "unknown", "http"),
        (Told::Answer(422), "rejected", "http"),
        (Told::Answer(302), "rejected", "redirect"),
        (Told::Stall, "unknown", "timeout"),
        (Told::Break, "unknown", "reset"),
    ] {
        let server = Http2::start(move |_| told);
        let flags = ["--http2", "--url", &server.url(), "--retries", "1", "--retry-base", "1ms", "--timeout", "500ms"];
        let run = run_with("psend", &flags, &events(8)).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), vec![word; 8], "{}", outcomes[0]);
        assert_eq!(outcomes[0]["error"]["kind"], kind, "{}", outcomes[0]);
    }
    let server = Http2::start(|n| if n % 7 == 3 { Told::Break } else { Told::Answer(200) });
    let run =
        run_with("psend", &["--http2", "--url", &server.url(), "--retry-base", "1ms"], &events(60)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 60], "a connection that broke is made again");
}

#[test]
fn a_connection_that_goes_silent_is_given_up_with_the_first_request_that_it_leaves_unanswered() {
    // Hands on what the server says on its first connection only for a while, and on those after for ever.
    let server = Http2::start(|_| Told::Answer(200));
    let relay = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", relay.local_addr().expect("an address"));
    let (to, connections) = (server.address, Arc::new(AtomicUsize::new(0)));
    let count = Arc::clone(&connections);
    thread::spawn(move || {
        for here in relay.incoming().flatten() {
            let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
            let there = std::net::TcpStream::connect(to).expect("a server");
            let (mut from, mut back) = (there.try_clone().expect("a socket"), here.try_clone().expect("a socket"));
            thread::spawn(move || std::io::copy(&mut &here, &mut &there));
            thread::spawn(move || {
                let mut block = [0; 1024];
                let mut answers = 0;
                while let Ok(n @ 1..) = std::io::Read::read(&mut from, &mut block) {
                    answers += 1;
                    if !(is_first && answers > 20) {
                        let _ = std::io::Write::write_all(&mut back, &block[..n]);
                    }
                }
            });
        }
    });
    let flags = ["--http2", "--url", &url, "-c", "8", "--timeout", "400ms", "--retry-base", "1ms"];
    let run = run_with("psend", &flags, &events(200)).expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["accepted"; 200]);
    let attempts = outcomes.iter().map(|o| o["attempts"].as_u64().expect("a number")).max();
    assert!(attempts <= Some(3), "{attempts:?}: retries go out on a new connection");
    assert!((2..=4).contains(&connections.load(Ordering::SeqCst)), "{connections:?}: one for all, not one for each");
}

#[track_caller]
fn ends_unsent(run: Run, began: Instant, kind: &str, said: &str) {
    let run = run.expect_code(1);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(run.stderr.lines().count() < 25, "no flood: {}", run.stderr);
    assert!(run.stderr.contains(said), "{}", run.stderr);
    let (outcomes, record) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["not_sent"; 3]);
    assert_eq!(outcomes[0]["error"]["kind"], kind, "{}", outcomes[0]);
    assert_eq!(record["complete"], false);
}

#[test]
fn a_server_that_is_not_there_ends_a_run_over_http2_as_any_other() {
    let began = Instant::now();
    let run = run_with("psend", &[&["--url", "http://127.0.0.1:9"], &SOON[..], &["5"]].concat(), &events(3));
    ends_unsent(run, began, "connect", "no server at http://127.0.0.1:9");
}

#[test]
fn a_server_without_http2_is_reported_at_once() {
    let flags = ["--http2", "--wait-for-server", "60s"];
    let began = Instant::now();
    let plain = Scripted::start(|_| Act::accept());
    ends_unsent(send(&plain, &flags, &events(3)), began, "http", "does not speak HTTP/2");

    let good = certificates("localhost", false);
    let ca = good.ca.to_str().expect("a path");
    let began = Instant::now();
    let mut config = server_config(&good, None);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let (url, _) = tls_server(config);
    let run = run_with("psend", &[&["--url", &url, "--cacert", ca], &flags[..]].concat(), &events(3));
    ends_unsent(run, began, "http", "does not speak HTTP/2");
}

#[test]
fn certificates_are_verified_over_http2_too_and_a_wrong_one_ends_the_run_at_once() {
    let good = certificates("localhost", false);
    let with_h2 = |certificates: &Certificates| {
        let mut config = server_config(certificates, None);
        config.alpn_protocols = vec![b"h2".to_vec()];
        config
    };
    let server = Http2::over(Some(with_h2(&good)), |_| Told::Answer(200));
    let url = format!("https://localhost:{}", server.address.port());
    let flags = ["--url", &url, "--http2", "--cacert", good.ca.to_str().expect("a path")];
    let run = run_with("psend", &flags, &events(20)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 20]);

    for (shown, why) in [
        (certificates("localhost", true), "xpired"),
        (certificates("other.example", false), "other.example"),
        (certificates("localhost", false), "certificate"),
    ] {
        let server = Http2::over(Some(with_h2(&shown)), |_| Told::Answer(200));
        let url = format!("https://localhost:{}", server.address.port());
        // Whoever signed the third is not trusted.
        let trusted = if why == "certificate" { &good.ca } else { &shown.ca };
        let flags = ["--url", &url, "--http2", "--cacert", trusted.to_str().expect("a path")];
        let began = Instant::now();
        ends_unsent(run_with("psend", &flags, &events(3)), began, "tls", why);
        assert!(server.seen.lock().expect("no holder panics").is_empty());
    }
}

/// What a server that is written by hand does with a request.
#[derive(Clone, Copy)]
enum Say {
    Answer,
    /// RST_STREAM with REFUSED_STREAM.
    Refuse,
    /// GOAWAY that names the last stream that was answered, and the end of the connection.
    GoAway,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A server of HTTP/2 frames. A function decides the answer to each request, by its number in all and on its connection.
/// Gives its URL, and how many requests it answered.
fn by_frames(say: impl Fn(usize, usize) -> Say + Send + Sync + 'static) -> (String, Arc<AtomicUsize>) {
    const END_STREAM: u8 = 1;
    const ACK: u8 = 1;
    let (answered, total, say) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(say));
    let counted = Arc::clone(&answered);
    let url = crate::fakes::with_each_connection(move |mut stream| {
        let (answered, total, say) = (Arc::clone(&counted), Arc::clone(&total), Arc::clone(&say));
        thread::spawn(move || -> std::io::Result<()> {
            stream.read_exact(&mut [0; 24])?;
            stream.write_all(&frame(4, 0, 0, &[]))?;
            let (mut here, mut last) = (0, 0u32);
            loop {
                let mut head = [0; 9];
                stream.read_exact(&mut head)?;
                let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
                stream.read_exact(&mut payload)?;
                let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
                match (head[3], head[4]) {
                    (4, 0) => stream.write_all(&frame(4, ACK, 0, &[]))?,
                    (6, 0) => stream.write_all(&frame(6, ACK, 0, &payload))?,
                    (0 | 1, flags) if flags & END_STREAM != 0 => {
                        here += 1;
                        match say(total.fetch_add(1, Ordering::SeqCst) + 1, here) {
                            Say::Answer => {
                                answered.fetch_add(1, Ordering::SeqCst);
                                last = id;
                                // END_HEADERS, and `:status: 200` as HPACK has it.
                                stream.write_all(&frame(1, 4 | END_STREAM, id, &[0x88]))?;
                            }
                            Say::Refuse => stream.write_all(&frame(3, 0, id, &7u32.to_be_bytes()))?,
                            Say::GoAway => {
                                let payload = [last.to_be_bytes(), [0; 4]].concat();
                                stream.write_all(&frame(7, 0, 0, &payload))?;
                                // To close with bytes unread would take back what was said.
                                return std::io::copy(&mut stream, &mut std::io::sink()).map(drop);
                            }
                        }
                    }
                    _ => {}
                }
            }
        });
    });
    (url, answered)
}

#[test]
fn what_the_server_says_that_it_did_not_handle_is_sent_again_with_an_id_or_without() {
    let without_ids = "{\"a\":1}\n".repeat(50);
    let flags = ["--http2", "--dialect", "plain", "-c", "8", "--timeout", "5s", "--url"];
    for say in [
        (|_, here| if here > 10 { Say::GoAway } else { Say::Answer }) as fn(usize, usize) -> Say,
        |total, _| if total <= 20 { Say::Refuse } else { Say::Answer },
        |total, _| if total % 3 == 0 { Say::Refuse } else { Say::Answer },
    ] {
        let (url, answered) = by_frames(say);
        let run = run_with("psend", &[&flags[..], &[&url]].concat(), without_ids.as_bytes()).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), vec!["accepted"; 50], "{}", run.stderr);
        assert_eq!(answered.load(Ordering::SeqCst), 50, "none was handled twice");
    }
}

#[test]
fn a_server_that_refuses_every_stream_ends_in_failed_and_not_in_unknown() {
    let (url, _) = by_frames(|_, _| Say::Refuse);
    let flags = ["--http2", "--dialect", "plain", "--retries", "1", "--retry-base", "1ms", "--url", &url];
    let run = run_with("psend", &flags, b"{\"a\":1}\n{\"event_id\":\"b\"}\n").expect_code(0);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), ["failed"; 2], "{}", outcomes[0]);
    assert_eq!(outcomes[0]["attempts"], 2);
}

#[test]
fn an_event_is_requested_at_the_same_path_over_either_protocol() {
    let ids = [
        (".", "."),
        ("..", ".."),
        ("a/../b", "a%2F..%2Fb"),
        ("%2F", "%252F"),
        ("%2e", "%252e"),
        ("search", "search"),
        ("batch", "batch"),
        (" ", "%20"),
        ("a?b#c", "a%3Fb%23c"),
        ("\u{e4}", "%C3%A4"),
        ("a\\\\b", "a%5Cb"),
    ];
    let input: String = ids.iter().map(|(id, _)| format!("{{\"event_id\":\"{id}\"}}\n")).collect();
    let wanted: Vec<String> = ids.iter().map(|(_, path)| format!("/api/v1/ingestion/events/{path}")).collect();
    let flags = ["--verify", "-c", "1", "--retries", "0"];

    let one = Scripted::start(|_| Act::answer(404, "{}"));
    send(&one, &flags, input.as_bytes());
    let asked: Vec<String> = one.requests().iter().map(|r| r.line.replace("GET ", "")).collect();
    let two = Http2::start(|_| Told::Answer(404));
    run_with("psend", &[&flags[..], &["--http2", "--url", &two.url()]].concat(), input.as_bytes());
    let seen = two.seen.lock().expect("no holder panics");
    let asked2: Vec<String> = seen.iter().map(|(head, _)| head.uri.path().to_owned()).collect();
    for path in &wanted {
        assert!(asked.contains(path) && asked2.contains(path), "{path}: {asked:?} {asked2:?}");
    }

    let run = send(&one, &flags, b"{\"event_id\":\"\"}\n{\"event_id\":\"a\"}\n");
    let (outcomes, _) = outcomes(&run);
    assert_eq!(outcomes[0]["outcome"], "rejected", "an empty id asks for a list: {}", outcomes[0]);
    assert!(!one.requests().iter().any(|r| r.line.ends_with("/events/")), "it is not sent");
}
