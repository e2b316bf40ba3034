//! The head of a request: what of it is the same for all is made once, the rest from each event.

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::InvalidUri;
use hyper::{Method, Uri};

use super::dialect::{RequestForm, Template};
use super::intake::Event;
use super::target::Target;
use super::transport::{Head, Request};

/// The longest header that is made from an event, in bytes: common servers take 8 KiB.
const LONGEST_HEADER: usize = 8 << 10;

/// The head of a request.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// What is the same for all.
    same: Arc<Head>,
    /// The path, if it is made from the event, or from a key that may change.
    path: Option<MadePath>,
    /// Headers that are made from these.
    made: Vec<(HeaderName, Template)>,
}

#[derive(Debug, Clone)]
struct MadePath {
    /// The path of the URL.
    prefix: String,
    path: Template,
    /// The query of the URL, with `?` or `&` before what follows.
    query: String,
    /// Names, with `=` behind them, and values.
    parameters: Vec<(String, Template)>,
}

/// What all requests of a run have in common.
pub(super) struct Common<'a> {
    /// Where they go.
    pub target: &'a Target,
    /// The query of the URL, encoded, without what the dialect took from it.
    pub query: &'a str,
    /// Headers beside those of the dialect.
    pub headers: &'a HeaderMap,
    /// Headers of `-H`: these take the place of all others with their names.
    pub given: &'a HeaderMap,
    /// Whether there is a key. Headers and parameters with a place for one are left out if there is not.
    pub has_key: bool,
}

impl Shape {
    /// The head that a dialect describes. A key that does not change is settled in `form`; `is_secret` tells of a header whether
    /// it was made with one.
    ///
    /// # Errors
    /// What cannot stand in a path or a header.
    pub(super) fn new(
        form: RequestForm,
        common: &Common<'_>,
        is_secret: impl Fn(&HeaderName) -> bool,
    ) -> Result<Self, String> {
        let mut headers = common.headers.clone();
        let mut made = Vec::new();
        for (name, template) in form.headers {
            if common.given.contains_key(&name) || (template.has_key() && !common.has_key) {
                continue;
            }
            match template.constant() {
                Some("") => {}
                Some(text) => {
                    let value = HeaderValue::from_str(text);
                    let mut value = value
                        .map_err(|_| format!("the header {name} has characters that are not valid in a header"))?;
                    value.set_sensitive(is_secret(&name));
                    headers.insert(name, value);
                }
                None => made.push((name, template)),
            }
        }
        headers.extend(common.given.clone());
        let mut parameters = form.query;
        parameters.retain(|(_, value)| common.has_key || !value.has_key());
        let (uri, path) = path(common, form.path, parameters)?;
        Ok(Self { same: Arc::new(Head { method: form.method, uri, headers }), path, made })
    }

    /// The head of a question for an event: what does not come from its id is left out.
    pub(super) fn question(&self) -> Self {
        let made = self.made.iter().filter(|(_, template)| template.is_of_id()).cloned().collect();
        let same = Head { method: Method::GET, ..Head::clone(&self.same) };
        Self { same: Arc::new(same), path: self.path.clone(), made }
    }

    /// The request with this head for this event, the first of several in a batch.
    ///
    /// # Errors
    /// Why none can be made.
    pub(super) fn request(&self, event: &Event, key: &str, body: Bytes) -> Result<Request, String> {
        let mut head = Arc::clone(&self.same);
        if let Some(path) = &self.path {
            Arc::make_mut(&mut head).uri = path.uri(event, key)?;
        }
        for (name, template) in &self.made {
            if let Some(value) = header(name, template, event, key)? {
                Arc::make_mut(&mut head).headers.insert(name.clone(), value);
            }
        }
        Ok(Request { head, body })
    }

    /// Why no request can be made for this event, if so.
    pub(super) fn obstacle(&self, event: &Event, key: &str) -> Option<String> {
        let made = self.made.iter().find_map(|(name, template)| header(name, template, event, key).err());
        made.or_else(|| self.path.as_ref()?.uri(event, key).err())
    }

    /// A header that is made from the event, if there is one.
    pub(super) fn made_from_event(&self) -> Option<&HeaderName> {
        self.made.iter().find(|(_, template)| template.has_event()).map(|(name, _)| name)
    }
}

/// The path of all requests, or a placeholder and how the path of each is made.
fn path(
    common: &Common<'_>,
    path: Template,
    parameters: Vec<(String, Template)>,
) -> Result<(Uri, Option<MadePath>), String> {
    let name = |name: &str| url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>() + "=";
    let parameters: Vec<_> = parameters.into_iter().map(|(text, value)| (name(&text), value)).collect();
    let mut query = String::new();
    if !common.query.is_empty() || !parameters.is_empty() {
        query = format!("?{}", common.query);
    }
    if !common.query.is_empty() && !parameters.is_empty() {
        query.push('&');
    }
    let constants: Option<Vec<String>> =
        parameters.iter().map(|(name, value)| Some(format!("{name}{}", value.constant()?))).collect();
    if let (Some(path), Some(constants)) = (path.constant(), constants) {
        let text = format!("{}{query}{}", common.target.path(path), constants.join("&"));
        let uri = text.parse().map_err(|e| format!("'{text}' is not a path: {e}"))?;
        return Ok((uri, None));
    }
    let prefix = common.target.path("/").trim_end_matches('/').to_owned();
    Ok((Uri::default(), Some(MadePath { prefix, path, query, parameters })))
}

impl MadePath {
    fn uri(&self, event: &Event, key: &str) -> Result<Uri, String> {
        let mut text = self.prefix.clone().into_bytes();
        self.path.render(event, key, &mut text)?;
        text.extend_from_slice(self.query.as_bytes());
        for (nth, (name, value)) in self.parameters.iter().enumerate() {
            let and: &[u8] = if nth > 0 { b"&" } else { b"" };
            text.extend_from_slice(and);
            text.extend_from_slice(name.as_bytes());
            value.render(event, key, &mut text)?;
        }
        Uri::try_from(text).map_err(|e: InvalidUri| format!("no path can be made: {e}"))
    }
}

/// The value of a header that is made, unless it is empty.
fn header(name: &HeaderName, template: &Template, event: &Event, key: &str) -> Result<Option<HeaderValue>, String> {
    let mut text = Vec::new();
    template.render(event, key, &mut text)?;
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() > LONGEST_HEADER {
        return Err(format!(
            "what it holds makes the header {name} {} bytes long; the limit is {LONGEST_HEADER}",
            text.len()
        ));
    }
    let value = HeaderValue::from_bytes(&text);
    let mut value = value.map_err(|_| format!("the header {name} has characters that are not valid in a header"))?;
    value.set_sensitive(template.has_key());
    Ok(Some(value))
}
