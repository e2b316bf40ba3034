//! The head of a request in HTTP/1.1's words.

use hyper::Method;

use super::{Head, Request};

/// Appends the head of a request.
pub(in crate::psend) fn write(text: &mut Vec<u8>, request: &Request) {
    write_start(text, &request.head, b"", &[]);
    write_end(text, request);
}

/// Appends what does not depend on the body. `base` precedes the path if a proxy is asked. `more` are header lines besides the
/// request's own.
pub(super) fn write_start(text: &mut Vec<u8>, head: &Head, base: &[u8], more: &[(&[u8], &[u8])]) {
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    append(text, &[head.method.as_str().as_bytes(), b" ", base, path.as_bytes(), b" HTTP/1.1\r\n"]);
    for (name, value) in &head.headers {
        append(text, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    for (name, value) in more {
        append(text, &[name, b": ", value, b"\r\n"]);
    }
}

/// Appends the rest: the length of the body, and the empty line.
pub(super) fn write_end(text: &mut Vec<u8>, request: &Request) {
    if request.head.method != Method::GET || !request.body.is_empty() {
        let mut number = itoa::Buffer::new();
        append(text, &[b"content-length: ", number.format(request.body.len()).as_bytes(), b"\r\n"]);
    }
    text.extend_from_slice(b"\r\n");
}

fn append(text: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| text.extend_from_slice(part));
}
