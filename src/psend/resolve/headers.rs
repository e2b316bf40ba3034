//! The headers of every request besides those of the dialect, the key, and the secrets in them.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::cli::api_key::{TEST_KEY, key_in};
use crate::cli::input;
use crate::error::{Error, Result};
use crate::psend::args::{Args, header_file};
use crate::psend::dialect::{Dialect, KeyNeed};
use crate::psend::given::{Environment, said};
use crate::psend::key::{KeyCommand, KeySource};
use crate::psend::secret::{Secret, Secrets};
use crate::psend::target::{Route, Target};

/// The headers of every request, and the key.
pub(super) struct Headers {
    /// Those that psend itself sends.
    pub(super) common: HeaderMap,
    /// Those of `-H`.
    pub(super) given: HeaderMap,
    /// Where the key comes from.
    pub(super) key: KeySource,
    /// The key, if it does not change.
    pub(super) settled: Option<Secret>,
    /// What must not appear in messages.
    pub(super) secrets: Secrets,
    /// Where the key came from, as messages name it.
    pub(super) key_source: String,
    /// Whether `-H 'Connection: close'` was given.
    pub(super) closes: bool,
}

/// Builds the headers, and finds the key.
///
/// # Errors
/// If a header is not valid, or there is no key for a server that is not on loopback.
pub(super) fn headers(
    args: &Args,
    target: &Target,
    route: &Route,
    dialect: &Dialect,
    env: Environment<'_>,
) -> Result<Headers> {
    let secrets = Secrets::default();
    let mut common = HeaderMap::new();
    let mut closes = false;
    common.insert(hyper::header::HOST, header_value("--url", &target.authority())?);
    common.insert(hyper::header::USER_AGENT, HeaderValue::from_static(concat!("psend/", env!("CARGO_PKG_VERSION"))));
    // What is compressed all the same is read.
    common.insert(hyper::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    for (name, _) in &dialect.request.headers {
        let wrong = |e: String| Error::usage(format!("--dialect {}: request.headers: {e}", args.dialect.display()));
        check_not_framing(name).map_err(wrong)?;
    }
    let mut given = HeaderMap::new();
    for header in &args.header {
        let (lines, is_file) = match (header_file(header), header.to_str()) {
            (Some(file), _) => (input::named_text("-H", file)?, true),
            (None, Some(line)) => (line.to_owned(), false),
            (None, None) => return Err(Error::usage("-H: the value is not valid UTF-8")),
        };
        for (number, line) in (1..).zip(lines.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            let (name, value) = line.split_once(':').map(|(n, v)| (n.trim(), v.trim())).unwrap_or_default();
            // The text may be a secret, so the message names only its place.
            let place = if is_file { format!(" {}, line {number}", header.display()) } else { String::new() };
            let form = || Error::usage(format!("-H{place}: expected 'Name: value', or @FILE with one header per line"));
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| form())?;
            if name == hyper::header::CONNECTION && !args.http2 {
                match value.to_ascii_lowercase().as_str() {
                    "close" => closes = true,
                    "keep-alive" => {}
                    _ => return Err(Error::usage(format!("-H{place} Connection: expected close or keep-alive"))),
                }
                continue;
            }
            check_not_framing(&name).map_err(|e| Error::usage(format!("-H{place} {e}")))?;
            let mut value_sent = HeaderValue::from_str(value).map_err(|_| form())?;
            if is_file || carries_secrets(&name) {
                value_sent.set_sensitive(true);
            }
            // Other short values would occur in messages by chance.
            if carries_secrets(&name) || (is_file && value.len() >= 4) {
                secrets.add(&Secret::new(value));
                // In `Bearer abc` the secret is abc.
                if let Some((_, credentials)) = value.split_once(' ') {
                    secrets.add(&Secret::new(credentials));
                }
            }
            given.append(name, value_sent);
        }
    }
    let login = given.iter().find(|(name, value)| logs_in(name) && !value.is_empty()).map(|(name, _)| name.clone());
    let is_given = given.values().any(|value| !value.is_empty());
    let mut key_source = match (&login, dialect.key) {
        (Some(name), _) => format!("-H {name}"),
        (None, KeyNeed::Optional) => "none".to_owned(),
        (None, KeyNeed::Required) => "none: the dialect has no place for it".to_owned(),
    };
    let key_header = dialect.request.headers.iter().find(|(name, value)| value.has_key() && given.contains_key(name));
    let (mut key, mut settled) = (KeySource::None, None);
    if let Some((name, _)) = key_header {
        key_source = format!("-H {name}");
    } else if let Some(command) = args.key_command.as_ref().filter(|_| dialect.has_key()) {
        key = KeySource::Command(Arc::new(KeyCommand::new(command, secrets.clone())));
        key_source = "--key-command".to_owned();
    } else if let Some((found, source)) =
        find_key(args, target, route, dialect, env, is_given)?.filter(|_| dialect.has_key())
    {
        HeaderValue::from_str(found.reveal())
            .map_err(|_| Error::usage(format!("the key ({source}) has characters that are not valid in a header")))?;
        secrets.add(&found);
        (key, settled) = (KeySource::Settled, Some(found));
        key_source = login.map_or(source.clone(), |login| format!("{source}; -H {login}"));
    }
    Ok(Headers { common, given, key, settled, secrets, key_source, closes })
}

