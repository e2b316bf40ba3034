//! How the server is reached: headers, compression, sockets, TLS, HTTP/2, proxies; and that no key is seen on the way.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use super::{events, outcomes, send, words};
use crate::scripted::{Act, Scripted};
use crate::support::{Run, feed, run_with, tool};

#[test]
fn headers_are_sent_as_given_and_those_from_a_file_stay_secret() {
    let server = Scripted::start(|r| Act::answer(422, &format!("{:?}", r.headers)));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headers");
    std::fs::write(&file, "X-API-Key: canary-1\nX-Team: canary-2\n\n").expect("written");
    let from_file = format!("@{}", file.display());
    let flags = ["-H", "X-Run: seven", "-H", "Authorization: Bearer canary-3", "-H", &from_file];
    let run = send(&server, &flags, &events(2)).expect_code(0);
    let request = &server.requests()[0];
    assert_eq!(request.header("x-run"), Some("seven"));
    assert_eq!(request.header("x-api-key"), Some("canary-1"));
    assert_eq!(request.header("x-team"), Some("canary-2"));
    assert!(!run.text().contains("canary") && !run.stderr.contains("canary"), "{}{}", run.text(), run.stderr);
    assert!(run.stderr.contains("key: -H"), "{}", run.stderr);
}

#[test]
fn gzip_compresses_bodies() {
    let server = Scripted::start(|_| Act::accept());
    let input = format!("{{\"event_id\":\"a\",\"pad\":\"{}\"}}\n", "x".repeat(5000));
    let run = send(&server, &["--gzip"], input.as_bytes()).expect_code(0);
    let request = &server.requests()[0];
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    let mut plain = String::new();
    flate2::read::GzDecoder::new(&request.body[..]).read_to_string(&mut plain).expect("gzip");
    assert_eq!(plain, input.trim_end());
    assert_eq!(outcomes(&run).0[0]["request_bytes"].as_u64(), Some(request.body.len() as u64));
}

#[test]
fn a_unix_socket_is_a_way_to_the_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("socket");
    let listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("psend connects");
        let mut seen = [0; 4096];
        let n = stream.read(&mut seen).expect("a request");
        assert!(String::from_utf8_lossy(&seen[..n]).contains("host: localhost:8000"));
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("an answer");
        let _ = stream.read(&mut seen);
    });
    let run =
        run_with("psend", &["--unix-socket", path.to_str().expect("a path"), "-c", "1"], &events(1)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"]);
}

#[test]
fn connect_to_goes_elsewhere_and_keeps_the_name() {
    let server = Scripted::start(|_| Act::accept());
    let to = server.url().replace("http://", "");
    let flags = ["--url", "http://pulse.example:8000", "--connect-to", &to, "--api-key", "k-canary"];
    let run = run_with("psend", &flags, &events(1)).expect_code(0);
    assert_eq!(server.requests()[0].header("host"), Some("pulse.example:8000"));
    assert!(run.stderr.contains(&format!("at {to}")), "{}", run.stderr);
    let limited = feed(
        tool("psend")
            .args(flags)
            .env("PULSE_ALLOW_HOSTS", "pulse.example")
            .stdin(Stdio::piped())
            .spawn()
            .expect("it starts"),
        events(1),
    )
    .expect_code(2);
    assert!(limited.stderr.contains("PULSE_ALLOW_HOSTS"), "{}", limited.stderr);
}

#[test]
fn a_key_on_the_command_line_is_gone_from_the_process_list() {
    let server = Scripted::start(|_| Act::Stall(Duration::from_secs(5)));
    for form in [&["--api-key", "canary-key-1"][..], &["--api-key=canary-key-1"]] {
        let mut child =
            tool("psend").args(["--url", &server.url()]).args(form).stdin(Stdio::piped()).spawn().expect("it starts");
        let began = server.requests().len();
        child.stdin.take().expect("a pipe").write_all(&events(1)).expect("psend reads");
        while server.requests().len() == began {
            std::thread::sleep(Duration::from_millis(5));
        }
        let arguments = std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("it runs");
        child.kill().expect("it runs");
        child.wait().expect("it ended");
        let arguments = String::from_utf8_lossy(&arguments);
        assert!(!arguments.contains("canary") && arguments.contains("xxxxxxxxxxxx"), "{arguments:?}");
        assert_eq!(server.requests()[began].header("x-api-key"), Some("canary-key-1"));
    }
}

