//! Standard streams as the world hands them on: closed, not blocking, a terminal that knows no escape codes, compressed.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::scripted::{Act, Scripted};
use crate::support::{run, run_with, sample, shell, shell_in, tool};

/// Each tool as it writes to standard output.
const WRITERS: [&str; 15] = [
    "pgen -n 5 -q",
    "pgen --print-profile",
    "pgen --help",
    "pshape -q --seed 1 $SAMPLE",
    "pshape --list-scenarios",
    "psend -q --url http://127.0.0.1:9 --wait-for-server 0s $SAMPLE",
    "psend --print-dialect",
    "pstats -q $SAMPLE",
    "pstats -q --tee $SAMPLE",
    "pstats -q --report json=- -o x $SAMPLE",
    "plearn -q $SAMPLE",
    "plearn -q --format state $SAMPLE",
    "pserve --listen 127.0.0.1:0 --db d",
    "pserve --version",
    "psend -h",
];

#[test]
fn a_result_that_a_closed_standard_output_takes_is_an_error() {
    let sample = sample();
    let variables = [("SAMPLE", sample.to_str().expect("a path"))];
    for writer in WRITERS {
        let folder = tempfile::tempdir().expect("a folder");
        let run = shell_in(folder.path(), &format!("{writer} >&-"), &variables).expect_code(1);
        assert!(run.stderr.contains("standard output: it is closed"), "{writer}: {}", run.stderr);
        // With no stream at all there is nobody to tell, and nothing to fall over.
        shell_in(folder.path(), &format!("{writer} <&- >&- 2>&-"), &variables).expect_code(1);
    }
}

#[test]
fn a_null_device_is_not_a_closed_stream_however_it_was_opened() {
    let sample = sample();
    let variables = [("SAMPLE", sample.to_str().expect("a path"))];
    for redirected in ["> /dev/null", "1<> /dev/null", "< /dev/null > /dev/null 2> /dev/null", "0<> /dev/null >&0 2>&0"]
    {
        for writer in ["pgen -n 5 -q", "pshape -q --seed 1 $SAMPLE", "pstats -q $SAMPLE", "psend --print-dialect"] {
            shell_in(std::path::Path::new("."), &format!("{writer} {redirected}"), &variables).expect_code(0);
        }
    }
}

#[test]
fn a_closed_standard_input_is_an_error_if_it_is_read() {
    for reader in [
        "pshape -q --seed 1",
        "psend -q --url http://127.0.0.1:9",
        "pstats -q",
        "pstats -q -",
        "pgen -q --profile -",
        "plearn -q",
    ] {
        let run = shell(&format!("{reader} <&-"));
        assert_ne!(run.code(), 0, "{reader}");
        assert!(run.stderr.contains("it is closed"), "{reader}: {}", run.stderr);
    }
    shell("pgen -q -n 1 <&- > /dev/null").expect_code(0);
}

#[test]
fn a_closed_standard_error_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    for script in [
        "pgen -n 5",
        "pshape --seed 1 --slow 2x < /dev/null",
        "pstats < /dev/null",
        "psend --url http://127.0.0.1:9 < /dev/null",
    ] {
        shell_in(folder.path(), &format!("{script} > out 2>&-"), &[]).expect_code(0);
    }
    shell("pgen -n 1,5k 2>&-").expect_code(2);
}

/// Runs a tool whose standard output (or standard error) is a pipe that does not block and that nobody reads at first.
fn into_a_pipe_that_does_not_block(name: &str, args: &[&str], is_stderr: bool) -> (Option<i32>, Vec<u8>) {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
    let flags = fcntl_getfl(&writer).expect("flags");
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).expect("set");
    let mut command = tool(name);
    command.args(args);
    if is_stderr {
        command.stderr(Stdio::from(writer))
    } else {
        command.stdout(Stdio::from(writer))
    };
    let mut child = command.spawn().expect("it starts");
    // Its ends in this process, so that the reader sees the end.
    drop(command);
    std::thread::sleep(Duration::from_millis(300));
    let mut read = Vec::new();
    std::fs::File::from(reader).read_to_end(&mut read).expect("it can be read");
    (child.wait().expect("it ends").code(), read)
}

