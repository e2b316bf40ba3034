//! plearn as users run it: from a log to a world, and back to events.

mod like;

use std::path::Path;

use crate::support::{run, run_with, sample, shell_in};

/// A word that no other line has.
fn word(n: u64) -> String {
    let letters = "qwrtzpsdfghjklxcvbnm".as_bytes();
    let letter = |at: u32| char::from(letters[(n / 20_u64.pow(at) % 20) as usize]);
    (0..4).map(letter).chain("ozziw".chars()).collect()
}

/// Events of a shop, with things that must not be given away.
fn planted() -> String {
    let mut log = String::new();
    for n in 0..6000u64 {
        let user = match n % 60 {
            0 => "user_11111".to_owned(),
            1 => "user_22222".to_owned(),
            2 => "user_33333".to_owned(),
            _ => format!("user_{}", 40_000 + n * 7),
        };
        let note = if n % 10 == 0 { format!("{} was here", word(n)) } else { "nothing to say".to_owned() };
        let mail = if n % 100 == 0 { format!("quentin.tarr{n}@private.example.net") } else { "none".to_owned() };
        let key = if n % 500 == 0 { format!("?key=sk_live_ozziw{:016x}", n * 0x9e37_79b9_7f4a) } else { String::new() };
        let status = if n % 20 == 0 { 777 } else { 200 };
        let ms = 20 + n * n % 400;
        log.push_str(&format!(
            "{{\"at\": \"2026-01-05T{:02}:{:02}:00.{:03}Z\", \"user_id\": \"{user}\", \"note\": \"{note}\", \"contact\": \"{mail}\", \
             \"url\": \"/items/{}{key}\", \"status\": {status}, \"ms\": {ms}, \"tags\": {{\"plan\": \"{}\"}}}}\n",
            n / 300,
            n / 5 % 60,
            n % 1000,
            1000 + n % 5000,
            ["free", "paid"][usize::from(n % 3 == 0)],
        ));
    }
    log
}

const SECRETS: [&str; 5] = ["user_11111", "user_22222", "user_33333", "quentin", "ozziw"];

#[test]
fn a_world_and_its_events_hold_nothing_that_few_lines_hold_or_that_identifies() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("log"), planted()).expect("written");
    let world = "plearn -q log > world.toml; pgen -q --profile world.toml -n 3000 --seed 1 --start 2026-01-05 > new";
    shell_in(folder.path(), world, &[]).expect_code(0);
    for file in ["world.toml", "new"] {
        let text = std::fs::read_to_string(folder.path().join(file)).expect("read");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{file} holds {secret}");
        }
        assert!(text.contains("nothing to say") && text.contains("777"), "{text}");
    }
    let first = std::fs::read_to_string(folder.path().join("new")).expect("read");
    let first = first.lines().next().expect("a line");
    assert!(first.starts_with("{\"at\": \"2026-01-05T") && first.contains("\", \"user_id\": \""), "{first}");
}

#[test]
fn a_value_stands_in_a_world_only_if_enough_lines_hold_it() {
    let log = planted();
    let world =
        |args: &[&str]| run_with("plearn", &[&["-q"], args].concat(), log.as_bytes()).expect_code(0).text().to_owned();
    assert!(world(&[]).contains("777"));
    assert!(!world(&["--min-count", "301"]).contains("777"));
    assert!(world(&["--min-count", "300"]).contains("777"));
    let dropped = world(&["--drop", "tags", "--drop", "url"]);
    assert!(!dropped.contains("plan\"") && !dropped.contains("/items/"), "{dropped}");
    let kept = world(&["--keep", "contact"]);
    assert!(kept.contains("contact") && !kept.contains("quentin"), "{kept}");
}

