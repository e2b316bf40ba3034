//! Many events in one request: the form of its body, and what the answer says about each event.

use super::request::{Maps, RequestForm, body_place};
use super::results::{IdField, Results, ResultsForm, Told, Which};
use super::rules::{Classification, Codes, Rules};
use super::template::{Binding, Names, Template, UsedIn};
use super::written::{BatchWritten, EscapeWritten};
use crate::clock::Micros;
use crate::psend::intake::Event;
use crate::psend::meaning::Meaning;
use crate::psend::secret::Secrets;

/// The form of a request that carries many events, and of its answer.
#[derive(Debug, Clone)]
pub(in crate::psend) struct BatchForm {
    /// Its head.
    pub request: RequestForm,
    /// Its body.
    pub frame: Frame,
    /// How many events the server takes at a time, if it says so.
    pub most: Option<usize>,
    pub(super) results: Results,
    results_on: Option<Codes>,
    split: Codes,
    idempotent: bool,
}

/// The text around events.
#[derive(Debug, Clone)]
pub(in crate::psend) struct Frame {
    before: Template,
    /// One event.
    pub wrap: Template,
    between: String,
    after: Template,
    group: Option<Group>,
}

/// The text around a group of events.
#[derive(Debug, Clone)]
struct Group {
    /// The fields whose values they share: names, then indices.
    by: Vec<(String, usize)>,
    before: Template,
    between: String,
    after: Template,
}

/// What the answer to a batch means.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::psend) enum BatchClassification {
    /// It says the same of all events.
    Whole(Classification),
    /// It refuses all, perhaps because of one of them: they are sent again in halves.
    Split(Classification),
    /// The result of each event, or why there is none.
    Each(Vec<Result<Classification, String>>),
    /// Some were taken, and it does not say which. They can be sent again in halves, because the server recognises duplicates.
    Halve(String),
    /// It has no usable results; why.
    Unclear(String),
}

impl BatchForm {
    pub(super) fn compile(
        written: BatchWritten,
        single: &RequestForm,
        idempotent: bool,
        maps: &Maps,
    ) -> Result<Self, String> {
        let request = RequestForm::of_batch(&written, single, maps)?;
        let frame = Frame::compile(&written, maps)?;
        if written.most == Some(0) {
            return Err("batch.most 0: expected a whole number above 0".to_owned());
        }
        let form = results_form(&written)?;
        let in_order =
            matches!(&form, ResultsForm::List { id: None, .. } | ResultsForm::Faults { which: Which::Index(..), .. });
        if frame.group.is_some() && in_order {
            return Err("batch.group_by: events are grouped, so that results must be matched by batch.id".to_owned());
        }
        let rules = Rules { section: "batch.rules", rules: written.rules, error: written.error };
        Ok(Self {
            request,
            frame,
            most: written.most,
            results: Results { form, status: written.status, rules },
            results_on: written.results_on,
            split: written.split,
            idempotent,
        })
    }

    pub(super) fn bind(&mut self, binding: &mut Binding<'_>) -> Result<(), String> {
        self.request.bind(binding)?;
        self.frame.bind(binding)
    }

    /// Replaces the key's placeholders by the key.
    pub(in crate::psend) fn settle_key(&mut self, key: &str) {
        self.request.settle_key(key);
        self.frame.templates().for_each(|template| template.settle_key(key));
    }

    /// Classifies an answer with this status for each of its events. `whole` is its classification as a whole; `ids` are the raw ids.
    pub(in crate::psend) fn judge(
        &self,
        whole: Classification,
        status: u16,
        body: &[u8],
        ids: &[Option<&[u8]>],
        now: Micros,
        secrets: &Secrets,
    ) -> BatchClassification {
        let told = self.tells_of_each(status, whole.meaning).then(|| self.results.read(body, ids, now, secrets));
        let splits = ids.len() > 1
            && match whole.meaning {
                // If one event is a duplicate, the others need not be.
                Meaning::Duplicate => told.is_none(),
                Meaning::Rejected | Meaning::Retry | Meaning::Failed => self.split.contain(status),
                _ => false,
            };
        match told {
            Some(Told::Each(classifications)) => BatchClassification::Each(classifications),
            Some(Told::Some(why)) if self.idempotent && ids.len() > 1 => BatchClassification::Halve(why),
            Some(Told::Some(why)) => BatchClassification::Unclear(why),
            _ if splits => BatchClassification::Split(whole),
            // A refusal of the whole batch needs no results.
            Some(Told::Nothing(why)) if whole.meaning == Meaning::Accepted || whole.meaning == Meaning::Duplicate => {
                BatchClassification::Unclear(why)
            }
            _ => BatchClassification::Whole(whole),
        }
    }

