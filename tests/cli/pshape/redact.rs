//! `--redact`: stand-ins that keep form, joins and counts, and give nothing away.

use super::*;

const KEY: &str = "a key of 16 bytes or more";

/// A folder with a key and these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [("key", KEY), ("other", "another key of 16 bytes or more")].iter().chain(files) {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    folder
}

/// What `pshape --redact WHAT` makes of these lines.
fn redacted(what: &str, lines: &str) -> Vec<Value> {
    let folder = folder(&[("in", lines)]);
    shell_in(folder.path(), &format!("pshape -q --redact '{what}' --redact-key-file key in"), &[])
        .expect_code(0)
        .json_lines()
}

/// Like [`shape`], with a key.
fn shape_redacted(args: &[&str], input: &[u8]) -> Shaped {
    let folder = folder(&[]);
    let key = folder.path().join("key");
    shape(&[&["--redact-key-file", text_of(&key)], args].concat(), input)
}

/// The class of each character.
fn shape_of(text: &str) -> String {
    let class = |c: char| match c {
        c if c.is_ascii_digit() => '0',
        c if c.is_lowercase() => 'a',
        c if c.is_uppercase() => 'A',
        c => c,
    };
    text.chars().map(class).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

#[test]
fn a_stand_in_has_the_form_of_its_value() {
    let line = json!({"id": "user_88338", "uuid": "2fd4e1c6-7a2d-48fc-ad84-9eb1d7b0a0c2", "mail": "Jane.Doe@mail.example.co.uk",
        "ip": "10.1.2.3", "six": "2001:db8::17", "card": "4111 1111 1111 1111", "name": "Jürgen Groß", "n": 4711, "price": -12.50,
        "url": "https://jane:pw@shop.example.com:8443/u/user_17?email=jane%40x.org#top", "at": "2026-01-05T10:00:00.123456789+01:00",
        "created_at": 1_767_607_200, "flag": true, "none": null, "empty": "", "zero": 0, "big": 12_345_678_901_234_567_890u64});
    let paths = line.as_object().expect("an object").keys().cloned().collect::<Vec<_>>().join(",");
    let other = &redacted(&paths, &line.to_string())[0];
    for (key, old) in line.as_object().expect("an object") {
        let new = &other[key];
        if ["flag", "none", "empty", "zero"].contains(&&**key) {
            assert_eq!(new, old);
            continue;
        }
        assert_ne!(new, old, "{key}");
        if !["ip", "six", "url"].contains(&&**key) {
            assert_eq!(shape_of(&new.to_string()), shape_of(&old.to_string()), "{key}");
        }
    }
    assert!(text(&other["id"]).starts_with("user_") && text(&other["mail"]).ends_with(".co.uk"));
    assert!(text(&other["uuid"])[14..].starts_with('4') && text(&other["card"]).starts_with("4111 "));
    assert!(text(&other["ip"]).parse::<std::net::Ipv4Addr>().is_ok(), "{}", other["ip"]);
    assert!(text(&other["six"]).parse::<std::net::Ipv6Addr>().is_ok(), "{}", other["six"]);
    let url = text(&other["url"]);
    assert_eq!(shape_of(url), shape_of(text(&line["url"])));
    assert!(
        url.starts_with("https://") && url.contains(".com:8443/") && url.contains("/user_") && url.contains("?email="),
        "{url}"
    );
    assert!(text(&other["at"]).ends_with("T10:00:00.123456789+01:00"), "{}", other["at"]);
    let back = 1_767_607_200 - other["created_at"].as_i64().expect("a time");
    assert!(back > 0 && back % (7 * 86_400) == 0, "{back}");
    assert!(other["big"].as_u64().is_some_and(|n| n > 10_000_000_000_000_000_000));
}

#[test]
fn a_value_has_one_stand_in_in_all_members_files_codings_and_runs() {
    let user = "user_88338";
    let lines = [
        json!({"a": user, "n": 4711}).to_string(),
        json!({"b": {"c": [1, user]}, "s": "4711"}).to_string(),
        r#"{"a":"\u0075ser_88338"}"#.to_owned(),
        json!({"a": json!({"deep": json!({"id": user}).to_string()}).to_string()}).to_string(),
        json!({"a": "https://example.com/x?id=%75ser_88338"}).to_string(),
        json!({"a": "dXNlcl84ODMzOA=="}).to_string(),
        json!({"a": "757365725f3838333338"}).to_string(),
        json!({"a": "USER_88338"}).to_string(),
    ];
    let all = redacted("a,b,n,s", &lines.join("\n"));
    let new = text(&all[0]["a"]);
    assert_eq!(all[0]["n"].to_string(), text(&all[1]["s"]));
    assert_eq!(all[1]["b"]["c"][1], new);
    assert_eq!(all[2]["a"], new);
    let deep: Value = serde_json::from_str(text(&all[3]["a"])).expect("JSON");
    assert_eq!(deep["deep"], json!({"id": new}).to_string());
    assert!(text(&all[4]["a"]).ends_with(&new.replacen('u', "%75", 1)), "{}", all[4]["a"]);
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(text(&all[5]["a"])).expect("base64"), new.as_bytes());
    let hex: String = new.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(all[6]["a"], hex);
    assert_eq!(all[7]["a"], new.to_uppercase());
    // The same in another run, by auto, in another shard and with other effects.
    for flags in ["--redact a", "--redact auto", "--redact auto,a --shard 3/8 --seed 9", "--redact a --slow 2x --label"]
    {
        let folder = folder(&[("in", &json!({"a": user}).to_string())]);
        let run = shell_in(folder.path(), &format!("pshape -q --redact-key-file key {flags} in"), &[]).expect_code(0);
        assert_eq!(run.json_lines()[0]["a"], new, "{flags}");
        let run = shell_in(folder.path(), &format!("pshape -q --redact-key-file other {flags} in"), &[]).expect_code(0);
        assert_ne!(run.json_lines()[0]["a"], new, "{flags}");
    }
}