/// A certificate authority of the test, and a server certificate that it signed.
pub(super) struct Certificates {
    folder: tempfile::TempDir,
    pub(super) ca: PathBuf,
    chain: Vec<rustls::pki_types::CertificateDer<'static>>,
    key: rustls::pki_types::PrivateKeyDer<'static>,
}

/// For `localhost` unless another name is given; expired where asked for.
pub(super) fn certificates(name: &str, expired: bool) -> Certificates {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    let ca_key = KeyPair::generate().expect("a key");
    let mut ca_params = CertificateParams::new(Vec::new()).expect("parameters");
    ca_params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_certificate = ca_params.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(ca_params, ca_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let certificate = params.signed_by(&key, &issuer).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, ca_certificate.pem()).expect("written");
    std::fs::write(folder.path().join("cert.pem"), certificate.pem()).expect("written");
    std::fs::write(folder.path().join("key.pem"), key.serialize_pem()).expect("written");
    Certificates {
        folder,
        ca,
        chain: vec![certificate.der().clone()],
        key: rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    }
}

/// How a server shows these certificates; with `client_ca` it asks for one that this authority signed.
pub(super) fn server_config(certificates: &Certificates, client_ca: Option<&Path>) -> rustls::ServerConfig {
    use rustls::pki_types::pem::PemObject;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(rustls::pki_types::CertificateDer::from_pem_file(ca).expect("PEM")).expect("a certificate");
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("a verifier"))
        }
    };
    builder.with_single_cert(certificates.chain.clone(), certificates.key.clone_key()).expect("they fit")
}

/// A TLS server that accepts every event over HTTP/1.1, and tells how many it got.
pub(super) fn tls_server(config: rustls::ServerConfig) -> (String, Arc<std::sync::atomic::AtomicUsize>) {
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://localhost:{}", listener.local_addr().expect("an address").port());
    let taken = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, count) = (Arc::clone(&config), Arc::clone(&count));
            std::thread::spawn(move || {
                let Ok(session) = rustls::ServerConnection::new(config) else { return };
                let mut tls = rustls::StreamOwned::new(session, stream);
                let mut held = Vec::new();
                let mut block = [0; 4096];
                loop {
                    match tls.read(&mut block) {
                        Ok(n) if n > 0 => held.extend_from_slice(&block[..n]),
                        _ => return,
                    }
                    // The events of these tests end with this.
                    while let Some(at) = memchr::memmem::find(&held, b"\"/e\"}}") {
                        held.drain(..at + 6);
                        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                        if tls.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, taken)
}

#[test]
fn tls_is_verified() {
    let good = certificates("localhost", false);
    let (url, taken) = tls_server(server_config(&good, None));
    let ca = good.ca.to_str().expect("a path");
    let run = run_with("psend", &["--url", &url, "--cacert", ca], &events(20)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 20]);
    assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 20);

    let refused = |run: &Run, why: &str| {
        let (outcomes, _) = outcomes(run);
        assert_eq!(words(&outcomes), ["not_sent"; 3]);
        assert_eq!(outcomes[0]["error"]["kind"], "tls");
        assert!(run.stderr.contains(why), "{why}: {}", run.stderr);
    };
    // Nobody whom the system trusts signed it.
    let other = certificates("localhost", false);
    let run =
        run_with("psend", &["--url", &url, "--cacert", other.ca.to_str().expect("a path")], &events(3)).expect_code(1);
    refused(&run, "certificate");
    for (certificates, why) in
        [(certificates("localhost", true), "xpired"), (certificates("other.example", false), "other.example")]
    {
        let (url, taken) = tls_server(server_config(&certificates, None));
        let ca = certificates.ca.to_str().expect("a path").to_owned();
        let run = run_with("psend", &["--url", &url, "--cacert", &ca], &events(3)).expect_code(1);
        refused(&run, why);
        assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 0);
        let run = run_with("psend", &["--url", &url, "--insecure"], &events(3)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), ["accepted"; 3]);
        assert!(run.stderr.contains("warning: --insecure"), "{}", run.stderr);
    }
}

