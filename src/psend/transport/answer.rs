//! Reads HTTP/1.1 answers from pieces of any size. httparse reads the head; the body is read by length, in chunks or up to the end of
//! the connection (RFC 9112, 6.3). Knows no sockets.

use std::mem::MaybeUninit;

use httparse::{Header, ParserConfig, Response, Status};
use hyper::header::HeaderValue;
use hyper::{Method, StatusCode};

use super::coding::items;
use super::kept::Kept;

/// The most headers in an answer.
const MOST_HEADERS: usize = 100;

/// The most bytes besides the answer itself: informational heads (1xx) and chunk extensions.
const MOST_ASIDE: usize = 64 << 10;

/// The bytes are not HTTP/1.1, and why.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer is not HTTP/1.1: {0}")]
pub(super) struct Malformed(pub(super) String);

impl From<httparse::Error> for Malformed {
    fn from(error: httparse::Error) -> Self {
        Self(error.to_string())
    }
}

/// What is expected next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Head,
    /// This many bytes of the body, then nothing.
    Body(u64),
    /// The body, up to the end of the connection.
    BodyToEnd,
    ChunkSize,
    /// This many bytes of a chunk, then its end.
    Chunk(u64),
    ChunkEnd,
    /// The header lines after the last chunk, and the empty line that ends them.
    Trailers,
    Nothing,
}

/// Reads one answer from the bytes of a connection, and holds what has arrived so far.
#[derive(Debug)]
pub(super) struct ResponseReader {
    next: Next,
    /// Whether it has no body, whatever its head says.
    is_head_alone: bool,
    /// The bytes that arrived besides the answer itself.
    aside: usize,
    /// Its status code; 0 until the head has arrived.
    pub(super) status: u16,
    /// `Retry-After`, as it arrived.
    pub(super) retry_after: Option<HeaderValue>,
    /// The codings of the body as a list, in the order in which they were applied. Nearly always empty.
    pub(super) codings: Vec<u8>,
    /// `Date`, as it arrived, if there is a `Retry-After` that may count from it.
    pub(super) date: Option<HeaderValue>,
    /// Whether the connection can carry another request after this answer.
    pub(super) keeps_connection: bool,
    /// How many seconds the server keeps an idle connection, if it says so.
    pub(super) kept_for: Option<u64>,
    /// The head as it came, if it is kept.
    pub(super) head: Option<Box<[u8]>>,
    /// The body.
    pub(super) body: Kept,
}

impl ResponseReader {
    /// A reader for the answer to a request with this method. The body goes into `body`.
    pub(super) fn to(method: &Method, body: Kept) -> Self {
        Self {
            next: Next::Head,
            // What follows an answer to CONNECT is not HTTP, or of no use.
            is_head_alone: [Method::HEAD, Method::CONNECT].contains(method),
            aside: 0,
            status: 0,
            retry_after: None,
            codings: Vec::new(),
            date: None,
            keeps_connection: true,
            kept_for: None,
            head: None,
            body,
        }
    }

    /// Whether any readable part of it has arrived.
    pub(super) fn is_begun(&self) -> bool {
        self.status != 0 || self.aside > 0
    }

    /// Whether all of it has arrived.
    pub(super) fn is_whole(&self) -> bool {
        self.next == Next::Nothing
    }

