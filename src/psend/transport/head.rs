//! The head of a request in HTTP/1.1's words.

use hyper::Method;

use super::Request;

/// Appends the head of a request. `base` stands before the path where a proxy is asked; `more` are header lines besides the
/// request's own.
pub(in crate::psend) fn write(head: &mut Vec<u8>, request: &Request, base: &[u8], more: &[(&[u8], &[u8])]) {
    let mut write = |parts: &[&[u8]]| parts.iter().for_each(|part| head.extend_from_slice(part));
    let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
    write(&[request.method.as_str().as_bytes(), b" ", base, path.as_bytes(), b" HTTP/1.1\r\n"]);
    for (name, value) in &*request.headers {
        write(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    for (name, value) in more {
        write(&[name, b": ", value, b"\r\n"]);
    }
    if request.method != Method::GET || !request.body.is_empty() {
        let mut number = itoa::Buffer::new();
        write(&[b"content-length: ", number.format(request.body.len()).as_bytes(), b"\r\n"]);
    }
    write(&[b"\r\n"]);
}