    /// Whether the answer has a result for each event.
    fn tells_of_each(&self, status: u16, meaning: Meaning) -> bool {
        let has_results = !matches!(self.results.form, ResultsForm::Whole);
        let is_named = self.results_on.as_ref().is_some_and(|codes| codes.contain(status));
        let is_taken = has_results && (is_named || (self.results_on.is_none() && (200..300).contains(&status)));
        match meaning {
            Meaning::Accepted => true,
            Meaning::Duplicate | Meaning::Rejected => is_taken,
            Meaning::Retry | Meaning::Failed => has_results && is_named,
            _ => false,
        }
    }
}

impl Frame {
    fn compile(written: &BatchWritten, maps: &Maps) -> Result<Self, String> {
        let compile = |key: &str, text: &str, place: UsedIn, names: Names| {
            Template::compile("the body", text, place, names, maps).map_err(|why| format!("batch.{key}: {why}"))
        };
        let place = body_place(written.escape);
        let around = |key: &str, text: &str| compile(key, text, place, Names::Constants);
        let group_before = compile("group_before", &written.group_before, place, Names::All)?;
        for name in group_before.field_names() {
            if !written.group_by.iter().any(|by| by == name) {
                return Err(format!(
                    "batch.group_before: {{{name}}} is not among batch.group_by, so that events of one group may differ in it"
                ));
            }
        }
        let group = Group {
            by: written.group_by.iter().map(|name| (name.clone(), 0)).collect(),
            before: group_before,
            between: written.group_between.clone(),
            after: around("group_after", &written.group_after)?,
        };
        if group.by.is_empty() && !(written.group_before.is_empty() && written.group_after.is_empty()) {
            return Err("batch.group_before and group_after stand around groups: batch.group_by says which".to_owned());
        }
        Ok(Self {
            before: around("before", &written.before)?,
            wrap: compile("wrap", &written.wrap, place, Names::All)?,
            between: written.between.clone(),
            after: around("after", &written.after)?,
            group: Some(group).filter(|group| !group.by.is_empty()),
        })
    }

    fn bind(&mut self, binding: &mut Binding<'_>) -> Result<(), String> {
        self.templates().try_for_each(|template| template.bind(binding))?;
        for (name, place) in self.group.iter_mut().flat_map(|group| &mut group.by) {
            *place = binding.place(name);
        }
        Ok(())
    }

    fn templates(&mut self) -> impl Iterator<Item = &mut Template> {
        let of_group = self.group.iter_mut().flat_map(|group| [&mut group.before, &mut group.after]);
        [&mut self.before, &mut self.wrap, &mut self.after].into_iter().chain(of_group)
    }

    /// Whether it contains the key.
    pub(in crate::psend) fn has_key(&self) -> bool {
        let of_group = self.group.as_ref().is_some_and(|group| group.before.has_key() || group.after.has_key());
        of_group || [&self.before, &self.wrap, &self.after].into_iter().any(Template::has_key)
    }

    /// Why this event cannot be part of a batch, if it cannot. Does not look at `wrap`.
    pub(in crate::psend) fn obstacle(&self, event: &Event, key: &str) -> Option<String> {
        self.group.as_ref()?.before.render(event, key, &mut Vec::new()).err()
    }