#[test]
fn a_client_certificate_is_sent_if_given() {
    let (server, client) = (certificates("localhost", false), certificates("client.example", false));
    let (url, _) = tls_server(server_config(&server, Some(&client.ca)));
    let file = |name: &str| client.folder.path().join(name).to_str().expect("a path").to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let flags = ["--url", &url, "--cacert", server.ca.to_str().expect("a path")];
    let run = run_with("psend", &[&flags[..], &["--cert", &cert, "--key", &key]].concat(), &events(2)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 2]);
    let mut config = server_config(&server, Some(&client.ca));
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (url2, _) = tls_server(config);
    // In TLS 1.3 the refusal comes after the handshake, which on our side is done by then. It stays: no waiting.
    let over_http2 = ["--http2", "--url", &url2, "--cacert", flags[3]];
    for flags in [&flags[..], &over_http2] {
        let began = std::time::Instant::now();
        // More events than senders: those whose connection broke first may all be unknown; those never sent give the reason.
        let without = run_with("psend", &[flags, &["-c", "2"]].concat(), &events(40)).expect_code(1);
        assert!(began.elapsed() < Duration::from_secs(10), "{flags:?}: {:?}", began.elapsed());
        assert!(without.stderr.contains("CertificateRequired"), "{flags:?}: {}", without.stderr);
        let (outcomes, _) = outcomes(&without);
        // If the connection is gone before the refusal could be read, the reason is not known.
        assert!(words(&outcomes).iter().all(|word| ["not_sent", "unknown"].contains(word)), "{flags:?}: {outcomes:?}");
        assert!(outcomes.iter().any(|o| o["error"]["kind"] == "tls"), "{flags:?}: {outcomes:?}");
    }
}

#[test]
fn a_proxy_of_the_environment_is_used_but_not_for_this_computer() {
    let proxy = Scripted::start(|_| Act::accept());
    let run = |target: &str, no_proxy: &str| {
        feed(
            tool("psend")
                .args(["--url", target, "--wait-for-server", "50ms"])
                .env("http_proxy", proxy.url().replace("http://", "http://me:canary-pw@"))
                .env("no_proxy", no_proxy)
                .env("PULSE_API_KEY", "canary-key")
                .stdin(Stdio::piped())
                .spawn()
                .expect("psend starts"),
            events(2),
        )
    };
    let by_proxy = run("http://pulse.invalid:8000", "").expect_code(0);
    assert_eq!(words(&outcomes(&by_proxy).0), ["accepted"; 2]);
    assert_eq!(proxy.requests()[0].line, "POST http://pulse.invalid:8000/api/v1/ingestion/events");
    assert!(proxy.requests()[0].header("proxy-authorization").is_some());
    assert!(by_proxy.stderr.contains("by proxy 127.0.0.1"), "{}", by_proxy.stderr);
    assert!(!by_proxy.stderr.contains("canary") && !by_proxy.text().contains("canary"));
    let seen = proxy.requests().len();
    run("http://pulse.invalid:8000", "pulse.invalid").expect_code(1);
    run("http://127.0.0.1:9", "").expect_code(1);
    assert_eq!(proxy.requests().len(), seen);
}

#[test]
fn a_proxy_that_is_not_a_url_is_refused_and_never_gone_around() {
    for (name, proxy) in [
        ("http_proxy", "127.0.0.1:9 "),
        ("http_proxy", "http://me:canary-pw@"),
        ("all_proxy", "proxy.example:port"),
        ("http_proxy", "socks5://127.0.0.1:1080"),
    ] {
        let mut psend = tool("psend");
        psend.args(["--url", "http://pulse.invalid:8000"]).env(name, proxy).env("PULSE_API_KEY", "k");
        let run = feed(psend.stdin(Stdio::piped()).spawn().expect("psend starts"), events(1)).expect_code(2);
        assert!(run.stderr.contains(&format!("{name}: ")), "{}", run.stderr);
        assert!(!run.stderr.contains("canary") && run.stdout.is_empty(), "{}", run.stderr);
    }
}

#[test]
fn a_name_whose_first_address_refuses_is_reached_at_its_next() {
    // `localhost` is ::1 before it is 127.0.0.1 on most machines; the server is at the second alone.
    let server = Scripted::start(|_| Act::accept());
    for flags in [&[][..], &["--no-keepalive"]] {
        let url = server.url().replace("127.0.0.1", "localhost");
        let run = run_with("psend", &[&["--url", &url], flags].concat(), &events(10)).expect_code(0);
        assert_eq!(words(&outcomes(&run).0), vec!["accepted"; 10]);
    }
}