#[test]
fn a_non_blocking_output_is_waited_for_and_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let input = folder.path().join("in");
    let input = input.to_str().expect("a path");
    run("pgen", &["-q", "-n", "5k", "--seed", "1", "--start", "2026-01-05T00:00:00Z", "-o", input]).expect_code(0);
    let events = std::fs::read(input).expect("events");
    let (code, read) = into_a_pipe_that_does_not_block("pshape", &["-q", input], false);
    assert_eq!((code, read.len()), (Some(0), events.len()));
    let (code, read) = into_a_pipe_that_does_not_block("pstats", &["-q", "--tee", input], false);
    assert_eq!((code, read.len()), (Some(0), events.len()));
    let server = Scripted::start(|_| Act::accept());
    let (code, read) = into_a_pipe_that_does_not_block("psend", &["-q", "--url", &server.url(), input], false);
    assert_eq!(code, Some(0));
    assert_eq!(read.iter().filter(|byte| **byte == b'\n').count(), 5001);
    let (code, read) = into_a_pipe_that_does_not_block(
        "pgen",
        &["-q", "-n", "5k", "--seed", "1", "--start", "2026-01-05T00:00:00Z"],
        false,
    );
    assert_eq!((code, read.len()), (Some(0), events.len()));
}

#[test]
fn messages_to_a_standard_error_that_does_not_block_are_whole() {
    // More than a pipe holds: one long message.
    let long = "x".repeat(100 << 10);
    let (code, said) = into_a_pipe_that_does_not_block("pstats", &["--require", &long], true);
    assert_eq!(code, Some(2));
    assert!(said.len() > 100 << 10, "{} bytes", said.len());
}

#[test]
fn an_input_that_does_not_block_is_waited_for() {
    for args in [
        &["pstats", "-q", "--format", "json"][..],
        &["pshape", "-q", "--seed", "1"],
        &["pgen", "-q", "-n", "1", "--profile", "-"],
    ] {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).expect("a pipe");
        let flags = fcntl_getfl(&reader).expect("flags");
        fcntl_setfl(&reader, flags | OFlags::NONBLOCK).expect("set");
        let mut command = tool(args[0]);
        let child = command.args(&args[1..]).stdin(Stdio::from(reader)).spawn().expect("it starts");
        drop(command);
        let text = if args[0] == "pgen" {
            include_bytes!("../../src/world/pulsestream.toml").to_vec()
        } else {
            std::fs::read(sample()).expect("events")
        };
        let (first, rest) = text.split_at(text.len() / 2);
        let mut writer = std::fs::File::from(writer);
        std::thread::sleep(Duration::from_millis(200));
        writer.write_all(first).expect("it reads");
        std::thread::sleep(Duration::from_millis(200));
        writer.write_all(rest).expect("it reads");
        drop(writer);
        let ended = child.wait_with_output().expect("it ends");
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {}", String::from_utf8_lossy(&ended.stderr));
        assert!(args[0] != "pshape" || ended.stdout == text);
    }
}

#[test]
fn a_dumb_terminal_gets_no_escape_codes() {
    if !shell("command -v script").status.success() {
        eprintln!("skipped: needs script");
        return;
    }
    let sample = sample();
    let sample = sample.to_str().expect("a path");
    for term in ["env TERM=dumb", "env -u TERM", "env TERM="] {
        for command in [
            format!("pstats {sample}"),
            format!("pstats --live {sample}"),
            "pgen -n 200k -o /dev/null".to_owned(),
            "pgen --help".to_owned(),
            "pgen --no-such-flag".to_owned(),
        ] {
            let run = shell(&format!("{term} script -qec '{command}' /dev/null < /dev/null || true")).expect_code(0);
            assert!(!run.stdout.contains(&0x1b), "{term} {command}: {}", String::from_utf8_lossy(&run.stdout));
        }
    }
    let run = shell(&format!("TERM=xterm script -qec 'pstats {sample}' /dev/null < /dev/null")).expect_code(0);
    assert!(run.stdout.contains(&0x1b), "a terminal that knows colours has them");
}

