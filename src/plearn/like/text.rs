//! How alike two sides are, for a person at a terminal.

use super::report::{FigureReport, Report, Word};
use crate::cli::numbers::{count, counted, number, percent};
use crate::cli::sheet::{Column, Page, Style};
use crate::record::requirement;

/// Writes the report.
pub(in crate::plearn) fn write(report: &Report, style: Style) -> String {
    let mut page = Page::new(style);
    page.title("How alike");
    page.fact("Real", &count(report.real.events), "events");
    page.fact("Synthetic", &count(report.synthetic.events), "events");
    page.fact("Compared", &count(report.compared as u64), "random lines of each");
    page.verdict(report);
    page.members(report);
    page.pairs(report);
    page.arrivals(report);
    requirement::show(&mut page, &report.requirements);
    page.text
}

const HEAD: [Column<'static>; 6] = [
    Column::left("figure"),
    Column::right("distance"),
    Column::right("noise"),
    Column::right("p"),
    Column::left(""),
    Column::left("largest difference"),
];

impl Page {
    fn verdict(&mut self, report: &Report) {
        let members = &report.members;
        let more = match members.beyond_noise {
            None => "not known: no member could be judged".to_owned(),
            Some(0) => "beyond the noise floor".to_owned(),
            Some(_) => {
                let names = members.list.iter().filter(|member| member.verdict == Word::Beyond);
                let names: Vec<&str> = names.map(|member| member.member.as_str()).collect();
                format!("beyond the noise floor: {}", some(&names))
            }
        };
        let beyond = members.beyond_noise.map_or_else(|| "–".to_owned(), |beyond| count(beyond as u64));
        self.fact("Members", &format!("{beyond} of {}", count(members.count as u64)), &more);
        self.fact(
            "",
            &count(members.not_judged as u64),
            &format!("not judged, {} as free text", count(members.free_text as u64)),
        );
        if members.left_out > 0 {
            self.fact("", &count(members.left_out as u64), "left out: too few lines have them");
        }
        match (report.auc, report.auc_low, report.auc_high) {
            (Some(auc), Some(low), Some(high)) => {
                let more = format!("of a classifier; {low:.3} to {high:.3} with 95% confidence, 0.5 is alike");
                self.fact("AUC", &format!("{auc:.3}"), &more);
            }
            _ => self.fact("AUC", "–", &format!("not known: {}", report.not_known.get("auc").unwrap_or(&""))),
        }
        if !report.told_apart_by.is_empty() {
            let reasons = report.told_apart_by.iter();
            let reasons: Vec<String> = reasons
                .map(|reason| format!("{} ({})", reason.members.join(" with "), percent(reason.share)))
                .collect();
            self.fact("", "", &format!("told apart by {}", reasons.join(", ")));
        }
        let pairs = &report.pairs;
        self.fact("Pairs", &format!("{} of {}", pairs.beyond_noise, pairs.count), "beyond the noise floor");
        if let Some(beyond) = report.arrivals.beyond_noise {
            self.fact("Arrivals", &format!("{beyond} of {}", report.arrivals.figures.len()), "beyond the noise floor");
        }
    }

    fn members(&mut self, report: &Report) {
        self.title("Members");
        let mut rows = Vec::new();
        for member in &report.members.list {
            // The figure that is nearest to the noise floor stands for those that are within it.
            let near = |figure: &FigureReport| {
                if figure.distance > 0.0 { figure.distance / figure.noise.max(1e-9) } else { 0.0 }
            };
            let order = |a: &&FigureReport, b: &&FigureReport| b.p.total_cmp(&a.p).then(near(a).total_cmp(&near(b)));
            let beyond: Vec<&FigureReport> =
                member.figures.iter().filter(|figure| figure.verdict == Word::Beyond).collect();
            let shown =
                if beyond.is_empty() { member.figures.iter().max_by(order).into_iter().collect() } else { beyond };
            for (nth, figure) in shown.into_iter().enumerate() {
                let mut row = row(figure);
                let names = if nth == 0 { [member.member.clone(), member.kind.to_owned()] } else { Default::default() };
                if member.verdict == Word::NotJudged {
                    row[4] = format!("not judged: {}", member.why.unwrap_or_default());
                }
                rows.push(names.into_iter().chain(row).collect());
            }
        }
        let head = [Column::left("member"), Column::left("kind")].into_iter().chain(HEAD).collect::<Vec<_>>();
        self.table(&head, &rows);
    }

    fn pairs(&mut self, report: &Report) {
        if report.pairs.list.is_empty() {
            return;
        }
        self.title("Strongest pairs");
        let head = [
            Column::left("members"),
            Column::right("distance"),
            Column::right("noise"),
            Column::right("p"),
            Column::left(""),
            Column::left("information, real and synthetic"),
        ];
        let rows: Vec<Vec<String>> = report
            .pairs
            .list
            .iter()
            .map(|pair| {
                let mut row = row(&pair.figure);
                row[0] = pair.members.join(", ");
                row[5] = format!("{} and {} nats", number(pair.real_information), number(pair.synthetic_information));
                row
            })
            .collect();
        self.table(&head, &rows);
    }

    fn arrivals(&mut self, report: &Report) {
        let arrivals = &report.arrivals;
        self.title("Arrivals");
        let Some(member) = &arrivals.member else {
            self.sentence("Not judged: no member tells when an event happened.");
            return;
        };
        let rate = |rate: Option<f64>| rate.map_or_else(|| "–".to_owned(), |rate| format!("{}/s", number(rate)));
        self.sentence(&format!(
            "By {member}. Rates are not judged: {} real, {} synthetic.",
            rate(arrivals.real_per_s),
            rate(arrivals.synthetic_per_s)
        ));
        if let Some(why) = arrivals.why_no_hours {
            self.sentence(&format!("Hours of the week are not judged: {why}."));
        }
        if !arrivals.figures.is_empty() {
            self.table(&HEAD, &arrivals.figures.iter().map(row).collect::<Vec<_>>());
        }
    }
}

fn word(word: Word) -> &'static str {
    match word {
        Word::Within => "within noise",
        Word::Beyond => "BEYOND NOISE",
        Word::NotJudged => "not judged",
    }
}

fn row(figure: &FigureReport) -> Vec<String> {
    let largest = figure.largest.as_ref().map_or_else(String::new, |largest| {
        let at: String = if largest.at.chars().count() > 40 {
            largest.at.chars().take(39).chain(['…']).collect()
        } else {
            largest.at.clone()
        };
        format!("{at}: {} real, {} synthetic", percent(largest.real), percent(largest.synthetic))
    });
    vec![
        figure.name.to_owned(),
        format!("{:.4}", figure.distance),
        format!("{:.4}", figure.noise),
        if figure.p < 0.0001 { "<0.0001".to_owned() } else { format!("{:.4}", figure.p) },
        word(figure.verdict).to_owned(),
        largest,
    ]
}

/// The first of some names, and how many more there are.
fn some(names: &[&str]) -> String {
    const MOST: usize = 5;
    let shown = names[..names.len().min(MOST)].join(", ");
    match names.len().saturating_sub(MOST) {
        0 => shown,
        more => format!("{shown} and {}", counted(more as u64, "other", "others")),
    }
}
