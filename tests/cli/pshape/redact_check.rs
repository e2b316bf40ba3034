//! `--redact-check`: what is left is found in any coding, and nothing else is.

use super::*;

/// What the check says about a redacted stream in the folder: its findings, and the run.
fn check_in(folder: &Path, flags: &str, redacted: &str, code: i32) -> (Vec<Value>, Run) {
    std::fs::write(folder.join("redacted"), redacted).expect("written");
    let run = shell_in(folder, &format!("pshape --redact-check original {flags} redacted"), &[]).expect_code(code);
    (run.json_lines(), run)
}

fn folder(original: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("key"), "a key of 16 bytes or more").expect("written");
    std::fs::write(folder.path().join("original"), original).expect("written");
    folder
}

fn redact(folder: &Path, flags: &str) -> String {
    shell_in(folder, &format!("pshape -q --redact-key-file key {flags} original"), &[]).expect_code(0).text().to_owned()
}

#[test]
fn what_is_redacted_passes_even_where_stand_ins_are_other_values() {
    // All users with three digits: each stand-in is another user.
    let dense: String = (0..1000)
        .map(|n| format!("{{\"user\":\"user_{n:03}\",\"n\":{n},\"url\":\"/u?x=%2fuser_{n:03}\"}}\n"))
        .collect();
    let sample = String::from_utf8(sample_bytes()).expect("UTF-8");
    for (original, what) in [
        (dense, "user,url"),
        (sample.clone(), "auto"),
        (sample, "context.user_id,context.ip_address,timestamp,event_id"),
    ] {
        let folder = folder(&original);
        let flags = format!("--redact {what}");
        let redacted = redact(folder.path(), &flags);
        let (left, run) = check_in(folder.path(), &format!("{flags} --redact-key-file key"), &redacted, 0);
        assert!(left.is_empty() && run.stderr.contains("searched "), "{what}: {}", run.stderr);
        // The same in another order, and with lines missing.
        let some: String = redacted.lines().rev().step_by(3).map(|line| format!("{line}\n")).collect();
        check_in(folder.path(), &format!("{flags} --redact-key-file key"), &some, 0);
        // What was not redacted does not pass.
        let (left, _) = check_in(folder.path(), &flags, &original, 99);
        assert!(left.len() >= original.lines().count(), "{what}: {}", left.len());
    }
}

#[test]
fn a_value_that_is_left_is_found_in_any_coding_and_never_shown() {
    let user = "user_8833812";
    let folder = folder(&format!(
        "{{\"user\":\"{user}\",\"name\":\"Jane Doe\",\"n\":5551234}}\n{{\"user\":\"user_1234567\"}}\n"
    ));
    let clean = redact(folder.path(), "--redact user,name,n");
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let escaped = |text: &str| text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let hex = |text: &str| text.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let nested = json!({"a": json!({"b": user}).to_string()}).to_string();
    for (line, path, coding) in [
        (json!({"m": {"x": format!("no ({user}).")}}).to_string(), "m.x", json!([])),
        (json!({"m": ["", user.to_uppercase()]}).to_string(), "m.1", json!([])),
        (json!({"m": "by jane, doe!", "k": 1}).to_string(), "", json!(null)),
        (json!({"m": "by JANE doe!", "k": 1}).to_string(), "m", json!([])),
        (json!({"m": 5_551_234}).to_string(), "m", json!([])),
        (format!("{{\"m\":\"{}\"}}", escaped(user)), "m", json!(["JSON escapes"])),
        (json!({ "m": nested }).to_string(), "m", json!(["JSON in a string", "JSON in a string"])),
        (json!({"m": format!("/x?u={}&v=1", percent(user))}).to_string(), "m", json!(["URL encoding"])),
        (json!({"m": percent(&percent(user))}).to_string(), "m", json!(["URL encoding", "URL encoding"])),
        (json!({"m": format!("data:{}", encode(user))}).to_string(), "m", json!(["base64"])),
        (json!({"m": encode(&nested)}).to_string(), "m", json!(["base64", "JSON in a string", "JSON in a string"])),
        (json!({"m": hex(user)}).to_string(), "m", json!(["hexadecimal digits"])),
        (json!({ user: 1 }).to_string(), "(key 12)", json!([])),
        (format!("not JSON {user}"), "", json!([])),
    ] {
        if coding.is_null() {
            // The words of a name stand one behind the other, whatever separates them.
            let (left, _) =
                check_in(folder.path(), "--redact user,name,n --redact-key-file key", &format!("{clean}{line}\n"), 99);
            assert_eq!(left.len(), 1, "{line}");
            continue;
        }
        let (left, run) =
            check_in(folder.path(), "--redact user,name,n --redact-key-file key", &format!("{clean}{line}\n"), 99);
        assert_eq!(left.len(), 1, "{line}: {left:?}");
        assert_eq!(
            (&left[0]["line"], &left[0]["path"], &left[0]["coding"]),
            (&json!(3), &json!(path), &coding),
            "{line}"
        );
        assert_eq!(left[0]["original_line"], 1);
        let said = format!("{}{}", run.text(), run.stderr).to_lowercase();
        assert!(!said.contains(user) && !said.contains("jane") && !said.contains("5551234"), "{said}");
        assert!(run.stderr.contains("1 value is left; the first on line 3"), "{}", run.stderr);
    }
}

#[test]
fn a_proof_that_cannot_be_given_is_none() {
    let folder = folder("{\"user\":\"user_8833812\"}\nuser_8833812 is no JSON\n{\"user\":\"ab\"}\n");
    let flags = "--redact user --redact-key-file key";
    let clean = redact(folder.path(), "--redact user");
    let (_, run) = check_in(folder.path(), flags, &clean, 0);
    assert!(
        run.stderr.contains("1 occurrences of values with less than 4 letters or digits were not searched for"),
        "{}",
        run.stderr
    );
    assert!(run.stderr.contains("1 lines of the original are not JSON objects"), "{}", run.stderr);
    for (flags, redacted, message) in [
        ("--redact usr --redact-key-file key", &*clean, "no event of the original has usr"),
        ("--redact usr --redact-key-file key", &clean, "there is no value to search for"),
        (flags, "something that was withheld\n\nuser_8833812 is no JSON\n", "value"),
        ("--redact user --redact-key-file key --max-line 10", &clean, "too long to be searched: raise --max-line"),
    ] {
        let (_, run) = check_in(folder.path(), flags, redacted, 99);
        assert!(run.stderr.contains(message), "{flags}: {}", run.stderr);
    }
    for (flags, message) in [
        ("", "--redact"),
        ("--redact user --drop 5%", "--redact-check: expected --redact and no other effect"),
        ("--redact user --truth t", "cannot be used with"),
    ] {
        let run =
            shell_in(folder.path(), &format!("pshape --redact-check original {flags} redacted"), &[]).expect_code(2);
        assert!(run.stderr.contains(message), "{flags}: {}", run.stderr);
    }
    shell_in(folder.path(), "pshape --redact-check none --redact user redacted", &[]).expect_code(1);
    let both = shell_in(
        folder.path(),
        "pshape -q --redact user --redact-key-file key original | pshape -q --redact-check original --redact user --redact-key-file key",
        &[],
    );
    assert!(both.expect_code(0).stdout.is_empty());
}
