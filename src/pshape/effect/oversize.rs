//! `--oversize P[,to=512KiB]`: events that are far larger than normal.

use crate::cli::values::{self, ByteSize};
use crate::error::Result;
use crate::jsonl::DEFAULT_MAX_LINE;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::record::truth::Expect;

use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "oversize",
    fault: "oversize",
    head: Some("p"),
    given_by: GivenBy::Flag(Flag {
        value: "P",
        form: Form::Options,
        repeatable: false,
        help: "Make events oversized",
        details: "Options: P[,to=512KiB]",
    }),
    phase: Phase::Bytes,
    share: Share::Asked,
    windowed: true,
    spared: "were as large already",
    needs: &[],
    build,
};

struct Oversize {
    to: usize,
    payload: FieldIndex,
}

/// The key of the padding.
const KEY: &[u8] = b"\"padding\":\"";

/// Reads `to`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let to = spec.read("to", values::size_above_zero)?.unwrap_or(ByteSize(512 << 10));
    if to.0 > 1 << 30 {
        return Err(spec.invalid("to", &to.to_string(), "expected at most 1GiB"));
    }
    Ok(Box::new(Oversize { to: usize::try_from(to.0).unwrap_or(usize::MAX), payload: setup.fields.path("payload") }))
}

impl Effect for Oversize {
    fn apply(&mut self, event: &mut EditableEvent, _position: &Position) -> Applied {
        let Some((at, is_empty)) = event.room(Some(self.payload)).or_else(|| event.room(None)) else {
            return Applied::Passed;
        };
        let comma: &[u8] = if is_empty { b"" } else { b"," };
        let Some(length) = self.to.checked_sub(event.text().len() + comma.len() + KEY.len() + 1) else {
            return Applied::Passed;
        };
        let mut padding = [comma, KEY].concat();
        padding.resize(padding.len() + length, b'x');
        padding.push(b'"');
        event.edit(at..at, &padding);
        Applied::Changed(if self.to > DEFAULT_MAX_LINE { Expect::Rejected } else { Expect::Accepted })
    }

    fn remark(&self) -> Option<String> {
        (self.to > DEFAULT_MAX_LINE).then(|| {
            let to = ByteSize(self.to as u64);
            format!(
                "lines of {to} are above the default --max-line of {}: psend will not send them",
                ByteSize(DEFAULT_MAX_LINE as u64)
            )
        })
    }
}