    /// Reads as much of these bytes as possible. Returns how many were read. Pass the rest again once more bytes have arrived, unless
    /// the answer is complete: then the rest does not belong to it.
    ///
    /// # Errors
    /// If the bytes are not HTTP/1.1.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut taken = 0;
        while taken < bytes.len()
            && let Some(more) = self.take_next(&bytes[taken..])?
        {
            taken += more;
        }
        Ok(taken)
    }

    /// The connection has ended. This completes an answer whose body extends to the end of the connection.
    pub(super) fn end(&mut self) {
        if self.next == Next::BodyToEnd {
            self.next = Next::Nothing;
        }
    }

    /// Reads the next part, or a piece of it. Returns `None` if there are too few bytes.
    fn take_next(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        Ok(match self.next {
            Next::Head => return self.take_head(bytes),
            Next::Body(left) => Some(self.take_body(bytes, left, Next::Body, Next::Nothing)),
            Next::Chunk(left) => Some(self.take_body(bytes, left, Next::Chunk, Next::ChunkEnd)),
            Next::BodyToEnd => Some(self.take_body(bytes, u64::MAX, |_| Next::BodyToEnd, Next::BodyToEnd)),
            Next::ChunkSize => match chunk_size(bytes)? {
                Some((length, size, extension)) => {
                    self.set_aside(extension)?;
                    self.next = if size == 0 { Next::Trailers } else { Next::Chunk(size) };
                    Some(length)
                }
                None => None,
            },
            Next::ChunkEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.next = Next::ChunkSize;
                    Some(2)
                }
                b"\r" => None,
                _ => return Err(Malformed("a chunk longer than its size".to_owned())),
            },
            Next::Trailers => {
                let length = trailers(bytes)?;
                if length.is_some() {
                    self.next = Next::Nothing;
                }
                length
            }
            Next::Nothing => None,
        })
    }

    fn take_body(&mut self, bytes: &[u8], left: u64, rest: impl Fn(u64) -> Next, then: Next) -> usize {
        let length = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.body.push(&bytes[..length]);
        let left = left - length as u64;
        self.next = if left == 0 { then } else { rest(left) };
        length
    }

    fn set_aside(&mut self, bytes: usize) -> Result<(), Malformed> {
        self.aside += bytes;
        if self.aside <= MOST_ASIDE {
            Ok(())
        } else {
            Err(Malformed(format!("more than {MOST_ASIDE} bytes besides the answer")))
        }
    }

    fn take_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, Malformed> {
        let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_HEADERS];
        let mut head = Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut head, bytes, &mut headers)?;
        let Status::Complete(length) = parsed else { return Ok(None) };
        let status = head.code.unwrap_or_default();
        // Informational heads such as 103 come before the answer. 101 ends the exchange, and was not asked for.
        if (100..200).contains(&status) && status != StatusCode::SWITCHING_PROTOCOLS.as_u16() {
            self.set_aside(length)?;
            return Ok(Some(length));
        }
        if status < 100 {
            return Err(Malformed("a status below 100".to_owned()));
        }
        let is_http_1_0 = head.version == Some(0);
        let framing = Framing::of(head.headers)?;
        self.status = status;
        self.head = self.body.keeps_heads().then(|| bytes[..length].into());
        self.codings = framing.content_codings;
        self.codings.extend_from_slice(&framing.transfer_codings);
        self.kept_for = framing.kept_for;
        if framing.retry_after.is_some() {
            self.retry_after = framing.retry_after;
            self.date = date_in(head.headers);
        }
        self.keeps_connection = !framing.close && (framing.keep_alive || !is_http_1_0);
        // One of the two is wrong, so what follows may belong to another answer (RFC 9112, 6.3).
        self.keeps_connection &= framing.coding.is_none() || framing.length.is_none();
        self.next = match (status, framing.coding, framing.length) {
            _ if self.is_head_alone => Next::Nothing,
            (100..200 | 204 | 304, ..) | (_, None, Some(0)) => Next::Nothing,
            (_, Some(_), _) if is_http_1_0 => {
                return Err(Malformed("a transfer coding in HTTP/1.0".to_owned()));
            }
            (_, Some(Coding::Chunked), _) => Next::ChunkSize,
            (_, None, Some(length)) => Next::Body(length),
            (_, Some(Coding::Other), _) | (_, None, None) => Next::BodyToEnd,
        };
        self.keeps_connection &= self.next != Next::BodyToEnd && status >= 200;
        Ok(Some(length))
    }
}

/// The last of the codings of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Chunked,
    /// One that does not define where the body ends.
    Other,
}

/// The headers that matter here.
#[derive(Debug, Default)]
struct Framing {
    length: Option<u64>,
    /// The last transfer coding.
    coding: Option<Coding>,
    /// The content codings, each followed by a comma.
    content_codings: Vec<u8>,
    /// The transfer codings except `chunked`, which were applied later.
    transfer_codings: Vec<u8>,
    close: bool,
    keep_alive: bool,
    kept_for: Option<u64>,
    retry_after: Option<HeaderValue>,
}

