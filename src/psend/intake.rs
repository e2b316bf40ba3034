//! Lines in: a thread reads, checks and cuts the input; the senders take events from it one by one.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::clock::Micros;
use crate::error::Error;
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{self, Chunk, LineReader};
use crate::record::event::{FieldMap, Role};
use crate::record::outcome::ErrorKind;
use crate::record::timestamp;

/// Blocks of events between the reader and the senders: one is handed out while the next waits.
const BLOCKS: usize = 1;

/// A part of an event's line.
type Part = Option<(u32, u32)>;

/// One line that is not blank.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number in the whole input, from 1.
    pub seq: u64,
    /// Its bytes without the line's end; nothing where it was too long to be held.
    pub line: Bytes,
    /// Its length in bytes.
    pub length: u64,
    /// The time that it carries.
    pub timestamp: Option<Micros>,
    /// Why it is no event.
    pub fault: Option<Box<(ErrorKind, String)>>,
    id: Part,
    service: Part,
    endpoint: Part,
    tags: Box<[Part]>,
}

impl Event {
    fn part(&self, part: Part) -> Option<&[u8]> {
        part.map(|(from, to)| &self.line[from as usize..to as usize])
    }

    /// The raw value of its identity: a string that is not empty or a number.
    pub fn id(&self) -> Option<&[u8]> {
        self.part(self.id)
    }

    /// The raw value of its service.
    pub fn service(&self) -> Option<&[u8]> {
        self.part(self.service)
    }

    /// The raw value of its endpoint.
    pub fn endpoint(&self) -> Option<&[u8]> {
        self.part(self.endpoint)
    }

    /// The raw values of the fields that `--tag` names, in its order.
    pub fn tags(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.tags.iter().map(|part| self.part(*part))
    }
}

/// Which fields of a line are looked for.
#[derive(Debug, Clone)]
pub struct Fields {
    set: FieldSet,
    id: usize,
    service: usize,
    endpoint: usize,
    timestamp: usize,
    tags: Vec<usize>,
}

impl Fields {
    /// The fields of this schema, and those at the paths that `--tag` names.
    pub fn new<'a>(map: &FieldMap, tags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set = FieldSet::default();
        Self {
            id: set.add(map.path(Role::Id)),
            service: set.add(map.path(Role::Service)),
            endpoint: set.add(map.path(Role::Endpoint)),
            timestamp: set.add(map.path(Role::Timestamp)),
            tags: tags.into_iter().map(|path| set.add(path)).collect(),
            set,
        }
    }
}

/// Cuts lines into events; holds only what is reused from one to the next.
struct Cutter {
    fields: Fields,
    scanner: Scanner,
    spans: Spans,
}

impl Cutter {
    fn cut(&mut self, seq: u64, line: Bytes) -> Event {
        let scanned = self.scanner.scan(&line, &mut self.spans);
        let fault = scanned.err().map(|e| Box::new((ErrorKind::Malformed, format!("line {seq}: {e}"))));
        let part = |field: usize| {
            let range = self.spans.range(field).filter(|_| fault.is_none())?;
            Some((u32::try_from(range.start).ok()?, u32::try_from(range.end).ok()?))
        };
        let scalar = |field: usize| part(field).filter(|(from, _)| !matches!(line[*from as usize], b'{' | b'[' | b'n'));
        let id = scalar(self.fields.id).filter(|(from, to)| match line[*from as usize] {
            b'"' => to - from > 2,
            first => first == b'-' || first.is_ascii_digit(),
        });
        let text = part(self.fields.timestamp).map(|(from, to)| &line[from as usize..to as usize]);
        let timestamp = text.and_then(|raw| timestamp::parse(raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?));
        let (service, endpoint) = (scalar(self.fields.service), scalar(self.fields.endpoint));
        let tags = self.fields.tags.iter().map(|field| part(*field)).collect();
        Event { seq, length: line.len() as u64, timestamp, fault, id, service, endpoint, tags, line }
    }

    fn too_long(seq: u64, length: u64, max_line: usize) -> Event {
        let message = format!("line {seq}: longer than --max-line, {max_line} bytes");
        Event {
            seq,
            line: Bytes::new(),
            length,
            timestamp: None,
            fault: Some(Box::new((ErrorKind::TooLong, message))),
            id: None,
            service: None,
            endpoint: None,
            tags: Box::default(),
        }
    }
}

/// How far reading is, for anyone who wants to know.
#[derive(Debug, Default)]
pub struct Reading {
    /// Physical lines handed on so far.
    pub lines: AtomicU64,
    /// Bytes read so far.
    pub bytes: AtomicU64,
    /// Goes up when no more lines are wanted.
    pub enough: AtomicBool,
    broke: Mutex<Option<Error>>,
}

impl Reading {
    /// What ended reading early, where something did.
    pub fn broke(&self) -> Option<Error> {
        self.broke.lock().expect("no holder of this lock can panic").take()
    }
}

/// Reads on a thread of its own, at most `limit` lines that are not blank.
pub fn read(
    mut reader: LineReader,
    max_line: usize,
    fields: Fields,
    limit: Option<u64>,
    state: Arc<Reading>,
) -> Intake {
    let (sender, receiver) = mpsc::channel(BLOCKS);
    let mut cutter = Cutter { scanner: Scanner::new(fields.set.clone()), fields, spans: Spans::default() };
    let mut left = limit.unwrap_or(u64::MAX);
    std::thread::spawn(move || {
        while left > 0 && !state.enough.load(Ordering::Relaxed) {
            let mut events = Vec::new();
            let mut last = state.lines.load(Ordering::Relaxed);
            match reader.next_chunk() {
                Ok(Some(Chunk::Lines { first_seq, bytes })) => {
                    // The one copy: from here on each line is a slice of this block.
                    let block = Bytes::copy_from_slice(bytes);
                    for line in jsonl::lines(first_seq, &block) {
                        last = line.seq;
                        if line.is_blank() {
                            continue;
                        }
                        events.push(cutter.cut(line.seq, block.slice_ref(line.text)));
                        left -= 1;
                        if left == 0 {
                            break;
                        }
                    }
                }
                Ok(Some(Chunk::Overlong { seq, length, last: true, .. })) => {
                    last = seq;
                    left -= 1;
                    events.push(Cutter::too_long(seq, length, max_line));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(e) => {
                    *state.broke.lock().expect("no holder of this lock can panic") = Some(e);
                    break;
                }
            }
            state.bytes.store(reader.bytes_read(), Ordering::Relaxed);
            state.lines.store(last, Ordering::Relaxed);
            if !events.is_empty() && sender.blocking_send(events).is_err() {
                break;
            }
        }
    });
    Intake { current: RefCell::default(), blocks: RefCell::new(receiver) }
}

/// Where the senders take events from, in the input's order.
pub struct Intake {
    current: RefCell<std::vec::IntoIter<Event>>,
    blocks: RefCell<mpsc::Receiver<Vec<Event>>>,
}

impl Intake {
    /// The next event, if one has been read already.
    pub fn at_hand(&self) -> Option<Event> {
        self.current.borrow_mut().next()
    }

    /// The next event as soon as there is one; `None` at the input's end. One task at a time may wait.
    pub async fn next(&self) -> Option<Event> {
        loop {
            if let Some(event) = self.at_hand() {
                return Some(event);
            }
            let block = poll_fn(|cx| self.blocks.borrow_mut().poll_recv(cx)).await?;
            *self.current.borrow_mut() = block.into_iter();
        }
    }
}