#[test]
fn states_of_parts_add_up_to_the_world_of_the_whole_byte_for_byte() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = run("pgen", &["-q", "-n", "6000", "--seed", "4", "--start", "2026-01-05"]).expect_code(0).stdout;
    std::fs::write(folder.path().join("log"), events).expect("written");
    let script = "split -n l/8 log part. && for p in part.*; do plearn -q --format state $p > $p.state; done
        plearn -q log > whole.toml
        cat part.*.state | plearn -q > parts.toml && cmp whole.toml parts.toml
        split -n r/3 log round. && for p in round.*; do plearn -q --format state $p > $p.state; done
        plearn -q round.*.state > round.toml && cmp whole.toml round.toml
        plearn -q --format state part.aa.state part.ab.state > two.state
        plearn -q two.state part.a[c-h].state > twice.toml && cmp whole.toml twice.toml";
    shell_in(folder.path(), script, &[]).expect_code(0);
    let twice = shell_in(folder.path(), "plearn -q two.state part.ab.state", &[]).expect_code(1);
    assert!(twice.stderr.contains("was added already"), "{}", twice.stderr);
    let cut = shell_in(folder.path(), "head -n 5 two.state | plearn -q", &[]).expect_code(1);
    assert!(cut.stderr.contains("is cut off"), "{}", cut.stderr);
    let changed =
        shell_in(folder.path(), "sed 's/\"events\":/\"events\":1/' two.state | plearn -q", &[]).expect_code(1);
    assert!(changed.stderr.contains("does not match its checksum"), "{}", changed.stderr);
}

#[test]
fn the_world_of_a_real_sample_and_of_each_shipped_profile_is_one_that_pgen_reads() {
    let names = ["nginx", "envoy", "kubernetes-audit", "cloudtrail", "ecs", "github-webhook", "pulsestream"];
    let again = |events: &[u8], name: &str| {
        let world = run_with("plearn", &["-q"], events).expect_code(0).stdout;
        let args = ["-q", "--profile", "-", "-n", "300", "--seed", "1", "--start", "2026-01-05"];
        let events = run_with("pgen", &args, &world).expect_code(0);
        assert_eq!(events.json_lines().len(), 300, "{name}");
        String::from_utf8(world).expect("UTF-8")
    };
    let world = again(&std::fs::read(sample()).expect("the sample"), "sample");
    // What decides another exactly still does.
    assert!(world.contains("\"DE|FR|GB\" = \"EU\""), "{world}");
    for name in names {
        let args = ["-q", "--profile", name, "-n", "1500", "--seed", "1", "--start", "2026-01-05"];
        again(&run("pgen", &args).expect_code(0).stdout, name);
    }
}

#[test]
fn bad_input_is_told_and_never_a_panic() {
    let deep = |open: &str, close: &str| format!("{{\"a\":{}1{}}}", open.repeat(1000), close.repeat(1000));
    let keys: String = (0..10_000).map(|n| format!("{{\"k{n}\":{n},\"same\":1}}\n")).collect();
    let mixed =
        "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":null}\n{\"a\":[1,[2]]}\n{\"a\":{\"b\":true}}\n{\"a\":{}}\n".repeat(30);
    let long = format!("{{\"a\":\"{}\"}}\n", "x".repeat(1_000_000)).repeat(3);
    let empty = "{}\n".repeat(40);
    for (name, input, least) in [
        ("deep arrays", deep("[", "]"), "1"),
        ("deep objects", deep("{\"a\":", "}"), "1"),
        ("keys", keys, "20"),
        ("mixed", mixed, "20"),
        ("long", long, "1"),
        ("braces", "{\"a{}\":\"{x}\",\"b\":\"'\\\"\\\\\"}\n".repeat(40), "20"),
        ("array", format!("[{}]", vec!["{\"a\":1}"; 40].join(",")), "20"),
    ] {
        let world = run_with("plearn", &["-q", "--min-count", least], input.as_bytes());
        assert!(!world.stderr.contains("panicked"), "{name}: {}", world.stderr);
        let world = world.expect_code(0);
        let args = ["-q", "--profile", "-", "-n", "5", "--seed", "1", "--start", "2026-01-05"];
        let events = run_with("pgen", &args, &world.stdout);
        assert_eq!(
            events.code(),
            0,
            "{name}: {}\n{}",
            events.stderr,
            world.text().chars().take(2000).collect::<String>()
        );
        assert_eq!(events.json_lines().len(), 5);
    }
    for input in ["", "\n\n", "no JSON\n", "[1,2]\n", &empty] {
        let none = run_with("plearn", &["-q"], input.as_bytes()).expect_code(1);
        assert!(none.stderr.contains("nothing"), "{input}: {}", none.stderr);
        assert!(none.stdout.is_empty());
    }
    let some = run_with("plearn", &["-q", "--min-count", "1"], b"{\"a\":1}\noops\n{\"a\":2}\n").expect_code(0);
    assert!(some.stderr.contains("1 line is not a JSON object: left out; the first is line 2"), "{}", some.stderr);
    for args in [&["--min-count", "0"][..], &["--drop", "a", "--keep", "a"], &["--drop", "a..b"]] {
        run("plearn", args).expect_code(2);
    }
    assert!(!Path::new("world.toml").exists());
}

