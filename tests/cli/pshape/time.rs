//! Effects on time and on the places of events in the stream.

use super::*;

#[test]
fn a_curve_has_its_hours_and_its_weekend() {
    // Two weeks, an event each 12 s, by whole weeks and over a window.
    let input = sparse(100_800, 12);
    for window in [&[][..], &["--start", "2026-01-05T00:00:00Z", "--hours", "336"]] {
        let shaped = shape(&[&["--curve", "business"], window].concat(), &input);
        let events = shaped.run.json_lines();
        assert!(events.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])), "order is kept");
        let mut hours = [0.0; 168];
        for event in &events {
            hours[(time(event) as usize - 1_767_571_200) / 3600 % 168] += 1.0;
        }
        let mean = |of: &dyn Fn(usize) -> bool| {
            let of: Vec<f64> = (0..168).filter(|h| of(*h)).map(|h| hours[h]).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        let busy = |h: usize| (9..17).contains(&(h % 24));
        let weekday = |h: usize| h < 120;
        let ratio = mean(&|h| busy(h) && weekday(h)) / mean(&|h| !busy(h) && weekday(h));
        assert!((ratio - 2.0).abs() < 0.01, "{ratio}");
        let weekend = mean(&|h| !weekday(h)) / mean(&weekday);
        assert!((weekend - 0.6).abs() < 0.005, "{weekend}");
        // And back: where the old curve is said, a second pass undoes the first.
        let flat = shape(&[&["--curve", "flat", "--from", "business"], window].concat(), &shaped.run.stdout);
        for (before, after) in input.split(|b| *b == b'\n').zip(flat.run.json_lines()) {
            let before: Value = serde_json::from_slice(before).expect("an event");
            assert!((time(&before) - time(&after)).abs() < 1e-5);
        }
    }
}

#[test]
fn a_curve_of_heavy_weights_that_are_all_the_same_is_flat() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("curve"), ("1000 ".repeat(24) + "\n").repeat(7)).expect("written");
    std::fs::write(folder.path().join("events"), sparse(1000, 500)).expect("written");
    for window in ["", "--start 2026-01-05T00:00:00Z --hours 168"] {
        let run = shell_in(folder.path(), &format!("pshape -q --curve curve {window} --seed 1 events"), &[]);
        let before = std::fs::read(folder.path().join("events")).expect("events");
        for (before, after) in before.split(|b| *b == b'\n').zip(run.expect_code(0).json_lines()) {
            let before: Value = serde_json::from_slice(before).expect("an event");
            assert!((time(&before) - time(&after)).abs() < 1e-5, "{before} became {after}");
        }
    }
}

#[test]
fn a_week_whose_only_hour_of_traffic_is_left_out_by_the_clocks_leaves_its_events_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    // Sunday from two to three, which Berlin leaves out on 2026-03-29.
    let sunday = "0 0 1 ".to_owned() + &"0 ".repeat(21);
    std::fs::write(folder.path().join("curve"), ("0 ".repeat(24) + "\n").repeat(6) + &sunday).expect("written");
    let events = |days: &[u32]| -> String {
        days.iter().map(|day| format!("{{\"timestamp\":\"2026-03-{day}T12:00:00Z\"}}\n")).collect()
    };
    std::fs::write(folder.path().join("events"), events(&[18, 25])).expect("written");
    let script = "pshape --curve curve --tz Europe/Berlin --seed 1 events";
    let run = shell_in(folder.path(), script, &[]).expect_code(0);
    assert!(run.lines()[0].contains("2026-03-22T01:"), "{}", run.text());
    assert_eq!(run.lines()[1], events(&[25]).trim_end());
    assert!(run.stderr.contains("1 more lacked a timestamp in the window"), "{}", run.stderr);
}

