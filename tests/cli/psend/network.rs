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
fn bodies_are_compressed_where_asked_for() {
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
fn our_own_certificate_is_shown_where_asked_for() {
    let (server, client) = (certificates("localhost", false), certificates("client.example", false));
    let (url, _) = tls_server(server_config(&server, Some(&client.ca)));
    let file = |name: &str| client.folder.path().join(name).to_str().expect("a path").to_owned();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let flags = ["--url", &url, "--cacert", server.ca.to_str().expect("a path")];
    let run = run_with("psend", &[&flags[..], &["--cert", &cert, "--key", &key]].concat(), &events(2)).expect_code(0);
    assert_eq!(words(&outcomes(&run).0), ["accepted"; 2]);
    let without = run_with("psend", &[&flags[..], &["--retries", "0", "--wait-for-server", "0s"]].concat(), &events(1));
    assert!(!words(&outcomes(&without).0).contains(&"accepted"));
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
fn a_proxy_that_cannot_be_used_is_told_of_and_ends_the_run() {
    for (variable, proxy) in [("http_proxy", "socks5://127.0.0.1:9"), ("all_proxy", "ftp://me:canary-pw@127.0.0.1:9")] {
        let run = send_by_proxy(variable, proxy, "http://pulse.invalid", &[]).expect_code(2);
        assert!(run.stderr.contains(variable) && run.stderr.contains("http:// and https://"), "{}", run.stderr);
        assert!(!run.stderr.contains("canary") && run.stdout.is_empty(), "{}", run.stderr);
    }
    let unsent = |run: Run, said: &str| {
        let run = run.expect_code(1);
        assert_eq!(words(&outcomes(&run).0), vec!["not_sent"; 3]);
        assert!(run.stderr.contains(said) && run.stderr.lines().count() < 25, "{}", run.stderr);
    };
    for target in ["http://pulse.invalid", "https://pulse.invalid"] {
        unsent(send_by_proxy("all_proxy", "http://127.0.0.1:9", target, &[]), "no server at");
        unsent(send_by_proxy("all_proxy", "http://127.0.0.1:9", target, &["--http2"]), "no server at");
    }
    let refusing = Scripted::start(|_| Act::answer(407, ""));
    unsent(send_by_proxy("https_proxy", &refusing.url(), "https://pulse.invalid", &[]), "the proxy refused (407)");
    let closed = Scripted::start(|_| Act::answer(403, ""));
    unsent(send_by_proxy("https_proxy", &closed.url(), "https://pulse.invalid", &[]), "no server at");
}

#[test]
fn headers_that_frame_a_request_are_not_the_users_to_give() {
    let server = Scripted::start(|_| Act::accept());
    for header in
        ["Content-Length: 5", "transfer-encoding: chunked", "Connection: close", "Host: other", "TE: trailers"]
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
    for quoted in
        [key.to_owned(), in_json.clone(), in_json.replace('/', "\\/").replace('<', "\\u003c").replace('>', "\\u003e")]
    {
        let server = Scripted::start(move |r| Act::answer(401, &format!("{}{quoted}", "x".repeat(170 + r.number))));
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name).to_str().expect("a path").to_owned();
        let (dead, journal, out) = (path("dead"), path("journal"), path("out"));
        let psend = tool("psend")
            .args(["--url", &server.url(), "-c", "1", "--dead-letter", &dead, "--journal", &journal, "-o", &out])
            .env("PULSE_API_KEY", key)
            .stdin(Stdio::piped())
            .spawn();
        let run = feed(psend.expect("psend starts"), events(40)).expect_code(0);
        let read = |path: &str| std::fs::read_to_string(path).expect("it is there");
        for text in [run.text(), &run.stderr, &read(&dead), &read(&journal), &read(&out)] {
            assert!(!text.contains("can") && !text.contains("7f3"), "{text}");
        }
    }
}