#[test]
fn members_that_look_like_secrets_are_named() {
    let log: String =
        (0..100).map(|n| format!("{{\"db_password\":\"hunter{}\",\"x\":\"AKIAIOSFODNN{n:04}\"}}\n", n % 2)).collect();
    let run = run_with("plearn", &["-q"], log.as_bytes()).expect_code(0);
    assert!(run.stderr.contains("db_password may hold secrets, by its name"), "{}", run.stderr);
    assert!(run.stderr.contains("x may hold secrets, by its values"), "{}", run.stderr);
    assert!(!run.text().contains("hunter0") && !run.text().contains("AKIAIOSFODNN"), "{}", run.text());
}

/// Events whose members hold each other's values, with users of whom some are frequent.
fn related() -> String {
    let mut log = String::new();
    for n in 0..4000u64 {
        let draw = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // The lower the number, the more frequent.
        let user = draw % 900 * (draw / 900 % 900) / 900;
        let (method, path) = (["GET", "POST", "DELETE"][(draw % 3) as usize], format!("/things/{}/parts", draw % 2000));
        let (body, ms) = (500 + draw % 90_000, 20 + draw / 7 % 3000);
        let (minute, second) = (n / 80, n % 60);
        let start = (minute * 60 + second) * 1000 + 500_000 - ms;
        let start = format!("{:02}:{:02}.{:03}Z", start / 60_000, start / 1000 % 60, start % 1000);
        let at = (minute * 60 + second) * 1000 + 500_000;
        let at = format!("{:02}:{:02}.{:03}Z", at / 60_000, at / 1000 % 60, at % 1000);
        log.push_str(&format!(
            "{{\"at\":\"2026-01-05T00:{at}\",\"start\":\"2026-01-05T00:{start}\",\"ms\":{ms},\"method\":\"{method}\",\"path\":\"{path}\",\
             \"title\":\"{method} {path}\",\"user\":\"ozziw-{:06}\",\"bytes\":{body},\"sent\":{},\"wait\":\"{}.{:03}\"}}\n",
            user * 1009 + 100_000,
            body + 200 + draw % 50,
            ms / 1000,
            ms % 1000,
        ));
    }
    log
}

fn learnt_again(log: &str, events: &str) -> Vec<serde_json::Value> {
    let world = run_with("plearn", &["-q"], log.as_bytes()).expect_code(0).stdout;
    let args = ["-q", "--profile", "-", "-n", events, "--seed", "1", "--start", "2026-01-05"];
    run_with("pgen", &args, &world).expect_code(0).json_lines()
}

#[test]
fn members_that_hold_the_values_of_others_still_do() {
    let events = learnt_again(&related(), "500");
    let thousandths = |event: &serde_json::Value, member: &str| {
        let text = event[member].as_str().expect("a time");
        let part = |from: usize, to: usize| text[from..to].parse::<u64>().expect("digits");
        (part(11, 13) * 3600 + part(14, 16) * 60 + part(17, 19)) * 1000 + part(20, 23)
    };
    for event in &events {
        let text = |member: &str| event[member].as_str().expect("a text").to_owned();
        assert_eq!(text("title"), format!("{} {}", text("method"), text("path")));
        let number = |member: &str| event[member].as_u64().expect("a whole number");
        assert!((190..=260).contains(&(number("sent") - number("bytes"))), "{event}");
        let ms = (thousandths(event, "at") + 86_400_000 - thousandths(event, "start")) % 86_400_000;
        assert_eq!(ms, number("ms"), "{event}");
        assert!(text("wait").parse::<f64>().is_ok_and(|wait| (0.01..3.5).contains(&wait)), "{event}");
    }
}