#[test]
fn a_time_that_cannot_be_written_leaves_the_event_unchanged_and_is_reported() {
    let input = b"{\"timestamp\":\"9999-12-31T00:00:00Z\"}\n{\"timestamp\":\"0001-01-01T00:00:00Z\"}\n";
    for args in [["--shift", "2d"], ["--shift", "-2d"], ["--skew", "by=2d"]] {
        let shaped = shape(&args, input);
        check(&shaped, input);
        assert_eq!(shaped.faults.len(), 1, "{args:?}");
        let said = &shaped.run.stderr;
        assert!(said.contains("1  (1 more would get a time that cannot be written)"), "{args:?}: {said}");
    }
}

#[test]
fn events_out_of_order_are_moved_by_their_own_time_and_reported() {
    let mut lines: Vec<Vec<u8>> = split(&sparse(10, 60)).into_iter().map(<[u8]>::to_vec).collect();
    lines.swap(3, 7);
    let shaped = shape(&["--curve", "business"], &lines.concat());
    assert!(shaped.run.stderr.contains("--curve: 2 timestamps out of order"), "{}", shaped.run.stderr);
}

#[test]
fn an_incident_has_its_window_and_its_cascade_exactly() {
    let input = events(20_000);
    let start = 1_767_571_200.0;
    let shaped = shape(
        &["--incident", "service=payment-service,at=+2h,for=1h,errors=40%,latency=5x,cascade=order-service:0.5"],
        &input,
    );
    check(&shaped, &input);
    let (mut successes, mut failed) = ([0; 2], [0; 2]);
    for (before, after) in input.split(|b| *b == b'\n').zip(shaped.run.json_lines()) {
        let before: Value = serde_json::from_slice(before).expect("an event");
        let inside = (start + 7200.0..start + 10_800.0).contains(&time(&before));
        let at = match before["source"]["service"].as_str() {
            Some("payment-service") if inside => 0,
            Some("order-service") if inside => 1,
            _ => {
                assert_eq!(before, after, "what has no part in it is as it was");
                continue;
            }
        };
        let ms = |event: &Value| event["metrics"]["response_time_ms"].as_f64().expect("a number");
        assert!((ms(&after) / ms(&before) - [5.0, 3.0][at]).abs() < 1e-9);
        if before["metrics"]["status_code"] == 200 {
            successes[at] += 1;
            failed[at] += usize::from(after["metrics"]["status_code"] != 200);
        }
    }
    within_5_standard_errors(failed[0], successes[0], 0.4);
    within_5_standard_errors(failed[1], successes[1], 0.2);
}

#[test]
fn late_events_keep_their_time_and_lose_their_place_by_a_lognormal_delay() {
    let input = events(50_000);
    let shaped = shape(&["--late", "5%,by=1m,cap=10m"], &input);
    check(&shaped, &input);
    let late: HashSet<u64> = shaped.faults.iter().filter_map(|f| f["seq"].as_u64()).collect();
    let events = shaped.run.json_lines();
    let mut next = f64::INFINITY;
    let mut delays = Vec::new();
    for (place, event) in events.iter().enumerate().rev() {
        if late.contains(&(place as u64 + 1)) {
            delays.push(next - time(event));
        } else {
            next = time(event);
        }
    }
    delays.retain(|delay| delay.is_finite());
    delays.sort_by(f64::total_cmp);
    let median = delays[delays.len() / 2];
    assert!((50.0..70.0).contains(&median), "{median}");
    assert!(delays[0] > 0.0 && delays[delays.len() - 1] <= 601.0, "{delays:?}");
    assert!(delays.iter().filter(|delay| **delay > 600.0 - 1.0).count() > 5, "the cap is reached");
}

