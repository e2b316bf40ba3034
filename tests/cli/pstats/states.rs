//! States: shards added up equal the whole.

use super::{event, mixed_lines, without_run};
use crate::support::{run, run_with};

#[test]
fn eight_shards_merged_equal_the_whole_bit_for_bit() {
    let lines = mixed_lines(4000);
    let settings = ["--by", "service,status", "--window", "10m"];
    let whole =
        run_with("pstats", &[&settings[..], &["--format", "json"]].concat(), lines.concat().as_bytes()).expect_code(0);
    let mut states = String::new();
    for shard in lines.chunks(lines.len().div_ceil(8)) {
        let state =
            run_with("pstats", &[&settings[..], &["--format", "state", "-q"]].concat(), shard.concat().as_bytes());
        states += state.expect_code(0).text();
    }
    let merged = run_with("pstats", &["--format", "json"], states.as_bytes()).expect_code(0);
    let (whole, merged) = (without_run(whole.json()), without_run(merged.json()));
    assert!(
        whole["events"]["order"]["late"].as_u64() > Some(10)
            && whole["events"]["ids"]["duplicates"].as_u64() > Some(10)
    );
    assert_eq!(whole.to_string(), merged.to_string());
    // A state of states is the same state.
    let again = run_with("pstats", &["--format", "state"], states.as_bytes()).expect_code(0);
    let merged_again = run_with("pstats", &["--format", "json"], &again.stdout).expect_code(0);
    assert_eq!(without_run(merged_again.json()).to_string(), merged.to_string());
}

#[test]
fn ids_past_the_cap_and_found_windows_add_up_too() {
    let lines = mixed_lines(3000);
    let args = ["--exact-ids", "100", "--format"];
    let whole = run_with("pstats", &[&args[..], &["json"]].concat(), lines.concat().as_bytes()).expect_code(0);
    let states: String = lines
        .chunks(500)
        .map(|shard| run_with("pstats", &[&args[..], &["state"]].concat(), shard.concat().as_bytes()).text().to_owned())
        .collect();
    let merged = run_with("pstats", &["--format", "json"], states.as_bytes()).expect_code(0);
    assert_eq!(whole.json()["events"]["ids"]["unique_at_least"], 101);
    assert_eq!(without_run(whole.json()).to_string(), without_run(merged.json()).to_string());
}

#[test]
fn states_that_do_not_fit_are_refused_and_broken_ones_noticed() {
    let state = |args: &[&str]| {
        let args = [args, &["--format", "state"]].concat();
        run_with("pstats", &args, event("a", 200, 5.0, 1).as_bytes()).expect_code(0).text().to_owned()
    };
    let mixed = state(&["--by", "service,status"]) + &state(&[]);
    let refused = run_with("pstats", &[], mixed.as_bytes()).expect_code(1);
    assert!(
        refused.stderr.contains("--by service,status") || refused.stderr.contains("--by none"),
        "{}",
        refused.stderr
    );
    let newer = state(&[]).replace("\"pstats_state\":3", "\"pstats_state\":7");
    assert!(run_with("pstats", &[], newer.as_bytes()).expect_code(1).stderr.contains("version 7"));
    let whole = state(&[]);
    let cut = whole.lines().take(5).collect::<Vec<_>>().join("\n");
    let found = run_with("pstats", &["--allow-empty"], (cut + "\n").as_bytes()).expect_code(1);
    assert!(found.stderr.contains("line 1: the state that begins here is cut off"), "{}", found.stderr);
    let older = state(&[]).replace("\"pstats_state\":3", "\"pstats_state\":1");
    assert!(run_with("pstats", &[], older.as_bytes()).expect_code(1).stderr.contains("a state of version 1"));
}

/// The state of these lines, from a file of this name.
fn state_of(folder: &std::path::Path, name: &str, lines: &str) -> String {
    let file = folder.join(name);
    std::fs::write(&file, lines).expect("it is written");
    run("pstats", &["-q", "--format", "state", file.to_str().expect("UTF-8")]).expect_code(0).text().to_owned()
}

#[test]
fn a_line_of_a_state_that_was_edited_doubled_lost_or_moved_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = state_of(folder.path(), "a", &mixed_lines(300).concat());
    let lines: Vec<&str> = state.lines().collect();
    let refused = |lines: &[&str]| {
        let text = lines.join("\n") + "\n";
        run_with("pstats", &[], text.as_bytes()).expect_code(1).stderr
    };
    for place in [0, 1, 4, lines.len() / 2, lines.len() - 1] {
        // Each digit after the line's number.
        let line = lines[place];
        let digits = line.char_indices().skip(30).filter(|(_, c)| c.is_ascii_digit());
        for (at, digit) in digits.step_by(line.len() / 40 + 1) {
            let mut edited = line.to_owned();
            edited.replace_range(at..=at, if digit == '9' { "8" } else { "9" });
            let mut all = lines.clone();
            all[place] = &edited;
            let told = refused(&all);
            assert!(told.contains(&format!("line {}: ", place + 1)), "{told}\n{edited}");
        }
        let mut doubled = lines.clone();
        doubled.insert(place, line);
        assert!(refused(&doubled).contains(&format!("line {}: ", place + 2)), "{place}: {}", refused(&doubled));
        if place > 0 {
            let mut lost = lines.clone();
            lost.remove(place);
            let told = refused(&lost);
            let end = format!("line {}: ", if place == lines.len() - 1 { 1 } else { place + 1 });
            assert!(told.contains(&end), "{place}: {told}");
        }
    }
    let mut moved = lines.clone();
    moved.swap(3, 4);
    assert!(refused(&moved).contains("line 4: "), "{}", refused(&moved));
}

