//! The kinds of event that a profile allows, with their probabilities: service, endpoint, method, status, cache hit.
//!
//! The guide gives shares of services, errors and statuses. Which method can have which status it gives only in words (201 follows
//! a POST). Iterative proportional fitting (Deming, Stephan 1940) finds probabilities that satisfy both.

use super::alias::AliasTable;
use crate::error::Result;
use crate::world::profile::{Endpoint, Method, Profile, Service, Status};

#[derive(Debug, Clone, Copy)]
pub(super) struct RequestKind<'a> {
    /// Index into the profile's services.
    pub(super) service_index: usize,
    pub(super) service: &'a Service,
    pub(super) endpoint: &'a Endpoint,
    pub(super) method: &'a Method,
    pub(super) status: &'a Status,
    pub(super) cache_hit: bool,
}

impl RequestKind<'_> {
    /// Requests of an action are in order of their stages.
    pub(super) fn stage(&self) -> u8 {
        self.endpoint.stage.unwrap_or(self.service.stage)
    }
}

/// Every kind of event, and a table to sample them.
#[derive(Debug)]
pub(super) struct Kinds<'a> {
    pub(super) all: Vec<RequestKind<'a>>,
    /// Samples an index into `all`.
    pub(super) draw: AliasTable,
}

impl<'a> Kinds<'a> {
    /// The kinds that a profile allows.
    ///
    /// # Errors
    /// A usage error that names file, line and key if no probabilities give all of the profile's shares.
    pub(super) fn of(profile: &'a Profile) -> Result<Self> {
        let calls = calls(profile);
        let successes = fit(profile, &calls, |s| !s.is_error(), |c| c.chance * (1.0 - c.service.error_rate.get()))?;
        let errors = fit(profile, &calls, Status::is_error, |c| c.chance * c.service.error_rate.get())?;
        let mut all = Vec::new();
        let mut chances = Vec::new();
        for call in &calls {
            let error_rate = call.service.error_rate.get();
            for (fitted, part) in [(&successes, 1.0 - error_rate), (&errors, error_rate)] {
                for (status, chance) in &fitted[call.method_index] {
                    let (service_index, service, endpoint, method) =
                        (call.service_index, call.service, call.endpoint, call.method);
                    all.push(RequestKind { service_index, service, endpoint, method, status, cache_hit: false });
                    chances.push(call.chance * part * chance);
                }
            }
        }
        split_cache_hits(profile, &mut all, &mut chances)?;
        let keep: Vec<usize> = (0..all.len()).filter(|i| chances[*i] > 0.0).collect();
        let chances: Vec<f64> = keep.iter().map(|i| chances[*i]).collect();
        let all: Vec<RequestKind> = keep.iter().map(|i| all[*i]).collect();
        if all.len() > usize::from(u16::MAX) {
            let words = "services: more than 65535 combinations of endpoint, method and status";
            return Err(profile.fault(profile.services[0].name.at(), words));
        }
        Ok(Self { draw: AliasTable::new(&chances), all })
    }
}

/// A method of an endpoint, with its probability.
struct Call<'a> {
    service_index: usize,
    service: &'a Service,
    endpoint: &'a Endpoint,
    method_index: usize,
    method: &'a Method,
    chance: f64,
}

fn calls(profile: &Profile) -> Vec<Call<'_>> {
    let weights: f64 = profile.services.iter().map(|s| s.weight.get()).sum();
    let mut calls = Vec::new();
    for (service_index, service) in profile.services.iter().enumerate() {
        let ranks = zipf(service.endpoints.len(), profile.popularity.endpoints.get());
        let all_ranks: f64 = ranks.iter().sum();
        for (endpoint, rank) in service.endpoints.iter().zip(ranks) {
            let all_methods: f64 = endpoint.methods.values().map(|s| s.get()).sum();
            for (name, share) in &endpoint.methods {
                let found = profile.methods.iter().position(|m| *m.name == **name);
                let method_index = found.expect("Profile::parse refuses an endpoint with an unknown method");
                let method = &profile.methods[method_index];
                let chance = service.weight.get() / weights * (rank / all_ranks) * (share.get() / all_methods);
                calls.push(Call { service_index, service, endpoint, method_index, method, chance });
            }
        }
    }
    calls
}

/// The weights of Zipf's law: rank to the power of -exponent.
pub(super) fn zipf(len: usize, exponent: f64) -> Vec<f64> {
    (1..=u32::try_from(len).unwrap_or(u32::MAX)).map(|rank| libm::pow(f64::from(rank), -exponent)).collect()
}

