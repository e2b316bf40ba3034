//! What is known about one event on its way: the attempts made, and the outcome that follows from them (contracts §3).

use std::time::Duration;

use bytes::Bytes;

use super::intake::Event;
use super::meaning::Meaning;
use crate::clock::Micros;
use crate::record::outcome::{AttemptResult, ErrorKind, LateCause, Outcome, Word};

/// When a sender took an event that a schedule sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken {
    /// Since the start of the run.
    pub at: Duration,
    /// Why that was after the event was due, if it was.
    pub late: Option<LateCause>,
}

/// An event on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The event.
    pub event: Event,
    /// When it was due or taken, since the start of the run.
    pub since: Duration,
    /// When it was due by the wall clock, in an open loop. `None` if a timestamp cannot express it.
    pub scheduled_at: Option<Micros>,
    /// The step that it belongs to, in a search for the highest rate.
    pub step: Option<u32>,
    /// When a sender took it, in an open loop.
    pub taken: Option<Taken>,
    /// The request's body, the same for each attempt.
    pub body: Bytes,
    /// When the first attempt was sent, since the start of the run and by the wall clock.
    sent: Option<(Duration, Micros)>,
    answers: Vec<AttemptResult>,
    retries: u32,
    uncertain: bool,
    /// Whether it was in a batch of which some were taken, and no answer since has settled whether it was among them.
    unclear: bool,
    /// How many events the server had settled when it last put this one off.
    put_off: Option<u64>,
    /// Whether it is not tried again, whatever the answer.
    spent: bool,
    last: Option<Meaning>,
    status: Option<u16>,
    latency: Option<Duration>,
    error: Option<(ErrorKind, String)>,
}

impl Delivery {
    /// An event that was taken at this time since the start.
    pub(super) fn new(mut event: Event, since: Duration) -> Self {
        let error = event.fault.take().map(|fault| *fault);
        let uncertain = event.may_have_been_sent;
        Self {
            event,
            since,
            scheduled_at: None,
            step: None,
            taken: None,
            body: Bytes::new(),
            sent: None,
            answers: Vec::new(),
            retries: 0,
            uncertain,
            unclear: false,
            put_off: None,
            spent: false,
            last: None,
            status: None,
            latency: None,
            error,
        }
    }

    /// An attempt was sent at this time since the start, which is this moment.
    pub(super) fn sent(&mut self, since_start: Duration, at: Micros) {
        self.sent.get_or_insert((since_start, at));
    }

    /// Why it is sent after it was due, if the first attempt is sent now, and by how much. `allowed` does not count. The attempt
    /// began at `began`; until then the sender waited for the server. Returns `None` unless a schedule sends this event.
    pub(super) fn lateness(
        &self,
        began: Duration,
        now: Duration,
        allowed: Duration,
    ) -> Option<Option<(LateCause, Duration)>> {
        let taken = self.taken.filter(|_| self.sent.is_none())?;
        let by = now.saturating_sub(self.since);
        let until_taken = taken.at.saturating_sub(self.since);
        let by_server = now.max(began).saturating_sub(taken.at);
        let cause = match taken.late {
            Some(cause) if until_taken >= by_server => cause,
            _ if by_server > allowed => LateCause::Server,
            late => late.unwrap_or(LateCause::Psend),
        };
        Some((by > allowed).then_some((cause, by)))
    }

    /// When the first attempt was sent, since the start of the run.
    pub(super) fn first_sent(&self) -> Option<Duration> {
        self.sent.map(|(since_start, _)| since_start)
    }

    /// An attempt got a complete answer.
    pub(super) fn answered(&mut self, meaning: Meaning, status: u16, latency: Duration, complaint: Option<String>) {
        let kind = if (300..400).contains(&status) { ErrorKind::Redirect } else { ErrorKind::Http };
        self.met(meaning, Some(status), Some(latency), complaint.map(|text| (kind, text)));
    }

    /// An attempt left and no complete answer came, which means this.
    pub(super) fn unanswered(&mut self, meaning: Meaning, kind: ErrorKind, message: String) {
        let status = self.status;
        self.met(meaning, status, None, Some((kind, message)));
    }

    /// It is given up, for a reason other than an answer.
    pub(super) fn given_up(&mut self, kind: ErrorKind, message: String) {
        self.error.get_or_insert((kind, message));
    }