#[test]
fn https_goes_through_a_proxy_by_connect_and_its_refusal_is_reported() {
    let good = certificates("pulse.test", false);
    let (server, taken) = tls_server(server_config(&good, None));
    let port: u16 = server.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    let proxy = |answer: &'static str| {
        crate::fakes::with_each_connection(move |mut here| {
            std::thread::spawn(move || {
                let mut asked = [0; 1 << 10];
                let length = here.read(&mut asked).unwrap_or(0);
                assert!(
                    asked[..length].starts_with(b"CONNECT pulse.test:"),
                    "{:?}",
                    String::from_utf8_lossy(&asked[..length])
                );
                let _ = here.write_all(answer.as_bytes());
                let there = std::net::TcpStream::connect(("127.0.0.1", port)).expect("a server");
                let (mut from, mut back) = (there.try_clone().expect("a socket"), here.try_clone().expect("a socket"));
                std::thread::spawn(move || std::io::copy(&mut from, &mut back));
                let _ = std::io::copy(&mut &here, &mut &there);
            });
        })
    };
    let run = |proxy: &str| {
        let mut psend = tool("psend");
        let ca = good.ca.to_str().expect("a path");
        psend.args(["--url", &server.replace("localhost", "pulse.test"), "--cacert", ca, "--wait-for-server", "200ms"]);
        psend.env("https_proxy", proxy).env("PULSE_API_KEY", "k");
        feed(psend.stdin(Stdio::piped()).spawn().expect("psend starts"), events(5))
    };
    let through = run(&proxy("HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n")).expect_code(0);
    assert_eq!(words(&outcomes(&through).0), ["accepted"; 5]);
    assert_eq!(taken.load(std::sync::atomic::Ordering::SeqCst), 5);
    for (answer, why) in [
        ("HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n", "(407)"),
        ("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "HTTP 503"),
        ("garbage\r\n\r\n", "not HTTP/1.1"),
    ] {
        let refused = run(&proxy(answer)).expect_code(1);
        assert_eq!(words(&outcomes(&refused).0), ["not_sent"; 5]);
        assert!(refused.stderr.contains("proxy") && refused.stderr.contains(why), "{}", refused.stderr);
    }
}

#[test]
fn too_few_open_files_are_raised_or_refused_before_anything_is_sent() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("in.jsonl"), events(500)).expect("written");
    let run = |limit: &str, flags: &str| {
        let script = format!("{limit}; psend --url {} in.jsonl {flags}", server.url());
        crate::support::shell_in(folder.path(), &script, &[])
    };
    let raised = run("ulimit -Sn 40", "-c 100").expect_code(0);
    assert_eq!(words(&outcomes(&raised).0), vec!["accepted"; 500]);
    assert!(!raised.stderr.contains("no server"), "{}", raised.stderr);

    let seen = server.requests().len();
    let refused = run("ulimit -n 40", "-c 100 -o out").expect_code(2);
    for part in ["--concurrency 100: ", "124 open files", "may have 40 (ulimit -Hn)", "--concurrency 16 or less"] {
        assert!(refused.stderr.contains(part), "{part}: {}", refused.stderr);
    }
    assert!(refused.stdout.is_empty() && !folder.path().join("out").exists() && server.requests().len() == seen);
    let advised = run("ulimit -n 40", "-c 16 -o out --dead-letter dead --journal journal").expect_code(0);
    assert!(!advised.stderr.contains("no server"), "{}", advised.stderr);
}

/// Sends by the proxy that `variable` names, to a host that is not there.
fn send_by_proxy(variable: &str, proxy: &str, target: &str, flags: &[&str]) -> Run {
    let psend = tool("psend")
        .args(["--url", target, "--wait-for-server", "300ms", "--retry-base", "1ms"])
        .args(flags)
        .env(variable, proxy)
        .env("PULSE_API_KEY", "canary-key")
        .stdin(Stdio::piped())
        .spawn();
    feed(psend.expect("psend starts"), events(3))
}

