//! Lines in: a thread reads, checks and cuts the input. The senders take events from it one by one.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::journal::{self, Begun, Resume};
use super::sink::DeadLetters;
use crate::cli::Stop;
use crate::clock::Micros;
use crate::error::{Error, Result};
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::jsonl::{self, Chunk, LineReader};
use crate::record::event::{FieldMap, Role};
use crate::record::moment;
use crate::record::outcome::ErrorKind;

/// Blocks of events that wait between the reader and the senders, beside the one that is handed out.
const BLOCKS: usize = 1;

/// Where a value is in an event's line.
type Part = Option<(u32, u32)>;

/// One line that is not blank.
#[derive(Debug, Clone)]
pub(super) struct Event {
    /// Its number in the whole input, from 1; 0 for [`Event::control`].
    pub seq: u64,
    /// Its bytes without the line's end. Empty if it was too long to be held.
    pub line: Bytes,
    /// Its length in bytes.
    pub length: u64,
    /// Its timestamp.
    pub timestamp: Option<Micros>,
    /// Why it is not an event, if it is not.
    pub fault: Option<Box<(ErrorKind, String)>>,
    /// Whether a run that was cut off may have sent it.
    pub may_have_been_sent: bool,
    id: Part,
    service: Part,
    endpoint: Part,
    tags: Box<[Part]>,
}

impl Event {
    /// An event with this id that is not a line of the input.
    pub(super) fn control(id: &str) -> Self {
        let line = Bytes::from(serde_json::to_string(id).expect("a string is JSON"));
        let whole = u32::try_from(line.len()).ok().map(|end| (0, end));
        Self {
            seq: 0,
            length: line.len() as u64,
            timestamp: None,
            fault: None,
            may_have_been_sent: false,
            id: whole,
            service: None,
            endpoint: None,
            tags: Box::default(),
            line,
        }
    }

    /// Whether it is not a line of the input.
    pub(super) fn is_control(&self) -> bool {
        self.seq == 0
    }

    fn part(&self, part: Part) -> Option<&[u8]> {
        part.map(|(from, to)| &self.line[from as usize..to as usize])
    }

    /// The raw value of its id: a number, or a string that is not empty.
    pub(super) fn id(&self) -> Option<&[u8]> {
        self.part(self.id)
    }

    /// The raw value of its service.
    pub(super) fn service(&self) -> Option<&[u8]> {
        self.part(self.service)
    }

    /// The raw value of its endpoint.
    pub(super) fn endpoint(&self) -> Option<&[u8]> {
        self.part(self.endpoint)
    }

    /// The raw value at a path that is looked for besides the roles: those of `--tag`, then those of the dialect.
    pub(super) fn field(&self, place: usize) -> Option<&[u8]> {
        self.part(*self.tags.get(place)?)
    }

    /// The raw values of the fields that `--tag` names, in its order.
    pub(super) fn tags(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.tags.iter().map(|part| self.part(*part))
    }
}

/// Which fields of a line are read.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    set: FieldSet,
    id: usize,
    service: usize,
    endpoint: usize,
    timestamp: usize,
    tags: Vec<usize>,
}

