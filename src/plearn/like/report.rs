//! What is said about how alike two sides are, as JSON has it.

use std::collections::BTreeMap;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use super::classifier::Auc;
use super::figure::Figure;
use super::lines::Lines;
use super::noise::Apart;
use super::reasons::Reason;
use crate::record::requirement::Verdict;

/// A verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::plearn) enum Word {
    #[serde(rename = "within_noise")]
    Within,
    #[serde(rename = "beyond_noise")]
    Beyond,
    NotJudged,
}

/// How alike two sides are.
#[derive(Debug, serde::Serialize)]
pub(in crate::plearn) struct Report {
    pub(super) real: SideReport,
    pub(super) synthetic: SideReport,
    /// How many lines of each side were compared.
    pub(super) compared: usize,
    /// The area under the ROC curve of a classifier that was trained to tell the sides apart, and its 95 % interval.
    pub(super) auc: Option<f64>,
    pub(super) auc_low: Option<f64>,
    pub(super) auc_high: Option<f64>,
    /// What the classifier told the sides apart by, the strongest first; empty if it could not.
    pub(super) told_apart_by: Vec<Reason>,
    /// Members, pairs and arrivals beyond the noise floor. `None` if nothing could be judged.
    pub(super) beyond_noise: Option<usize>,
    pub(super) members: MembersReport,
    pub(super) pairs: PairsReport,
    pub(super) arrivals: ArrivalsReport,
    /// Figures that are null, by their paths, with the reason.
    pub(super) not_known: BTreeMap<&'static str, &'static str>,
    /// The verdict on each `--require`.
    pub(in crate::plearn) requirements: Vec<Verdict>,
}

/// The lines of a side.
#[derive(Debug, serde::Serialize)]
pub(super) struct SideReport {
    pub(super) events: u64,
    pub(super) unreadable: u64,
    pub(super) overlong: u64,
}

impl SideReport {
    pub(super) fn of(lines: &Lines) -> Self {
        let input = &lines.input;
        Self { events: input.events, unreadable: input.unreadable, overlong: input.overlong }
    }
}

#[derive(Debug, serde::Serialize)]
pub(super) struct MembersReport {
    pub(super) count: usize,
    pub(super) within_noise: usize,
    /// `None` if no member could be judged.
    pub(super) beyond_noise: Option<usize>,
    pub(super) not_judged: usize,
    pub(super) free_text: usize,
    /// Members that too few lines have, or that are one too many.
    pub(super) left_out: usize,
    pub(super) list: Vec<MemberReport>,
}

impl MembersReport {
    pub(super) fn of(list: Vec<MemberReport>, left_out: usize) -> Self {
        let count = |word: Word| list.iter().filter(|member| member.verdict == word).count();
        let (within_noise, beyond, not_judged) = (count(Word::Within), count(Word::Beyond), count(Word::NotJudged));
        Self {
            count: list.len(),
            within_noise,
            beyond_noise: (within_noise + beyond > 0).then_some(beyond),
            not_judged,
            free_text: list.iter().filter(|member| member.is_free_text).count(),
            left_out,
            list,
        }
    }
}

/// A member.
#[derive(Debug, serde::Serialize)]
pub(super) struct MemberReport {
    pub(super) member: String,
    pub(super) kind: &'static str,
    pub(super) verdict: Word,
    /// Why its values are not judged.
    pub(super) why: Option<&'static str>,
    #[serde(skip)]
    pub(super) is_free_text: bool,
    #[serde(serialize_with = "by_name")]
    pub(super) figures: Vec<FigureReport>,
}

/// One respect in which the sides were held against each other.
#[derive(Debug, serde::Serialize)]
pub(super) struct FigureReport {
    #[serde(skip)]
    pub(super) name: &'static str,
    pub(super) measure: &'static str,
    /// From 0 to 1.
    pub(super) distance: f64,
    /// 95 % of pairs of halves of the real side are not further apart.
    pub(super) noise: f64,
    /// The probability of such a distance by chance, adjusted for all figures.
    pub(super) p: f64,
    pub(super) verdict: Word,
    /// Where the difference is largest.
    pub(super) largest: Option<Largest>,
}

#[derive(Debug, serde::Serialize)]
pub(super) struct Largest {
    pub(super) at: String,
    /// Shares of the lines.
    pub(super) real: f64,
    pub(super) synthetic: f64,
}