/// Refuses headers that frame a request or control the connection, because psend sets these itself.
fn check_not_framing(name: &HeaderName) -> Result<(), String> {
    const FRAMING: [&str; 8] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    match name.as_str() {
        "host" => Err("Host: put the name into --url, and the address into --connect-to HOST:PORT".to_owned()),
        name if FRAMING.contains(&name) => Err(format!("{name}: psend sets this header itself; leave it out")),
        _ => Ok(()),
    }
}

/// Whether headers with this name usually hold secrets.
fn carries_secrets(name: &HeaderName) -> bool {
    let name = name.as_str();
    ["authorization", "cookie", "key", "token", "secret", "password", "signature"]
        .iter()
        .any(|word| name.contains(word))
}

/// Whether headers with this name usually hold credentials, so that no key is needed.
fn logs_in(name: &HeaderName) -> bool {
    let name = name.as_str();
    !name.starts_with("proxy-")
        && ["auth", "token", "api-key", "apikey", "cookie"].iter().any(|word| name.contains(word))
}

/// The key, and in words where it came from; `None` if there is none and none is needed.
fn find_key(
    args: &Args,
    target: &Target,
    route: &Route,
    dialect: &Dialect,
    env: Environment<'_>,
    is_given: bool,
) -> Result<Option<(Secret, String)>> {
    let found = if let Some(key) = &args.api_key {
        Some((Secret::new(key), "--api-key".to_owned()))
    } else if let Some(file) = &args.api_key_file {
        let text = input::named_text("--api-key-file", file)?;
        let key = key_in(&text).map_err(|e| Error::usage(format!("--api-key-file {}: {e}", file.display())))?;
        Some((Secret::new(key), format!("file {}", file.display())))
    } else {
        said(env, "PULSE_API_KEY")?.map(|key| (Secret::new(key), "PULSE_API_KEY".to_owned()))
    };
    match found {
        Some((key, source)) if key.reveal().is_empty() => Err(Error::usage(format!("the key ({source}) is empty"))),
        Some(found) => Ok(Some(found)),
        None if dialect.key == KeyNeed::Optional || !dialect.has_key() => Ok(None),
        None if target.route().is_loopback() && route.is_loopback() => {
            Ok(Some((Secret::new(TEST_KEY), "the guide's test key".to_owned())))
        }
        // Which header logs in, only the server knows.
        None if is_given => Ok(None),
        None => Err(Error::usage(format!(
            "{target} needs a key, because the guide's test key is only for this computer: \
             set PULSE_API_KEY, or use --api-key-file, --key-command or -H @FILE"
        ))),
    }
}

fn header_value(what: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| Error::usage(format!("{what}: '{value}' is not valid in a header")))
}
