//! pserve over PostgreSQL: what it promises beyond what holds over each store.

use std::time::Instant;

use serde_json::{Value, json};

use super::event;
use crate::support::cluster::Cluster;
use crate::support::server::{KEY, Server};
use crate::support::{run, sample, shell_in, stores, tool};

#[test]
fn events_are_stored_byte_for_byte_and_as_jsonb() {
    let Some(cluster) = stores::postgres() else { return };
    let db = cluster.database();
    let mut server = Server::over(Some(&db), &[]);
    let spaced = event("spaced").to_string().replace("\":", "\" :  ");
    let mut large: Value = event("large");
    large["payload"] = json!({"n": 0});
    // More digits than PostgreSQL's numbers have.
    let large = large.to_string().replace("\"n\":0", &format!("\"n\":0.{}1", "0".repeat(20_000)));
    for body in [&spaced, &large] {
        assert_eq!(server.post("/events", body).0, 200);
    }
    assert_eq!(server.request("GET", "/events/spaced", &[KEY], b"").text(), spaced);
    server.stop().expect_code(130);
    let exported = run("pserve", &["--db", &db, "--export"]).expect_code(0);
    assert_eq!(exported.text(), format!("{spaced}\n{large}\n"));
    let sql = |statement: &str| cluster.sql(&db, statement);
    assert_eq!(sql("SELECT payload->'source'->>'service' FROM events WHERE external_id = 'spaced'"), "user-service");
    assert_eq!(sql("SELECT payload IS NULL FROM events WHERE external_id = 'large'"), "t");
    let constraint =
        sql("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'uq_events_tenant_external_id'");
    assert_eq!(constraint, "UNIQUE (tenant_id, external_id)");
    let reset = run("pserve", &["--db", &db, "--reset", "--yes"]).expect_code(0);
    assert!(reset.stderr.contains("2 events removed from postgres://tester@"), "{}", reset.stderr);
    assert_eq!(sql("SELECT count(*) FROM events"), "0");
}

#[test]
fn figures_over_postgresql_are_the_same_after_a_restart() {
    let Some(cluster) = stores::postgres() else { return };
    let mut server = Server::over(Some(&cluster.database()), &["--rate-limit", "503/36500d"]);
    let sample = std::fs::read_to_string(sample()).expect("the sample can be read");
    for line in sample.lines().chain(sample.lines().take(4)) {
        server.post("/events", line);
    }
    let before = server.get("/figures").1;
    assert_eq!(
        (&before["events"], &before["duplicates"], &before["rate_limited"]),
        (&json!(500), &json!(3), &json!(1))
    );
    server.stop().expect_code(130);
    server.restart();
    assert_eq!(server.get("/figures").1, before);
}

#[test]
fn a_postgresql_that_is_gone_is_answered_503_and_pserve_recovers_by_itself() {
    let Some(cluster) = Cluster::start("a PostgreSQL that goes away") else { return };
    let db = cluster.database();
    let mut server = Server::over(Some(&db), &[]);
    assert_eq!(server.post("/events", event("a").to_string()).0, 200);
    for signal in ["INT", "QUIT"] {
        cluster.end(signal);
        for (method, path, body) in [
            ("POST", "/events", event(signal).to_string()),
            ("GET", "/events/a", String::new()),
            ("GET", "/events/search", String::new()),
            ("DELETE", "/events/a", String::new()),
        ] {
            let away = server.request(method, path, &[KEY], body.as_bytes());
            assert_eq!((away.status, away.header("retry-after")), (503, Some("1")), "{method} {}", away.text());
        }
        assert_eq!(server.request("GET", "/health", &[], b"").status, 503);
        cluster.resume();
        assert_eq!(server.get("/events/a").0, 200, "after {signal}");
        assert_eq!(server.get(&format!("/events/{signal}")).0, 404, "nothing was stored without being acknowledged");
        assert_eq!(server.post("/events", event(signal).to_string()).1["message"], "Event ingested successfully");
    }
    assert_eq!(server.count(), 3);
    server.stop().expect_code(130);
}

