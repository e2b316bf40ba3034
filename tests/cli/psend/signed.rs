//! Requests signed with AWS Signature V4, checked by a server that computes the signature itself.

use std::io::Write;

use ring::{digest, hmac};

use super::{events, outcomes, words};
use crate::scripted::{Act, Request, Scripted};
use crate::support::{Run, feed, tool};

const KEY_ID: &str = "AKIDEXAMPLE";
const KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "the-session-token==";

const DIALECT: &str = r#"
[request]
method = "PUT"
path = "/items/{id}"
query = { refresh = "true", x-id = "{id}" }
headers = { Content-Type = "application/json" }
sign = "aws-v4"
service = "es"
region = "eu-central-1"

[batch]
method = "POST"
path = "/bulk"
before = "["
after = "]"
"#;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

/// What is wrong with a request's signature, as the receiver of it computes it.
fn fault(request: &Request) -> Option<String> {
    let given = request.header("authorization")?.strip_prefix("AWS4-HMAC-SHA256 ")?.to_owned();
    let part = |name: &str| {
        let part = given.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap_or_else(|| panic!("no {name}: {given}")).to_owned()
    };
    let Some(time) = request.header("x-amz-date") else { return Some("no time".to_owned()) };
    let scope = format!("{}/eu-central-1/es/aws4_request", &time[..8]);
    if part("Credential") != format!("{KEY_ID}/{scope}") {
        return Some(format!("credential {}", part("Credential")));
    }
    let (method, target) = request.line.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters: Vec<String> = query.split('&').map(str::to_owned).collect();
    parameters.sort();
    let names = part("SignedHeaders");
    for must in ["host", "x-amz-date", "x-amz-security-token", "content-type"] {
        if !names.split(';').any(|name| name == must) {
            return Some(format!("{must} is not signed"));
        }
    }
    let lines: String = names.split(';').map(|n| format!("{n}:{}\n", request.header(n).unwrap_or_default())).collect();
    let body = sha256(&request.body);
    let canonical =
        format!("{method}\n{}\n{}\n{lines}\n{names}\n{body}", path.replace('%', "%25"), parameters.join("&"));
    let mut key = format!("AWS4{KEY}").into_bytes();
    for part in scope.split('/') {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
    let signature = hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()).as_ref());
    (signature != part("Signature")).then(|| format!("signature of\n{canonical}"))
}

/// A server that refuses what is not signed right, and the first of each eleven requests.
fn server() -> Scripted {
    Scripted::start(|request| match fault(request) {
        Some(fault) => Act::answer(403, &format!("{{\"message\":{}}}", serde_json::json!(fault))),
        None if request.header("authorization").is_none() => Act::answer(403, "{\"message\":\"no signature\"}"),
        None if request.number % 11 == 1 => Act::answer(503, "{}"),
        None => Act::answer(200, "{}"),
    })
}

fn psend(url: &str, flags: &[&str], input: &[u8], environment: &[(&str, &str)]) -> Run {
    let mut dialect = tempfile::Builder::new().suffix(".toml").tempfile().expect("a file");
    dialect.write_all(DIALECT.as_bytes()).expect("it is written");
    let mut command = tool("psend");
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_SESSION_TOKEN");
    command.envs(environment.iter().copied()).args(["--url", url, "--retry-base", "1ms", "--dialect"]);
    command.arg(dialect.path()).args(flags).stdin(std::process::Stdio::piped());
    feed(command.spawn().expect("it starts"), input.to_vec())
}

const ENVIRONMENT: [(&str, &str); 3] =
    [("AWS_ACCESS_KEY_ID", KEY_ID), ("AWS_SECRET_ACCESS_KEY", KEY), ("AWS_SESSION_TOKEN", TOKEN)];

#[test]
fn a_server_that_checks_signatures_takes_single_events_and_batches_compressed_or_not() {
    let input = [events(20), b"{\"event_id\":\"a b+c%\",\"n\":1}\n".to_vec()].concat();
    for flags in [&[][..], &["--batch", "7"], &["--gzip"], &["--batch", "5", "--gzip"]] {
        let server = server();
        let run = psend(&server.url(), flags, &input, &ENVIRONMENT).expect_code(0);
        let (outcomes, _) = outcomes(&run);
        assert_eq!(words(&outcomes), vec!["accepted"; 21], "{flags:?}: {}", run.stderr);
    }
}

#[test]
fn neither_the_key_nor_the_token_is_shown() {
    let server = server();
    let trace = tempfile::NamedTempFile::new().expect("a file");
    let path = trace.path().to_str().expect("a path").to_owned();
    let run = psend(&server.url(), &["--trace", &path], &events(3), &ENVIRONMENT).expect_code(0);
    let shown = psend(&server.url(), &["--dry-run"], &events(1), &ENVIRONMENT).expect_code(0);
    let trace = std::fs::read_to_string(&path).expect("the trace");
    assert!(shown.text().contains("x-amz-date: 20"), "{}", shown.text());
    for text in [run.text(), &run.stderr, &trace, shown.text()] {
        assert!(!text.contains(KEY) && !text.contains(TOKEN) && !text.contains("Signature="), "{text}");
    }
}

#[test]
fn without_keys_in_the_environment_nothing_is_sent() {
    let server = server();
    let run = psend(&server.url(), &[], &events(1), &[("AWS_ACCESS_KEY_ID", KEY_ID)]).expect_code(2);
    assert!(run.stderr.contains("AWS_SECRET_ACCESS_KEY is not set"), "{}", run.stderr);
    assert!(server.requests().is_empty());
}