#[test]
fn values_that_come_again_do_so_as_often_and_are_made_up() {
    let log = related();
    let users = |events: &[serde_json::Value]| {
        let mut counts = std::collections::BTreeMap::new();
        events.iter().for_each(|event| *counts.entry(event["user"].to_string()).or_insert(0u32) += 1);
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let share = |most: usize| f64::from(counts.iter().take(most).sum::<u32>()) / events.len() as f64;
        (counts.len() as f64, share(20), share(200))
    };
    let real: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let made = learnt_again(&log, "4000");
    let (real, found) = (users(&real), users(&made));
    assert!((found.0 / real.0 - 1.0).abs() < 0.1, "{real:?} {found:?}");
    assert!((found.1 - real.1).abs() < 0.05 && (found.2 - real.2).abs() < 0.05, "{real:?} {found:?}");
    assert!(!made.iter().any(|event| log.contains(&format!("\"user\":{}", event["user"]))), "a real user");
}

#[test]
fn frequent_numbers_keep_their_share_and_numbers_that_identify_are_made_up() {
    let log: String = (0..4000u64)
        .map(|n| {
            let draw = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            // Of the calls, some are refused at once, some run into a limit of 15,000 ms, and the others take their time.
            let (status, ms) = match draw % 10 {
                0 => (503, 0),
                1 => (504, 15_000),
                _ => (200, 40 + draw / 10 % 900),
            };
            let account = [6_811_672, 98_213_456, 152_043_119][(draw / 9000 % 3) as usize];
            let repository = 70_000_123 + draw / 7 % 300 * (draw / 2100 % 300) / 300 * 31_337;
            format!("{{\"status\":{status},\"ms\":{ms},\"account\":{account},\"repository\":{repository}}}\n")
        })
        .collect();
    let world = run_with("plearn", &["-q"], log.as_bytes()).expect_code(0);
    for number in ["6811672", "98213456", "152043119", "70000123"] {
        assert!(!world.text().contains(number), "{number}");
    }
    let events = learnt_again(&log, "2000");
    let (mut accounts, mut repositories) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for event in &events {
        let number = |member: &str| event[member].as_u64().expect("a whole number");
        match number("status") {
            503 => assert_eq!(number("ms"), 0),
            504 => assert_eq!(number("ms"), 15_000),
            _ => assert!((30..1000).contains(&number("ms")), "{event}"),
        }
        accounts.insert(number("account"));
        repositories.insert(number("repository"));
    }
    let digits: Vec<u32> = accounts.iter().map(|account| account.ilog10() + 1).collect();
    assert_eq!(digits, [7, 8, 9], "{accounts:?}");
    assert!((150..300).contains(&repositories.len()), "{}", repositories.len());
}

#[test]
fn objects_in_arrays_have_their_members_values_and_dependences() {
    let colours = [("bug", "red"), ("idea", "blue"), ("help wanted", "green")];
    let log: String = (0..3000u64)
        .map(|n| {
            let draw = |at: u64| (n * 4 + at).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
            let label = |at: u64| {
                let (name, colour) = colours[(draw(at) % 3) as usize];
                let since =
                    if draw(at) % 5 == 0 { String::new() } else { format!(",\"since\":{}", 1990 + draw(at) % 30) };
                format!(
                    "{{\"name\":\"{name}\",\"by\":{{\"id\":\"u-{:08}\",\"colour\":\"{colour}\"}}{since}}}",
                    10_000_000 + draw(at)
                )
            };
            // One line alone says a word often enough.
            let labels: Vec<String> = if n == 17 {
                vec!["{\"name\":\"ozziw\",\"by\":{\"id\":\"u-12345678\",\"colour\":\"ozziw\"}}".to_owned(); 40]
            } else {
                (0..n % 4).map(label).collect()
            };
            format!("{{\"n\":\"{}\",\"labels\":[{}]}}\n", n % 3, labels.join(", "))
        })
        .collect();
    let world = run_with("plearn", &["-q"], log.as_bytes()).expect_code(0);
    assert!(!world.text().contains("ozziw"), "{}", world.text());
    let events = learnt_again(&log, "900");
    let mut lengths = std::collections::BTreeMap::new();
    let (mut labels, mut undated, mut made_up) = (0, 0, 0);
    for event in &events {
        let list = event["labels"].as_array().expect("a list");
        *lengths.entry(list.len()).or_insert(0) += 1;
        for label in list {
            let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
            let pair = (text(&label["name"]), text(&label["by"]["colour"]));
            // What few lines hold is made up.
            let is_known = colours.iter().any(|(name, colour)| pair == ((*name).to_owned(), (*colour).to_owned()));
            made_up += u32::from(!is_known);
            let id = text(&label["by"]["id"]);
            assert!(id.starts_with("u-") && id.len() == 10, "{label}");
            labels += 1;
            match label["since"].as_u64() {
                Some(year) => assert!((1985..2025).contains(&year), "{label}"),
                None => undated += 1,
            }
        }
    }
    assert!(made_up * 100 <= labels, "{made_up} of {labels}");
    assert!((0..=3).all(|length| (150..300).contains(&lengths[&length])), "{lengths:?}");
    let share = f64::from(undated) / f64::from(labels);
    assert!((0.12..0.28).contains(&share), "{share}");
}

