//! Checks between values of a profile: unknown and duplicate names, lists whose shares are all 0, values that an event cannot hold.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::form::{Endpoint, Profile, Service, Status};
use crate::error::Result;
use crate::world::curve::MAX_WEIGHT;
use crate::world::value::{Name, Share};

/// Lengths in characters that contracts §9 allows.
const SERVICE: RangeInclusive<usize> = 1..=100;
const ENDPOINT: RangeInclusive<usize> = 1..=500;
const METHOD: RangeInclusive<usize> = 1..=10;
const TITLE: RangeInclusive<usize> = 1..=200;

/// How many digits an id in a path has.
const ID_DIGITS: usize = 5;

/// Fields of every payload.
const PAYLOAD: [&str; 2] = ["correlation_id", "trace_id"];

impl Profile {
    pub(super) fn check(&self) -> Result<()> {
        let methods: Vec<&str> = self.methods.iter().map(|m| &*m.name).collect();
        let services: Vec<&str> = self.services.iter().map(|s| &*s.name).collect();
        self.check_traffic()?;
        self.distinct("methods.name", self.methods.iter().map(|m| &m.name))?;
        for method in &self.methods[..] {
            self.length("methods.name", &method.name, METHOD)?;
        }
        self.check_callers()?;
        self.check_sessions()?;
        self.known("cache.method", &self.cache.method, &methods)?;
        let mut codes = HashSet::new();
        for status in &self.statuses[..] {
            if !codes.insert(*status.code.get_ref()) {
                let words = format!("statuses.code: {} appears twice", status.code.get_ref());
                return Err(self.fault(status.code.span().start, words));
            }
            self.check_status(status, &methods, &services)?;
        }
        if !codes.contains(self.cache.status.get_ref()) {
            let words = format!("cache.status: {} is not the code of a status", self.cache.status.get_ref());
            return Err(self.fault(self.cache.status.span().start, words));
        }
        self.distinct("services.name", self.services.iter().map(|s| &s.name))?;
        self.one_share("services.weight", 0, self.services.iter().map(|s| s.weight))?;
        for service in &self.services[..] {
            self.length("services.name", &service.name, SERVICE)?;
            self.distinct("services.endpoints.route", service.endpoints.iter().map(|e| &e.route))?;
            for endpoint in &service.endpoints[..] {
                self.check_endpoint(endpoint, &methods)?;
            }
        }
        self.check_payloads(&services)
    }

    fn check_traffic(&self) -> Result<()> {
        let traffic = &self.traffic;
        let (hours, factor, weekend) = (&traffic.business_hours, traffic.business_factor, traffic.weekend_factor);
        if hours.get_ref().high > 24 {
            let words = format!("traffic.business_hours: {}: expected hours from 0 to 24", hours.get_ref().high);
            return Err(self.fault(hours.span().start, words));
        }
        for (key, number) in [("business_factor", factor), ("weekend_factor", weekend)] {
            if number.get() > MAX_WEIGHT {
                let words = format!("traffic.{key}: {}: expected at most {MAX_WEIGHT}", number.get());
                return Err(self.fault(number.at(), words));
            }
        }
        if traffic.curve().is_none() {
            let words = format!(
                "traffic.weekend_factor: {} times a business_factor of {}: expected a weight above 0, at most {MAX_WEIGHT}",
                weekend.get(),
                factor.get()
            );
            return Err(self.fault(weekend.at(), words));
        }
        Ok(())
    }

    fn check_callers(&self) -> Result<()> {
        self.distinct("environments.name", self.environments.iter().map(|e| &e.name))?;
        self.one_share("environments.share", 0, self.environments.iter().map(|e| e.share))?;
        if let Some(environment) = self.environments.get(255) {
            return Err(self.fault(environment.name.at(), "environments: expected at most 255"));
        }
        self.distinct("devices.type", self.devices.iter().map(|d| &d.name))?;
        self.one_share("devices.share", 0, self.devices.iter().map(|d| d.share))?;
        self.distinct("regions.name", self.regions.iter().map(|r| &r.name))?;
        self.one_share("regions.share", 0, self.regions.iter().map(|r| r.share))?;
        for region in &self.regions[..] {
            self.distinct("regions.countries.code", region.countries.iter().map(|c| &c.code))?;
            self.one_share("regions.countries.share", 0, region.countries.iter().map(|c| c.share))?;
            for country in &region.countries[..] {
                self.distinct("regions.countries.cities.name", country.cities.iter().map(|c| &c.name))?;
                self.one_share("regions.countries.cities.share", 0, country.cities.iter().map(|c| c.share))?;
            }
        }
        Ok(())
    }

    fn check_sessions(&self) -> Result<()> {
        for (key, list) in [
            ("requests_per_action", &self.sessions.requests_per_action),
            ("actions_per_session", &self.sessions.actions_per_session),
        ] {
            self.one_share(&format!("sessions.{key}"), list.span().start, list.get_ref().iter().copied())?;
            if list.get_ref().len() > 16 {
                return Err(self.fault(list.span().start, format_args!("sessions.{key}: expected at most 16 weights")));
            }
        }
        Ok(())
    }