impl FigureReport {
    pub(super) fn of(figure: &Figure, apart: &Apart, p: f64, verdict: Word) -> Self {
        let (cell, real, synthetic) = apart.largest;
        let label = figure.label(cell).filter(|_| apart.distance > 0.0);
        let largest = label.map(|at| Largest { at, real: rounded(real), synthetic: rounded(synthetic) });
        Self {
            name: figure.name,
            measure: figure.measure(),
            distance: rounded(apart.distance),
            noise: rounded(apart.noise),
            p: rounded(p),
            verdict,
            largest,
        }
    }
}

/// Six decimals.
fn rounded(number: f64) -> f64 {
    libm::round(number * 1e6) / 1e6
}

#[derive(Debug, serde::Serialize)]
pub(super) struct PairsReport {
    pub(super) count: usize,
    pub(super) beyond_noise: usize,
    pub(super) list: Vec<PairReport>,
}

impl PairsReport {
    pub(super) fn of(list: Vec<PairReport>) -> Self {
        let beyond_noise = list.iter().filter(|pair| pair.figure.verdict == Word::Beyond).count();
        Self { count: list.len(), beyond_noise, list }
    }
}

#[derive(Debug, serde::Serialize)]
pub(super) struct PairReport {
    pub(super) members: [String; 2],
    /// What one member tells about the other, in nats.
    #[serde(serialize_with = "six_decimals")]
    pub(super) real_information: f64,
    #[serde(serialize_with = "six_decimals")]
    pub(super) synthetic_information: f64,
    #[serde(flatten)]
    pub(super) figure: FigureReport,
}

fn six_decimals<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    rounded(*number).serialize(serializer)
}

#[derive(Debug, serde::Serialize)]
pub(super) struct ArrivalsReport {
    /// The member that tells when an event happened.
    pub(super) member: Option<String>,
    /// Events per second; not judged.
    pub(super) real_per_s: Option<f64>,
    pub(super) synthetic_per_s: Option<f64>,
    pub(super) beyond_noise: Option<usize>,
    #[serde(serialize_with = "by_name")]
    pub(super) figures: Vec<FigureReport>,
    #[serde(skip)]
    pub(super) why_no_hours: Option<&'static str>,
}

fn by_name<S: Serializer>(figures: &[FigureReport], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(figures.len()))?;
    figures.iter().try_for_each(|figure| map.serialize_entry(figure.name, figure))?;
    map.end()
}

impl Report {
    pub(super) fn of(
        [real, synthetic]: [SideReport; 2],
        compared: usize,
        auc: Result<Auc, &'static str>,
        members: MembersReport,
        pairs: PairsReport,
        mut arrivals: ArrivalsReport,
    ) -> Self {
        let beyond = arrivals.figures.iter().filter(|figure| figure.verdict == Word::Beyond).count();
        arrivals.beyond_noise = (!arrivals.figures.is_empty()).then_some(beyond);
        let mut not_known = BTreeMap::new();
        if let Err(why) = auc {
            not_known.extend(["auc", "auc_low", "auc_high"].map(|path| (path, why)));
        }
        let auc = auc.ok();
        let figure = |of: fn(&Auc) -> f64| auc.as_ref().map(|auc| rounded(of(auc)));
        if members.beyond_noise.is_none() {
            not_known.insert("members.beyond_noise", "no member could be judged");
            not_known.insert("beyond_noise", "no member could be judged");
        }
        match (&arrivals.member, arrivals.beyond_noise) {
            (None, _) => not_known.insert("arrivals.beyond_noise", "no member tells when an event happened"),
            (_, None) => not_known.insert("arrivals.beyond_noise", "there are too few events with times"),
            _ => None,
        };
        let all = |members: usize| members + pairs.beyond_noise + arrivals.beyond_noise.unwrap_or(0);
        let beyond_noise = members.beyond_noise.map(all);
        Self {
            real,
            synthetic,
            compared,
            auc: figure(|auc| auc.value),
            auc_low: figure(|auc| auc.low),
            auc_high: figure(|auc| auc.high),
            told_apart_by: auc.map(|auc| auc.reasons).unwrap_or_default(),
            beyond_noise,
            members,
            pairs,
            arrivals,
            not_known,
            requirements: Vec::new(),
        }
    }

    /// Puts in the verdicts that are passed on its JSON.
    pub(in crate::plearn) fn judge(&mut self, judge: impl FnOnce(&Value) -> Vec<Verdict>) {
        self.requirements = judge(&serde_json::to_value(&*self).unwrap_or_default());
    }

    /// As JSON.
    pub(in crate::plearn) fn json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}