#[test]
fn memory_does_not_grow_with_the_number_of_different_members() {
    // Each line has members that no other has, beside two that all have.
    let log: String = (0..400u64)
        .map(|n| {
            let own: String = (0..500).map(|at| format!(",\"k{}\":1", n * 500 + at)).collect();
            format!("{{\"a\":\"x\"{own},\"z\":{}}}\n", n % 5)
        })
        .collect();
    let world = run_with("plearn", &["-q", "--drop", "k77"], log.as_bytes()).expect_code(0);
    assert!(world.text().contains("[fields.z]") && !world.text().contains("k77\""), "{}", world.text());
    assert!(!world.stderr.contains("no event has this member"), "{}", world.stderr);
}

#[test]
fn a_line_whose_array_holds_a_value_often_is_one_line() {
    let log: String = (0..500u64)
        .map(|n| {
            let tags = if n == 17 { vec!["\"ozziw\""; 60] } else { vec!["\"new\"", "\"open\""] };
            format!("{{\"n\":{},\"tags\":[{}]}}\n", n % 3, tags[..tags.len() - (n % 2) as usize].join(","))
        })
        .collect();
    let world = run_with("plearn", &["-q"], log.as_bytes()).expect_code(0);
    assert!(world.text().contains("open") && !world.text().contains("ozziw"), "{}", world.text());
}

#[test]
fn what_depends_on_two_members_does_so_in_the_world() {
    let mut log = String::new();
    for n in 0..9000u64 {
        let draw = |of: u64| n * 2_654_435_761 / (of * 7) % of;
        let (method, status) = (["GET", "GET", "PUT", "HEAD"][draw(4) as usize], [200, 200, 304][draw(3) as usize]);
        let bytes = if method == "HEAD" || status == 304 { 0 } else { 700 + n % 900 };
        log.push_str(&format!(
            "{{\"method\":\"{method}\",\"status\":{status},\"bytes\":{bytes},\"at\":\"2026-01-05T{:02}:{:02}:00Z\"}}\n",
            n / 400,
            n / 7 % 60
        ));
    }
    for event in learnt_again(&log, "4000") {
        let is_empty = event["method"] == "HEAD" || event["status"] == 304;
        assert_eq!(event["bytes"] == 0, is_empty, "{event}");
    }
}

#[test]
fn an_object_that_some_events_have_is_empty_in_none() {
    // So many layouts that they are joined.
    let mut log = String::new();
    for n in 0..6000u64 {
        let optional: String =
            (0..7).filter(|bit| (n * 2_654_435_761 / 64) >> bit & 1 == 1).map(|bit| format!("\"m{bit}\":1,")).collect();
        let error = match n % 9 {
            0 => "\"error\":{\"code\":\"E_BAD\",\"cause\":{\"kind\":\"late\"}},",
            1 => "\"error\":null,",
            _ => "",
        };
        log.push_str(&format!("{{{optional}{error}\"n\":{}}}\n", n % 7));
    }
    let events = learnt_again(&log, "3000");
    let count = |is: &dyn Fn(&serde_json::Value) -> bool| events.iter().filter(|event| is(event)).count();
    assert!(events.iter().all(|event| event["error"].is_null() || event["error"]["cause"]["kind"] == "late"));
    assert!((230..440).contains(&count(&|event| event["error"].is_object())));
    assert!((230..440).contains(&count(&|event| event.get("error").is_some_and(serde_json::Value::is_null))));
    assert!((1350..1650).contains(&count(&|event| event.get("m3").is_some())));
}
