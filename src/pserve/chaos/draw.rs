//! Which faults strike a request: the draws.
//!
//! A draw depends on the seed, the rule, the event's id and how often the rule has struck this id, and on nothing else: the order in
//! which events arrive does not matter, and an event that was refused on purpose gets through in the end.

use std::sync::Mutex;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::fault::{Plan, Strike};
use super::rule::{self, Kind, Rule, Rules};
use super::struck::Struck;
use super::truth::{Happened, Truth};
use crate::clock::Micros;
use crate::error::Result;
use crate::jsonl::scan::{FieldSet, Scanner, Spans};
use crate::pserve::store::Record;
use crate::seed::{Choice, Seed};

/// The rules of a run, and how often each has struck which event.
pub(in crate::pserve) struct Chaos {
    rules: Vec<(Rule, Choice)>,
    /// Reads the fields that conditions name; `None` without conditions.
    scanner: Option<Mutex<Scanner>>,
    struck: Mutex<Struck>,
    /// `None` if nobody asked for a record.
    truth: Option<Truth>,
}

impl Chaos {
    /// The chaos of these rules, of which each `--chaos` gave some.
    pub(in crate::pserve) fn new(given: Vec<Rules>, seed: u64, truth: Option<Truth>) -> Self {
        let mut rules: Vec<(Rule, Choice)> = Vec::new();
        for rule in rule::limited(given) {
            let name = rule.kind.name();
            let same = rules.iter().filter(|(other, _)| other.kind.name() == name).count();
            rules.push((rule, Seed::new(seed).choice(&format!("chaos {name} {same}"))));
        }
        let mut fields = FieldSet::new(Vec::<&str>::new());
        for (rule, _) in &mut rules {
            rule.find_fields(&mut fields);
        }
        let scanner = (fields.len() > 0).then(|| Mutex::new(Scanner::new(fields)));
        Self { rules, scanner, struck: Mutex::default(), truth }
    }

    /// Draws what happens to a request that brings these events, this long after the server's start.
    ///
    /// A fault of the whole request is drawn once, for its first event that meets the rule's conditions.
    pub(in crate::pserve) fn plan(&self, events: &[Record], elapsed: Duration) -> Plan {
        let mut plan = Plan::default();
        let spans = self.scan(events);
        for (rule, choice) in &self.rules {
            if !rule.is_open(elapsed) {
                continue;
            }
            let mut matching = (0..events.len()).filter(|&at| rule.meets(events[at].body.as_bytes(), spans.get(at)));
            match rule.kind {
                _ if plan.instead.is_some() && !matches!(rule.kind, Kind::Latency(_)) => {}
                Kind::Lose | Kind::Duplicate => {
                    for at in matching {
                        // What is lost cannot be stored twice.
                        let is_struck = plan.events.iter().any(|(other, _)| *other == at);
                        if let Some(strike) = (!is_struck).then(|| self.draw(rule, *choice, &events[at])).flatten() {
                            plan.events.push((at, strike));
                        }
                    }
                }
                kind => {
                    let is_taken = match kind {
                        Kind::Latency(_) => false,
                        Kind::Error(_) | Kind::Reset => plan.instead.is_some(),
                        _ => plan.after.is_some(),
                    };
                    let first = matching.next().filter(|_| !is_taken);
                    let Some(strike) = first.and_then(|at| self.draw(rule, *choice, &events[at])) else { continue };
                    match kind {
                        Kind::Latency(_) => plan.delays.push(strike),
                        Kind::Error(_) | Kind::Reset => plan.instead = Some(strike),
                        _ => plan.after = Some(strike),
                    }
                }
            }
        }
        plan
    }