/// For each method, its statuses with their probabilities, so that each status has its share of all calls.
fn fit<'a>(
    profile: &'a Profile,
    calls: &[Call<'a>],
    is_wanted: impl Fn(&Status) -> bool,
    chance: impl Fn(&Call<'a>) -> f64,
) -> Result<Vec<Vec<(&'a Status, f64)>>> {
    let mut rows = vec![0.0; profile.methods.len()];
    for call in calls {
        rows[call.method_index] += chance(call);
    }
    let total: f64 = rows.iter().sum();
    let statuses: Vec<&Status> = profile.statuses.iter().filter(|s| is_wanted(s) && s.share.get() > 0.0).collect();
    if total <= 0.0 {
        return Ok(vec![Vec::new(); rows.len()]);
    }
    if statuses.is_empty() {
        let words = "statuses.share: expected a share above 0 among the successes and among the errors";
        return Err(profile.fault(profile.statuses[0].share.at(), words));
    }
    let shares: f64 = statuses.iter().map(|s| s.share.get()).sum();
    let columns: Vec<f64> = statuses.iter().map(|s| s.share.get() / shares * total).collect();
    let mut table: Vec<Vec<f64>> = profile
        .methods
        .iter()
        .zip(&rows)
        .map(|(method, row)| {
            let cell = |(s, column): (&&Status, &f64)| if s.meets(&method.name) { row * column } else { 0.0 };
            statuses.iter().zip(&columns).map(cell).collect()
        })
        .collect();
    for _ in 0..10_000 {
        for (j, target) in columns.iter().enumerate() {
            let sum: f64 = table.iter().map(|row| row[j]).sum();
            if sum > 0.0 {
                table.iter_mut().for_each(|row| row[j] *= target / sum);
            }
        }
        let mut off = 0.0f64;
        for (row, target) in table.iter_mut().zip(&rows) {
            let sum: f64 = row.iter().sum();
            if sum > 0.0 {
                off = off.max((sum - target).abs());
                row.iter_mut().for_each(|cell| *cell *= target / sum);
            }
        }
        if off < 1e-13 {
            break;
        }
    }
    let lacks = |j: usize| columns[j] - table.iter().map(|row| row[j]).sum::<f64>();
    let worst = (0..statuses.len()).max_by(|a, b| lacks(*a).total_cmp(&lacks(*b))).unwrap_or(0);
    if lacks(worst) > 1e-6 * total {
        let (code, share) = (statuses[worst].code.get_ref(), statuses[worst].share);
        let words = format!(
            "statuses.share: {code} cannot have its share of {}: the methods that can have it are too rare",
            share.get()
        );
        return Err(profile.fault(share.at(), words));
    }
    Ok(table
        .iter()
        .zip(&rows)
        .map(|(row, target)| {
            let part = |cell: &f64| if *target > 0.0 { cell / target } else { 0.0 };
            statuses.iter().copied().zip(row.iter().map(part)).collect()
        })
        .collect())
}

/// Splits each kind that a cache can answer into one with a hit and one without.
fn split_cache_hits(profile: &Profile, all: &mut Vec<RequestKind>, chances: &mut Vec<f64>) -> Result<()> {
    let cache = &profile.cache;
    let cached = |k: &RequestKind| k.method.name == cache.method && k.status.code == cache.status;
    let total: f64 = chances.iter().sum();
    let eligible: f64 = all.iter().zip(chances.iter()).filter(|(k, _)| cached(k)).map(|(_, c)| c).sum();
    let hits = cache.hits.get() * total;
    if hits > eligible {
        let words = format!(
            "cache.hits: {} of the events exceeds the {:.3} that are {} with {}",
            cache.hits.get(),
            eligible / total,
            cache.method,
            cache.status.get_ref()
        );
        return Err(profile.fault(cache.hits.at(), words));
    }
    for i in 0..all.len() {
        if cached(&all[i]) && hits > 0.0 {
            let hit = chances[i] * (hits / eligible);
            chances[i] -= hit;
            chances.push(hit);
            all.push(RequestKind { cache_hit: true, ..all[i] });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_that_contradict_each_other_are_refused_with_file_line_and_key() {
        let refused = |old: &str, new: &str, faulty: &str, words: &str| {
            let text = crate::world::profile::BUILT_IN.replacen(old, new, 1);
            let profile = Profile::parse(&text, "mine").expect("each value by itself is valid");
            let line = 1 + text.lines().position(|line| line == faulty).expect("it is there");
            let error = Kinds::of(&profile).expect_err("no probabilities fit").to_string();
            assert!(error.starts_with(&format!("mine: line {line}: {words}")), "line {line}: {error}");
        };
        refused("share = 10\nmethods", "share = 900\nmethods", "share = 900", "statuses.share: 201 cannot have");
        refused("hits = 0.25", "hits = 0.9", "hits = 0.9", "cache.hits: 0.9");
    }
}