impl Framing {
    fn of(headers: &[Header<'_>]) -> Result<Self, Malformed> {
        let mut found = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            if is("content-length") {
                for value in items(header.value) {
                    found.set_length(value)?;
                }
            } else if is("transfer-encoding") {
                for coding in items(header.value) {
                    found.add_transfer_coding(coding);
                }
            } else if is("content-encoding") {
                found.content_codings.extend_from_slice(header.value);
                found.content_codings.push(b',');
            } else if is("connection") {
                for item in items(header.value) {
                    found.close |= item.eq_ignore_ascii_case(b"close");
                    found.keep_alive |= item.eq_ignore_ascii_case(b"keep-alive");
                }
            } else if is("keep-alive") {
                items(header.value).for_each(|item| found.read_keep_alive(item));
            } else if is("retry-after") && found.retry_after.is_none() {
                found.retry_after = HeaderValue::from_bytes(header.value).ok();
            }
        }
        Ok(found)
    }

    fn add_transfer_coding(&mut self, name: &[u8]) {
        if name.eq_ignore_ascii_case(b"chunked") {
            self.coding = Some(Coding::Chunked);
        } else if !name.is_empty() && !name.eq_ignore_ascii_case(b"identity") {
            self.coding = Some(Coding::Other);
            self.transfer_codings.extend_from_slice(name);
            self.transfer_codings.push(b',');
        }
    }

    /// Reads how long the server keeps the connection: `timeout=5` or `max=100`.
    fn read_keep_alive(&mut self, item: &[u8]) {
        let Some((name, value)) = std::str::from_utf8(item).ok().and_then(|item| item.split_once('=')) else { return };
        let Ok(number) = value.trim().trim_matches('"').parse::<u64>() else { return };
        match name.trim() {
            name if name.eq_ignore_ascii_case("timeout") => self.kept_for = Some(number),
            name if name.eq_ignore_ascii_case("max") => self.close |= number == 0,
            _ => {}
        }
    }

    /// Reads a length. It may occur more than once, but must be the same each time.
    fn set_length(&mut self, value: &[u8]) -> Result<(), Malformed> {
        let digits = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let length = digits.and_then(|digits| digits.parse().ok());
        if length.is_none() || self.length.is_some_and(|known| Some(known) != length) {
            return Err(Malformed("an invalid content-length".to_owned()));
        }
        self.length = length;
        Ok(())
    }
}

/// Reads the line before a chunk. Returns the length of the line, the size of the chunk, and how many bytes of the line are its
/// extension. Returns `None` if the line is incomplete. httparse is not used because it accepts line ends within an extension.
fn chunk_size(bytes: &[u8]) -> Result<Option<(usize, u64, usize)>, Malformed> {
    let wrong = || Malformed("a chunk without its size".to_owned());
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let rest = &bytes[digits..];
    let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match (digits, rest.get(blanks)) {
        (0, Some(_)) => return Err(wrong()),
        (_, None) => return if digits > 0 || bytes.is_empty() { Ok(None) } else { Err(wrong()) },
        (_, Some(b';' | b'\r')) => {}
        _ => return Err(wrong()),
    }
    let Some(end) = memchr::memchr2(b'\r', b'\n', rest) else { return Ok(None) };
    match &rest[end..] {
        b"\r" => return Ok(None),
        [b'\r', b'\n', ..] => {}
        _ => return Err(wrong()),
    }
    let size = std::str::from_utf8(&bytes[..digits]).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    Ok(Some((digits + end + 2, size.ok_or_else(wrong)?, end)))
}

/// The length in bytes of the lines after the last chunk, including the empty line that ends them. `None` if they are incomplete. Each
/// is a header and ends with CRLF.
fn trailers(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let wrong = || Malformed("an invalid header after the last chunk".to_owned());
    let mut from = 0;
    while let Some(end) = memchr::memchr2(b'\r', b'\n', &bytes[from..]).map(|end| from + end) {
        match &bytes[end..] {
            b"\r" => return Ok(None),
            [b'\r', b'\n', ..] if end == from => {
                let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
                return match httparse::parse_headers(&bytes[..end + 2], &mut headers) {
                    Ok(Status::Complete(_)) => Ok(Some(end + 2)),
                    _ => Err(wrong()),
                };
            }
            [b'\r', b'\n', ..] => from = end + 2,
            _ => return Err(wrong()),
        }
    }
    Ok(None)
}

