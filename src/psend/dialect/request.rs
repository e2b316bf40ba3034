//! The form of a request: method, path, query, headers and body, each a template.

use std::collections::BTreeMap;

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Uri};

use super::template::{Binding, Names, Template, UsedIn};
use super::value::Map;
use super::written::{BatchWritten, EscapeWritten, RequestWritten, SignWord};

/// The tables of a dialect.
pub(super) type Maps = BTreeMap<String, Map>;

/// The form of a request for one event, or of the head of a batch.
#[derive(Debug, Clone)]
pub(in crate::psend) struct RequestForm {
    /// The HTTP method.
    pub method: Method,
    /// The path after the prefix in `--url`.
    pub path: Template,
    /// The query: names and values.
    pub query: Vec<(String, Template)>,
    /// The headers. One whose value comes out empty is left out.
    pub headers: Vec<(HeaderName, Template)>,
}

/// Whose signature requests carry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::psend) struct Signature {
    /// The service's name in it.
    pub service: String,
    /// The region, unless the environment says it.
    pub region: Option<String>,
}

/// How requests are signed, if they are.
pub(super) fn signature(written: &RequestWritten) -> Result<Option<Signature>, String> {
    let RequestWritten { sign, service, region, .. } = written;
    match (sign, service) {
        (Some(SignWord::AwsV4), Some(service)) => {
            for (key, text) in [("service", Some(service)), ("region", region.as_ref())] {
                let is_name =
                    |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
                if let Some(text) = text.filter(|text| !is_name(text)) {
                    return Err(format!(
                        "request.{key} \"{text}\": expected a name of AWS, such as \"es\" or \"eu-central-1\""
                    ));
                }
            }
            Ok(Some(Signature { service: service.clone(), region: region.clone() }))
        }
        (Some(SignWord::AwsV4), None) => {
            Err("request.sign = \"aws-v4\" needs request.service, such as \"es\" or \"execute-api\"".to_owned())
        }
        (None, None) if region.is_none() => Ok(None),
        (None, _) => Err("request.service and request.region need request.sign = \"aws-v4\"".to_owned()),
    }
}

impl RequestForm {
    /// The request for one event.
    pub(super) fn of_one(written: &RequestWritten, maps: &Maps) -> Result<Self, String> {
        let headers = headers("request.headers", &written.headers, Names::All, maps)?;
        Ok(Self {
            method: method("request.method", &written.method)?,
            path: path("request.path", &written.path, Names::All, maps)?,
            query: query("request.query", &written.query, Names::All, maps)?,
            headers,
        })
    }

    /// The head of a batch. What it leaves out is taken from the request for one event, except headers that use an event's values.
    pub(super) fn of_batch(written: &BatchWritten, single: &Self, maps: &Maps) -> Result<Self, String> {
        let mut headers = headers("batch.headers", &written.headers, Names::Constants, maps)?;
        let is_given = |name: &HeaderName| headers.iter().any(|(given, _)| given == name);
        let of_one: Vec<_> =
            single.headers.iter().filter(|(name, value)| !value.has_event() && !is_given(name)).cloned().collect();
        headers.extend(of_one);
        let query = match &written.query {
            Some(written) => query("batch.query", written, Names::Constants, maps)?,
            None => single.query.iter().filter(|(_, value)| !value.has_event()).cloned().collect(),
        };
        Ok(Self {
            method: written.method.as_deref().map_or(Ok(single.method.clone()), |text| method("batch.method", text))?,
            path: path("batch.path", &written.path, Names::Constants, maps)?,
            query,
            headers,
        })
    }

    pub(super) fn bind(&mut self, binding: &mut Binding<'_>) -> Result<(), String> {
        self.path.bind(binding)?;
        self.query
            .iter_mut()
            .map(|(_, value)| value)
            .chain(self.headers.iter_mut().map(|(_, value)| value))
            .try_for_each(|value| value.bind(binding))
    }

    /// Replaces the key's placeholders by the key.
    pub(in crate::psend) fn settle_key(&mut self, key: &str) {
        self.path.settle_key(key);
        self.query.iter_mut().for_each(|(_, value)| value.settle_key(key));
        self.headers.iter_mut().for_each(|(_, value)| value.settle_key(key));
    }

    /// Whether it contains the key anywhere.
    pub(in crate::psend) fn has_key(&self) -> bool {
        let values = self.query.iter().map(|(_, value)| value).chain(self.headers.iter().map(|(_, value)| value));
        self.path.has_key() || values.into_iter().any(Template::has_key)
    }
}

fn method(key: &str, text: &str) -> Result<Method, String> {
    let is_method = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| is_method);
    method.ok_or_else(|| format!("{key} \"{text}\": expected a method in capitals, such as \"POST\""))
}

/// Checks a path, which is appended to that of the URL.
pub(super) fn path(key: &str, text: &str, names: Names, maps: &Maps) -> Result<Template, String> {
    if !text.is_empty() && !text.starts_with('/') {
        return Err(format!("{key} \"{text}\": a path begins with /, such as \"/{text}\""));
    }
    let path = Template::compile("the path", text, UsedIn::Path, names, maps).map_err(|why| format!("{key}: {why}"))?;
    let sample = path.sample();
    let parsed = if sample.is_empty() { Ok(()) } else { sample.parse::<Uri>().map(drop) };
    parsed.map(|()| path).map_err(|why| format!("{key}: '{sample}' is not a path: {why}"))
}

fn query(
    key: &str,
    written: &BTreeMap<String, String>,
    names: Names,
    maps: &Maps,
) -> Result<Vec<(String, Template)>, String> {
    let compile = |(name, text): (&String, &String)| {
        let what = format!("the query's {name}");
        let value = Template::compile(&what, text, UsedIn::Query, names, maps);
        value.map(|value| (name.clone(), value)).map_err(|why| format!("{key}.{name}: {why}"))
    };
    written.iter().map(compile).collect()
}

fn headers(
    key: &str,
    written: &BTreeMap<String, String>,
    names: Names,
    maps: &Maps,
) -> Result<Vec<(HeaderName, Template)>, String> {
    let compile = |(name, text): (&String, &String)| {
        let wrong = |why: String| format!("{key}.{name}: {why}");
        let header =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("it is not a header name".to_owned()))?;
        // The text around the values is the same for each event, so it can be checked once.
        HeaderValue::from_str(text).map_err(|_| wrong(format!("'{text}' cannot stand in a header")))?;
        let what = format!("the header {header}");
        Template::compile(&what, text, UsedIn::Header, names, maps).map(|value| (header, value)).map_err(wrong)
    };
    written.iter().map(compile).collect()
}

/// The use of a body of this kind.
pub(super) fn body_place(escape: EscapeWritten) -> UsedIn {
    match escape {
        EscapeWritten::Json => UsedIn::Json,
        EscapeWritten::Form => UsedIn::Form,
        EscapeWritten::None => UsedIn::Text,
    }
}
