//! Turns a success into a consistent error, for `--errors` and `--incident`.

use crate::cli::values;
use crate::error::Result;
use crate::jsonl::value;
use crate::pshape::event::{EditableEvent, FieldIndex, FieldRegistry, json, split_path};
use crate::pshape::levels::Level;
use crate::pshape::spec::Spec;
use crate::record::event::{FieldMap, Role};
use crate::seed::Choice;
use crate::world::profile::{Profile, Status};

use super::Setup;
use super::ending::Ending;

/// The status codes of errors, with their weights.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Codes(Vec<(u16, u64)>);

impl std::str::FromStr for Codes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = "expected status codes from 400 to 599, each with its weight if they differ, such as 500:3/503:2";
        let code = |item: &str| {
            let (code, weight) = item.split_once(':').unwrap_or((item, "1"));
            let code: u16 = values::whole(400..=599)(code.trim()).ok()?;
            let weight: u32 = values::whole(1..=u32::MAX.into())(weight.trim()).ok()?;
            Some((code, u64::from(weight)))
        };
        text.split('/').map(code).collect::<Option<_>>().map(Self).ok_or(form)
    }
}

impl Codes {
    /// The sum of the weights.
    fn weight(&self) -> u64 {
        self.0.iter().map(|(_, weight)| weight).sum()
    }

    /// The code at this position in the sum of the weights, and the position within its weight.
    fn find(&self, mut place: u64) -> Option<(u16, u64)> {
        self.0.iter().find_map(|(code, weight)| match place.checked_sub(*weight) {
            None => Some((*code, place)),
            Some(rest) => {
                place = rest;
                None
            }
        })
    }

    /// The code that a draw below the sum of the weights selects, among those that fit. The weight of the others is divided
    /// among these in proportion: a draw that selects one that fits stays there.
    fn drawn(&self, draw: u64, fits: impl Fn(u16) -> bool) -> Option<u16> {
        let (code, into) = self.find(draw)?;
        if fits(code) {
            return Some(code);
        }
        let (fitting, others): (Vec<_>, Vec<_>) = self.0.iter().copied().partition(|(code, _)| fits(*code));
        let before: u64 = others.iter().take_while(|(other, _)| *other != code).map(|(_, weight)| weight).sum();
        let (fitting, others) = (Self(fitting), Self(others));
        let carried = (before + into) * fitting.weight() / others.weight();
        fitting.find(carried).map(|(code, _)| code)
    }
}

/// Turns successes into errors.
pub(super) struct Failure {
    ending: Ending,
    home: Home,
    codes: Codes,
    /// Whether a method only gets codes that fit it. This is so for the built-in codes, not for codes that were asked for.
    by_method: bool,
    draws: Choice,
    world: Profile,
}

/// Where error details are inserted into an event that has none.
enum Home {
    /// After `context`, as in PulseStream, or at the end of the event if it has none.
    Event { context: FieldIndex },
    /// At the end of this object.
    Object(FieldIndex),
    /// Nowhere: `--fields` names another schema, which has no details.
    None,
}

