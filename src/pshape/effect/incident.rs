//! `--incident service=payment-service,at=+2h,for=15m,errors=40%,latency=5x,cascade=order-service:0.5`: a service fails for a
//! while, and services that depend on it fail with it.

use crate::cli::values::{self, Probability};
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::{EditableEvent, FieldIndex};
use crate::pshape::number::{Times, unit};
use crate::pshape::position::Position;
use crate::pshape::spec::Spec;
use crate::pshape::window::When;
use crate::record::event::Role;
use crate::record::filter::Condition;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::fail::Failure;
use super::{Applied, Effect, Flag, Form, GivenBy, Kind, Phase, Setup, Share};

/// The entry in the list of effects.
pub(super) const KIND: Kind = Kind {
    flag: "incident",
    fault: "incident",
    head: None,
    given_by: GivenBy::Flag(Flag {
        value: "OPTIONS",
        form: Form::Options,
        repeatable: true,
        help: "Make a service fail for a while",
        details: "Options: service=payment-service,at=+2h,for=15m, then errors=40%, latency=5x and cascade=order-service:0.5. Repeatable.",
    }),
    phase: Phase::Incidents,
    share: Share::All,
    windowed: false,
    spared: "lacked a timestamp, or had a field of another type",
    needs: &[Role::Timestamp, Role::Status, Role::Latency],
    build,
};

struct Incident {
    at: When,
    length: Micros,
    errors: f64,
    latency: f64,
    /// The affected services: first the failing one, then those of the cascade.
    suffering: Vec<Suffering>,
    response_time: FieldIndex,
    failure: Failure,
    draws: Choice,
    scaled: Vec<u8>,
}

/// Events that an incident affects.
struct Suffering {
    conditions: Vec<(FieldIndex, Condition)>,
    /// The share of the failure that they have.
    weight: f64,
    /// Whether there was such an event during the incident.
    met: bool,
}

/// Reads `at`, `for`, `errors`, `latency`, `cascade`, `codes`, and conditions such as `service` or `region`.
fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let at = spec.need("at")?;
    let length = spec.read("for", values::span_above_zero)?;
    let length = spec.there("for", length)?.micros();
    let errors = spec.take::<Probability>("errors")?;
    let latency = spec.take::<Times>("latency")?;
    if errors.is_none() && latency.is_none() {
        return Err(spec.wrong("an incident without 'errors' or 'latency' does nothing"));
    }
    let failure = Failure::from_spec(spec, setup)?;
    let cascade = spec.text("cascade");
    let map = setup.fields.map().clone();
    let conditions = setup.given_conditions(spec, &["where"]);
    if conditions.is_empty() {
        spec.refuse_unknown(&["where"])?;
        return Err(spec
            .wrong("expected a condition that says which events fail, such as service=payment-service or region=EU"));
    }
    let service = map.path(Role::Service);
    let mut suffering = vec![Suffering { conditions: setup.asked(&conditions), weight: 1.0, met: false }];
    for item in cascade.iter().flat_map(|text| text.split('/')) {
        let form = "expected services with their share of the failure, such as order-service:0.5/search-service:20%";
        let (name, share) = item.split_once(':').ok_or_else(|| spec.invalid("cascade", item, form))?;
        let share: Probability = share.parse().map_err(|_| spec.invalid("cascade", item, form))?;
        let mut others: Vec<Condition> = conditions.iter().filter(|c| c.path() != service).cloned().collect();
        others.push(Condition::equals(service, name, &map));
        suffering.push(Suffering { conditions: setup.asked(&others), weight: share.get(), met: false });
    }
    setup.wants_start([at]);
    Ok(Box::new(Incident {
        at,
        length,
        errors: errors.map_or(0.0, Probability::get),
        latency: latency.map_or(1.0, |Times(factor)| factor),
        suffering,
        response_time: setup.fields.role(Role::Latency),
        failure,
        draws: setup.draws("errors"),
        scaled: Vec::new(),
    }))
}

impl Incident {
    /// The share of the failure that an event has.
    fn weight(&mut self, event: &EditableEvent) -> Option<f64> {
        let suffering = self.suffering.iter_mut().find(|suffering| event.meets(&suffering.conditions))?;
        suffering.met = true;
        Some(suffering.weight)
    }
}

impl Effect for Incident {
    fn apply(&mut self, event: &mut EditableEvent, position: &Position) -> Applied {
        let (Some(at), Some(from)) = (event.timestamp(), self.at.moment(position)) else { return Applied::Passed };
        if at < from || at - from >= self.length {
            return Applied::Kept;
        }
        let Some(weight) = self.weight(event) else { return Applied::Kept };
        let fails = unit(self.draws.at(position.seq)) < self.errors * weight && self.failure.is_success(event);
        let failed = fails && self.failure.inject(event, position.seq);
        let factor = 1.0 + (self.latency - 1.0) * weight;
        match event.multiply(self.response_time, factor, &mut self.scaled) {
            Ok(()) => Applied::Changed(Expect::Accepted),
            Err(_) if failed => Applied::Changed(Expect::Accepted),
            Err(_) if fails => Applied::Passed,
            Err(_) => Applied::Kept,
        }
    }

    fn lasts(&self) -> Option<(When, Micros)> {
        Some((self.at, self.length))
    }

    fn remark(&self) -> Option<String> {
        let unmet = self.suffering.iter().find(|suffering| !suffering.met)?;
        let texts: Vec<String> = unmet.conditions.iter().map(|(_, condition)| condition.to_string()).collect();
        Some(format!("no event during the incident meets {}", texts.join(",")))
    }
}