#[test]
fn an_unusable_proxy_is_reported_and_ends_the_run() {
    for (variable, proxy) in [("http_proxy", "socks5://127.0.0.1:9"), ("all_proxy", "ftp://me:canary-pw@127.0.0.1:9")] {
        let run = send_by_proxy(variable, proxy, "http://pulse.invalid", &[]).expect_code(2);
        assert!(run.stderr.contains(variable) && run.stderr.contains("http:// and https://"), "{}", run.stderr);
        assert!(!run.stderr.contains("canary") && run.stdout.is_empty(), "{}", run.stderr);
    }
    let unsent = |run: Run, said: &str| {
        let run = run.expect_code(1);
        assert_eq!(words(&outcomes(&run).0), vec!["not_sent"; 3]);
        assert!(run.stderr.contains(said) && run.stderr.lines().count() < 25, "{}", run.stderr);
        assert!(!run.stderr.contains("canary") && !run.text().contains("canary"), "{}", run.stderr);
    };
    for target in ["http://pulse.invalid", "https://pulse.invalid"] {
        let (proxy, said) =
            ("http://me:canary-pw@127.0.0.1:9", &format!("no server at {target}: by proxy 127.0.0.1:9: "));
        unsent(send_by_proxy("all_proxy", proxy, target, &[]), said);
        unsent(send_by_proxy("all_proxy", proxy, target, &["--http2"]), said);
    }
    let refusing = Scripted::start(|_| Act::answer(407, ""));
    for target in ["http://pulse.invalid", "https://pulse.invalid"] {
        unsent(send_by_proxy("all_proxy", &refusing.url(), target, &[]), "the proxy refused (407)");
    }
    let closed = Scripted::start(|_| Act::answer(403, ""));
    unsent(send_by_proxy("https_proxy", &closed.url(), "https://pulse.invalid", &[]), "no server at");
}

/// A listener that accepts connections and never says a word; its port.
fn silent() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    port
}

#[test]
fn a_handshake_that_is_never_answered_ends_the_run_as_a_server_that_is_not_there() {
    let url = format!("https://127.0.0.1:{}", silent());
    for flags in [
        &["--connect-timeout", "300ms"][..],
        &["--connect-timeout", "300ms", "--http2"],
        &["--timeout", "300ms", "--http2"],
    ] {
        let began = std::time::Instant::now();
        let run = run_with("psend", &[&["--url", &url, "--wait-for-server", "500ms"], flags].concat(), &events(20))
            .expect_code(1);
        assert!(began.elapsed() < Duration::from_secs(5), "{flags:?}: {:?}", began.elapsed());
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), vec!["not_sent"; 20], "{flags:?}: {}", outcomes[0]);
        assert_eq!(outcomes[0]["error"]["kind"], "timeout", "{flags:?}: {}", outcomes[0]);
        assert!(run.stderr.contains("no server at https://127.0.0.1"), "{}", run.stderr);
    }
}

#[test]
fn nothing_is_sent_over_http2_before_the_server_has_answered_in_it() {
    let url = format!("http://127.0.0.1:{}", silent());
    let flags = ["--url", &url, "--http2", "--timeout", "300ms", "--wait-for-server", "500ms"];
    let run = run_with("psend", &flags, &events(20)).expect_code(1);
    let (outcomes, _) = outcomes(&run);
    assert_eq!(words(&outcomes), vec!["not_sent"; 20]);
    assert_eq!(outcomes[0]["error"]["kind"], "timeout", "{}", outcomes[0]);
    assert!(run.stderr.contains("said nothing in HTTP/2"), "{}", run.stderr);
}

/// Hands bytes on to a port and back, beginning so long after a connection was made; its own port.
fn relay(to: u16, after: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for here in listener.incoming().flatten() {
            std::thread::spawn(move || {
                std::thread::sleep(after);
                let there = std::net::TcpStream::connect(("127.0.0.1", to)).expect("a server");
                let (mut from, mut back) = (there.try_clone().expect("a socket"), here.try_clone().expect("a socket"));
                std::thread::spawn(move || std::io::copy(&mut from, &mut back));
                let _ = std::io::copy(&mut &here, &mut &there);
            });
        }
    });
    port
}

#[test]
fn latency_is_that_of_the_request_and_not_of_the_connection() {
    let good = certificates("localhost", false);
    let ca = good.ca.to_str().expect("a path");
    let (http1, _) = tls_server(server_config(&good, None));
    let http2 = super::http2::over_tls(&good);
    let port = |url: &str| url.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
    for (url, flags) in [(http1, &[][..]), (http2, &["--http2"])] {
        let url = format!("https://localhost:{}", relay(port(&url), Duration::from_millis(600)));
        let run = run_with("psend", &[&["--url", &url, "--cacert", ca], flags].concat(), &events(20)).expect_code(0);
        for outcome in outcomes(&run).0 {
            assert!(outcome["latency_ms"].as_f64().expect("a number") < 400.0, "{outcome}");
        }
    }
}

