//! Counts regular files with several threads: each counts a part of a file, and the counts are added in the order of the
//! files.
//! A part begins after a line end, at a line that begins with `{`. So no line is cut, and none is mistaken for the start of
//! an array. A file that may be an array is one part.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::engine::Engine;
use super::layout::STATE_KEY;
use crate::cli::Stop;
use crate::cli::compressed::{self, Compression};
use crate::cli::input::{Inputs, Source};
use crate::error::{At, Error, Place, Result};
use crate::jsonl::LineReader;

/// A smaller part is not worth a thread.
const LEAST_BYTES: u64 = 8 << 20;

/// Bytes of a file.
struct Stretch {
    path: PathBuf,
    from: u64,
    to: u64,
    /// Whether it is the whole file, which may be compressed.
    is_whole: bool,
    /// Whether it may have lines of state: only a whole file that begins with one. A state elsewhere could extend over
    /// several parts.
    may_have_state: bool,
}

/// Counts these files with this many threads, into one engine per part, in the order of the files. Returns `None` if they
/// cannot be divided: one is standard input or not a regular file, or a state may extend over several parts.
///
/// # Errors
/// If a file cannot be read, or an engine stops.
pub(super) fn count(
    files: &[PathBuf],
    threads: usize,
    max_line: usize,
    stop: &Stop,
    engine: impl Fn() -> Result<Engine> + Sync,
) -> Result<Option<Vec<Engine>>> {
    let regular =
        |file: &PathBuf| file.as_os_str() != "-" && std::fs::metadata(file).is_ok_and(|found| found.is_file());
    if threads < 2 || files.is_empty() || !files.iter().all(regular) {
        return Ok(None);
    }
    let mut stretches = Vec::new();
    for file in files {
        divide(file, threads, &mut stretches).at(&Place::of(file))?;
    }
    let next = AtomicUsize::new(0);
    let done: Vec<Mutex<Option<Result<Option<Engine>>>>> = stretches.iter().map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for _ in 0..threads.min(stretches.len()) {
            scope.spawn(|| {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    let Some(stretch) = stretches.get(place) else { break };
                    let counted = engine().and_then(|engine| count_one(stretch, engine, max_line, stop));
                    *done[place].lock().expect("no holder of this lock can panic") = Some(counted);
                }
            });
        }
    });
    let take = |slot: Mutex<Option<Result<Option<Engine>>>>| slot.into_inner().ok().flatten();
    let gone = || Error::failed("a counting thread ended early");
    // If a part could not be counted separately, this takes precedence over errors: there may be none if the files are read
    // in order.
    let done = done.into_iter().map(|slot| take(slot).ok_or_else(gone)).collect::<Result<Vec<_>>>()?;
    if done.iter().any(|counted| matches!(counted, Ok(None))) {
        return Ok(None);
    }
    done.into_iter()
        .map(|counted| counted.map(|engine| engine.expect("each was counted")))
        .collect::<Result<_>>()
        .map(Some)
}

/// Counts a part. Returns `None` if it has lines of a state, which must be read in order.
fn count_one(stretch: &Stretch, mut engine: Engine, max_line: usize, stop: &Stop) -> Result<Option<Engine>> {
    let place = Place::of(&stretch.path);
    let read: Box<dyn Read + Send> = if stretch.is_whole {
        File::open(&stretch.path).and_then(compressed::read).at(&place)?
    } else {
        let mut file = File::open(&stretch.path).at(&place)?;
        file.seek(SeekFrom::Start(stretch.from)).at(&place)?;
        Box::new(file.take(stretch.to - stretch.from))
    };
    let source = Source { place, read };
    let mut reader = LineReader::new(Inputs::from_source(source, stop.clone()), max_line);
    while let Some(chunk) = reader.next_chunk()? {
        let taken = engine.take(&chunk);
        if engine.state_lines() > 0 && (taken.is_err() || !stretch.may_have_state) {
            return Ok(None);
        }
        reader.counted(taken?);
    }
    engine.note_arrays_cut_off(reader.unclosed_arrays());
    Ok(Some(engine).filter(|engine| !engine.is_amid_state()))
}

/// Divides a file into a few more parts than there are threads, because they do not all take equally long.
fn divide(path: &Path, threads: usize, into: &mut Vec<Stretch>) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let stretch = |from, to, may_have_state| {
        let is_whole = to - from == length;
        (to > from).then(|| Stretch { path: path.to_owned(), from, to, is_whole, may_have_state })
    };
    if let Some(compression) = Compression::of_file(&mut file)? {
        let head = Head::of(compression.text_of(file))?;
        into.extend(stretch(0, length, head.is_state));
        return Ok(());
    }
    let head = Head::of(&file)?;
    let parts = if head.is_lines { (length / LEAST_BYTES).clamp(1, threads as u64 * 4) } else { 1 };
    let mut from = 0;
    for part in 1..=parts {
        let to = if part == parts { length } else { line_behind(&mut file, length / parts * part, length)? };
        into.extend(stretch(from, to, head.is_state));
        from = from.max(to);
    }
    Ok(())
}

/// What a file's text begins with.
struct Head {
    /// A state, which is read as a whole.
    is_state: bool,
    /// Lines of objects, between which the file may be divided.
    is_lines: bool,
}

impl Head {
    fn of(text: impl Read) -> std::io::Result<Self> {
        let mut head = Vec::new();
        text.take(4096).read_to_end(&mut head)?;
        let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
        let is_state = text.starts_with(format!("{{\"{STATE_KEY}\"").as_bytes());
        let is_lines = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') && !is_state;
        Ok(Self { is_state, is_lines })
    }
}

/// The first position from `at` on at which a line begins with `{`, or the end of the file.
fn line_behind(file: &mut File, at: u64, length: u64) -> std::io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut place = at;
    let mut last = 0;
    file.seek(SeekFrom::Start(at))?;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(length);
        }
        for (offset, byte) in buffer[..read].iter().enumerate() {
            if last == b'\n' && *byte == b'{' {
                return Ok(place + offset as u64);
            }
            last = *byte;
        }
        place += read as u64;
    }
}