impl Fields {
    /// The fields of this schema, and those at the paths that `--tag` names.
    pub(super) fn new<'a>(map: &FieldMap, tags: impl IntoIterator<Item = &'a str>) -> Self {
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

/// Makes events of lines.
pub(super) struct Cutter {
    reader: LineReader,
    scanner: Scanner,
    spans: Spans,
    rules: IntakeConfig,
    left: u64,
    /// The number of the last line that was read.
    last: u64,
    /// Which fields an event has had.
    found: Found,
}

impl Cutter {
    /// Cuts what `reader` reads.
    pub(super) fn new(reader: LineReader, rules: IntakeConfig) -> Self {
        let scanner = Scanner::new(rules.fields.set.clone());
        Self {
            reader,
            scanner,
            spans: Spans::default(),
            left: rules.limit.unwrap_or(u64::MAX),
            rules,
            last: 0,
            found: Found::default(),
        }
    }

    /// The next events, at least one. Returns `None` at the input's end, or when no more are needed.
    ///
    /// # Errors
    /// If the input cannot be read, or is not the one that the journal is about.
    pub(super) fn next_block(&mut self, state: &IntakeState) -> Result<Option<Vec<Event>>> {
        while self.left > 0 && !state.enough.load(Ordering::Relaxed) {
            let mut events = Vec::new();
            match self.reader.next_chunk()? {
                Some(Chunk::Lines { first_seq, bytes }) => {
                    // The only copy: from here on each line is a slice of this block.
                    let block = Bytes::copy_from_slice(bytes);
                    for line in jsonl::lines(first_seq, &block) {
                        self.last = line.seq;
                        if !line.is_blank() && self.is_wanted(line.seq, line.text, line.text.len() as u64, state)? {
                            events.push(self.cut(line.seq, block.slice_ref(line.text), state));
                        }
                        if self.left == 0 {
                            break;
                        }
                    }
                }
                Some(Chunk::Overlong { seq, piece, length, last: ends }) => {
                    self.last = seq;
                    let piece = piece.to_vec();
                    let length = self.pass_over(seq, &piece, length, ends)?;
                    if self.is_wanted(seq, b"", length, state)? {
                        events.push(self.too_long(seq, length));
                    }
                }
                Some(Chunk::ByteOrderMark(_)) => {}
                None if state.stop.requested() => break,
                None => {
                    self.rules.resume.as_ref().map_or(Ok(()), Resume::finish)?;
                    break;
                }
            }
            state.unclosed_arrays.store(self.reader.unclosed_arrays(), Ordering::Relaxed);
            state.bytes.store(self.reader.bytes_read(), Ordering::Relaxed);
            state.lines.store(self.last, Ordering::Relaxed);
            state.found.store(self.found.0, Ordering::Relaxed);
            if !events.is_empty() {
                return Ok(Some(events));
            }
        }
        Ok(None)
    }

    /// Whether a line is for this run. Counts it against the limit.
    fn is_wanted(&mut self, seq: u64, text: &[u8], length: u64, state: &IntakeState) -> Result<bool> {
        self.left -= 1;
        let Some(resume) = self.rules.resume.as_mut().filter(|resume| !resume.is_over()) else { return Ok(true) };
        let done = resume.is_done(seq, journal::hash(text, length))?;
        if done {
            state.done_before.fetch_add(1, Ordering::Relaxed);
        }
        Ok(!done)
    }

    /// Reads to the end of a line that is too long to be held, and copies it to the dead letters piece by piece, with no other
    /// line in between. Returns its length.
    fn pass_over(&mut self, seq: u64, first: &[u8], length: u64, ends: bool) -> Result<u64> {
        let done = self.rules.resume.as_ref().is_some_and(|resume| resume.tells_of(seq));
        let mut letters = self.rules.dead_letters.as_ref().filter(|_| !done).map(DeadLetters::lock);
        let mut keep = |piece: &[u8], ends: bool| -> Result<()> {
            let Some(letters) = &mut letters else { return Ok(()) };
            letters.put(piece)?;
            if ends && piece.last() != Some(&b'\n') { letters.put(b"\n") } else { Ok(()) }
        };
        keep(first, ends)?;
        let (mut length, mut ends) = (length, ends);
        while !ends {
            let Some(Chunk::Overlong { piece, length: so_far, last, .. }) = self.reader.next_chunk()? else { break };
            keep(piece, last)?;
            (length, ends) = (so_far, last);
        }
        Ok(length)
    }

    fn cut(&mut self, seq: u64, line: Bytes, state: &IntakeState) -> Event {
        let scanned = self.scanner.scan(&line, &mut self.spans);
        let fault = scanned.err().map(|e| Box::new((ErrorKind::Malformed, format!("line {seq}: {e}"))));
        let event_at = match fault {
            None => Some(0),
            Some(_) => self.event_behind_marks(&line),
        };
        let part = |field: usize| {
            let (range, event_at) = self.spans.range(field).zip(event_at)?;
            Some((u32::try_from(event_at + range.start).ok()?, u32::try_from(event_at + range.end).ok()?))
        };
        let scalar = |field: usize| part(field).filter(|(from, _)| !matches!(line[*from as usize], b'{' | b'[' | b'n'));
        let id = scalar(self.rules.fields.id).filter(|(from, to)| match line[*from as usize] {
            b'"' => to - from > 2,
            first => first == b'-' || first.is_ascii_digit(),
        });
        let timestamp = part(self.rules.fields.timestamp)
            .and_then(|(from, to)| state.moment(seq, &line[from as usize..to as usize]));
        let (service, endpoint) = (scalar(self.rules.fields.service), scalar(self.rules.fields.endpoint));
        let tags: Box<[Part]> = self.rules.fields.tags.iter().map(|field| part(*field)).collect();
        if event_at.is_some() {
            self.found.note([id, service, endpoint].iter().chain(&tags));
        }
        let may_have_been_sent = self.rules.resume.as_ref().is_some_and(|resume| resume.may_have_been_sent(seq));
        let length = line.len() as u64;
        Event { seq, length, timestamp, fault, may_have_been_sent, id, service, endpoint, tags, line }
    }

    /// Where the event begins in a line that is malformed only because of byte order marks before it. A server may ignore them
    /// (RFC 8259, 8.1) and store the event under its id.
    fn event_behind_marks(&mut self, line: &[u8]) -> Option<usize> {
        let mut event = line.strip_prefix(jsonl::BOM)?;
        while let Some(behind) = event.strip_prefix(jsonl::BOM) {
            event = behind;
        }
        self.scanner.scan(event, &mut self.spans).ok().map(|()| line.len() - event.len())
    }

    fn too_long(&self, seq: u64, length: u64) -> Event {
        let message = format!("line {seq}: longer than --max-line, {} bytes", self.rules.max_line);
        Event {
            seq,
            line: Bytes::new(),
            length,
            timestamp: None,
            fault: Some(Box::new((ErrorKind::TooLong, message))),
            may_have_been_sent: false,
            id: None,
            service: None,
            endpoint: None,
            tags: Box::default(),
        }
    }
}

/// How far reading is.
#[derive(Debug, Default)]
pub(super) struct IntakeState {
    /// Physical lines handed on so far.
    pub lines: AtomicU64,
    /// Bytes read so far.
    pub bytes: AtomicU64,
    /// Lines passed over because an earlier run is done with them.
    pub done_before: AtomicU64,
    /// JSON arrays without an end.
    pub unclosed_arrays: AtomicU64,
    /// Ends reading when a signal comes.
    stop: Stop,
    /// Set when no more lines are needed.
    pub enough: AtomicBool,
    broke: Mutex<Option<Error>>,
    untimed: OnceLock<String>,
    found: AtomicU64,
}

/// Which fields an event has had, a bit each: those of the roles, then those at the other paths. The highest bit says that there
/// was an event.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Found(u64);

impl Found {
    const AN_EVENT: u64 = 1 << 63;
    const ROLES: usize = 3;

    #[inline]
    fn note<'a>(&mut self, parts: impl Iterator<Item = &'a Part>) {
        self.0 |= Self::AN_EVENT;
        for (place, part) in parts.enumerate().take(63) {
            self.0 |= u64::from(part.is_some()) << place;
        }
    }

    fn lacks(self, place: usize) -> bool {
        self.0 & Self::AN_EVENT != 0 && place < 63 && self.0 & (1 << place) == 0
    }

    /// The roles whose fields no event has had.
    pub(super) fn missing_roles(self) -> impl Iterator<Item = (&'static str, Role)> {
        let roles = [("id", Role::Id), ("service", Role::Service), ("endpoint", Role::Endpoint)];
        (0..).zip(roles).filter(move |(place, _)| self.lacks(*place)).map(|(_, role)| role)
    }

    /// Whether no event has had the field of this tag.
    pub(super) fn lacks_tag(self, place: usize) -> bool {
        self.lacks(Self::ROLES + place)
    }
}

