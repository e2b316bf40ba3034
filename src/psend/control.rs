//! Whether `--verify` can be believed: psend asks for an event that cannot exist, before the first event and after the last. A
//! server that does not say that it is missing might call anything present.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Duration;

use rand::Rng;

use super::delivery::Delivery;
use super::intake::Event;
use crate::jsonl::value;
use crate::record::outcome::Word;
use crate::seed::Generator;

/// What was asked, and the result.
#[derive(Default)]
pub(super) struct Control {
    /// An event's id. Made-up ids have its form.
    sample: OnceCell<String>,
    first: tokio::sync::OnceCell<()>,
    doubt: RefCell<Option<String>>,
    is_disproved: Cell<bool>,
}

impl Control {
    /// Asks before this event, which is the first. Senders that have another event wait for the answer.
    pub(super) async fn first(&self, event: &Event, ask: impl AsyncFnOnce()) {
        let begin = async || {
            self.sample.get_or_init(|| event.id().map(|raw| value::label(raw).into_owned()).unwrap_or_default());
            ask().await;
        };
        self.first.get_or_init(begin).await;
    }

    /// A question for an event that cannot exist, at this time since the start. Returns `None` before the first event.
    pub(super) fn question(&self, draws: &mut Generator, now: Duration) -> Option<Delivery> {
        let id = like(self.sample.get()?, draws);
        Some(Delivery::new(Event::control(&id), now))
    }

    /// Takes the result of a question.
    pub(super) fn ended(&self, asked: &Delivery) {
        let word = asked.word();
        if word != Word::Missing {
            let id = asked.event.id().map(value::label).unwrap_or_default();
            let answer = asked.answer();
            let doubt =
                format!("'{id}' is an id that no event has, and the outcome was {word} ({answer}), not missing");
            self.doubt.borrow_mut().get_or_insert(doubt);
        }
        self.is_disproved.set(word == Word::Present);
    }

    /// Whether the server called an event present that cannot exist. Then none of its answers means anything.
    pub(super) fn is_disproved(&self) -> bool {
        self.is_disproved.get()
    }

    /// Why the server's answers cannot be believed, if that is so.
    pub(super) fn doubt(&self) -> Option<String> {
        self.doubt.borrow().clone()
    }
}

/// An id that no event has, in the form of this one, since some servers refuse ids of another form.
fn like(sample: &str, draws: &mut Generator) -> String {
    /// With this many random characters, an existing id is not met by chance.
    const DRAWN: usize = 12;
    let mut draw =
        |among: &[u8]| char::from(among[usize::try_from(draws.next_u64() % among.len() as u64).unwrap_or(0)]);
    let drawable = sample.bytes().filter(u8::is_ascii_alphanumeric).count();
    if drawable < DRAWN {
        // A number at the end gets more digits, as many as fit into 64 bits. An id without one gives no form to keep.
        let stem = sample.trim_end_matches(|c: char| c.is_ascii_digit());
        let (stem, form) = match stem.len() < sample.len() {
            true => (stem, "100000000000000000"),
            false => ("", "00000000-0000-4000-8000-000000000000"),
        };
        let drawn = form.chars().map(|c| if c == '0' { draw(b"0123456789") } else { c });
        return stem.chars().chain(drawn).collect();
    }
    let mut kept = drawable - DRAWN;
    let other = |c: char| {
        if !c.is_ascii_alphanumeric() {
            return c;
        }
        if kept > 0 {
            kept -= 1;
            return c;
        }
        // Hexadecimal digits stay hexadecimal, and letters that some alphabets leave out as look-alikes are not used.
        match c {
            '0'..='9' => draw(b"0123456789"),
            'a'..='f' => draw(b"abcdef"),
            'A'..='F' => draw(b"ABCDEF"),
            'a'..='z' => draw(b"ghjkmnpqrstvwxyz"),
            _ => draw(b"GHJKMNPQRSTVWXYZ"),
        }
    };
    sample.chars().map(other).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn an_id_that_no_event_has_has_the_form_of_one() {
        let mut draws = Generator::seed_from_u64(1);
        let mut like = |sample: &str| like(sample, &mut draws);
        let form = |id: &str| -> String {
            let class = |c: char| match c {
                '0'..='9' => '0',
                'a'..='f' => 'a',
                'A'..='F' => 'A',
                'a'..='z' => 'z',
                'A'..='Z' => 'Z',
                c => c,
            };
            id.chars().map(class).collect()
        };
        for sample in [
            "evt_17_ab12cd34ef56",
            "6f9619ff-8b86-4d01-b42d-00c04fc964ff",
            "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "1234567890123456",
            "größe-abcdefghijkl",
        ] {
            let id = like(sample);
            assert_eq!(form(&id), form(sample));
            assert_ne!(id, sample);
        }
        assert!(like("evt_17_ab12cd34ef56").starts_with("evt_17_"));
        for (numbered, stem) in [("17", ""), ("z1", "z"), ("z-99", "z-")] {
            assert_eq!(form(&like(numbered)), format!("{stem}{}", "0".repeat(18)));
        }
        for short in ["", "search", "a/b", "é"] {
            assert_eq!(form(&like(short)), "00000000-0000-0000-0000-000000000000", "{short}");
        }
    }
}