    fn check_status(&self, status: &Status, methods: &[&str], services: &[&str]) -> Result<()> {
        let code = *status.code.get_ref();
        let fault = |words: String| Err(self.fault(status.code.span().start, words));
        if !(100..=599).contains(&code) {
            return fault(format!("statuses.code: {code}: expected a status from 100 to 599"));
        }
        for method in status.methods.iter().flatten() {
            self.known("statuses.methods", method, methods)?;
        }
        for message in &status.messages {
            for method in message.methods.iter().flatten() {
                self.known("statuses.messages.methods", method, methods)?;
            }
            for service in message.services.iter().flatten() {
                self.known("statuses.messages.services", service, services)?;
            }
        }
        if !status.is_error() {
            return Ok(());
        }
        if status.error_type.is_none() {
            return fault(format!("statuses: {code} needs an error_type, because it is an error"));
        }
        for method in methods.iter().filter(|method| status.meets(method)) {
            if let Some(service) = services.iter().find(|s| !status.messages.iter().any(|m| m.fits(s, method))) {
                return fault(format!("statuses.messages: {code} has no message for {method} of {service}"));
            }
        }
        Ok(())
    }

    fn check_endpoint(&self, endpoint: &Endpoint, methods: &[&str]) -> Result<()> {
        let route = &endpoint.route;
        self.length("services.endpoints.route", route, ENDPOINT)?;
        let literals = endpoint.literals();
        let path = literals.concat().chars().count() + ID_DIGITS * (literals.len() - 1);
        for method in endpoint.methods.keys() {
            self.known("services.endpoints.methods", method, methods)?;
            let title = method.chars().count() + 1 + path;
            if !TITLE.contains(&title) {
                let words = format!(
                    "services.endpoints.route: the title with {method} has {title} characters; expected at most {}",
                    TITLE.end()
                );
                return Err(self.fault(route.at(), words));
            }
        }
        self.one_share("services.endpoints.methods", route.at(), endpoint.methods.values().copied())
    }

    fn check_payloads(&self, services: &[&str]) -> Result<()> {
        for payload in &self.payloads {
            self.known("payloads.service", &payload.service, services)?;
            let service = self.services.iter().find(|s| s.name == payload.service);
            let routes: Vec<&str> =
                service.map(|s| s.endpoints.iter().map(|e| &*e.route).collect()).unwrap_or_default();
            for endpoint in payload.endpoints.iter().flatten() {
                self.known("payloads.endpoints", endpoint, &routes)?;
            }
            for field in &payload.fields[..] {
                let forms = [field.one_of.is_some(), field.integer.is_some(), field.decimal.is_some()];
                if forms.iter().filter(|given| **given).count() != 1 {
                    let words =
                        format!("payloads.fields: {}: expected exactly one of one_of, integer and decimal", field.name);
                    return Err(self.fault(field.name.at(), words));
                }
            }
        }
        for service in &self.services[..] {
            for endpoint in &service.endpoints[..] {
                self.check_payload_of(service, endpoint)?;
            }
        }
        Ok(())
    }

    /// Checks that no event of an endpoint has the same payload field twice.
    fn check_payload_of(&self, service: &Service, endpoint: &Endpoint) -> Result<()> {
        let mut seen = HashSet::from(PAYLOAD);
        for payload in self.payloads.iter().filter(|p| p.goes_with(&service.name, &endpoint.route)) {
            for field in &payload.fields[..] {
                if !seen.insert(&*field.name) {
                    let words = format!(
                        "payloads.fields.name: events of {} would have {} twice in their payload",
                        endpoint.route, field.name
                    );
                    return Err(self.fault(field.name.at(), words));
                }
            }
        }
        Ok(())
    }

    fn known(&self, key: &str, name: &Name, among: &[&str]) -> Result<()> {
        if among.contains(&&**name) {
            return Ok(());
        }
        Err(self.fault(name.at(), format_args!("{key}: {name} is not one of {}", among.join(", "))))
    }

    fn distinct<'a>(&self, key: &str, names: impl Iterator<Item = &'a Name>) -> Result<()> {
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(&**name) {
                return Err(self.fault(name.at(), format_args!("{key}: {name} appears twice")));
            }
        }
        Ok(())
    }

    fn length(&self, key: &str, name: &Name, allowed: RangeInclusive<usize>) -> Result<()> {
        let length = name.chars().count();
        if allowed.contains(&length) {
            return Ok(());
        }
        let (least, most) = (allowed.start(), allowed.end());
        let words = format!("{key}: {length} characters; expected {least} to {most}");
        Err(self.fault(name.at(), words))
    }

    /// Refuses a list without a share above 0, at its first share, or at `list` if it is empty.
    fn one_share(&self, key: &str, list: usize, shares: impl Iterator<Item = Share>) -> Result<()> {
        let mut first = None;
        for share in shares {
            if share.get() > 0.0 {
                return Ok(());
            }
            first = first.or(Some(share.at()));
        }
        Err(self.fault(first.unwrap_or(list), format_args!("{key}: every share is 0; expected at least one above 0")))
    }
}