impl IntakeState {
    /// Nothing read yet. `stop` will end it.
    pub(super) fn new(stop: Stop) -> Self {
        Self { stop, ..Self::default() }
    }

    /// The moment that a raw value names. Keeps the first value that names none.
    fn moment(&self, seq: u64, raw: &[u8]) -> Option<Micros> {
        const LONGEST: usize = 60;
        let read = moment::read(raw);
        if let Err(why) = read {
            self.untimed.get_or_init(|| {
                let text: String = String::from_utf8_lossy(raw).chars().take(LONGEST).collect();
                format!("line {seq}: {text}: {why}")
            });
        }
        read.ok()
    }

    /// The next events of the input. Returns `None` at its end, and keeps the error that ended it early.
    pub(super) fn next_block(&self, cutter: &mut Cutter) -> Option<Vec<Event>> {
        cutter.next_block(self).unwrap_or_else(|e| {
            *self.broke.lock().expect("no holder of this lock can panic") = Some(e);
            None
        })
    }

    /// Which fields an event has had so far.
    pub(super) fn found(&self) -> Found {
        Found(self.found.load(Ordering::Relaxed))
    }

    /// The first timestamp that could not be read, and why.
    pub(super) fn untimed(&self) -> Option<&str> {
        self.untimed.get().map(String::as_str)
    }