#[test]
fn a_state_is_added_once_also_from_within_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let lines = mixed_lines(200).concat();
    let (one, same, other) = (
        state_of(folder.path(), "1", &lines),
        state_of(folder.path(), "2", &lines),
        state_of(folder.path(), "3", &event("b", 200, 5.0, 1)),
    );
    let found = |input: String| {
        let found = run_with("pstats", &["-q", "--format", "json"], input.as_bytes()).expect_code(0).json();
        (found["events"]["count"].as_u64().expect("a count"), found["parts"]["notes"].to_string())
    };
    let count = |input: &str| found(input.to_owned()).0;
    let both = run_with("pstats", &["-q", "--format", "state"], (one.clone() + &other).as_bytes()).text().to_owned();
    for (twice, all) in [(one.clone() + &one, &one), (both.clone() + &one, &both), (both.clone() + &both, &both)] {
        let (events, notes) = found(twice);
        assert_eq!(events, count(all));
        assert!(notes.contains("1 state came again with the same bytes and counted once"), "{notes}");
    }
    // Only a part of it is new, and what was added cannot be taken out of it.
    let told = run_with("pstats", &["-q"], (one.clone() + &both).as_bytes()).expect_code(1).stderr;
    let last = (one.clone() + &both).lines().count();
    assert!(told.contains(&format!("line {last}: ")) && told.contains("was added already, but not all"), "{told}");
    // Two shards with just the same lines are two.
    let shards =
        run_with("pstats", &["-q", "--format", "json"], (one.clone() + &same).as_bytes()).expect_code(0).json();
    let alone = run_with("pstats", &["-q", "--format", "json"], one.as_bytes()).expect_code(0).json();
    assert_eq!(shards["events"]["count"].as_u64(), alone["events"]["count"].as_u64().map(|n| 2 * n));
    // A state of nothing adds nothing, however often.
    let nothing = run_with("pstats", &["-q", "--format", "state"], b"").text().to_owned();
    run_with("pstats", &["-q"], (nothing.clone() + &nothing + &one).as_bytes()).expect_code(0);
}

#[test]
fn a_state_of_the_version_before_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = state_of(folder.path(), "1", &mixed_lines(200).concat());
    let (mut older, mut checksum) = (String::new(), 0);
    for line in state.lines() {
        let (text, _) = line.rsplit_once(",\"xxh3\":").expect("a checksum");
        let text = text.replace("\"pstats_state\":3", "\"pstats_state\":2");
        checksum = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), checksum);
        older += &format!("{text},\"xxh3\":\"{checksum:016x}\"}}\n");
    }
    let found = |state: &str| {
        without_run(run_with("pstats", &["-q", "--format", "json"], state.as_bytes()).expect_code(0).json()).to_string()
    };
    assert_eq!(found(&older), found(&state));
}

#[test]
fn given_caps_hold_when_states_are_added() {
    let ids = |range: std::ops::Range<u32>| range.map(|n| format!("{{\"event_id\":{n}}}\n")).collect::<String>();
    let state = |lines: &str| {
        run_with("pstats", &["-q", "--format", "state", "--exact-ids", "100"], lines.as_bytes()).text().to_owned()
    };
    let both = state(&ids(0..80)) + &state(&ids(80..160));
    let require = ["-q", "--require", "ids.unique = 160"];
    run_with("pstats", &require, both.as_bytes()).expect_code(99);
    run_with("pstats", &[&require[..], &["--exact-ids", "1000"]].concat(), both.as_bytes()).expect_code(0);
}

/// An edited state with the checksums that its lines would have.
fn sealed(state: &str) -> String {
    let mut before = 0;
    let seal = |line: &str| {
        let (text, _) = line.split_once(",\"xxh3\"").expect("a checksum");
        before = xxhash_rust::xxh3::xxh3_64_with_seed(text.as_bytes(), before);
        format!("{text},\"xxh3\":\"{before:016x}\"}}\n")
    };
    state.lines().map(seal).collect()
}

#[test]
fn a_hostile_state_does_not_steer_the_terminal() {
    let plain = run_with("pstats", &["--format", "state"], event("a", 200, 5.0, 1).as_bytes()).expect_code(0);
    let plain = plain.text();
    let hostile = r"\u001b[31mred\r\u009b2J\npserve: error: forged";
    let grouped = plain.replace(r#""by":"service""#, &format!(r#""by":"{hostile}""#));
    for (state, is_shown) in [
        (plain.replace(r#""part":"group""#, &format!(r#""part":"{hostile}""#)), false),
        (sealed(&grouped), true),
        (grouped, false),
        (plain.to_owned() + &sealed(&plain.replace(r#""by":[]"#, &format!(r#""by":"{hostile}""#))), true),
    ] {
        let refused = run_with("pstats", &[], state.as_bytes()).expect_code(1).stderr;
        assert!(refused.contains("31mred") == is_shown && !refused.contains(['\u{1b}', '\r', '\u{9b}']), "{refused:?}");
        assert!(refused.lines().all(|line| line.starts_with("pstats: ")), "{refused}");
    }
}

#[test]
fn a_state_in_the_midst_of_a_file_is_read_with_any_number_of_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("mixed.jsonl");
    let lines = mixed_lines(2000).concat();
    let state = run_with("pstats", &["--format", "state", "-q"], lines.as_bytes()).expect_code(0);
    let many = lines.repeat(1 + (24 << 20) / lines.len());
    std::fs::write(&file, [many.as_bytes(), &state.stdout, many.as_bytes()].concat()).expect("it is written");
    let file = file.to_str().expect("UTF-8");
    let of = |threads: &str| {
        without_run(run("pstats", &["--format", "json", "--threads", threads, file]).expect_code(0).json())
    };
    assert_eq!(of("1").to_string(), of("2").to_string());
}