#[test]
fn time_moves_as_it_is_told() {
    let input = events(100);
    let first = |args: &[&str], at: usize| shape(args, &input).run.json_lines()[at]["timestamp"].clone();
    assert_eq!(first(&["--shift", "2h"], 1), "2026-01-05T02:00:01.000000Z");
    assert_eq!(first(&["--shift=-500ms"], 1), "2026-01-05T00:00:00.500000Z");
    assert_eq!(first(&["--start", "2027-03-01T10:00:00Z"], 1), "2027-03-01T10:00:01.000000Z");
    assert_eq!(first(&["--stretch", "0.5x"], 9), "2026-01-05T00:00:04.500000Z");
    assert_eq!(
        first(&["--start", "2027-03-01T10:00:00Z", "--stretch", "2x", "--shift", "1s"], 9),
        "2027-03-01T10:00:19.000000Z"
    );
    assert_eq!(first(&["--skew", "service=order-service,by=-90s"], 0), "2026-01-04T23:58:30.000000Z");
    let flushed = shape(&["--gap", "at=10s,for=20s,mode=flush"], &input).run.json_lines();
    assert!(flushed[10..30].iter().all(|e| (30.0..30.2).contains(&(time(e) - 1_767_571_200.0))));
    assert!(flushed.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])));
    let gone = shape(&["--gap", "at=10s,for=20s"], &input);
    assert_eq!(gone.run.lines().len(), 80);
    assert!(gone.faults.iter().all(|f| f["seq"].is_null() && f["expect"] == "absent"));
}

#[test]
fn copies_follow_at_once_or_later_and_may_conflict() {
    let input = events(1000);
    let shaped = shape(&["--duplicates", "10%,copies=2,conflict"], &input);
    let events = shaped.run.json_lines();
    for fault in &shaped.faults {
        assert_eq!(fault["expect"], "duplicate");
        let seq = usize::try_from(fault["seq"].as_u64().expect("a line")).expect("small");
        let copy = &events[seq - 1];
        assert_eq!(copy["event_id"], fault["event_id"]);
        assert_eq!(copy["event_id"], events[seq - 2]["event_id"]);
        assert_eq!(fault["changes"].as_object().map(Map::len), Some(1), "in conflict");
    }
    let later = shape(&["--duplicates", "10%,delay=1m"], &input);
    let events = later.run.json_lines();
    for fault in &later.faults {
        let seq = usize::try_from(fault["seq"].as_u64().expect("a line")).expect("small");
        let next = events[seq..].iter().map(time).find(|at| *at >= time(&events[seq - 1]) + 60.0);
        assert!(next.is_some_and(|at| at < time(&events[seq - 1]) + 62.0) || seq > 930);
    }
}

/// Minimal events from a Monday on, this many seconds apart.
fn sparse(count: u32, apart: u32) -> Vec<u8> {
    const MONDAY: i64 = 1_767_571_200_000_000; // 2026-01-05
    let stamp = |n| pulsepipe::time::format(MONDAY + i64::from(n) * i64::from(apart) * 1_000_000);
    (0..count).flat_map(|n| format!("{{\"event_id\":{n},\"timestamp\":\"{}\"}}\n", stamp(n)).into_bytes()).collect()
}

#[test]
fn a_curve_goes_by_the_clocks_of_its_zone() {
    let input = sparse(50_400, 12);
    let busiest = |zone: &str| {
        let mut hours = [0u32; 24];
        for event in shape(&["--curve", "business", "--tz", zone], &input).run.json_lines() {
            hours[time(&event) as usize / 3600 % 24] += 1;
        }
        let most = *hours.iter().max().expect("hours");
        (0..24).filter(|hour| f64::from(hours[*hour]) > 0.8 * f64::from(most)).collect::<Vec<_>>()
    };
    assert_eq!(busiest("UTC"), (9..17).collect::<Vec<_>>());
    assert_eq!(busiest("America/New_York"), (14..22).collect::<Vec<_>>());
}

