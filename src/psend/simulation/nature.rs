//! How a server in memory behaves.

use std::time::Duration;

use super::dice::Dice;

/// How an answer comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    /// It stores what it can, and says what happened to each event.
    Works,
    /// The same, but a batch's answer leaves out one event.
    LeavesOut,
    /// An error that may pass; nothing is stored.
    Errs,
    /// It refuses the whole request for what is in it.
    Refuses,
    /// It says that its database is away: of the whole request, or of each event.
    IsAway,
    /// A gateway answers for it, which may have stored the events.
    Gateway,
    /// The connection breaks before anything is stored.
    BreaksBefore,
    /// The connection breaks when everything is stored, or when half of the answer has come.
    BreaksAfter,
    /// No answer comes.
    Hangs,
    /// It says that it did nothing with the request.
    Declines,
    /// The connection broke before anything left.
    NeverLeft,
}

/// From when and until when.
pub(super) type Span = (Duration, Duration);

/// How the server behaves, by the seed.
pub(super) struct Nature {
    pub(super) moods: Vec<Mood>,
    /// How many of a hundred requests meet one of these moods.
    pub(super) trouble: u64,
    pub(super) latency: u64,
    pub(super) gone: Vec<Span>,
    pub(super) wrong_key: Vec<Span>,
    /// Events that each window of this length takes.
    pub(super) rate: Option<(u64, Duration)>,
    /// Every event whose number this divides is refused for good.
    pub(super) poison: u64,
    pub(super) says_409: bool,
    pub(super) says_retry_after: bool,
    /// Whether it answers to too many events as PulseStream does: with the length of its windows, and in a batch for each event.
    pub(super) names_its_windows: bool,
    /// Whether it shows an event that it is asked for, or only says that it has it.
    pub(super) shows_events: bool,
}

impl Nature {
    /// One that is drawn. `more` is a stream of its own, so that earlier seeds still find what they found.
    pub(super) fn draw(dice: &mut Dice, more: &mut Dice) -> Self {
        const TROUBLES: [Mood; 10] = [
            Mood::LeavesOut,
            Mood::Errs,
            Mood::Refuses,
            Mood::IsAway,
            Mood::Gateway,
            Mood::BreaksBefore,
            Mood::BreaksAfter,
            Mood::Hangs,
            Mood::Declines,
            Mood::NeverLeft,
        ];
        let mut spans = |percent| -> Vec<Span> {
            if !dice.percent(percent) {
                return Vec::new();
            }
            let from = dice.ms(0, 400);
            vec![(from, from + dice.ms(1, 1500))]
        };
        let (gone, wrong_key) = (spans(30), spans(15));
        Self {
            moods: (0..dice.between(1, 3)).map(|_| dice.one_of(&TROUBLES)).collect(),
            trouble: dice.one_of(&[0, 5, 30, 70]),
            latency: dice.one_of(&[0, 2, 20, 120]),
            gone,
            wrong_key,
            rate: dice.percent(30).then(|| (dice.between(1, 10), dice.ms(20, 500))),
            poison: dice.one_of(&[7, 1000, 1000]),
            says_409: dice.percent(50),
            says_retry_after: dice.percent(70),
            names_its_windows: more.percent(30),
            shows_events: more.percent(70),
        }
    }

    /// One that stores every event and answers within this many milliseconds.
    pub(super) fn sound(latency: u64) -> Self {
        Self {
            moods: vec![Mood::Works],
            trouble: 0,
            latency,
            gone: Vec::new(),
            wrong_key: Vec::new(),
            rate: None,
            poison: u64::MAX,
            says_409: false,
            says_retry_after: false,
            names_its_windows: false,
            shows_events: true,
        }
    }
}