#[test]
fn the_one_line_of_a_key_file_is_the_key_and_one_that_cannot_be_sent_is_not_shown() {
    let server = Scripted::start(|_| Act::accept());
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("key");
    let path = file.to_str().expect("a path");
    for text in ["canary-1", "canary-1\n", "\n canary-1 \r\n", "\u{feff}canary-1\n\n"] {
        std::fs::write(&file, text).expect("written");
        send(&server, &["--api-key-file", path], &events(1)).expect_code(0);
        assert_eq!(server.requests().last().expect("a request").header("x-api-key"), Some("canary-1"), "{text:?}");
    }
    for (text, why) in
        [("cana\u{7}ry", "not valid in a header"), ("canary\nof staging\n", "more than one line"), ("\n", "is empty")]
    {
        std::fs::write(&file, text).expect("written");
        let run = send(&server, &["--api-key-file", path], &events(1)).expect_code(2);
        assert!(run.stderr.contains(why) && run.stderr.contains(path), "{}", run.stderr);
        assert!(!run.stderr.contains("cana") && run.stdout.is_empty(), "{}", run.stderr);
    }
    std::fs::write(&file, "X-Run: 1\ncanary\n").expect("written");
    let run = send(&server, &["-H", &format!("@{path}")], &events(1)).expect_code(2);
    assert!(run.stderr.contains(&format!("-H @{path}, line 2:")) && !run.stderr.contains("canary"), "{}", run.stderr);
}

#[test]
fn headers_that_frame_a_request_are_not_the_users_to_give() {
    let server = Scripted::start(|_| Act::accept());
    for header in
        ["Content-Length: 5", "transfer-encoding: chunked", "Connection: upgrade", "Host: other", "TE: trailers"]
    {
        let run = send(&server, &["-H", header], &events(2)).expect_code(2);
        assert!(run.stderr.contains("-H ") && run.stdout.is_empty(), "{}", run.stderr);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn no_part_of_a_key_comes_back_however_the_server_repeats_it() {
    let key = "canary\\\"/<7f3a9d>";
    let in_json = serde_json::to_string(key).expect("JSON");
    let in_html_json = in_json.replace('/', "\\/").replace('<', "\\u003c").replace('>', "\\u003e");
    type Echo = Box<dyn Fn(&crate::scripted::Request) -> Act + Send + Sync>;
    let at_the_end_of_what_is_quoted = |text: String| -> Echo {
        Box::new(move |r| Act::answer(401, &format!("{}{text}", "x".repeat(170 + r.number))))
    };
    let result = format!("{{\"results\":[{{\"success\":false,\"errors\":[{in_json}]}}]}}");
    let held = format!("{{\"event_id\":{in_json},\"title\":{in_json}}}");
    let echoes: [(Echo, &[&str]); 7] = [
        (Box::new(move |_| Act::answer(401, key)), &[]),
        (at_the_end_of_what_is_quoted(key.to_owned()), &[]),
        (at_the_end_of_what_is_quoted(in_json.clone()), &[]),
        (at_the_end_of_what_is_quoted(in_html_json), &[]),
        (Box::new(move |_| Act::Answer(302, vec![format!("Location: /login?key={key}")], key.to_owned())), &[]),
        (Box::new(move |_| Act::answer(200, &result)), &["--batch", "1"]),
        (Box::new(move |r| Act::answer(if r.line.len() < 40 { 200 } else { 404 }, &held)), &["--verify"]),
    ];
    for (echo, flags) in echoes {
        let server = Scripted::start(echo);
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
        let (dead, journal, out) = (path("dead"), path("journal"), path("out"));
        let psend = tool("psend")
            .args(["--url", &server.url(), "-c", "1", "--dead-letter", &dead, "--journal", &journal, "-o", &out])
            .args(flags)
            .env("PULSE_API_KEY", key)
            .stdin(Stdio::piped())
            .spawn();
        let run = feed(psend.expect("psend starts"), events(40));
        let read = |path: &str| std::fs::read_to_string(path).expect("it is there");
        assert!(read(&out).contains("***") || read(&out).contains("xxx"), "it is what was quoted: {}", read(&out));
        for text in [run.text(), &run.stderr, &read(&dead), &read(&journal), &read(&out)] {
            assert!(!text.contains("can") && !text.contains("7f3"), "{text}");
        }
    }
}