/// The value of the first `Date` among these headers.
fn date_in(headers: &[Header<'_>]) -> Option<HeaderValue> {
    let date = headers.iter().find(|header| header.name.eq_ignore_ascii_case("date"))?;
    HeaderValue::from_bytes(date.value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::psend::transport::kept::Limit;
    use proptest::prelude::*;

    /// Status, body, whether the connection is kept, and how much is left behind the answer.
    type Read<B> = (u16, B, bool, usize);

    /// What is read where this is all that comes.
    fn read(text: &str) -> Result<Read<String>, String> {
        read_in_parts(text, text.len())
    }

    /// The same if it arrives this many bytes at a time.
    fn read_in_parts(text: &str, part: usize) -> Result<Read<String>, String> {
        let mut answer = ResponseReader::to(&Method::POST, Kept::new(&Limit::new(1 << 10)));
        let mut held: Vec<u8> = Vec::new();
        for part in text.as_bytes().chunks(part.max(1)) {
            held.extend_from_slice(part);
            if !answer.is_whole() {
                let taken = answer.take(&held).map_err(|e| e.to_string())?;
                held.drain(..taken);
            }
        }
        answer.end();
        if !answer.is_whole() {
            return Err("not whole".to_owned());
        }
        let body = answer.body.end(b"");
        Ok((answer.status, String::from_utf8_lossy(&body).into_owned(), answer.keeps_connection, held.len()))
    }

    /// Answers, and what is to be read out of each.
    const WHOLE: [(&str, Read<&str>); 20] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", (200, "hi", true, 0)),
        ("HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nhi!", (200, "hi", true, 1)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nhi", (200, "hi", true, 0)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, "", true, 0)),
        ("HTTP/1.1 204 No Content\r\n\r\n", (204, "", true, 0)),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", (304, "", true, 0)),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close\r\n\r\nhi", (200, "hi", false, 0)),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", (200, "hi", false, 0)),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nhi", (200, "hi", true, 0)),
        ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close, keep-alive\r\n\r\nhi", (200, "hi", false, 0)),
        ("HTTP/1.1 200 OK\r\n\r\nup to the end", (200, "up to the end", false, 0)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nup to the end", (200, "up to the end", false, 0)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2;x=y\r\nhi\r\n01 \r\n!\r\n0\r\n\r\n",
            (200, "hi!", true, 0),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n?",
            (200, "0123456789", false, 1),
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}", (200, "{}", true, 0)),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n2 ; a=\"b\"\r\n{}\r\n0\r\nA: b\r\nC: d\r\n\r\n",
            (200, "{}", true, 0),
        ),
        ("HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=0\r\nContent-Length: 2\r\n\r\n{}", (200, "{}", false, 0)),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nX: y\r\n\r\nHTTP/1.1 204 \r\n\r\n", (204, "", true, 0)),
        ("HTTP/1.1 101 Switching Protocols\r\n\r\n", (101, "", false, 0)),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", (200, "hi", true, 0)),
    ];

    #[test]
    fn an_answer_ends_where_its_head_says_so() {
        for (text, (status, body, keeps, left)) in WHOLE {
            assert_eq!(read(text), Ok((status, body.to_owned(), keeps, left)), "{text}");
        }
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for (text, why) in [
            ("garbage\r\n\r\n", "invalid HTTP version"),
            ("HTTP/2.0 200 OK\r\n\r\n", "invalid HTTP version"),
            ("HTTP/1.1 OK\r\n\r\n", "invalid response status"),
            ("HTTP/1.1 200 OK\r\nA header\r\n\r\n", "invalid header name"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "an invalid content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n", "an invalid content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n", "an invalid content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "an invalid content-length"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "an invalid content-length"),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "a transfer coding in HTTP/1.0"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nsize\r\n", "a chunk without its size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n\r\n", "a chunk without its size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n;\r\n\r\n", "a chunk without its size"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nhi\r\n\r\n",
                "an invalid header after the last chunk",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\nb\r\nx\r\n0\r\n\r\n",
                "a chunk without its size",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n", "a chunk without its size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\nx", "a chunk without its size"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\n", "an invalid header after the last chunk"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n",
                "an invalid header after the last chunk",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA b: c\r\n\r\n",
                "an invalid header after the last chunk",
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n: c\r\n\r\n",
                "an invalid header after the last chunk",
            ),
            ("HTTP/1.1 000 OK\r\n\r\n", "a status below 100"),
            ("HTTP/1.1 099 OK\r\n\r\n", "a status below 100"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n", "a chunk longer than its size"),
        ] {
            assert_eq!(read(text), Err(format!("the answer is not HTTP/1.1: {why}")), "{text}");
        }
        let interim = "HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n".repeat(MOST_ASIDE / 30);
        let extensions = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned()
            + &"1;xxxxxxxx\r\nx\r\n".repeat(MOST_ASIDE / 8);
        for endless in [interim, extensions] {
            assert_eq!(
                read(&endless),
                Err(format!("the answer is not HTTP/1.1: more than {MOST_ASIDE} bytes besides the answer"))
            );
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(read(&many), Err("the answer is not HTTP/1.1: too many headers".to_owned()));
    }

    #[test]
    fn what_ends_too_soon_is_not_whole() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n",
        ] {
            assert_eq!(read(text), Err("not whole".to_owned()), "{text}");
        }
    }

    #[test]
    fn retry_after_is_handed_on_as_it_came() {
        let mut answer = ResponseReader::to(&Method::POST, Kept::new(&Limit::new(9)));
        let text = b"HTTP/1.1 503 Busy\r\nretry-after: \xff soon\r\nRetry-After: 2\r\nContent-Length: 3\r\n\r\nbusy";
        assert_eq!(answer.take(text), Ok(text.len() - 1));
        assert_eq!(answer.retry_after.as_ref().map(HeaderValue::as_bytes), Some(&b"\xff soon"[..]));
    }

    #[test]
    fn the_codings_of_a_body_are_told_in_the_order_in_which_they_were_applied() {
        let mut answer = ResponseReader::to(&Method::POST, Kept::new(&Limit::new(9)));
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zstd, chunked\r\nContent-Encoding: br\r\ncontent-encoding: gzip\r\n\r\n";
        assert_eq!(answer.take(text), Ok(text.len()));
        assert_eq!(String::from_utf8_lossy(&answer.codings), "br,gzip,zstd,");
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let mut answer = ResponseReader::to(&Method::HEAD, Kept::new(&Limit::new(9)));
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n";
        assert_eq!((answer.take(text), answer.is_whole()), (Ok(text.len()), true));
    }

    /// The result of hyper's client for an answer: its status and body, or `None` if it refuses it.
    async fn by_hyper(text: &str) -> Option<(u16, String)> {
        use http_body_util::{BodyExt, Empty};
        use hyper_util::rt::TokioIo;
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(near)).await.ok()?;
        let request =
            hyper::Request::post("/").header("host", "h").body(Empty::<bytes::Bytes>::new()).expect("a request");
        let server = async {
            let mut head = [0; 1 << 10];
            assert!(far.read(&mut head).await.expect("a request comes") > 0);
            far.write_all(text.as_bytes()).await.expect("it is taken");
            far.shutdown().await.expect("it is taken");
        };
        let client = async {
            let (head, body) = sender.send_request(request).await.ok()?.into_parts();
            let body = body.collect().await.ok()?.to_bytes();
            Some((head.status.as_u16(), String::from_utf8_lossy(&body).into_owned()))
        };
        let (_, (), read) = tokio::join!(connection, server, client);
        read
    }

    #[test]
    fn hypers_client_takes_the_same_answers_and_refuses_the_same() {
        const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n";
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let heads = [
            "\r\nhi",
            "Content-Length: 2\r\n\r\nhi",
            "Content-Length: 3\r\n\r\nhi!",
            "Content-Length: 2, 3\r\n\r\nhi",
            "Content-Length: 2, 2\r\n\r\nhi",
            "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "A: b\r\n c\r\n\r\nhi",
            " A: b\r\n\r\nhi",
            "A : b\r\n\r\nhi",
            ": b\r\n\r\nhi",
            "A: b\nC: d\n\nhi",
            "A: \u{1}\r\n\r\nhi",
            "A: \u{e4}\r\n\r\nhi",
            "A\r\n\r\nhi",
            "Connection: close\r\n\r\nhi",
            "A: b\rC: d\r\n\r\nhi",
            "\r\nh",
        ];
        let chunks = [
            "2\r\nhi\r\n0\r\n\r\n",
            "2;a=b\r\nhi\r\n0\r\n\r\n",
            "2 ;a\r\nhi\r\n0\r\n\r\n",
            "2;a\nb\r\nhi\r\n0\r\n\r\n",
            "2\nhi\n0\n\n",
            "2\r\nhi\r\n0\r\n\n",
            "2\r\nhi\r\n0\r\nA: b\r\n\r\n",
            "2\r\nhi\r\n0\r\nA: b\n\r\n",
            "2\r\nhi\r\n0\r\nA b: c\r\n\r\n",
            "2\r\nhi\r\n0\r\nA\r\n\r\n",
            "2\r\nhi\r\n0\r\n: b\r\n\r\n",
            "2\r\nhi\r\n0\r\nA: b\r\n c\r\n\r\n",
            "2\r\nhi0\r\n\r\n",
            "2\r\nhi\n0\r\n\r\n",
            "+2\r\nhi\r\n0\r\n\r\n",
            "0x2\r\nhi\r\n0\r\n\r\n",
            " 2\r\nhi\r\n0\r\n\r\n",
            "2 3\r\nhi\r\n0\r\n\r\n",
            ";\r\n\r\n",
            "00000000000000002\r\nhi\r\n0\r\n\r\n",
            "10000000000000000\r\nhi\r\n0\r\n\r\n",
            "2\r\nhi\r\n",
            "2\r\nhi\r\n0\r\n",
            "\r\n",
            "2\t\r\nhi\r\n0\r\n\r\n",
            "2;\r\nhi\r\n000;x\r\n\r\n",
            "2;a\rb\r\nhi\r\n0\r\n\r\n",
            "2\r\nhi\r\n0\r\nA: b\r\nC: d\r\n\r\n",
            "g\r\n",
        ];
        let others = [
            "HTTP/1.0 200 OK\r\n\r\nhi",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 999 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 204 No\r\n\r\n",
            "HTTP/1.1 304 No\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 200\r\n\r\nhi",
            "\r\nHTTP/1.1 200 OK\r\n\r\nhi",
            "HTTP/1.1  200 OK\r\n\r\n",
            "http/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            "",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
            "HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nhi",
        ];
        let answers = heads.iter().map(|rest| format!("{LENGTH}{rest}"));
        let answers = answers.chain(chunks.iter().map(|rest| format!("{CHUNKED}{rest}")));
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        for text in answers.chain(others.map(str::to_owned)) {
            let ours = read(&text).ok().map(|(status, body, ..)| (status, body));
            assert_eq!(ours, runtime.block_on(by_hyper(&text)), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_an_answer_is_cut(which in 0..WHOLE.len(), part in 1usize..40) {
            prop_assert_eq!(read_in_parts(WHOLE[which].0, part), read(WHOLE[which].0));
        }

        #[test]
        fn no_bytes_make_it_panic(head in prop_oneof![
            Just(""),
            Just("HTTP/1.1 200 OK\r\n"),
            Just("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ], bytes in prop::collection::vec(any::<u8>(), 0..200), part in 1usize..40) {
            let mut answer = ResponseReader::to(&Method::POST, Kept::new(&Limit::new(2 << 10)));
            let mut held = head.as_bytes().to_vec();
            for part in bytes.chunks(part) {
                held.extend_from_slice(part);
                let Ok(taken) = answer.take(&held) else { break };
                held.drain(..taken);
            }
            prop_assert!(answer.body.end(b"").len() <= 2 << 10);
        }
    }
}