    /// The error that ended reading early, if there was one.
    pub(super) fn broke(&self) -> Option<Error> {
        self.broke.lock().expect("no holder of this lock can panic").take()
    }
}

/// How lines are read.
pub(super) struct IntakeConfig {
    /// The longest line that is held, in bytes.
    pub max_line: usize,
    /// Which fields are read.
    pub fields: Fields,
    /// The most lines that are read, without blank ones.
    pub limit: Option<u64>,
    /// Where lines that are too long to be held go.
    pub dead_letters: Option<DeadLetters>,
    /// Which lines an earlier run is done with.
    pub resume: Option<Resume>,
}

/// Reads on a new thread. Events that are handed out are marked in `begun`.
pub(super) fn read(mut cutter: Cutter, state: Arc<IntakeState>, begun: Option<Rc<Begun>>) -> Intake {
    let (sender, intake) = Intake::channel(begun);
    std::thread::spawn(move || {
        while let Some(events) = state.next_block(&mut cutter) {
            if sender.blocking_send(events).is_err() {
                break;
            }
        }
    });
    intake
}

/// Where the senders take events from, in the input's order.
pub(super) struct Intake {
    current: RefCell<std::vec::IntoIter<Event>>,
    blocks: RefCell<mpsc::Receiver<Vec<Event>>>,
    begun: Option<Rc<Begun>>,
}

impl Intake {
    /// Hands out the events of the blocks that are sent to it, and marks them in `begun`.
    pub(super) fn channel(begun: Option<Rc<Begun>>) -> (mpsc::Sender<Vec<Event>>, Self) {
        let (sender, receiver) = mpsc::channel(BLOCKS);
        (sender, Self { current: RefCell::default(), blocks: RefCell::new(receiver), begun })
    }

    /// The next event, if it has been read.
    pub(super) fn at_hand(&self) -> Option<Event> {
        let event = self.current.borrow_mut().next()?;
        if let Some(begun) = &self.begun {
            begun.mark(event.seq);
        }
        Some(event)
    }

    /// Whether it is known that there are no more.
    pub(super) fn is_over(&self) -> bool {
        let blocks = self.blocks.borrow();
        self.current.borrow().as_slice().is_empty() && blocks.is_closed() && blocks.is_empty()
    }

    /// The next event, as soon as there is one. Returns `None` at the input's end. One task at a time may wait.
    pub(super) async fn next(&self) -> Option<Event> {
        loop {
            if let Some(event) = self.at_hand() {
                return Some(event);
            }
            let block = poll_fn(|cx| self.blocks.borrow_mut().poll_recv(cx)).await?;
            *self.current.borrow_mut() = block.into_iter();
        }
    }
}