#[test]
fn reordered_events_fall_back_by_no_more_lines_than_the_window() {
    let input = events(5000);
    let shaped = shape(&["--reorder", "10%,window=20"], &input);
    check(&shaped, &input);
    let moved: HashSet<u64> = choices(&shaped, "reorder").into_iter().collect();
    let ids: Vec<u64> = shaped
        .run
        .json_lines()
        .iter()
        .map(|event| event["event_id"].as_str().and_then(|id| id[4..].parse().ok()).expect("a number"))
        .collect();
    let mut furthest = 0;
    for (place, id) in ids.iter().enumerate().filter(|(_, id)| moved.contains(id)) {
        // How many later lines of the input come before it.
        let passed = ids[..place].iter().filter(|other| *other > id).count();
        let own = 1 + ids[..place].iter().filter(|other| *other < id && !moved.contains(other)).count();
        assert!(passed <= 20 && place + 1 >= own, "{id}: {passed}");
        furthest = furthest.max(passed);
    }
    assert!(furthest >= 15, "{furthest}");
}

#[test]
fn a_shift_in_a_scenario_moves_the_start_as_the_flag_does() {
    let input = events(4000);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.toml");
    let struck = |args: &[&str], shift: &str| {
        let text = format!("{shift}[[errors]]\np = 1\nfrom = '+0s'\nuntil = '+30m'\n");
        std::fs::write(&file, text).expect("written");
        let shaped = shape(&[&["--scenario", text_of(&file)], args].concat(), &input);
        check(&shaped, &input);
        choices(&shaped, "error")
    };
    let unmoved = struck(&[], "");
    assert_eq!(unmoved.len(), 1620);
    assert_eq!(struck(&["--shift", "2h"], ""), unmoved);
    assert_eq!(struck(&[], "[shift]\nby = '2h'\n"), unmoved);
    assert_eq!(struck(&["--shift", "1h"], "[shift]\nby = '-3h'\n"), unmoved);
    assert_eq!(
        struck(&["--start", "2026-03-01T00:00:00Z"], "[shift]\nby = '1h'\nstart = '2026-05-01T00:00:00Z'\n"),
        unmoved
    );
    // A part of the events that moves does not take the start with it.
    let part = struck(&[], "[shift]\nby = '2h'\nwhere = 'service=payment-service'\n");
    assert!(part.is_subset(&unmoved) && part.len() < unmoved.len());
}

#[test]
fn the_second_shift_stretches_from_where_the_first_has_moved_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.toml");
    std::fs::write(&file, "[shift]\nstretch = '2x'\n").expect("written");
    let shaped = shape(&["--start", "2026-03-01T00:00:00Z", "--scenario", text_of(&file)], &events(11));
    assert_eq!(shaped.run.json_lines()[0]["timestamp"], "2026-03-01T00:00:00.000000Z");
    assert_eq!(shaped.run.json_lines()[10]["timestamp"], "2026-03-01T00:00:20.000000Z");
}

#[test]
fn what_did_not_change_places_is_not_on_record() {
    let event = |n: u32, at: &str| format!("{{\"event_id\":\"e{n}\",\"timestamp\":\"{at}\"}}\n");
    let ordinary: String = (2..50).map(|n| event(n, &format!("2026-01-05T10:00:{n:02}Z"))).collect();
    // One event whose time is far ahead ends every delay.
    let input = event(1, "2099-01-01T00:00:00Z") + &ordinary;
    let shaped = shape(&["--late", "1,by=5s,where=event_id!=e1"], input.as_bytes());
    assert_eq!(shaped.run.text(), input);
    assert!(shaped.faults.is_empty(), "{:?}", shaped.faults);
    assert_eq!(shaped.summary["totals"]["late"], 0);
    assert!(shaped.run.stderr.contains("--late: none of the 48 events"), "{}", shaped.run.stderr);
    // The last line can fall back behind none.
    let shaped = shape(&["--reorder", "1,window=9,where=event_id=e49"], ordinary.as_bytes());
    assert_eq!(shaped.run.text(), ordinary);
    assert!(shaped.faults.is_empty() && shaped.summary["totals"]["reorder"] == 0);
    assert!(shaped.run.stderr.contains("--reorder: none of the 1 events"), "{}", shaped.run.stderr);
}
