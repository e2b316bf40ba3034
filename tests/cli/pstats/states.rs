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
fn estimated_ids_and_found_windows_add_up_too() {
    let lines = mixed_lines(3000);
    let args = ["--exact-ids", "100", "--format"];
    let whole = run_with("pstats", &[&args[..], &["json"]].concat(), lines.concat().as_bytes()).expect_code(0);
    let states: String = lines
        .chunks(500)
        .map(|shard| run_with("pstats", &[&args[..], &["state"]].concat(), shard.concat().as_bytes()).text().to_owned())
        .collect();
    let merged = run_with("pstats", &["--format", "json"], states.as_bytes()).expect_code(0);
    assert_eq!(whole.json()["events"]["ids"]["exact"], false);
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
    let newer = state(&[]).replace("\"pstats_state\":1", "\"pstats_state\":7");
    assert!(run_with("pstats", &[], newer.as_bytes()).expect_code(1).stderr.contains("version 7"));
    let whole = state(&[]);
    let cut = whole.lines().take(5).collect::<Vec<_>>().join("\n");
    let found =
        run_with("pstats", &["--require", "events.count >= 0", "--allow-empty"], cut.as_bytes()).expect_code(99);
    assert!(found.stderr.contains("cut off"), "{}", found.stderr);
}

#[test]
fn a_hostile_state_does_not_steer_the_terminal() {
    let plain = run_with("pstats", &["--format", "state"], event("a", 200, 5.0, 1).as_bytes()).expect_code(0);
    let plain = plain.text();
    let hostile = r"\u001b[31mred\r\u009b2J\npserve: error: forged";
    for state in [
        plain.replace(r#""by":"service""#, &format!(r#""by":"{hostile}""#)),
        plain.replace(r#""part":"group""#, &format!(r#""part":"{hostile}""#)),
        plain.to_owned() + &plain.replace(r#""by":[]"#, &format!(r#""by":["{hostile}"]"#)),
    ] {
        let refused = run_with("pstats", &[], state.as_bytes()).expect_code(1).stderr;
        assert!(refused.contains("31mred") && !refused.contains(['\u{1b}', '\r', '\u{9b}']), "{refused:?}");
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