/// Some compressed forms of one line, without the programs that make them.
const COMPRESSED: [(&str, &[u8], &str); 6] = [
    ("gzip", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00C\xbf\xa6\xa3\x02\x00\x00\x00", "zcat"),
    ("zstd", b"\x28\xb5\x2f\xfd\x04\x58\x11\x00\x00{}", "zstdcat"),
    ("bzip2", b"BZh91AY&SY\x00\x00\x00\x00", "bzcat"),
    ("xz", b"\xfd7zXZ\x00\x00\x04", "xzcat"),
    ("lz4", b"\x04\x22\x4d\x18\x64\x40", "lz4cat"),
    ("UTF-16", b"\xff\xfe{\x00}\x00\n\x00", "iconv -f UTF-16 -t UTF-8"),
];

#[test]
fn input_in_another_form_is_named_with_the_command_that_makes_text_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    for (form, bytes, command) in COMPRESSED {
        let file = folder.path().join("events");
        std::fs::write(&file, bytes).expect("written");
        let file = file.to_str().expect("a path");
        // A file of these is read: compressed_files_are_read_as_what_they_hold.
        let is_read = matches!(form, "gzip" | "zstd");
        for args in
            [&["pstats", "-q"][..], &["pshape", "-q", "--seed", "1"], &["psend", "-q", "--url", "http://127.0.0.1:9"]]
        {
            if !is_read {
                let by_name = run(args[0], &[&args[1..], &[file]].concat()).expect_code(2);
                let says = format!("{file}: this is {form}: {command} {file} | {}", args[0]);
                assert!(by_name.stderr.contains(&says), "{}", by_name.stderr);
                assert!(by_name.stdout.is_empty());
            }
            let piped = run_with(args[0], &args[1..], bytes).expect_code(2);
            let says = format!("standard input: this is {form}: {command} FILE | {}", args[0]);
            assert!(piped.stderr.contains(&says), "{}", piped.stderr);
        }
        for flag in ["--truth", "--against", "--stored", "--base"].into_iter().filter(|_| !is_read) {
            let said = run("pstats", &["-q", flag, file]).expect_code(2).stderr;
            assert!(said.contains(&format!("this is {form}: {command} {file} | pstats")), "{flag}: {said}");
        }
        for (name, flag) in
            [("pgen", "--profile"), ("pshape", "--scenario"), ("pstats", "--require-file"), ("pserve", "--keys")]
        {
            let said = run(name, &[flag, file]).expect_code(2).stderr;
            assert!(said.contains(flag) && said.contains(&format!("this is {form}")), "{name} {flag}: {said}");
        }
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    to.write_all(text).and_then(|()| to.finish()).expect("memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Output without what depends on the command line, if it is a report.
fn report(output: &[u8]) -> String {
    let mut text = String::from_utf8(output.to_vec()).expect("UTF-8");
    if let Ok(mut report) = serde_json::from_str::<serde_json::Value>(&text) {
        report.as_object_mut().expect("an object").remove("run");
        text = report.to_string();
    }
    text
}

#[test]
fn compressed_files_are_read_as_what_they_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("a path").to_owned()
    };
    let events = run("pgen", &["-n", "2000", "--seed", "1", "--start", "2026-01-05", "-q"]).expect_code(0).stdout;
    let plain = write("events", &events);
    let state = write("state", &run("pstats", &["-q", "--format", "state", &plain]).expect_code(0).stdout);
    for compress in [gzip, zstd] {
        let _ = std::fs::remove_file(folder.path().join("sent.db"));
        let packed = write("events.packed", &compress(&events));
        let packed_state = write("state.packed", &compress(&std::fs::read(&state).expect("the state")));
        for args in [
            &["pstats", "--format", "json", "--threads", "1"][..],
            &["pstats", "--format", "json", "--threads", "4"],
            &["pshape", "--seed", "1", "--duplicates", "0.1"],
            &["pstats", "--format", "json", "--stored", "FILE"],
        ] {
            // The last argument names the file of events; so does FILE.
            let with = |file: &str| {
                let flags = args[1..].iter().map(|arg| if *arg == "FILE" { file } else { arg });
                run(args[0], &["-q"].into_iter().chain(flags).chain([file]).collect::<Vec<_>>()).expect_code(0).stdout
            };
            assert_eq!(report(&with(&packed)), report(&with(&plain)), "{args:?}");
        }
        let merged = |file: &str| run("pstats", &["-q", "--format", "json", file]).expect_code(0).stdout;
        assert_eq!(report(&merged(&packed_state)), report(&merged(&state)));
        let sent = format!("pserve -q --listen 127.0.0.1:0 --db sent.db --exec 'psend -q {packed}'");
        let sent = shell_in(folder.path(), &sent, &[]).expect_code(0).stdout;
        assert_eq!(String::from_utf8_lossy(&sent).matches(r#""outcome":"accepted""#).count(), 2000);
        let redirected = shell(&format!("pstats -q --format json < {packed}")).expect_code(0).stdout;
        assert_eq!(
            report(&redirected),
            report(&run("pstats", &["-q", "--format", "json", &plain]).expect_code(0).stdout)
        );
    }
}

#[test]
fn a_compressed_file_that_is_cut_off_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let events = run("pgen", &["-n", "2000", "--seed", "1", "--start", "2026-01-05", "-q"]).expect_code(0).stdout;
    for (form, whole) in [("gzip", gzip(&events)), ("zstd", zstd(&events))] {
        let file = folder.path().join("events");
        std::fs::write(&file, &whole[..whole.len() - 3]).expect("written");
        let file = file.to_str().expect("a path");
        for args in [&["pstats", "-q"][..], &["pshape", "-q", "--seed", "1"]] {
            let said = run(args[0], &[&args[1..], &[file]].concat()).expect_code(1).stderr;
            assert!(said.contains(&format!("{file}: the {form} data is cut off")), "{said}");
        }
    }
}

/// The first bytes of files that are not text, each with the name that the tools give it.
fn binary() -> Vec<(&'static str, Vec<u8>)> {
    let random = |count: u64| (0..count).flat_map(|n| pulsepipe::seed::mix(n + 1).to_le_bytes()).collect::<Vec<u8>>();
    let utf16 = "time,service\n2026-01-05,a\n".encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut tar = [b"events.jsonl".as_slice(), &[0; 245], b"ustar\0"].concat();
    tar.resize(2048, b'x');
    vec![
        (
            "an SQLite database",
            [b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20\0\0\0\x02".as_slice(), &[0; 4096]].concat(),
        ),
        ("a Parquet file", [b"PAR1\x15\x04\x15\x10\x15\x14\x4c\x15".as_slice(), &random(100)].concat()),
        ("an Avro file", [b"Obj\x01\x04\x16avro.schema".as_slice(), &random(100)].concat()),
        ("an Arrow file", b"ARROW1\0\0\xff\xff\xff\xff".to_vec()),
        ("a PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec()),
        ("a ZIP archive", b"PK\x03\x04\x14\0\0\0\x08\0events.jsonl".to_vec()),
        ("a 7z archive", b"7z\xbc\xaf\x27\x1c\0\x04".to_vec()),
        ("a tar archive", tar),
        ("UTF-32", b"{\0\0\0\"\0\0\0".to_vec()),
        ("not text", vec![0; 100]),
        ("not text", random(8)),
        ("not text", random(200_000)),
        ("not text", [b"{".to_vec(), random(1000)].concat()),
        ("not text", utf16),
        ("not text", std::fs::read(crate::support::path("pgen")).expect("a program")),
    ]
}

#[test]
fn binary_input_is_named_and_ends_every_tool_with_a_usage_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("events");
    let name = file.to_str().expect("a path");
    for (form, bytes) in binary() {
        std::fs::write(&file, &bytes).expect("written");
        for args in
            [&["pstats", "-q"][..], &["pshape", "-q", "--seed", "1"], &["psend", "-q", "--url", "http://127.0.0.1:9"]]
        {
            let by_name = run(args[0], &[&args[1..], &[name]].concat()).expect_code(2);
            let piped = run_with(args[0], &args[1..], &bytes).expect_code(2);
            assert!(by_name.stdout.is_empty(), "{}: {form}", args[0]);
            for (run, place) in [(by_name, name), (piped, "standard input")] {
                let says = format!("{place}: this is {form}");
                assert!(run.stderr.contains(&says), "{}: expected '{says}' in {}", args[0], run.stderr);
            }
        }
    }
}

#[test]
fn text_with_a_few_control_characters_in_it_is_lines() {
    let nul = std::fs::read("tests/data/nul_behind_a_value.jsonl").expect("the file");
    for text in [
        nul.as_slice(),
        b"\0{\"event_id\":\"a\"}\n",
        b"\x1b[31mboot\x1b[0m\n{\"event_id\":\"a\"}\n",
        b"caf\xe9 \xe0 la carte, d\xe9j\xe0 vu\n{\"event_id\":\"a\"}\n",
        b"{\"a\":\"\x01\x02\"}\n{\"event_id\":\"a\"}\n",
    ] {
        run_with("pstats", &["-q"], text).expect_code(0);
        assert_eq!(run_with("pshape", &["-q", "--seed", "1"], text).expect_code(0).stdout, text);
    }
}

#[test]
fn lines_that_are_not_events_are_counted_and_reported() {
    let said = run_with("pstats", &["-q"], b"hello\nworld\n").expect_code(0).stderr;
    assert!(said.contains("2 of 2 lines could not be read as a JSON object"), "{said}");
    run_with("pstats", &["-q", "--require", "count > 0"], b"hello\n").expect_code(99);
}
