//! Frames of HTTP/2 (RFC 9113), right and wrong ones.

/// The client's preface.
const PREFACE: usize = 24;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const PADDED: u8 = 8;

/// `:status: 200` in HPACK.
pub(super) const STATUS_200: u8 = 0x88;

/// The stream of a frame.
#[derive(Clone, Copy)]
pub(super) enum On {
    /// That of the request.
    Request,
    /// This one; 0 is the connection.
    Stream(u32),
}

#[derive(Clone)]
pub(super) struct Frame {
    kind: u8,
    flags: u8,
    on: On,
    payload: Vec<u8>,
    length: Option<u32>,
    /// Where in the payload the number of the request's stream belongs.
    names_request: bool,
}

/// A frame on the request's stream.
pub(super) fn frame(kind: u8, flags: u8, payload: impl AsRef<[u8]>) -> Frame {
    Frame { kind, flags, on: On::Request, payload: payload.as_ref().to_vec(), length: None, names_request: false }
}

/// A frame of the connection.
pub(super) fn on_connection(kind: u8, flags: u8, payload: impl AsRef<[u8]>) -> Frame {
    frame(kind, flags, payload).on(0)
}

/// The head of an answer, as these bytes of HPACK.
pub(super) fn head(flags: u8, hpack: impl AsRef<[u8]>) -> Frame {
    frame(HEADERS, END_HEADERS | flags, hpack)
}

/// GOAWAY with this last stream, or that of the request, and this error code.
pub(super) fn go_away(last: On, code: u32) -> Frame {
    let (number, names_request) = match last {
        On::Request => (0, true),
        On::Stream(number) => (number, false),
    };
    Frame { names_request, ..on_connection(GOAWAY, 0, [number.to_be_bytes(), code.to_be_bytes()].concat()) }
}

/// A header in HPACK, neither indexed nor compressed.
pub(super) fn header(name: &str, value: &[u8]) -> Vec<u8> {
    [&[0][..], &integer(name.len()), name.as_bytes(), &integer(value.len()), value].concat()
}

/// An integer in HPACK behind a prefix of one bit (RFC 7541, 5.1).
fn integer(number: usize) -> Vec<u8> {
    if number < 127 {
        return vec![u8::try_from(number).expect("it is small")];
    }
    let mut bytes = vec![127];
    let mut left = number - 127;
    while left >= 128 {
        bytes.push(u8::try_from(left % 128).expect("seven bits") | 128);
        left /= 128;
    }
    bytes.push(u8::try_from(left).expect("seven bits"));
    bytes
}

impl Frame {
    /// On another stream.
    pub(super) fn on(mut self, stream: u32) -> Self {
        self.on = On::Stream(stream);
        self
    }

    /// With a length that is not that of its payload.
    pub(super) fn of_length(mut self, length: u32) -> Self {
        self.length = Some(length);
        self
    }

    /// With more at its end.
    pub(super) fn with(mut self, more: &[u8]) -> Self {
        self.payload.extend_from_slice(more);
        self
    }

    /// Its bytes, for a request on this stream.
    pub(super) fn bytes(&self, request: u32) -> Vec<u8> {
        let length = self.length.unwrap_or(u32::try_from(self.payload.len()).expect("a short frame")).to_be_bytes();
        let stream = match self.on {
            On::Request => request,
            On::Stream(number) => number,
        };
        let mut payload = self.payload.clone();
        if self.names_request {
            payload[..4].copy_from_slice(&request.to_be_bytes());
        }
        [&length[1..], &[self.kind, self.flags], &stream.to_be_bytes(), &payload].concat()
    }
}

/// What a server has read of HTTP/2.
#[derive(Default)]
pub(super) struct Frames {
    held: Vec<u8>,
    is_begun: bool,
    stream: u32,
}

/// What a server has to do next.
pub(super) enum Next {
    /// To answer the request that has arrived.
    Request,
    /// To send this.
    Due(Frame),
}

impl Frames {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// Whether the client's preface has arrived.
    pub(super) fn has_preface(&mut self) -> bool {
        if !self.is_begun && self.held.len() >= PREFACE {
            self.held.drain(..PREFACE);
            self.is_begun = true;
        }
        self.is_begun
    }

    /// The stream of the last request.
    pub(super) fn stream(&self) -> u32 {
        self.stream
    }

    /// Reads up to the next frame that asks for something. `None` if more bytes are needed.
    pub(super) fn next(&mut self) -> Option<Next> {
        loop {
            let head: [u8; 9] = self.held.get(..9)?.try_into().expect("nine bytes");
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let payload = self.held.get(9..9 + length)?.to_vec();
            self.held.drain(..9 + length);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            match (head[3], head[4]) {
                (SETTINGS, 0) => return Some(Next::Due(on_connection(SETTINGS, ACK, []))),
                (PING, 0) => return Some(Next::Due(on_connection(PING, ACK, payload))),
                (DATA | HEADERS, flags) if flags & END_STREAM != 0 => {
                    self.stream = stream;
                    return Some(Next::Request);
                }
                _ => {}
            }
        }
    }
}
