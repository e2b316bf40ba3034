//! AWS Signature Version 4: proves with each request that its sender has the secret key, which itself never leaves this computer.
//!
//! After "Create a signed AWS API request" (AWS Identity and Access Management, User Guide), and tested against the signatures that AWS
//! published for its test suite. The hashes are those of `ring`, which TLS brings along.

use std::fmt::Write;
use std::sync::Arc;

use chrono::DateTime;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue};
use ring::{digest, hmac};

use super::percent::encoded;
use super::secret::Secret;
use super::transport::{Head, Request};
use crate::clock::Micros;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT: HeaderName = HeaderName::from_static("x-amz-content-sha256");

/// Who signs, and for whom.
#[derive(Debug, Clone)]
pub(super) struct Signer {
    /// The id of the key: AWS_ACCESS_KEY_ID.
    pub(super) key_id: String,
    /// The key: AWS_SECRET_ACCESS_KEY.
    pub(super) key: Secret,
    /// The token that belongs to a key for a limited time: AWS_SESSION_TOKEN.
    pub(super) token: Option<Secret>,
    /// The service's name in signatures, such as `es` or `execute-api`.
    pub(super) service: String,
    /// The region, such as `eu-central-1`.
    pub(super) region: String,
}

impl Signer {
    /// Signs a request that is sent at this time.
    pub(super) fn sign(&self, request: &mut Request, now: Micros) {
        let time = time(now);
        let content = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
        let Head { method, uri, headers } = Arc::make_mut(&mut request.head);
        let (path, query) = (uri.path(), uri.query().unwrap_or_default());
        let value = |text: &str| HeaderValue::from_str(text).expect("it was checked before the run");
        headers.insert(DATE, value(&time));
        headers.insert(CONTENT, value(&content));
        if let Some(token) = &self.token {
            let mut token = value(token.reveal());
            token.set_sensitive(true);
            headers.insert(TOKEN, token);
        }
        // What proxies may change is not signed.
        let signed = [CONTENT_TYPE, HOST, CONTENT, DATE, TOKEN];
        let authorization = self.authorization(method.as_str(), path, query, headers, &signed, &content, &time);
        let mut authorization = value(&authorization);
        authorization.set_sensitive(true);
        headers.insert(AUTHORIZATION, authorization);
    }

    /// The header that proves it. `signed` names the headers that are signed if the request has them, sorted; `time` is such as
    /// `20150830T123600Z`, and `content` the body's hash.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of a request that are signed")]
    fn authorization(
        &self,
        method: &str,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        signed: &[HeaderName],
        content: &str,
        time: &str,
    ) -> String {
        let Self { key_id, key, service, region, .. } = self;
        let (mut lines, mut names) = (String::new(), String::new());
        for name in signed.iter().filter(|name| headers.contains_key(*name)) {
            let values: Vec<String> = headers.get_all(name).iter().map(in_one_line).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(lines, "{name}:{}", values.join(","));
            let _ = write!(names, "{}{name}", if names.is_empty() { "" } else { ";" });
        }
        let path = if service == "s3" { path.to_owned() } else { normal_path(path) };
        let canonical = format!("{method}\n{path}\n{}\n{lines}\n{names}\n{content}", sorted(query));
        let date = &time[..8];
        let scope = format!("{date}/{region}/{service}/aws4_request");
        let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let first = format!("AWS4{}", key.reveal()).into_bytes();
        let key = [date, region, service, "aws4_request"].iter().fold(first, |key, part| keyed(&key, part));
        let signature = hex(&keyed(&key, &text));
        format!("AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={signature}")
    }
}

/// The time in the form of AWS, in UTC.
fn time(now: Micros) -> String {
    let time = DateTime::from_timestamp_micros(now).unwrap_or_default();
    time.format("%Y%m%dT%H%M%SZ").to_string()
}

fn keyed(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A header's value without blanks around it, and with single ones in it.
fn in_one_line(value: &HeaderValue) -> String {
    let text = String::from_utf8_lossy(value.as_bytes());
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// A path without `.`, `..` and empty parts, encoded once more than it is sent. S3 alone takes it as it is.
fn normal_path(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let ends = if path.ends_with('/') && !parts.is_empty() { "/" } else { "" };
    let encoded: Vec<String> = parts.iter().map(|part| encoded(part.as_bytes())).collect();
    format!("/{}{ends}", encoded.join("/"))
}

/// The parameters of a query, decoded, encoded in AWS's way, and sorted.
fn sorted(query: &str) -> String {
    let mut parameters: Vec<(String, String)> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| (encoded(&decoded(name)), encoded(&decoded(value))))
        .collect();
    parameters.sort();
    parameters.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match byte.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN_TEXT: &str = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";

    /// The signer of AWS's test suite.
    fn suite() -> Signer {
        Signer {
            key_id: "AKIDEXAMPLE".to_owned(),
            key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            token: None,
            service: "service".to_owned(),
            region: "us-east-1".to_owned(),
        }
    }

    /// The signature of a request of the suite.
    fn signature(method: &str, target: &str, more: &[(&'static str, &str)], body: &str) -> String {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        let always = [("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")];
        for (name, value) in always.iter().chain(more) {
            headers.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let mut signed: Vec<HeaderName> = headers.keys().cloned().collect();
        signed.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        let content = hex(digest::digest(&digest::SHA256, body.as_bytes()).as_ref());
        let text = suite().authorization(method, path, query, &headers, &signed, &content, "20150830T123600Z");
        text.rsplit_once("Signature=").expect("it ends with it").1.to_owned()
    }

    /// The names are those of AWS's suite (aws-sig-v4-test-suite). Its paths stand there before they are encoded.
    #[test]
    fn signatures_are_those_that_aws_published() {
        for (name, method, target, headers, body, wanted) in [
            (
                "get-vanilla",
                "GET",
                "/",
                &[][..],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            ("post-vanilla", "POST", "/", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            (
                "get-vanilla-query-order-key-case",
                "GET",
                "/?Param2=value2&Param1=value1",
                &[],
                "",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-utf8",
                "GET",
                "/\u{1234}",
                &[],
                "",
                "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            ),
            (
                "get-space",
                "GET",
                "/example space/",
                &[],
                "",
                "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            ),
            (
                "get-slashes",
                "GET",
                "//example//",
                &[],
                "",
                "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            ),
            (
                "get-relative",
                "GET",
                "/example/..",
                &[],
                "",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-header-key-duplicate",
                "GET",
                "/",
                &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")],
                "",
                "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            ),
            (
                "post-sts-header-before",
                "POST",
                "/",
                &[("x-amz-security-token", TOKEN_TEXT)],
                "",
                "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
            ),
            (
                "post-x-www-form-urlencoded",
                "POST",
                "/",
                &[("content-type", "application/x-www-form-urlencoded")],
                "Param1=value1",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ] {
            assert_eq!(signature(method, target, headers, body), wanted, "{name}");
        }
    }

    #[test]
    fn a_path_is_encoded_once_more_than_it_is_sent() {
        assert_eq!(normal_path("/index/_doc/evt%201"), "/index/_doc/evt%25201");
        assert_eq!(sorted("b=%2F+&a"), "a=&b=%2F%2B");
    }
}
