//! `--incident service=payment-service,at=+2h,for=15m,errors=40%,latency=5x,cascade=order-service:0.5`: a service fails for a
//! while, and those that lean on it suffer with it.

use crate::cli::values::{Probability, Span};
use crate::clock::Micros;
use crate::error::Result;
use crate::pshape::event::{Event, Field};
use crate::pshape::number::{Times, scale, unit};
use crate::pshape::spec::Spec;
use crate::pshape::window::When;
use crate::record::event::Role;
use crate::record::filter::Condition;
use crate::record::truth::Expect;
use crate::seed::Choice;

use super::fail::Failure;
use super::{Effect, Place, Setup, Verdict};

struct Incident {
    at: When,
    length: Micros,
    errors: f64,
    latency: f64,
    /// What the failing service's events meet.
    conditions: Vec<(Field, Condition)>,
    /// What the events of each other service meet that suffers, and how much of the failure it has.
    cascade: Vec<(Vec<(Field, Condition)>, f64)>,
    response_time: Field,
    failure: Failure,
    draws: Choice,
    scaled: Vec<u8>,
}

/// Reads `at`, `for`, `errors`, `latency`, `cascade`, `codes`, and conditions such as `service` or `region`.
pub(super) fn build(spec: &mut Spec, setup: &mut Setup<'_>) -> Result<Box<dyn Effect>> {
    let at = spec.need("at")?;
    let length = spec.need::<Span>("for")?.micros();
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
        return Err(
            spec.wrong("whose incident is it? A condition such as service=payment-service or region=EU is missing")
        );
    }
    let service = map.path(Role::Service);
    let mut cascades = Vec::new();
    for item in cascade.iter().flat_map(|text| text.split('/')) {
        let form = "services with their share of the failure are wanted, such as order-service:0.5/search-service:20%";
        let (name, share) = item.split_once(':').ok_or_else(|| spec.invalid("cascade", item, form))?;
        let share: Probability = share.parse().map_err(|_| spec.invalid("cascade", item, form))?;
        let mut others: Vec<Condition> = conditions.iter().filter(|c| c.path() != service).cloned().collect();
        others.push(Condition::equals(service, name, &map));
        cascades.push((setup.asked(&others), share.get()));
    }
    let conditions = setup.asked(&conditions);
    setup.wants_start([at]);
    Ok(Box::new(Incident {
        at,
        length,
        errors: errors.map_or(0.0, Probability::get),
        latency: latency.map_or(1.0, |Times(factor)| factor),
        conditions,
        cascade: cascades,
        response_time: setup.fields.role(Role::Latency),
        failure,
        draws: setup.draws("errors"),
        scaled: Vec::new(),
    }))
}

impl Incident {
    /// How much of the failure an event has.
    fn weight(&self, event: &Event) -> Option<f64> {
        let meets = |conditions: &[(Field, Condition)]| conditions.iter().all(|(field, c)| c.holds(event.raw(*field)));
        if meets(&self.conditions) {
            return Some(1.0);
        }
        self.cascade.iter().find(|(conditions, _)| meets(conditions)).map(|(_, weight)| *weight)
    }
}

impl Effect for Incident {
    fn apply(&mut self, event: &mut Event, place: &Place) -> Verdict {
        let (Some(at), Some(from)) = (event.timestamp(), self.at.moment(place)) else { return Verdict::Passed };
        if at < from || at - from >= self.length {
            return Verdict::Kept;
        }
        let Some(weight) = self.weight(event) else { return Verdict::Kept };
        let mut changed = false;
        if unit(self.draws.at(place.seq)) < self.errors * weight {
            changed = self.failure.inject(event, place.seq);
        }
        let factor = 1.0 + (self.latency - 1.0) * weight;
        if let Some(raw) = event.raw(self.response_time)
            && scale(raw, factor, &mut self.scaled)
        {
            event.set(self.response_time, &self.scaled);
            changed = true;
        }
        if changed { Verdict::Changed(Expect::Accepted) } else { Verdict::Kept }
    }
}