impl Failure {
    /// Reads `codes`. The default is those of the built-in profile with their shares, restricted to those that fit the
    /// event's method.
    ///
    /// # Errors
    /// If they do not parse.
    pub(super) fn from_spec(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Self> {
        let world = Profile::built_in();
        // The guide's shares, in millionths.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let weight = |status: &Status| (*status.code.get_ref(), (status.share.get() * 1e6) as u64);
        let default = || Codes(world.statuses.iter().filter(|status| status.is_error()).map(weight).collect());
        let asked = spec.take("codes")?;
        let by_method = asked.is_none();
        let codes = asked.unwrap_or_else(default);
        let draws = setup.draws("status");
        Ok(Self { ending: Ending::new(setup), home: Home::find(setup.fields), codes, by_method, draws, world })
    }

    /// Whether the event is a success, which can become an error.
    pub(super) fn is_success(&self, event: &EditableEvent) -> bool {
        event.status(self.ending.status).is_some_and(|status| status < 400)
    }

    /// Turns a success into an error, in all fields that describe it. Returns `false` and changes nothing if one has another
    /// type.
    pub(super) fn inject(&mut self, event: &mut EditableEvent, seq: u64) -> bool {
        if !self.ending.has_its_types(event) {
            return false;
        }
        let mut rest = self.draws.at(seq);
        let mut draw = |below: u64| {
            let (drawn, left) = (rest % below, rest / below);
            rest = left;
            drawn
        };
        let method = event.raw(self.ending.method).filter(|raw| raw.starts_with(b"\"")).map(value::label);
        let code = self.code(draw(self.codes.weight()), method.as_deref());
        let text = &self.world.event;
        let (level, words) =
            if code >= 500 { (Level::Error, &text.server_error) } else { (Level::Warning, &text.client_error) };
        let bytes = text.error_response_bytes;
        let size = u64::from(bytes.low) + draw(u64::from(bytes.high - bytes.low) + 1);
        self.ending.write(event, code, level, words, size);
        event.set(self.ending.cache_hit, b"false");
        let details = self.details(event, code, draw(900) + 100, draw(1 << 16));
        let field = self.ending.details;
        match self.home {
            _ if event.raw(field).is_some() => event.set(field, &details),
            Home::Event { context } if event.raw(context).is_some() => event.insert_behind(context, field, &details),
            Home::Event { .. } => drop(event.append(None, field, &details)),
            Home::Object(object) if event.raw(object).is_some() => drop(event.append(Some(object), field, &details)),
            Home::Object(_) => drop(event.append(None, field, &details)),
            Home::None => {}
        }
        true
    }

    /// The code of this draw for an event with this method. An event without a method can have any code.
    fn code(&self, draw: u64, method: Option<&str>) -> u16 {
        let method = method.filter(|_| self.by_method);
        let meets = |status: &Status| method.is_none_or(|method| status.meets(method));
        let fits = |code| self.status(code).is_none_or(meets);
        self.codes.drawn(draw, fits).unwrap_or(500)
    }

    /// What the built-in profile knows about a code.
    fn status(&self, code: u16) -> Option<&Status> {
        self.world.statuses.iter().find(|status| *status.code.get_ref() == code)
    }

    /// The details of an error: they fit the status, the service and the method.
    fn details(&self, event: &EditableEvent, code: u16, number: u64, draw: u64) -> Vec<u8> {
        let service = event.label(self.ending.service);
        let method = event.label(self.ending.method);
        let status = self.status(code);
        // If the profile has no text for it.
        let (usual_kind, usual_words) = if code >= 500 {
            ("ServerError", "Unexpected error occurred")
        } else {
            ("ClientError", "Request could not be processed")
        };
        let fitting: Vec<&str> = status
            .iter()
            .flat_map(|status| &status.messages)
            .filter(|message| message.fits(&service, &method))
            .map(|message| message.text.as_str())
            .collect();
        let words = fitting.get(usize::try_from(draw).unwrap_or(0) % fitting.len().max(1));
        let words = json(words.copied().unwrap_or(usual_words));
        let kind = json(status.and_then(|status| status.error_type.as_deref()).unwrap_or(usual_kind));
        let mut out = format!("{{\"error_code\":\"ERR_{code}_{number}\",\"error_message\":").into_bytes();
        out.extend_from_slice(&words);
        out.extend_from_slice(b",\"error_type\":");
        out.extend_from_slice(&kind);
        out.push(b'}');
        out
    }
}

impl Home {
    fn find(fields: &mut FieldRegistry) -> Self {
        let (map, usual) = (fields.map(), FieldMap::default());
        let path = map.path(Role::ErrorDetails);
        match split_path(path).0.strip_suffix('.').map(str::to_owned) {
            Some(parent) => Self::Object(fields.path(&parent)),
            None if path == usual.path(Role::ErrorDetails) && map.path(Role::Status) != usual.path(Role::Status) => {
                Self::None
            }
            None => Self::Event { context: fields.path("context") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_does_not_fit_leaves_its_share_to_the_others() {
        let codes: Codes = "400:3000/409:5000/422:2000/500:6000".parse().expect("codes");
        let count = |code, fits: fn(u16) -> bool| {
            (0..codes.weight()).filter(|draw| codes.drawn(*draw, fits) == Some(code)).count()
        };
        let on_get: fn(u16) -> bool = |code| code != 409 && code != 422;
        for (code, all, get) in [(400, 3000, 5333), (409, 5000, 0), (422, 2000, 0), (500, 6000, 10_667)] {
            assert_eq!(count(code, |_| true), all, "{code}");
            assert!(count(code, on_get).abs_diff(get) <= 1, "{code}: {}", count(code, on_get));
        }
        for draw in 0..codes.weight() {
            let (of_all, of_some) = (codes.drawn(draw, |_| true), codes.drawn(draw, on_get));
            assert!(of_all == of_some || of_all.is_some_and(|code| !on_get(code)), "a draw that fits stays");
        }
    }

    #[test]
    fn codes_have_weights() {
        assert_eq!("500:3/503:2".parse(), Ok(Codes(vec![(500, 3), (503, 2)])));
        assert_eq!("404".parse(), Ok(Codes(vec![(404, 1)])));
        for bad in ["", "200", "600", "500:0", "500:x", "500,503"] {
            assert!(bad.parse::<Codes>().is_err(), "{bad}");
        }
    }
}