#[test]
fn joins_and_group_counts_stay() {
    let user = |n: usize| format!("user_{:05}", n * n * 7 % 3000 + n % 3);
    let orders: String = (0..3000).map(|n| json!({"user": user(n), "order": n}).to_string() + "\n").collect();
    let users: String = (0..3010).map(|n| json!({"id": user(n), "name": format!("n{n}")}).to_string() + "\n").collect();
    let counts = |lines: &[Value], key: &str| -> HashMap<String, usize> {
        lines.iter().fold(HashMap::new(), |mut counts, line| {
            *counts.entry(text(&line[key]).to_owned()).or_default() += 1;
            counts
        })
    };
    let parse = |text: &str| text.lines().map(|line| serde_json::from_str(line).expect(line)).collect::<Vec<Value>>();
    let joined = |orders: &[Value], users: &[Value]| {
        let users = counts(users, "id");
        let mut joined: Vec<(usize, usize)> =
            counts(orders, "user").iter().map(|(user, n)| (*n, users.get(user).copied().unwrap_or(0))).collect();
        joined.sort_unstable();
        joined
    };
    let (new_orders, new_users) = (redacted("user", &orders), redacted("id", &users));
    assert_eq!(joined(&new_orders, &new_users), joined(&parse(&orders), &parse(&users)));
    assert!(
        parse(&orders)
            .iter()
            .zip(&new_orders)
            .all(|(old, new)| old["user"] != new["user"] && old["order"] == new["order"])
    );
}

#[test]
fn only_the_bytes_of_redacted_values_change_and_truth_names_members_and_no_value() {
    let odd = b"{\"user\" : \"jane\",\"n\":1.10,\"user\":\"joe\"}\r\n\n".to_vec();
    for (place, input) in [sample_bytes(), events(300), odd].into_iter().enumerate() {
        for what in [
            "context.user_id,context.ip_address,user,timestamp,event_id",
            "auto",
            "context,payload.trace_id,source.endpoint",
        ] {
            let shaped = shape_redacted(&["--redact", what], &input);
            check(&shaped, &input);
            assert!(shaped.faults.iter().all(|fault| fault["changes"].is_null() && fault["redacted"].is_array()));
            if what.starts_with("context.user") && place == 0 {
                let truth = format!("{:?}", shaped.faults);
                let old: Vec<Value> =
                    split(&input).iter().filter_map(|line| serde_json::from_slice(line).ok()).collect();
                for value in
                    old.iter().flat_map(|e| [&e["event_id"], &e["context"]["ip_address"]]).filter_map(Value::as_str)
                {
                    assert!(!truth.contains(value), "{value}");
                }
            }
        }
    }
    let shaped = shape_redacted(&["--redact", "user"], b"{\"user\":\"jane\",\"user\":\"joe\"}\n");
    assert!(!shaped.run.text().contains("jane") && !shaped.run.text().contains("joe"), "{}", shaped.run.text());
    assert_eq!(shaped.faults[0]["redacted"], json!(["user", "user"]));
}