    fn met(
        &mut self,
        meaning: Meaning,
        status: Option<u16>,
        latency: Option<Duration>,
        error: Option<(ErrorKind, String)>,
    ) {
        self.uncertain |= meaning.uncertain();
        self.unclear = match meaning {
            Meaning::Unclear => true,
            // A server that knows its events again says now what it said of it then.
            Meaning::Accepted | Meaning::Duplicate | Meaning::Rejected => false,
            _ => self.unclear,
        };
        self.answers.push(meaning.answer());
        self.last = Some(meaning);
        self.status = status;
        self.latency = latency;
        self.error = error;
    }

    /// Whether the line is not an event, so that there is nothing to send.
    pub(super) fn is_no_event(&self) -> bool {
        self.answers.is_empty() && matches!(self.error, Some((ErrorKind::Malformed | ErrorKind::TooLong, _)))
    }

    /// Whether it could be stored twice: a run that was cut off may have sent it, and the server cannot recognise it.
    pub(super) fn must_not_be_sent_again(&self) -> bool {
        self.event.may_have_been_sent && self.event.id().is_none()
    }

    /// Treats a line as an event although it is not one, so that it is sent.
    pub(super) fn send_all_the_same(&mut self) {
        self.error = None;
    }

    /// Whether the line could be sent although it is not an event: its bytes were kept.
    pub(super) fn is_malformed(&self) -> bool {
        matches!(self.error, Some((ErrorKind::Malformed, _))) && self.answers.is_empty()
    }

    /// Requests sent.
    pub(super) fn attempts(&self) -> u32 {
        u32::try_from(self.answers.len()).unwrap_or(u32::MAX)
    }

    /// Attempts that were made because of the result of the one before. Splitting a batch does not count.
    pub(super) fn retries(&self) -> u32 {
        self.retries
    }

    /// Another retry will be made.
    pub(super) fn count_retry(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }

    /// The server put it off, for rate or because it was away, when it had settled this many events. Returns how many it had
    /// settled the time before.
    pub(super) fn put_off(&mut self, settled: u64) -> Option<u64> {
        self.put_off.replace(settled)
    }

    /// The same, but remembers only the first time. Returns how many it had settled then, or `None` if this is the first time.
    pub(super) fn put_off_first(&mut self, settled: u64) -> Option<u64> {
        self.put_off.or_else(|| self.put_off.replace(settled))
    }

    /// It is not tried again.
    pub(super) fn spend_retries(&mut self) {
        self.spent = true;
    }

    /// Whether it may be tried again.
    pub(super) fn has_retries(&self) -> bool {
        !self.spent
    }

    /// An answer that seemed to mean that the server is away was about this event alone.
    pub(super) fn refused_after_all(&mut self) {
        self.last = Some(Meaning::Rejected);
        if let Some(last) = self.answers.last_mut() {
            *last = AttemptResult::Rejected;
        }
    }

    /// The status of the last answer.
    pub(super) fn status(&self) -> Option<u16> {
        self.status
    }

    /// No request can be made for it, for this reason.
    pub(super) fn cannot_be_sent(&mut self, why: &str) {
        let message = format!("line {}: {why}", self.event.seq);
        self.error.get_or_insert((ErrorKind::Malformed, message));
    }

    /// The last answer in words.
    pub(super) fn answer(&self) -> String {
        match (&self.error, self.status) {
            (Some((_, message)), _) => message.clone(),
            (None, Some(status)) => format!("HTTP {status}"),
            (None, None) => "no answer".to_owned(),
        }
    }

    /// The result of the last attempt.
    pub(super) fn last(&self) -> Option<Meaning> {
        self.last
    }

    /// Whether the server may have taken an attempt without telling us.
    pub(super) fn is_uncertain(&self) -> bool {
        self.uncertain || self.unclear
    }

    /// Whether the journal may leave it to the next run. It may not if this run may have had the event stored, since the next one
    /// would not know. An event that an earlier run may have sent stays marked as such.
    pub(super) fn may_be_left_open(&self) -> bool {
        !self.is_uncertain() || self.event.may_have_been_sent
    }

    /// Its outcome, if it ends now.
    pub(super) fn word(&self) -> Word {
        match self.last {
            Some(Meaning::Accepted) => Word::Accepted,
            Some(Meaning::Duplicate) => Word::Duplicate,
            Some(Meaning::Present | Meaning::PresentUnseen) => Word::Present,
            Some(Meaning::Missing) => Word::Missing,
            Some(Meaning::Differs) => Word::Differs,
            Some(_) if self.is_uncertain() => Word::Unknown,
            Some(Meaning::Rejected) => Word::Rejected,
            Some(Meaning::RateLimited) => Word::RateLimited,
            Some(_) => Word::Failed,
            None if self.is_no_event() => Word::Rejected,
            None if self.event.may_have_been_sent => Word::Unknown,
            None => Word::NotSent,
        }
    }

