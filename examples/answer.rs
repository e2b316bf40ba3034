//! A server that does nothing but answer: what `scripts/bench.d/psend.sh` measures clients against.
//!
//! One thread, HTTP/1.1 with keep-alive and pipelining, a fixed 200 for every request; with `--batch N` the answer has N results.
//! Its one line on stdout is its URL. With a certificate and a key (PEM files) it speaks TLS.

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| args.iter().position(|arg| arg == flag).and_then(|at| args.get(at + 1));
    let results = after("--batch").map_or(0, |n| n.parse::<usize>().expect("--batch takes a number"));
    let answer: Arc<[u8]> = answer(results).into();
    let tls = after("--cert").map(|cert| acceptor(cert, after("--key").expect("--key goes with --cert")));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime starts");
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let port = listener.local_addr().expect("a listener has an address").port();
        let line = format!("{scheme}://localhost:{port}\n");
        std::io::Write::write_all(&mut std::io::stdout(), line.as_bytes()).expect("stdout is open");
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let (answer, tls) = (Arc::clone(&answer), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => serve(stream, &answer).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &answer).await;
                        }
                    }
                }
            });
        }
    });
}

fn answer(results: usize) -> Vec<u8> {
    // Without an id, a result belongs to the event in its place.
    let one = r#"{"success":true,"message":"Event queued for processing","errors":null}"#;
    let body = match results {
        0 => one.to_owned(),
        n => format!(r#"{{"total_events":{n},"results":[{}]}}"#, vec![one; n].join(",")),
    };
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}

fn acceptor(cert: &str, key: &str) -> TlsAcceptor {
    let certs =
        CertificateDer::pem_file_iter(cert).expect("--cert is a file").map(|c| c.expect("--cert is PEM")).collect();
    let key = PrivateKeyDer::from_pem_file(key).expect("--key is a PEM file");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual versions")
        .with_no_client_auth()
        .with_single_cert(certs, key)
        .expect("key and certificate belong together");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: &[u8]) {
    let mut buffer = vec![0; 64 << 10];
    let mut held = 0;
    let mut out = Vec::new();
    loop {
        match stream.read(&mut buffer[held..]).await {
            Ok(n) if n > 0 => held += n,
            _ => return,
        }
        let mut at = 0;
        let mut wanted = 0;
        while let Some(length) = whole(&buffer[at..held], &mut wanted) {
            at += length;
            out.extend_from_slice(answer);
        }
        if !out.is_empty() {
            if stream.write_all(&out).await.is_err() {
                return;
            }
            out.clear();
        }
        buffer.copy_within(at..held, 0);
        held -= at;
        if wanted > buffer.len() {
            buffer.resize(wanted, 0);
        }
    }
}

/// The length of the request at the start of these bytes, if all of it is there; else how long it will be, as far as known.
fn whole(bytes: &[u8], wanted: &mut usize) -> Option<usize> {
    let head = memchr::memmem::find(bytes, b"\r\n\r\n")? + 4;
    let length = bytes[..head]
        .split(|b| *b == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(15)?;
            name.eq_ignore_ascii_case(b"content-length:").then_some(value)
        })
        .map_or(0, |value| std::str::from_utf8(value).map_or(0, |v| v.trim().parse().unwrap_or(0)));
    *wanted = head + length;
    (bytes.len() >= head + length).then_some(head + length)
}
