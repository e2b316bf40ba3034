//! The headers of every request, from the dialect, -H and the key, and the secrets in them.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::cli::api_key::{TEST_KEY, key_in};
use crate::cli::input;
use crate::error::{Error, Result};
use crate::psend::args::{Args, header_file};
use crate::psend::config::IdHeader;
use crate::psend::dialect::Dialect;
use crate::psend::given::{Environment, said};
use crate::psend::secret::{Secret, Secrets};
use crate::psend::target::{Route, Target};

/// The headers of every request.
pub(super) struct Headers {
    /// The headers that are the same for all requests.
    pub(super) headers: HeaderMap,
    /// The headers that are made from the event's id.
    pub(super) id_headers: Vec<IdHeader>,
    /// What must not appear in messages.
    pub(super) secrets: Secrets,
    /// Where the key came from, as messages name it.
    pub(super) key_source: String,
    /// Whether `-H 'Connection: close'` was given.
    pub(super) closes: bool,
}

/// Builds the headers.
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
    let mut secrets = Secrets::default();
    let mut headers = HeaderMap::new();
    let mut id_headers = Vec::new();
    let mut closes = false;
    headers.insert(hyper::header::HOST, header_value("--url", &target.authority())?);
    headers.insert(hyper::header::USER_AGENT, HeaderValue::from_static(concat!("psend/", env!("CARGO_PKG_VERSION"))));
    // Answers that are compressed anyway are read.
    headers.insert(hyper::header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if args.gzip {
        headers.insert(hyper::header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let wrong = |what: String| Error::usage(format!("--dialect {}: {what}", args.dialect.display()));
    for (name, value) in &dialect.request.headers {
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong(format!("'{name}' is not the name of a header")))?;
        check_not_framing(&header).map_err(|e| wrong(format!("request.headers: {e}")))?;
        match value.split_once("{event_id}") {
            Some((before, after)) => {
                // The text around the id must be valid by itself: it is the same for each event.
                header_value(name, before).and_then(|_| header_value(name, after))?;
                id_headers.push(IdHeader { name: header, before: before.to_owned(), after: after.to_owned() });
            }
            None => drop(headers.insert(header, header_value(name, value)?)),
        }
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
    let form = &dialect.request;
    let key_name = (!form.key_header.is_empty())
        .then(|| {
            HeaderName::from_bytes(form.key_header.as_bytes())
                .map_err(|_| wrong("key_header is not the name of a header".to_owned()))
        })
        .transpose()?;
    let login = given.iter().find(|(name, value)| logs_in(name) && !value.is_empty()).map(|(name, _)| name.clone());
    let mut key_source = match &login {
        Some(name) => format!("-H {name}"),
        None => "none: the dialect has no header for it".to_owned(),
    };
    if let Some(name) = key_name {
        if given.contains_key(&name) {
            key_source = format!("-H {name}");
        } else if let Some((key, source)) = key(args, target, route, env, login.is_some())? {
            let mut value = HeaderValue::from_str(&format!("{}{}", form.key_prefix, key.reveal())).map_err(|_| {
                Error::usage(format!("the key ({source}) has characters that are not valid in a header"))
            })?;
            value.set_sensitive(true);
            headers.insert(name, value);
            secrets.add(&key);
            key_source = login.map_or(source.clone(), |login| format!("{source}; -H {login}"));
        }
    }
    // A header of -H replaces the one that would be sent without it.
    headers.extend(given);
    Ok(Headers { headers, id_headers, secrets, key_source, closes })
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

/// The key and where it came from, as messages name it. `None` if there is no key and -H has credentials.
fn key(
    args: &Args,
    target: &Target,
    route: &Route,
    env: Environment<'_>,
    logs_in: bool,
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
        None if target.route().is_loopback() && route.is_loopback() => {
            Ok(Some((Secret::new(TEST_KEY), "the guide's test key".to_owned())))
        }
        None if logs_in => Ok(None),
        None => Err(Error::usage(format!(
            "{target} needs a key, because the guide's test key is only for this computer: \
             set PULSE_API_KEY, or use --api-key-file or -H @FILE"
        ))),
    }
}

fn header_value(what: &str, value: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(value).map_err(|_| Error::usage(format!("{what}: '{value}' is not valid in a header")))
}