#[test]
fn later_effects_and_their_truth_see_the_stand_ins() {
    let input = events(400);
    let more = [
        "--shift",
        "1h",
        "--gap",
        "at=+1m,for=30s,mode=flush",
        "--skew",
        "service=auth-service,by=90s,from=+2m",
        "--errors",
        "30%",
        "--duplicates",
        "10%,conflict",
        "--late",
        "5%",
        "--schema",
        "10%",
        "--malformed",
        "5%",
        "--label",
    ];
    let args = [&["--redact", "timestamp,event_id,title,payload.amount"][..], &more].concat();
    let shaped = shape_redacted(&args, &input);
    check(&shaped, &input);
    let truth = format!("{:?}", shaped.faults);
    assert!(!truth.contains("2026-01-05"), "a time from before");
    // Times that count from the start count from the moved start.
    let of = |fault: &str| shaped.faults.iter().filter(|f| f["fault"] == fault).count();
    assert!(of("gap") >= 29 && of("skew") > 50, "{} {}", of("gap"), of("skew"));
    assert!(!shaped.run.text().contains("GET /"));
}

#[test]
fn auto_leaves_none_of_500_planted_identifiers_in_any_coding() {
    let planted: Vec<String> = (0..500u64)
        .map(|n| {
            let draw = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995_1234_5678;
            match n % 8 {
                0 => format!("user_{:010}", draw % 10_000_000_000),
                1 => format!("mary.{}{}@mail.example.org", char::from(b'a' + (n % 26) as u8), n),
                2 => format!(
                    "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                    draw >> 32,
                    n,
                    n % 4096,
                    draw % 4096,
                    draw % (1 << 48)
                ),
                3 => format!("{}.{}.{}.{}", 11 + n % 100, draw % 256, draw / 256 % 256, n % 256),
                4 => format!("sk_live_{draw:016x}"),
                5 => format!("cust-{n:04}-{}", draw % 100_000_000),
                6 => format!("{draw:032x}"),
                _ => format!("2001:db8:{:x}::{:x}", draw % 65_536, n + 1),
            }
        })
        .collect();
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut input = String::new();
    for id in &planted {
        let nested = json!({"x": json!({"y": [id]}).to_string()}).to_string();
        input +=
            &format!("{}\n", json!({"message": format!("request of {id} failed, again"), "ok": "GET /api/v1/users"}));
        input += &format!("{{\"x\":\"{}\"}}\n", escaped(id));
        input += &format!("{}\n", json!({ "body": nested }));
        input += &format!(
            "{}\n",
            json!({"url": format!("/find?q={}&page=2", percent(id)), "b": percent(&format!("{{\"q\":\"{id}\"}}"))})
        );
        input += &format!(
            "{}\n",
            json!({"blob": encode(id), "json64": encode(&nested), "q": format!("/x?blob={}", percent(&encode(id)))})
        );
        input += &format!("{}\n", json!({"hex": hex(id), "map": {id: 1}}));
    }
    let shaped = shape_redacted(&["--redact", "auto"], input.as_bytes());
    check(&shaped, input.as_bytes());
    let new = shaped.run.text();
    for id in &planted {
        for form in [
            id.clone(),
            escaped(id),
            percent(id),
            encode(id),
            hex(id),
            encode(&json!({"x": json!({"y": [id]}).to_string()}).to_string()),
        ] {
            assert!(!new.contains(&form), "{id} as {form}");
        }
    }
    for kept in ["\"request of ", " failed, again\"", "GET /api/v1/users", "/find?q=%", "&page=2", "/x?blob="] {
        assert_eq!(new.matches(kept).count(), 500, "{kept}");
    }
}

#[test]
fn auto_leaves_what_is_nobodys() {
    let line = json!({"method": "GET", "path": "/api/v1/orders/{id}", "agent": "Mozilla/5.0 (X11; Linux x86_64) Chrome/143.0.0.0",
        "timestamp": "2026-01-05T10:00:00.123456Z", "version": "2.3.1", "service": "payment-service", "took_ms": 17.25, "bytes": 34879,
        "city": "São Paulo", "tls": "TLS_AES_128_GCM_SHA256", "message": "done at 2026-01-05T10:00:00.123Z", "zone": "eu-central-1"});
    assert_eq!(redacted("auto", &line.to_string()), [line]);
}

#[test]
fn auto_redacts_by_the_names_of_members_and_parameters() {
    let line = json!({"password": "hunter two", "first_name": "Jane", "account_id": 17, "query": "/x?user=jane&sort=name",
        "log": "login user=jane ok", "header": "Authorization: Bearer abc.def", "list": [{"email": "not one"}]});
    let new = redacted("auto", &line.to_string()).remove(0).to_string();
    for gone in ["hunter", "two", "Jane", "jane", ":17", "abc", "def", "not one"] {
        assert!(!new.contains(gone), "{gone} in {new}");
    }
    for kept in ["/x?user=", "&sort=name", "login user=", " ok", "Authorization: Bearer "] {
        assert!(new.contains(kept), "{kept} in {new}");
    }
}