    /// At most how many bytes a body of these events has besides their own.
    pub(in crate::psend) fn around<'a>(&self, events: impl ExactSizeIterator<Item = &'a Event>, key: &str) -> usize {
        let mut texts = Vec::new();
        self.before.render_constant(key, &mut texts);
        self.after.render_constant(key, &mut texts);
        let mut bytes = texts.len() + self.between.len() * events.len();
        if let Some(group) = &self.group {
            for event in events {
                texts.clear();
                group.after.render_constant(key, &mut texts);
                // Events that cannot be rendered were set aside before.
                let _ = group.before.render(event, key, &mut texts);
                bytes += texts.len() + group.between.len();
            }
        }
        bytes
    }

    /// Whether a batch consists of its events' lines with fixed text between them, so that its size is known without rendering.
    pub(in crate::psend) fn is_plain(&self) -> bool {
        self.wrap.is_event() && self.group.is_none() && self.between.len() < 2
    }

    /// The body that holds these events, each as [`Self::wrap`] has made it.
    pub(in crate::psend) fn body(&self, events: &[Framed<'_>], key: &str) -> Vec<u8> {
        const ROOM: usize = 256;
        let own: usize = events.iter().map(|(_, own)| own.len() + self.between.len()).sum();
        let mut body = Vec::with_capacity(own + ROOM);
        self.before.render_constant(key, &mut body);
        match &self.group {
            None => self.put(events, &mut body),
            Some(group) => {
                for (nth, members) in group.parts(events).iter().enumerate() {
                    if nth > 0 {
                        body.extend_from_slice(group.between.as_bytes());
                    }
                    // Events that cannot be rendered were set aside before.
                    let _ = group.before.render(members[0].0, key, &mut body);
                    self.put(members, &mut body);
                    group.after.render_constant(key, &mut body);
                }
            }
        }
        self.after.render_constant(key, &mut body);
        body
    }

    fn put(&self, events: &[Framed<'_>], body: &mut Vec<u8>) {
        for (nth, (_, event)) in events.iter().enumerate() {
            if nth > 0 {
                body.extend_from_slice(self.between.as_bytes());
            }
            body.extend_from_slice(event);
        }
    }
}

/// An event, and its bytes in the body.
type Framed<'a> = (&'a Event, &'a [u8]);

impl Group {
    /// The events that belong together, in the order of the first of each.
    fn parts<'a>(&self, events: &[Framed<'a>]) -> Vec<Vec<Framed<'a>>> {
        let mut known: std::collections::HashMap<Vec<Option<&[u8]>>, usize> = std::collections::HashMap::new();
        let mut parts: Vec<Vec<Framed<'a>>> = Vec::new();
        for (event, own) in events {
            let values = self.by.iter().map(|(_, place)| event.field(*place)).collect();
            let part = *known.entry(values).or_insert_with(|| {
                parts.push(Vec::new());
                parts.len() - 1
            });
            parts[part].push((event, own));
        }
        parts
    }
}

fn results_form(written: &BatchWritten) -> Result<ResultsForm, String> {
    let forms = [
        ("results", written.results.is_some()),
        ("faults", written.faults.is_some()),
        ("accepted_count or refused_count", written.accepted_count.is_some() || written.refused_count.is_some()),
    ];
    let given: Vec<&str> = forms.iter().filter(|(_, is_given)| *is_given).map(|(name, _)| *name).collect();
    if given.len() > 1 {
        return Err(format!("batch.{}: expected one of these, for an answer has one form", given.join(" and batch.")));
    }
    let lone = |key: &str, needs: &str| Err(format!("batch.{key}: it goes with batch.{needs}"));
    if let Some(id) = &written.id {
        if written.results.is_none() && written.faults.is_none() {
            return Err(format!(
                "batch.id \"{}\": without batch.results no result is read that could have an id",
                id.path()
            ));
        }
        if id.path().is_empty() {
            return Err("batch.id \"\": expected the key of an event's id in a result, such as \"event_id\"".to_owned());
        }
    }
    if written.lines && written.results.as_ref().is_none_or(|path| !path.path().is_empty()) {
        return Err("batch.lines: the lines are the whole answer: give results = \"\" with it".to_owned());
    }
    if written.results_on.is_some() && given.is_empty() {
        return lone("results_on", "results, faults or a count");
    }
    if written.index.is_some() && written.faults.is_none() {
        return lone("index", "faults");
    }
    let id = written.id.clone().map(|path| Box::new(IdField::from(path)));
    Ok(match (&written.results, &written.faults) {
        (Some(path), _) => ResultsForm::List { path: path.clone(), lines: written.lines, id },
        (None, Some(path)) => {
            let which = match (&written.index, id) {
                (Some(index), None) => Which::Index(index.clone(), written.first_index),
                (None, Some(id)) => Which::Id(id),
                _ => return Err("batch.faults: batch.index or batch.id says which event a fault is of".to_owned()),
            };
            ResultsForm::Faults { path: path.clone(), which }
        }
        _ if given.is_empty() => ResultsForm::Whole,
        _ => ResultsForm::Counts { accepted: written.accepted_count.clone(), refused: written.refused_count.clone() },
    })
}