    /// Writes down what happened at this time.
    ///
    /// # Errors
    /// If the record cannot be written.
    pub(in crate::pserve) fn note<'a>(&self, happened: impl Iterator<Item = Happened<'a>>, now: Micros) -> Result<()> {
        self.truth.as_ref().map_or(Ok(()), |truth| truth.write(happened, now))
    }

    /// Whether a rule strikes this event now.
    fn draw(&self, rule: &Rule, choice: Choice, event: &Record) -> Option<Strike> {
        let id = xxh3_64(format!("{}\0{}", event.tenant, event.external_id).as_bytes());
        let stream = choice.stream(id);
        let mut struck = self.struck.lock().expect("no holder of this lock can panic");
        let before = struck.count(choice.at(id));
        if rule.chance.threshold().is_some_and(|threshold| stream.at(u64::from(before) * 2) >= threshold) {
            return None;
        }
        struck.add(choice.at(id));
        Some(Strike { fault: rule.kind.fault(stream.at(u64::from(before) * 2 + 1)), nth: before + 1 })
    }

    /// The fields that conditions name, for each event. Empty without conditions.
    fn scan(&self, events: &[Record]) -> Vec<Spans> {
        let Some(scanner) = &self.scanner else { return Vec::new() };
        let mut scanner = scanner.lock().expect("no holder of this lock can panic");
        let scan = |event: &Record| {
            let mut spans = Spans::default();
            scanner.scan(event.body.as_bytes(), &mut spans).expect("a valid event is an object");
            spans
        };
        events.iter().map(scan).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pserve::chaos::fault::Fault;
    use crate::pserve::store::SearchFields;

    fn event(id: &str, service: &str) -> Record {
        Record {
            tenant: "t".into(),
            external_id: id.to_owned(),
            timestamp: 0,
            ingested_at: 0,
            fields: SearchFields::default(),
            response_time_ms: None,
            body: format!("{{\"event_id\":\"{id}\",\"source\":{{\"service\":\"{service}\"}}}}"),
        }
    }

    fn chaos(rules: &[&str], seed: u64) -> Chaos {
        Chaos::new(rules.iter().map(|rule| rule.parse().expect(rule)).collect(), seed, None)
    }

    /// The ids that a rule refuses at their first arrival.
    fn refused(chaos: &Chaos, ids: impl Iterator<Item = usize>) -> Vec<usize> {
        let is_refused = |id: &usize| {
            let plan = chaos.plan(&[event(&format!("evt_{id}"), "a")], Duration::ZERO);
            plan.instead.is_some()
        };
        let mut refused: Vec<usize> = ids.filter(is_refused).collect();
        refused.sort_unstable();
        refused
    }

    #[test]
    fn who_is_struck_depends_on_the_seed_and_the_id_and_not_on_the_order() {
        let forward = refused(&chaos(&["error=503:5%"], 7), 0..10_000);
        let backward = refused(&chaos(&["error=503:5%"], 7), (0..10_000).rev());
        assert_eq!(forward, backward);
        // 500 ± 4.5 standard deviations.
        assert!((400..=600).contains(&forward.len()), "{}", forward.len());
        assert_ne!(forward, refused(&chaos(&["error=503:5%"], 8), 0..10_000));
        assert_eq!(forward, refused(&chaos(&["lose=10%", "error=503:5%"], 7), 0..10_000), "no rule changes another");
    }

    #[test]
    fn an_event_that_is_sent_again_is_drawn_again() {
        let chaos = chaos(&["reset=50%"], 1);
        for id in 0..100 {
            let attempt = || chaos.plan(&[event(&id.to_string(), "a")], Duration::ZERO).instead;
            let struck: Vec<u32> = std::iter::from_fn(attempt).map(|strike| strike.nth).collect();
            assert!(struck.len() < 30 && struck.iter().copied().eq(1..=u32::try_from(struck.len()).expect("few")));
        }
    }

    #[test]
    fn windows_and_conditions_limit_a_rule() {
        let chaos = chaos(&["error=500:100%,where=service=a", "lose=100%,window=30s..60s"], 1);
        let plan = |service: &str, seconds| chaos.plan(&[event("x", service)], Duration::from_secs(seconds));
        assert!(plan("a", 0).instead.is_some() && plan("b", 0) == Plan::default());
        assert_eq!([plan("b", 29).events.len(), plan("b", 30).events.len(), plan("b", 60).events.len()], [0, 1, 0]);
        // A request that is refused loses nothing.
        assert!(plan("a", 30).events.is_empty());
    }

    #[test]
    fn limits_alone_hold_for_every_rule() {
        let chaos = chaos(&["error=500:100%", "window=..10s,where=service=a"], 1);
        let is_refused =
            |service: &str, seconds| chaos.plan(&[event("x", service)], Duration::from_secs(seconds)).instead.is_some();
        assert_eq!([is_refused("a", 9), is_refused("b", 9), is_refused("a", 10)], [true, false, false]);
    }

    #[test]
    fn a_batch_is_drawn_once_and_its_events_each() {
        let chaos = chaos(&["lose=50%", "truncate=100%,where=service=b"], 3);
        let events: Vec<Record> = (0..100).map(|id| event(&id.to_string(), if id < 50 { "a" } else { "b" })).collect();
        let plan = chaos.plan(&events, Duration::ZERO);
        assert_eq!(plan.after, Some(Strike { fault: Fault::Truncate, nth: 1 }));
        assert!((20..=80).contains(&plan.events.len()), "{}", plan.events.len());
        assert_eq!(chaos.plan(&events[..50], Duration::ZERO).after, None);
    }

    #[test]
    fn latencies_have_the_distribution_that_their_rule_says() {
        let sample = |rule: &str| -> Vec<f64> {
            let chaos = chaos(&[rule], 5);
            let delay = |id: usize| match chaos.plan(&[event(&id.to_string(), "a")], Duration::ZERO).delays[0].fault {
                Fault::Delay(delay) => delay.as_secs_f64() * 1e3,
                other => panic!("{other:?}"),
            };
            let mut delays: Vec<f64> = (0..10_000).map(delay).collect();
            delays.sort_unstable_by(f64::total_cmp);
            delays
        };
        assert!(sample("latency=50ms").iter().all(|ms| *ms == 50.0));
        let uniform = sample("latency=50ms±20ms");
        assert!(uniform[0] >= 30.0 && uniform[9_999] <= 70.0 && (49.0..51.0).contains(&uniform[5_000]));
        let lognormal = sample("latency=lognormal:20ms,p99=400ms");
        assert!((18.0..22.0).contains(&lognormal[5_000]), "{}", lognormal[5_000]);
        assert!((300.0..520.0).contains(&lognormal[9_900]), "{}", lognormal[9_900]);
    }
}