#[test]
fn a_table_that_is_locked_is_answered_503_and_one_that_is_gone_is_made_again() {
    let Some(cluster) = stores::postgres() else { return };
    let db = cluster.database();
    let server = Server::over(Some(&db), &[]);
    let name = db.split(['/', '?']).nth(3).expect("a name");
    let mut lock = cluster.client("psql");
    lock.args(["-XAtq", "-c", "BEGIN; LOCK TABLE events; SELECT pg_sleep(6.5)", name]);
    let mut lock = lock.spawn().expect("psql starts");
    while cluster.sql(
        &db,
        "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND locktype = 'relation'",
    ) == "0"
    {}
    let begun = Instant::now();
    let locked = server.request("POST", "/events", &[KEY], event("a").to_string().as_bytes());
    assert_eq!((locked.status, locked.header("retry-after")), (503, Some("1")), "{}", locked.text());
    assert!(begun.elapsed().as_secs() >= 4, "it waits for a while: {:?}", begun.elapsed());
    assert!(lock.wait().expect("it ends").success());
    assert_eq!(server.get("/events/a").0, 404);
    assert_eq!(server.post("/events", event("a").to_string()).0, 200);

    cluster.sql(&db, "DROP TABLE events, tallies, totals, pserve_schema; DROP FUNCTION pserve_payload");
    assert_eq!(server.request("POST", "/events", &[KEY], event("b").to_string().as_bytes()).status, 503);
    assert_eq!(server.post("/events", event("b").to_string()).0, 200);
    assert_eq!(server.count(), 1);
}

#[test]
fn databases_that_are_not_pserves_or_of_a_newer_one_are_refused() {
    let Some(cluster) = stores::postgres() else { return };
    let refused = |db: &str| run("pserve", &["--listen", "127.0.0.1:0", "--db", db]).expect_code(1).stderr;
    let newer = cluster.database();
    Server::over(Some(&newer), &[]).stop().expect_code(130);
    cluster.sql(&newer, "UPDATE pserve_schema SET version = 99");
    let said = refused(&newer);
    assert!(said.contains("the schema has version 99") && said.contains("a newer pserve"), "{said}");
    let others = cluster.database();
    cluster.sql(&others, "CREATE TABLE events (id INTEGER)");
    assert!(refused(&others).contains("belong to another program"));
    let encoded = format!("{}x", cluster.database());
    let missing = refused(&encoded.replace("test_", "none_"));
    assert!(missing.contains("does not exist"), "{missing}");
}

#[test]
fn ten_servers_that_start_at_once_on_one_new_database_all_serve() {
    let Some(cluster) = stores::postgres() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    for _ in 0..3 {
        let one = format!("pserve -q --listen 127.0.0.1:0 --db '{}' --exec true", cluster.database());
        let script = format!("for i in {{1..10}}; do {one} & all=\"$all $!\"; done; for p in $all; do wait $p; done");
        shell_in(folder.path(), &script, &[]).expect_code(0);
    }
}

#[test]
fn a_password_is_in_no_message() {
    // Nobody listens on port 1.
    for db in
        ["postgres://me:s3cret@127.0.0.1:1/db", "postgres://me:s3cret@127.0.0.1:no/db", "postgres://me:s3@cret@h/db"]
    {
        let ran = run("pserve", &["--listen", "127.0.0.1:0", "--db", db]);
        assert!(matches!(ran.code(), 1 | 2), "{}", ran.stderr);
        assert!(!ran.stderr.contains("s3") && !ran.stderr.contains("cret"), "{}", ran.stderr);
    }
    let ran = tool("pserve").args(["--db", "postgres://me@127.0.0.1:1/db"]).env("PGPASSWORD", "s3cret").output();
    let ran = ran.expect("it runs");
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(said.contains("postgres://me@127.0.0.1:1/db: cannot be opened") && !said.contains("s3cret"), "{said}");
}

#[test]
fn the_certificate_of_another_machine_must_be_valid() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let files = [("server.crt", &certificate[..]), ("server.key", &key)];
    let settings =
        ["listen_addresses=localhost", "ssl=on", "ssl_cert_file=../server.crt", "ssl_key_file=../server.key"];
    let Some(cluster) = Cluster::start_with("TLS with PostgreSQL", &settings, &files) else { return };
    let name = cluster.database();
    let name = name.split(['/', '?']).nth(3).expect("a name");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), &certificate).expect("written");
    let serve = |host: &str, mode: &str, environment: &str| {
        let db = format!("postgres://tester@{host}:{}/{name}?sslmode={mode}", cluster.port());
        let script =
            format!("{environment} pserve --listen 127.0.0.1:0 --db '{db}' --exec 'psend -q {}'", sample().display());
        shell_in(folder.path(), &script, &[])
    };
    serve("localhost", "verify-full", "SSL_CERT_FILE=ca.pem").expect_code(0);
    assert_eq!(cluster.sql(&format!("postgres:///{name}?"), "SELECT count(*) FROM events"), "500");
    let unknown = serve("localhost", "require", "").expect_code(1);
    assert!(unknown.stderr.contains("TLS") || unknown.stderr.contains("certificate"), "{}", unknown.stderr);
    let elsewhere = serve("127.0.0.1", "verify-full", "SSL_CERT_FILE=ca.pem").expect_code(1);
    assert!(elsewhere.stderr.contains("certificate"), "{}", elsewhere.stderr);
    serve("127.0.0.1", "disable", "").expect_code(0);
}