    /// The outcome, for an event that ends now. `tags` are those of the event, with their names.
    pub(super) fn outcome<'a>(
        &'a self,
        now: Duration,
        tags: &'a [(&'a str, Option<&'a [u8]>)],
        shard: Option<&'a str>,
    ) -> Outcome<'a> {
        let word = self.word();
        Outcome {
            seq: self.event.seq,
            event_id: self.event.id(),
            outcome: word,
            warm_up: false,
            own_retry: word == Word::Duplicate && self.uncertain,
            status: self.status,
            attempts: self.attempts(),
            answers: &self.answers,
            latency: self.latency,
            end_to_end: self.sent.map(|_| now.saturating_sub(self.since)),
            waited: self.sent.map(|(sent, _)| sent.saturating_sub(self.since)).filter(|_| self.scheduled_at.is_none()),
            scheduled_at: self.scheduled_at,
            step: self.step,
            sent_at: self.sent.map(|(_, at)| at),
            request_bytes: self.body.len() as u64,
            service: self.event.service(),
            endpoint: self.event.endpoint(),
            error: self.error.as_ref().map(|(kind, message)| (*kind, message.as_str())),
            tags,
            shard,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_millis(1);

    /// An event that met these answers, one attempt after the other.
    fn after(answers: &[Meaning]) -> Delivery {
        met(Delivery::new(Event::control("a"), Duration::ZERO), answers)
    }

    /// The same for an event that an earlier run may have sent.
    fn after_a_crash(answers: &[Meaning]) -> Delivery {
        let mut event = Event::control("a");
        event.may_have_been_sent = true;
        met(Delivery::new(event, Duration::ZERO), answers)
    }

    fn met(mut delivery: Delivery, answers: &[Meaning]) -> Delivery {
        for (at, answer) in answers.iter().enumerate() {
            delivery.sent(SOON * u32::try_from(at).expect("few"), 7);
            match answer {
                Meaning::NoAnswer => delivery.unanswered(*answer, ErrorKind::Reset, "closed".to_owned()),
                _ => delivery.answered(*answer, 500, SOON, None),
            }
        }
        delivery
    }

    #[test]
    fn what_may_have_been_stored_stays_unknown_until_an_answer_settles_it() {
        use Meaning::{Accepted, Away, Duplicate, Failed, Gateway, NoAnswer, RateLimited, Rejected, Retry, Unclear};
        for (answers, word) in [
            (&[][..], Word::NotSent),
            (&[Accepted], Word::Accepted),
            (&[NoAnswer, Accepted], Word::Accepted),
            (&[NoAnswer, Duplicate], Word::Duplicate),
            (&[Rejected], Word::Rejected),
            (&[Retry, Retry], Word::Failed),
            (&[Away], Word::Failed),
            (&[Failed], Word::Failed),
            (&[Retry, RateLimited], Word::RateLimited),
            (&[NoAnswer], Word::Unknown),
            (&[Gateway], Word::Unknown),
            // A later refusal says nothing about the attempt before.
            (&[NoAnswer, Retry], Word::Unknown),
            (&[Gateway, RateLimited], Word::Unknown),
            (&[NoAnswer, Rejected], Word::Unknown),
            // Of a batch that was taken in part, a server that knows its events says now what it said then.
            (&[Unclear], Word::Unknown),
            (&[Unclear, Retry], Word::Unknown),
            (&[Unclear, Rejected], Word::Rejected),
        ] {
            let delivery = after(answers);
            assert_eq!(delivery.word(), word, "{answers:?}");
            assert_eq!(delivery.is_uncertain(), delivery.may_be_left_open().eq(&false), "{answers:?}");
        }
        assert_eq!(after_a_crash(&[]).word(), Word::Unknown);
        assert_eq!(after_a_crash(&[Retry]).word(), Word::Unknown);
        assert!(after_a_crash(&[NoAnswer]).may_be_left_open(), "the next run knows that it may have been sent");
    }

    #[test]
    fn a_duplicate_is_our_own_only_after_an_attempt_that_may_have_been_stored() {
        let own = |delivery: &Delivery| delivery.outcome(SOON, &[], None).own_retry;
        assert!(!own(&after(&[Meaning::Duplicate])));
        assert!(!own(&after(&[Meaning::Retry, Meaning::Duplicate])));
        assert!(own(&after(&[Meaning::NoAnswer, Meaning::Duplicate])));
        assert!(own(&after_a_crash(&[Meaning::Duplicate])));
        assert!(!own(&after(&[Meaning::NoAnswer, Meaning::Accepted])));
    }

    #[test]
    fn an_outcome_has_the_first_sending_and_the_last_answer() {
        let mut delivery = after(&[]);
        delivery.since = SOON;
        delivery.sent(SOON * 3, 70);
        delivery.answered(Meaning::Retry, 503, SOON, Some("HTTP 503".to_owned()));
        delivery.sent(SOON * 9, 90);
        delivery.unanswered(Meaning::NoAnswer, ErrorKind::Timeout, "silent".to_owned());
        delivery.given_up(ErrorKind::Interrupted, "stopped".to_owned());
        let outcome = delivery.outcome(SOON * 11, &[], None);
        assert_eq!((outcome.attempts, outcome.status, outcome.sent_at), (2, Some(503), Some(70)));
        assert_eq!((outcome.waited, outcome.end_to_end), (Some(SOON * 2), Some(SOON * 10)));
        assert_eq!((outcome.latency, outcome.error), (None, Some((ErrorKind::Timeout, "silent"))));
        assert_eq!(outcome.answers, [AttemptResult::Error, AttemptResult::NoAnswer]);
        // What a schedule sends waits by its own clock.
        delivery.scheduled_at = Some(1);
        assert_eq!(delivery.outcome(SOON * 11, &[], None).waited, None);

        let mut moved = after(&[]);
        moved.answered(Meaning::Rejected, 302, SOON, Some("HTTP 302".to_owned()));
        assert_eq!(moved.outcome(SOON, &[], None).error, Some((ErrorKind::Redirect, "HTTP 302")));
        moved.refused_after_all();
        let mut away = after(&[Meaning::Away]);
        away.refused_after_all();
        assert_eq!((away.word(), &away.answers[..]), (Word::Rejected, &[AttemptResult::Rejected][..]));
        assert!(away.has_retries());
        away.spend_retries();
        assert!(!away.has_retries());
    }

    #[test]
    fn a_line_is_no_event_only_as_long_as_it_was_not_sent() {
        let line = || {
            let mut line = Event::control("a");
            line.fault = Some(Box::new((ErrorKind::Malformed, "not JSON".to_owned())));
            Delivery::new(line, Duration::ZERO)
        };
        assert!(line().is_no_event() && line().is_malformed());
        assert_eq!(line().word(), Word::Rejected);
        let mut sent = line();
        sent.send_all_the_same();
        sent.unanswered(Meaning::NoAnswer, ErrorKind::Malformed, "no HTTP".to_owned());
        assert!(!sent.is_no_event() && !sent.is_malformed());
        assert_eq!(sent.word(), Word::Unknown);
        // With an id the server knows it again.
        assert!(!after_a_crash(&[]).must_not_be_sent_again());
    }

    #[test]
    fn an_event_that_is_put_off_remembers_the_last_time_or_the_first() {
        let mut delivery = after(&[]);
        assert_eq!([3, 5, 9].map(|settled| delivery.put_off(settled)), [None, Some(3), Some(5)]);
        let mut delivery = after(&[]);
        assert_eq!([3, 5, 9].map(|settled| delivery.put_off_first(settled)), [None, Some(3), Some(3)]);
    }

    #[test]
    fn the_first_attempt_alone_is_late_and_the_longer_wait_is_to_blame() {
        let late = |taken_at: u32, late: Option<LateCause>, now: u32| {
            let mut delivery = after(&[]);
            delivery.taken = Some(Taken { at: SOON * taken_at, late });
            delivery.lateness(Duration::ZERO, SOON * now, SOON * 10)
        };
        assert_eq!(late(0, None, 10), Some(None), "as late as is allowed");
        assert_eq!(late(0, None, 11), Some(Some((LateCause::Server, SOON * 11))));
        assert_eq!(late(20, Some(LateCause::Input), 40), Some(Some((LateCause::Input, SOON * 40))));
        assert_eq!(late(19, Some(LateCause::Input), 40), Some(Some((LateCause::Server, SOON * 40))));
        assert_eq!(late(15, None, 16), Some(Some((LateCause::Psend, SOON * 16))));
        let mut again = after(&[Meaning::Retry]);
        again.taken = Some(Taken { at: SOON, late: None });
        assert_eq!(again.lateness(Duration::ZERO, SOON * 40, SOON), None);
        assert_eq!(after(&[]).lateness(Duration::ZERO, SOON * 40, SOON), None, "no schedule sends it");
    }
}
