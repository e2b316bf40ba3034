//! What `--like` promises, by simulation: two samples of one source are within the noise floor in at least 95 % of runs, and what is
//! changed is found and named.

use rand::RngExt;

use super::{Lines, Report, compare};
use crate::plearn::config::Rules;
use crate::seed::{Generator, Seed};

/// What a synthetic side has changed.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    Nothing,
    Share,
    Shift,
    Dependence,
    Presence,
    Type,
    Form,
    Pool,
    Hours,
    Order,
}

/// Events of a source.
fn side(seed: u64, events: u64, change: Change) -> Lines {
    let mut lines = Lines::default();
    let mut draws = Seed::new(seed).choice("source").generator(0);
    // 2026-01-05 is a Monday.
    let mut at = 1_767_571_200_000_i64;
    for n in 0..events {
        let line = event(&mut draws, n, &mut at, change);
        lines.add(line.as_bytes());
    }
    lines
}

fn event(draws: &mut Generator, n: u64, at: &mut i64, change: Change) -> String {
    let mut below = |n: u64| draws.random_range(0..n);
    let city = below(4);
    let country = if change == Change::Dependence { below(4) } else { city } / 2;
    let status = match below(100) {
        0..20 if change == Change::Share => 404,
        0..5 => 404,
        5 => 500 + below(4),
        _ => 200,
    };
    let ms = (1 + below(400)) * (1 + below(5)) + if change == Change::Shift { 150 } else { 0 };
    let session = if change == Change::Pool { below(1_000_000) } else { below(60) } + 1_000_000;
    let id = format!("{:016x}", below(1 << 40) << 10);
    let id = if change == Change::Form { id.replace('0', "-") } else { id };
    let note = match below(10) {
        0..7 if change == Change::Presence => String::new(),
        0..4 => String::new(),
        _ => format!(",\"note\":\"a{}\"", below(3)),
    };
    let size = if change == Change::Type && below(3) == 0 { "\"17\"".to_owned() } else { below(1000).to_string() };
    let mut step = 0;
    while below(3) > 0 {
        step += 90_000;
    }
    let is_night = (*at / 3_600_000) % 24 < 8;
    *at += if is_night && change != Change::Hours { 6 * step } else { step };
    let shown = if change == Change::Order && below(4) == 0 { *at - 600_000 } else { *at };
    let text: String = (0..4).map(|_| format!("w{} ", below(1000))).collect();
    format!(
        "{{\"n\":{n},\"ts\":{shown},\"id\":\"{id}\",\"session_id\":\"s{session}\",\"city\":\"city {city}\",\
         \"land\":\"{}\",\"status\":{status},\"ms\":{ms},\"size\":{size}{note},\"text\":\"{text}\"}}",
        ["x", "y"][usize::from(country == 1)]
    )
}

fn report(real: &Lines, synthetic: &Lines) -> Report {
    let rules = Rules { min_count: 20, drop: Vec::new(), keep: Vec::new(), max_values: 200 };
    compare(real, synthetic, &rules).expect("both sides have events")
}

/// What is beyond the noise floor, by name.
fn beyond(report: &Report) -> Vec<String> {
    let json: serde_json::Value = serde_json::from_str(&report.json()).expect("JSON");
    let is_beyond = |value: &serde_json::Value| value["verdict"] == "beyond_noise";
    let members = json["members"]["list"].as_array().expect("a list").iter().filter(|member| is_beyond(member));
    let pairs = json["pairs"]["list"].as_array().expect("a list").iter().filter(|pair| is_beyond(pair));
    let arrivals =
        json["arrivals"]["figures"].as_object().expect("figures").iter().filter(|(_, figure)| is_beyond(figure));
    members
        .map(|member| member["member"].as_str().expect("a name").to_owned())
        .chain(pairs.map(|pair| format!("{}+{}", pair["members"][0], pair["members"][1]).replace('"', "")))
        .chain(arrivals.map(|(name, _)| name.clone()))
        .collect()
}

#[test]
fn two_samples_of_one_source_are_within_the_noise_floor_in_95_of_100_runs() {
    let alarms = (0..40u64).filter(|run| {
        let (real, synthetic) = (side(2 * run, 300, Change::Nothing), side(2 * run + 1, 300, Change::Nothing));
        !beyond(&report(&real, &synthetic)).is_empty()
    });
    let alarms = alarms.count();
    assert!(alarms <= 2, "{alarms} of 40");
}

#[test]
fn what_is_changed_is_found_and_named_and_nothing_else() {
    let real = side(1, 2500, Change::Nothing);
    assert_eq!(beyond(&report(&real, &side(2, 2500, Change::Nothing))), Vec::<String>::new());
    for (change, names) in [
        (Change::Share, &["status"][..]),
        (Change::Shift, &["ms"]),
        (Change::Dependence, &["city+land"]),
        (Change::Presence, &["note"]),
        (Change::Type, &["size"]),
        (Change::Form, &["id"]),
        (Change::Pool, &["session_id"]),
        (Change::Hours, &["hours", "gaps"]),
        (Change::Order, &["order"]),
    ] {
        let found = beyond(&report(&real, &side(3, 2500, change)));
        for name in names {
            assert!(found.iter().any(|found| found == name), "{change:?}: {found:?}");
        }
        // Pairs of a changed member are apart too, and gaps depend on order.
        let others = found.iter().filter(|found| {
            !names.contains(&found.as_str()) && !names.iter().any(|name| found.split('+').any(|half| half == *name))
        });
        let others: Vec<_> = others.filter(|found| !["gaps", "hours"].contains(&found.as_str())).collect();
        assert!(others.is_empty(), "{change:?}: {found:?}");
    }
}

#[test]
fn the_classifier_tells_a_changed_side_apart_and_no_other() {
    let real = side(1, 1200, Change::Nothing);
    let auc = |change: Change| {
        let report = report(&real, &side(2, 1200, change));
        [report.auc_low, report.auc, report.auc_high].map(|auc| auc.expect("it is known"))
    };
    let [low, same, high] = auc(Change::Nothing);
    assert!(low <= 0.5 && 0.5 <= high && (0.45..0.55).contains(&same), "{low} {same} {high}");
    for change in [Change::Share, Change::Shift, Change::Dependence, Change::Presence, Change::Type] {
        let [low, changed, _] = auc(change);
        assert!(low > 0.52, "{change:?}: {low} {changed}");
    }
}

#[test]
fn a_side_compared_with_itself_is_not_apart_at_all() {
    let one = side(1, 500, Change::Nothing);
    let report = report(&one, &one);
    assert_eq!((report.beyond_noise, report.members.beyond_noise), (Some(0), Some(0)));
    assert!(report.members.list.iter().flat_map(|member| &member.figures).all(|figure| figure.distance == 0.0));
    let kinds: Vec<_> = report.members.list.iter().map(|member| member.kind).collect();
    let expected = [
        "counter",
        "event time",
        "form",
        "form",
        "values",
        "values",
        "values",
        "numbers",
        "numbers",
        "values",
        "free text",
    ];
    assert_eq!(kinds, expected);
}
