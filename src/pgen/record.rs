//! Notes what was written, for `--record`: how many events, the first and the last of them, and the hash of all bytes.

use serde::Deserialize;
use xxhash_rust::xxh3::Xxh3;

use crate::cli::part_of_run::PartOfRun;
use crate::record::generated::{Generated, TOOL};

/// What was written so far.
#[derive(Default)]
pub(super) struct Account {
    bytes: u64,
    hash: Box<Xxh3>,
    /// The first event.
    first: Option<Vec<u8>>,
    /// The last event so far.
    last: Vec<u8>,
}

impl Account {
    /// Adds a block of whole events, or what separates and ends them.
    pub(super) fn add(&mut self, block: &[u8]) {
        self.bytes += block.len() as u64;
        self.hash.update(block);
        let is_event = |line: &&[u8]| line.contains(&b'{');
        let mut lines = block.split(|byte| *byte == b'\n').filter(is_event);
        if self.first.is_none() {
            self.first = lines.next().map(<[u8]>::to_vec);
        }
        if let Some(last) = block.rsplit(|byte| *byte == b'\n').find(is_event) {
            self.last.clear();
            self.last.extend_from_slice(last);
        }
    }

    /// The record of this part of a run with this seed.
    pub(super) fn record(&self, part: &PartOfRun, seed: u64, events: u64, complete: bool) -> Generated {
        let PartOfRun { run_id, shard, attempt } = part.clone();
        Generated {
            tool: TOOL.to_owned(),
            run_id,
            shard,
            attempt,
            complete,
            seed,
            events,
            first_id: self.first.as_deref().and_then(id),
            last_id: id(&self.last),
            bytes: self.bytes,
            xxh3: format!("{:016x}", self.hash.digest()),
        }
    }
}

/// The event_id of a line, which may be an element of an array.
fn id(line: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Event {
        event_id: String,
    }
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"[").unwrap_or(line);
    let line = line.strip_suffix(b",").unwrap_or(line);
    serde_json::from_slice::<Event>(line).ok().map(|event| event.event_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_does_not_depend_on_the_blocks() {
        let text = b"{\"event_id\":\"evt_1_a\"}\n{\"event_id\":\"evt_2_b\"}\n{\"event_id\":\"evt_3_c\"}\n";
        let whole = |blocks: &[&[u8]]| {
            let mut account = Account::default();
            blocks.iter().for_each(|block| account.add(block));
            account.record(&PartOfRun::default(), 1, 3, true)
        };
        let one = whole(&[text]);
        assert_eq!(one, whole(&[&text[..23], &text[23..46], &text[46..]]));
        assert_eq!((one.first_id.as_deref(), one.last_id.as_deref()), (Some("evt_1_a"), Some("evt_3_c")));
        assert_eq!((one.bytes, &*one.xxh3), (69, &*format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text))));
        let array = whole(&[b"[\n  {\"event_id\":\"a\"},\n", b"  {\"event_id\":\"b\"}", b"\n]\n"]);
        assert_eq!((array.first_id.as_deref(), array.last_id.as_deref()), (Some("a"), Some("b")));
    }
}