/// The use of a single event's body.
pub(super) fn single_body(written: &str, escape: EscapeWritten, maps: &Maps) -> Result<Template, String> {
    Template::compile("the body", written, body_place(escape), Names::All, maps)
        .map_err(|why| format!("request.body: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::{Dialect, shipped};
    use super::*;
    use crate::psend::meaning::Meaning::{Accepted, Away, Duplicate, RateLimited, Rejected};
    use std::time::Duration;

    const NOON: Micros = 1_767_614_400_000_000;

    fn batch() -> BatchForm {
        Dialect::parse(shipped("pulsestream").expect("it is ours"))
            .expect("it is ours")
            .batch
            .expect("it takes batches")
    }

    fn whole(meaning: Meaning) -> Classification {
        Classification { meaning, rule: None, wait: None, complaint: None }
    }

    fn verdict(status: u16, meaning: Meaning, body: &str) -> BatchClassification {
        batch().judge(whole(meaning), status, body.as_bytes(), &[None; 4], NOON, &Secrets::default())
    }

    fn classifications(body: &str, ids: &[&str]) -> Vec<Result<Classification, String>> {
        let quoted: Vec<String> =
            ids.iter().map(|id| if id.is_empty() { String::new() } else { format!("\"{id}\"") }).collect();
        let ids: Vec<Option<&[u8]>> = quoted.iter().map(|id| Some(id.as_bytes()).filter(|id| !id.is_empty())).collect();
        let now = NOON + 50_000_000;
        match batch().judge(whole(Accepted), 200, body.as_bytes(), &ids, now, &Secrets::default()) {
            BatchClassification::Each(classifications) => classifications,
            other => panic!("{other:?}"),
        }
    }

    /// The classification of each event in one word.
    fn meanings(body: &str, ids: &[&str]) -> Vec<Option<Meaning>> {
        classifications(body, ids)
            .into_iter()
            .map(|classification| classification.ok().map(|classification| classification.meaning))
            .collect()
    }

    #[test]
    fn a_batchs_answer_says_something_of_each_event() {
        let body = r#"{"total_events":6,"results":[
            {"success":true,"message":"Event queued"},
            {"success":true,"message":"Event already exists (idempotent)"},
            {"success":false,"message":"x","errors":["Rate limit exceeded. Limit: 5 events per 60 seconds"]},
            {"success":false,"message":"x","errors":["title: field required"]},
            {"success":false,"message":"duplicate key value violates unique constraint"},
            {"success":false,"message":"x","errors":["connection refused: the database system is starting up"]}]}"#;
        let ids = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(meanings(body, &ids), [Accepted, Duplicate, RateLimited, Rejected, Duplicate, Away].map(Some));
        let classifications = classifications(body, &ids);
        assert_eq!(classifications[2].as_ref().expect("it is told of").wait, Some(Duration::from_secs(10)));
        let complaint = classifications[3].as_ref().expect("it is told of").complaint.as_deref();
        assert!(complaint.is_some_and(|text| text.contains("title: field required")), "{complaint:?}");
        assert!(matches!(verdict(200, Accepted, "{}"), BatchClassification::Unclear(_)));
    }

    #[test]
    fn a_refusal_of_the_whole_that_one_event_may_be_at_fault_for_splits() {
        let splits = |status, meaning| matches!(verdict(status, meaning, ""), BatchClassification::Split(_));
        assert!(splits(422, Rejected) && splits(500, Meaning::Retry) && !splits(400, RateLimited));
        // Of one event each: an accepted batch has a result for each event.
        assert!(splits(400, Duplicate) && splits(409, Duplicate) && !splits(200, Duplicate));
        assert!(!splits(400, Away), "a server that is away is no fault of an event");
    }

    #[test]
    fn results_in_another_order_are_matched_by_id() {
        let body =
            r#"{"results":[{"event_id":"b","success":false,"errors":["no"]},{ "event_id" : "A" ,"success":true}]}"#;
        assert_eq!(meanings(body, &["a", "b"]), [Some(Accepted), Some(Rejected)]);
        assert_eq!(meanings(body, &["b", "a"]), [Some(Rejected), Some(Accepted)]);
        let body = r#"{"results":[{"event_id":17,"success":true},{"event_id":"\u0061","success":false}]}"#;
        assert_eq!(
            meanings(body, &["a", "17"]),
            [Some(Rejected), Some(Accepted)],
            "a number and an escape name ids too"
        );
    }

    #[test]
    fn a_result_that_is_missing_doubled_or_of_another_event_leaves_its_event_open() {
        for (body, ids, wanted) in [
            (r#"{"results":[{"event_id":"b","success":true}]}"#, &["a", "b"][..], &[None, Some(Accepted)][..]),
            (
                r#"{"results":[{"event_id":"a","success":true},{"event_id":"a","success":false}]}"#,
                &["a", "b"],
                &[None, None],
            ),
            (
                r#"{"results":[{"event_id":"a","success":true},{"event_id":"x","success":true}]}"#,
                &["a", "b"],
                &[Some(Accepted), None],
            ),
            (r#"{"results":[]}"#, &["a", "b"], &[None, None]),
            // It contains the event's id, but is the result of another event.
            (
                r#"{"results":[{"input":{"event_id":"a"},"event_id":"b","success":true},{"event_id":"a","success":false}]}"#,
                &["a", "b"],
                &[Some(Rejected), Some(Accepted)],
            ),
        ] {
            assert_eq!(meanings(body, ids), wanted, "{body}");
        }
        let why = classifications(r#"{"results":[{"event_id":"x","success":true}]}"#, &["a"]).remove(0);
        assert_eq!(why, Err("the answer has 1 results for 1 events, and none with this event's id".to_owned()));
    }

    #[test]
    fn results_without_ids_and_copies_of_one_id_go_by_their_order_as_long_as_nothing_contradicts_it() {
        let body =
            r#"{"results":[{"success":true},{"event_id":null,"success":false},{"event_id":"c","success":true}]}"#;
        assert_eq!(meanings(body, &["a", "", "c"]), [Some(Accepted), Some(Rejected), Some(Accepted)]);
        assert_eq!(
            meanings(body, &["a", "b", ""]),
            [Some(Accepted), Some(Rejected), Some(Accepted)],
            "the server made its id"
        );
        assert_eq!(meanings(body, &["c", "", "a"]), [Some(Accepted), None, None]);
        let copies = r#"{"results":[{"event_id":"a","success":true},{"event_id":"a","success":false},{"event_id":"b","success":true}]}"#;
        assert_eq!(meanings(copies, &["a", "a", "b"]), [Some(Accepted), Some(Rejected), Some(Accepted)]);
        assert_eq!(
            meanings(copies, &["a", "b", "a"]),
            [None, Some(Accepted), None],
            "which copy is whose is not known"
        );
    }

    /// The classification of an answer to three events with these ids, in one word each, or the reason why there is none.
    fn of_each(batch: &str, status: u16, body: &str) -> String {
        let text = format!("[request]\nmethod = 'POST'\npath = ''\n[batch]\npath = ''\n{batch}");
        let dialect = Dialect::parse(&text).unwrap_or_else(|e| panic!("{e}"));
        let secrets = Secrets::default();
        let whole = dialect.read(status, body.as_bytes(), NOON, &secrets);
        let ids = [Some(&b"\"a\""[..]), Some(b"\"b\""), Some(b"\"c\"")];
        match dialect.batch.expect("it has one").judge(whole, status, body.as_bytes(), &ids, NOON, &secrets) {
            BatchClassification::Each(classifications) => {
                let word = |classification: Result<Classification, String>| {
                    classification.map_or("unclear", |classification| classification.meaning.answer().as_str())
                };
                classifications.into_iter().map(word).collect::<Vec<_>>().join(" ")
            }
            BatchClassification::Whole(classification) => format!("all {}", classification.meaning.answer()),
            BatchClassification::Split(_) => "split".to_owned(),
            BatchClassification::Halve(_) => "halve".to_owned(),
            BatchClassification::Unclear(why) => why,
        }
    }

    #[test]
    fn a_list_of_those_at_fault_leaves_the_others_accepted() {
        let by_index = "faults = 'errors'\nindex = 'index'\nresults_on = ['2xx', 400]\nsplit = [400]";
        for (status, body, told) in [
            (200, r#"{"errors":[{"index":1,"message":"no"}]}"#, "accepted rejected accepted"),
            (200, r#"{"errors":[]}"#, "accepted accepted accepted"),
            (200, r#"{"errors":null}"#, "accepted accepted accepted"),
            (200, "{}", "accepted accepted accepted"),
            (200, "", "accepted accepted accepted"),
            (400, r#"{"errors":[{"index":"2"}]}"#, "accepted accepted rejected"),
            (400, "<html>", "split"),
            (200, "<html>", "the answer is not JSON"),
            (200, r#"{"errors":"none"}"#, "the answer has no list of faults at 'errors'"),
            (
                200,
                r#"{"errors":[{"index":3}]}"#,
                r#"the answer has a fault of an event that was not sent: {"index":3}"#,
            ),
            (429, r#"{"errors":[{"index":1}]}"#, "all rate_limited"),
        ] {
            assert_eq!(of_each(by_index, status, body), told, "{status} {body}");
        }
        let from_one = "faults = ''\nindex = 'row'\nfirst_index = 1\nstatus = 'code'";
        assert_eq!(
            of_each(from_one, 200, r#"[{"row":1,"code":429},{"row":3,"code":400}]"#),
            "rate_limited accepted rejected"
        );
        let by_id = "faults = 'Failed'\nid = 'Id'";
        assert_eq!(of_each(by_id, 200, r#"{"Failed":[{"Id":"c","Code":"x"}]}"#), "accepted accepted rejected");
        assert!(of_each(by_id, 200, r#"{"Failed":[{"Id":"d"}]}"#).contains("was not sent"));
    }

    #[test]
    fn where_only_counts_are_told_nobody_knows_which_unless_it_is_all_or_none() {
        for (counts, body, told) in [
            ("refused_count = 'failed'", r#"{"failed":0}"#, "accepted accepted accepted"),
            ("refused_count = 'failed'", "{}", "accepted accepted accepted"),
            ("refused_count = 'failed'", r#"{"failed":"3"}"#, "rejected rejected rejected"),
            (
                "refused_count = 'failed'",
                r#"{"failed":1,"why":"x"}"#,
                r#"1 of 3 events were refused, and the answer does not say which: {"failed":1,"why":"x"}"#,
            ),
            ("accepted_count = 'n'", r#"{"n":3}"#, "accepted accepted accepted"),
            ("accepted_count = 'n'", r#"{"n":0}"#, "rejected rejected rejected"),
            ("accepted_count = 'n'", "{}", "the answer does not say how many events were taken"),
        ] {
            assert_eq!(of_each(counts, 200, body), told, "{counts} {body}");
        }
        let text =
            "[request]\nmethod = 'POST'\npath = ''\nidempotent = true\n[batch]\npath = ''\nrefused_count = 'failed'";
        let dialect = Dialect::parse(text).expect("a dialect");
        let (whole, ids) = (whole(Accepted), [None, None]);
        let verdict =
            dialect.batch.expect("it has one").judge(whole, 200, b"{\"failed\":1}", &ids, NOON, &Secrets::default());
        assert!(
            matches!(verdict, BatchClassification::Halve(_)),
            "a server that knows its events again can be asked again"
        );
    }

    #[test]
    fn results_may_be_lines_or_the_whole_answer_and_have_a_status_each() {
        let lines = "results = ''\nlines = true\n[[batch.rules]]\npath = 'success'\nis = true\noutcome = 'accepted'";
        assert_eq!(
            of_each(lines, 200, "{\"success\":true}\n{\"success\":false,\"error\":\"no\"}\r\n{\"success\":true}\n"),
            "accepted rejected accepted"
        );
        assert_eq!(of_each(lines, 200, "{\"success\":true}\n"), "the answer has 1 results for 3 events");
        assert_eq!(of_each(lines, 200, "nonsense"), "the answer has no list of results");
        let statuses = "results = ''\nstatus = 'status'\n[[batch.rules]]\nstatus = 409\noutcome = 'duplicate'";
        assert_eq!(
            of_each(statuses, 200, r#"[{"status":202},{"status":409},{"status":"500"}]"#),
            "accepted duplicate error"
        );
    }
}