#[test]
fn hostile_input_is_redacted_or_left_out_and_told() {
    let deep = format!("{{\"user\":{}{{\"email\":\"jane\"}}{}}}", "[{\"a\":".repeat(1000), "}]".repeat(1000));
    let long = format!("{{\"user\":\"{}\"}}", "jane ".repeat((1 << 20) / 5 - 10));
    let too_long = format!("{{\"user\":\"{}\"}}", "jane ".repeat((1 << 20) / 5 + 10));
    let lines = [
        "jane is not JSON",
        "[\"jane\"]",
        "\"jane\"",
        "{\"user\":\"jane\"",
        &too_long,
        "",
        "{}",
        "{\"user\":{}}",
        "{\"user\":17}",
        "{\"user\":\"jane\"}",
        "{\"user\":[true,null,\"jane\",{\"jane_\":1.5e300}]}",
        &deep,
        &long,
        "{\"user\":\"\\ud800 jane \\u0000\"}",
    ];
    let input = lines.join("\n");
    for what in ["user", "auto"] {
        let shaped = shape_redacted(&["--redact", what], input.as_bytes());
        check(&shaped, input.as_bytes());
        assert!(!shaped.run.text().replace("jane_", "").contains("jane"), "{what}");
        assert!(shaped.run.stderr.contains("5 lines: left out"), "{}", shaped.run.stderr);
        assert_eq!(
            (shaped.summary["totals"]["withheld"].clone(), shaped.summary["lines_out"].clone()),
            (json!(5), json!(9))
        );
    }
    let none = shape_redacted(&["--redact", "user"], b"");
    assert!(
        none.run.stdout.is_empty() && none.run.stderr.contains("--redact: no event has user"),
        "{}",
        none.run.stderr
    );
}

#[test]
fn wrong_use_is_told() {
    let folder = folder(&[("short", "0123"), ("in", "{}")]);
    for (flags, message) in [
        ("--redact user", "--redact needs --redact-key-file"),
        (
            "--redact user --redact-key-file short",
            "--redact-key-file short: holds 4 bytes; expected a key of 16 to 4096",
        ),
        ("--redact user --redact-key-file none", "--redact-key-file none: No such file"),
        (
            "--redact user,,b --redact-key-file key",
            "invalid value 'user,,b' for --redact: expected paths separated by commas",
        ),
        ("--redact '' --redact-key-file key", "expected paths separated by commas"),
        ("--redact a --redact b --redact-key-file key", "cannot be used multiple times"),
        ("--redact a --redact-key-file key -o key", "key"),
    ] {
        let run = shell_in(folder.path(), &format!("pshape {flags} in"), &[]).expect_code(2);
        assert!(run.stderr.contains(message) && !run.stderr.contains("0123"), "{flags}: {}", run.stderr);
    }
    let run = shell_in(folder.path(), "pshape --redact-key-file key in", &[]).expect_code(0);
    assert!(run.stderr.contains("--redact-key-file does nothing without --redact"), "{}", run.stderr);
    let run = shell_in(folder.path(), "pshape --redact usr,user --redact-key-file key in", &[]).expect_code(0);
    assert!(run.stderr.contains("--redact: no event has usr, user"), "{}", run.stderr);
}

#[test]
fn a_value_that_comes_again_is_redacted_as_it_would_be_alone() {
    // The same values under names that say something else of them, as keys, in texts and in other codings.
    let value =
        ["4711", "\"4711\"", "\"user_4711\"", "\"1767607200\"", "1767607200", "\"u=ann%40example.com\"", "\"GET\""];
    let escaped = "\"\\u0061nn@example.com and {\\\"user\\\":\\\"ann\\\",\\\"ts\\\":\\\"1767607200\\\"}\"";
    let names = ["id", "ts", "user", "note", "user_4711", "createdAt"];
    let mut lines = String::new();
    for turn in 0..3 {
        for value in value.iter().chain([&escaped]) {
            for name in names {
                lines.push_str(&format!(
                    "{{\"{name}\":{value},\"list\":[{value},{{\"{name}\":{value}}}],\"n\":{turn}}}\n"
                ));
            }
        }
    }
    let run = |input: &str| {
        let folder = folder(&[("in", input)]);
        shell_in(folder.path(), "pshape -q --redact auto --redact-key-file key in", &[])
            .expect_code(0)
            .text()
            .to_owned()
    };
    let together = run(&lines);
    let first: Vec<&str> = lines.lines().take(value.len() * names.len() + names.len()).collect();
    let alone: String = first.iter().map(|line| run(&format!("{line}\n"))).collect();
    assert!(together.starts_with(&alone), "{together}\n{alone}");
    let of_turn = |turn: &str| {
        together.lines().filter(|line| line.ends_with(turn)).map(|line| line.replace(turn, "")).collect::<Vec<_>>()
    };
    assert_eq!(of_turn("\"n\":0}"), of_turn("\"n\":2}"));
}
